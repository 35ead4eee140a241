#if !hasFeature(Embedded)
  internal import CSystem

  /// Tells when descriptors can be read: one thread for all of the process (epoll(7)).
  enum DescriptorWatch {
    /// On the thread of the watch; false: it is not to be watched any more, and may be closed.
    typealias Handler = @Sendable () -> Bool

    private struct State {
      var handlers: [UInt64: (descriptor: Int32, handler: Handler)] = [:]
      var next: UInt64 = 0
      var epoll: Int32?
    }

    private static let state = Guarded(State())

    /// `handler` is called while `descriptor` can be read, until it says false or the watch is ended; the descriptor
    /// must stay open until then.
    ///
    /// - Returns: what `remove` takes.
    @discardableResult
    static func add(_ descriptor: Int32, _ handler: @escaping Handler) throws(Errno) -> UInt64 {
      try state.withLock { (state: inout State) throws(Errno) in
        if state.epoll == nil { state.epoll = try begin() }
        let epoll = state.epoll!
        state.next += 1
        state.handlers[state.next] = (descriptor, handler)
        if csystem_epoll_add(epoll, descriptor, state.next) != 0 {
          let error = Errno.current
          state.handlers[state.next] = nil
          throw error
        }
        return state.next
      }
    }

    /// Does nothing the second time. A call of the handler may be under way.
    static func remove(_ key: UInt64) {
      // What the handler has may be closed by the end of it: not under the lock.
      let watched = state.withLock { state in
        let watched = state.handlers.removeValue(forKey: key)
        if let watched, let epoll = state.epoll {
          _ = csystem_epoll_remove(epoll, watched.descriptor)
        }
        return watched
      }
      withExtendedLifetime(watched) {}
    }

    private static func begin() throws(Errno) -> Int32 {
      let epoll = try retryingOnInterrupt { csystem_make_epoll() }
      let error = csystem_begin_thread(
        { argument in
          let epoll = Int32(Int(bitPattern: argument) - 1)
          while true { DescriptorWatch.attend(epoll) }
        }, UnsafeMutableRawPointer(bitPattern: Int(epoll) + 1))
      if error == 0 { return epoll }
      close(epoll)
      throw Errno(error)
    }

    private static func attend(_ epoll: Int32) {
      var key: UInt64 = 0
      guard csystem_epoll_wait(epoll, &key) > 0,
        let watched = state.withLock({ $0.handlers[key] })
      else { return }
      if !watched.handler() { remove(key) }
    }
  }
#endif
