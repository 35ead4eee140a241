internal import CSystem

/// Waits for a command on behalf of whoever started it: passes signals on, follows job control,
/// ends it when its time is up, and looks after what it leaves behind.
///
/// Signals are blocked from the supervisor's beginning and then waited for one by one
/// (sigtimedwait(2)): none is lost, and nothing happens in a handler. Whoever starts a command has
/// default dispositions restored and the mask emptied in it by `start`.
public struct Supervisor: ~Copyable {
  /// What is done about processes that outlive the command.
  public enum Leftovers: Equatable, Sendable {
    /// They are nobody's business here.
    case leave
    case wait
    /// They get SIGTERM, and after the grace SIGKILL.
    case kill
    /// They are waited for if the command was killed, and so could not look after them itself.
    case waitIfKilled
  }

  public struct Limits: Sendable {
    public var leftovers: Leftovers = .leave
    /// Nanoseconds after which the command's process group gets SIGTERM. Needs a command that was
    /// started with a group of its own.
    public var runtime: Int64?
    /// Nanoseconds from SIGTERM to SIGKILL.
    public var grace: Int64 = 10_000_000_000

    public init() {}
  }

  public struct Outcome: Equatable, Sendable {
    public let termination: Termination
    /// Whether `Limits.runtime` had passed when it ended.
    public let ranOutOfTime: Bool
  }

  private let limits: Limits
  private var signals = sigset_t()

  /// Blocks the signals that it will wait for. Nothing but the end of the process unblocks them.
  public init(_ limits: Limits = Limits()) throws(Errno) {
    self.limits = limits
    sigemptyset(&signals)
    for signal in Self.waitedFor { sigaddset(&signals, signal) }
    // With an inherited SIG_IGN the kernel would reap the command itself, and its status be lost.
    try retryingOnInterrupt { csystem_set_handler(SIGCHLD, csystem_signal_default()) }
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    if limits.leftovers != .leave || limits.runtime != nil {
      try Self.adoptOrphans()
    }
  }

  private static let waitedFor = [
    SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT, SIGTSTP, SIGTTIN,
    SIGTTOU, SIGWINCH,
  ]

  /// Descendants whose parent dies become children of this process (prctl(2)).
  public static func adoptOrphans() throws(Errno) {
    try retryingOnInterrupt { csystem_prctl(PR_SET_CHILD_SUBREAPER, 1) }
  }

  /// Whether `Leftovers.kill` can find what it has to kill.
  public static var canFindLeftovers: Bool { Descendants.areVisible }

  /// Waits until the command has ended, and with it what `Limits` says.
  public borrowing func wait(
    for child: ChildProcess, group: Command.ProcessGroup = .inherited
  ) throws(Errno) -> Outcome {
    var watch = Watch(child, limits, group)
    while true {
      var information = siginfo_t()
      let signal = next(&information, by: watch.nextDeadline)
      if signal < 0 {
        watch.deadlinePassed()
      } else if signal == SIGCHLD {
        try watch.reap()
      } else {
        try watch.received(signal, information)
      }
      if let outcome = watch.outcome { return outcome }
    }
  }

  /// The next signal, or -1 at the deadline.
  private borrowing func next(_ information: inout siginfo_t, by deadline: Deadline?) -> Int32 {
    while true {
      var set = signals
      let signal: Int32
      if let deadline {
        let remaining = timeSpecification(deadline.remaining)
        var time = timespec(tv_sec: remaining.seconds, tv_nsec: remaining.nanoseconds)
        signal = sigtimedwait(&set, &information, &time)
      } else {
        signal = sigwaitinfo(&set, &information)
      }
      if signal >= 0 || Errno.current != .interrupted { return signal }
    }
  }
}
