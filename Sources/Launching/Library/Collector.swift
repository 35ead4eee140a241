#if !hasFeature(Embedded)
  internal import CSystem

  /// What a program writes into a pipe, as far as it is to be kept.
  final class Collector: Sendable {
    private struct State: ~Copyable {
      var reading: FileDescriptor?
      var bytes: [UInt8] = []
      var wasCut = false
    }

    private let limit: Int
    private let state: Guarded<State>
    private let key = Guarded<UInt64?>(nil)

    /// - Parameters:
    ///   - reading: where it is read, from now on.
    ///   - limit: so many bytes are kept; more is read, so that the program does not stop, and dropped.
    init(_ reading: consuming sending FileDescriptor, limit: Int) throws(Errno) {
      let number = reading.number
      try retryingOnInterrupt { csystem_fcntl(number, F_SETFL, O_NONBLOCK) }
      self.limit = limit
      state = Guarded(State(reading: reading))
      let key = try DescriptorWatch.add(number) { [self] in read() }
      self.key.withLock { $0 = key }
    }

    /// All that there is now; false at the end.
    private func read() -> Bool {
      state.withLock { state in
        guard let number = state.reading?.number else { return false }
        let kept = limit
        return withUnsafeTemporaryAllocation(byteCount: 65536, alignment: 1) { buffer in
          while true {
            let count = CSystem.read(number, buffer.baseAddress, buffer.count)
            if count < 0, Errno.current == .interrupted { continue }
            if count <= 0 { return count < 0 && Errno.current == .wouldBlock }
            let room = max(0, kept - state.bytes.count)
            state.bytes += buffer[..<min(count, room)]
            if count > room { state.wasCut = true }
          }
        }
      }
    }

    /// What was written until now. What comes later nobody reads: whoever writes that gets SIGPIPE (pipe(7)).
    func finish() -> (bytes: [UInt8], wasCut: Bool) {
      _ = read()
      if let key = key.withLock({ $0.take() }) { DescriptorWatch.remove(key) }
      return state.withLock { state in
        state.reading = nil
        return (state.bytes, state.wasCut)
      }
    }
  }
#endif
