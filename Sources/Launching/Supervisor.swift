internal import CSystem

/// Waits for a command on behalf of whoever started it: passes signals on, follows job control,
/// ends it when its time is up, and looks after what it leaves behind.
///
/// Signals are blocked from the supervisor's beginning and then waited for one by one
/// (sigtimedwait(2)): none is lost, and nothing happens in a handler.
public struct Supervisor {
  /// What is done about processes that outlive the command. Anything but `leave` makes this
  /// process their parent, and takes all its children for the command's, but for those that it had
  /// when the supervisor was made.
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
    /// Whether the command must not go on without its supervisor. If waiting fails, it and what
    /// comes from it are killed before the error is thrown.
    public var mustNotOutlive = false
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
  /// Children from before, which whoever was this process before an exec(2) may have left it.
  private let strangers: [Int32]
  private let signals = SignalSet([
    SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT, SIGTSTP, SIGTTIN,
    SIGTTOU, SIGWINCH,
  ])
  private let previousMask: SignalSet.Mask

  /// Blocks the signals that it will wait for. Nothing but `restoreMask` unblocks them.
  public init(_ limits: Limits = Limits()) throws(LaunchError) {
    self.limits = limits
    var status: Int32 = 0
    let hasChildren =
      limits.leftovers != .leave
      && (waitpid(-1, &status, WNOHANG) >= 0 || Errno.current != .noChild)
    strangers = hasChildren ? Descendants.children() : []
    let signals = signals
    previousMask = try step(.sigprocmask) { () throws(Errno) in try signals.block() }
    try makeChildrenWaitable()
    if limits.leftovers != .leave || limits.runtime != nil {
      // Descendants whose parent dies become children of this process.
      try step(.prctl) { () throws(Errno) in
        _ = try retryingOnInterrupt { csystem_prctl(PR_SET_CHILD_SUBREAPER, 1) }
      }
    }
  }

  /// Starts `command`, which does not inherit the blocking.
  public func start(_ command: Command) throws(LaunchError) -> ChildProcess {
    try Launching.start(command, mask: previousMask)
  }

  /// Undoes the blocking, in a process that has better things to do than to supervise.
  public func restoreMask() throws(LaunchError) {
    let mask = previousMask
    _ = try step(.sigprocmask) { () throws(Errno) in try mask.becomeMask() }
  }

  /// Whether `Leftovers.kill` can find what it has to kill.
  public static var canFindLeftovers: Bool { Descendants.areVisible }

  /// Waits until the command has ended, and with it what `Limits` says.
  public func wait(
    for child: ChildProcess, group: Command.ProcessGroup = .inherited
  ) throws(LaunchError) -> Outcome {
    do throws(LaunchError) {
      return try watch(child, group)
    } catch {
      if limits.mustNotOutlive {
        Descendants.send(SIGKILL, besides: strangers)
        var status: Int32 = 0
        // Once it is reaped, its number may be another's.
        if waitpid(child.identifier, &status, WNOHANG) == 0 {
          kill(child.identifier, SIGKILL)
          _ = try? child.wait()
        }
      }
      throw error
    }
  }

  private func watch(
    _ child: ChildProcess, _ group: Command.ProcessGroup
  ) throws(LaunchError) -> Outcome {
    var watch = Watch(child, limits, group, strangers)
    while true {
      var information = siginfo_t()
      let deadline = watch.nextDeadline
      let signal = try step(.sigtimedwait) { () throws(Errno) in
        try signals.take(&information, by: deadline)
      }
      switch signal {
      case nil: try watch.deadlinePassed()
      case SIGCHLD?: try watch.reap()
      case let signal?: try watch.received(signal, information)
      }
      if let outcome = watch.outcome { return outcome }
    }
  }
}
