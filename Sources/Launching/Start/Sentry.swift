internal import CSystem

/// What is done beside a wait in the kernel, which keeps its place in the queue only as long as its thread does
/// nothing else: after a while a process is forked in its name.
package enum Sentry {
  /// That process's work, and for whom.
  private nonisolated(unsafe) static var work: (() -> Void)?
  private nonisolated(unsafe) static var waiter: Int32 = 0

  /// Has `work` done by a process of its own once this one has waited for `delay`, unless `end` is called before.
  /// That process ends with this one at the latest. Until then this thread may only wait in the kernel; it is
  /// the program's first, and there is one wait at a time.
  package static func begin(after delay: Span, _ work: @escaping () -> Void) throws(LaunchError) {
    try makeChildrenWaitable()
    Self.work = work
    waiter = getpid()
    let time = delay.timeSpecification
    var specification = timespec(tv_sec: time.seconds, tv_nsec: time.nanoseconds)
    try launchStep(.clone) { () throws(Errno) in
      try retryingOnInterrupt { csystem_hear(csystem_news_signal()) }
      try retryingOnInterrupt { csystem_begin_sentry(&specification) { Sentry.workForWaiter() } }
    }
  }

  /// Returns once that process, if there is one, has ended.
  ///
  /// - Returns: whether it was begun.
  @discardableResult
  package static func end() -> Bool {
    let companion = csystem_end_sentry()
    if companion > 0 { ChildProcess(identifier: companion).end() }
    return companion > 0
  }

  /// The same after the wait was called off, once that process has said why.
  ///
  /// - Returns: the status that it ends with; nil where it has none to give.
  package static func endOnceSaid() -> Int32? {
    var status: Int32?
    let companion = csystem_companion()
    if companion > 0 {
      kill(companion, SIGUSR1)
      if case .exited(let code)? = try? ChildProcess(identifier: companion).wait() { status = code }
    }
    // It would have ended with its sentry.
    csystem_end_sentry()
    return status
  }

  private static func workForWaiter() {
    csystem_prctl(PR_SET_PDEATHSIG, UInt(SIGKILL))
    if !parentHasDied(waiter) { work?() }
  }

  /// In that process: calls the wait off, and does not return. The one that waits ends it, or lets it `speak`, and has
  /// `status` then: it may have won meanwhile, and then what was found is of no account.
  package static func callOff(_ status: Int32?, _ speak: () -> Void) -> Never {
    let leave = SignalSet([SIGUSR1])
    _ = try? leave.block()
    while true {
      kill(waiter, csystem_news_signal())
      // The signal may come just before the wait goes on.
      var information = siginfo_t()
      if (try? leave.take(&information, by: .milliseconds(10))) == SIGUSR1 {
        speak()
        if let status { _exit(status) }
        kill(getpid(), SIGKILL)
      }
    }
  }
}
