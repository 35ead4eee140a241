#if !hasFeature(Embedded)
  internal import CSystem

  /// A thread that lives as long as the process, and does one thing after another.
  ///
  /// Programs are started by one: what a kernel ties to the thread that starts a process (PR_SET_PDEATHSIG, prctl(2))
  /// must not end with a thread of a pool.
  final class LastingThread: Sendable {
    typealias Work = @Sendable () -> Void

    static let starting = LastingThread()

    private let waiting = Guarded<[Work]>([])
    private let hasBegun = Guarded(false)

    /// - Throws: an error of pthread_create(3).
    func run(_ work: @escaping Work) throws(Errno) {
      try hasBegun.withLock { (hasBegun: inout Bool) throws(Errno) in
        if hasBegun { return }
        let error = csystem_begin_thread(
          { argument in
            let thread = Unmanaged<LastingThread>.fromOpaque(argument!).takeUnretainedValue()
            while true { thread.workOn() }
          }, Unmanaged.passUnretained(self).toOpaque())
        if error != 0 { throw Errno(error) }
        hasBegun = true
      }
      waiting.withLock { $0.append(work) }
      waiting.announce()
    }

    private func workOn() {
      _ = waiting.wait(until: nil) { !$0.isEmpty }
      let all = waiting.withLock { waiting in
        defer { waiting = [] }
        return waiting
      }
      for work in all { work() }
    }
  }
#endif
