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
    /// They are killed if the command was killed: it can no longer renew the lease for them.
    case killIfKilled
  }

  public struct Limits: Sendable {
    public var leftovers: Leftovers = .leave
    /// After that long the command's process group gets SIGTERM. Needs a command that was started with
    /// a group of its own.
    public var runtime: Span?
    /// Whether the command must not go on without its supervisor. If waiting fails, it and what
    /// comes from it are killed before the error is thrown.
    public var mustNotOutlive = false
    /// The command gets SIGTERM shortly before the lease ends, and is killed at its end, with all that
    /// comes from it.
    public var lease: Lease?
    /// Whether it is for this supervisor to renew the lease. Otherwise the child does, and is left alone
    /// when it ends.
    public var renewsLease = false
    /// A process that is not the command's, whatever it descends from; 0 for none.
    public var relay: SharedNumber?
    /// Whether a signal that should end this process is for the caller (`Vigil.Event.interrupted`), and
    /// not for the child.
    public var isInterruptible = false
    /// From SIGTERM to SIGKILL.
    public var grace = Span.seconds(10)

    public init() {}

    var relayNumber: [Int32] {
      guard let number = relay?.value, number > 0 else { return [] }
      return [Int32(number)]
    }
  }

  public struct Outcome: Equatable, Sendable {
    public let termination: Termination
    /// Whether `Limits.runtime` had passed when it ended.
    public let ranOutOfTime: Bool
    /// Whether `Limits.lease` had ended, or was about to and the command was told, when it ended.
    public let lostLease: Bool
  }

  private let limits: Limits
  /// Children from before, which whoever was this process before an exec(2) may have left it.
  private let strangers: [Int32]
  private let signals: SignalSet
  private let previousMask: SignalSet.Mask

  /// Blocks the signals that it will wait for. Nothing but `restoreMask` unblocks them.
  public init(_ limits: Limits = Limits()) throws(LaunchError) {
    self.limits = limits
    var status: Int32 = 0
    let hasChildren =
      limits.leftovers != .leave
      && (waitpid(-1, &status, WNOHANG) >= 0 || Errno.current != .noChild)
    strangers = hasChildren ? Descendants.children() : []
    var numbers = [
      SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT, SIGTSTP, SIGTTIN,
      SIGTTOU, SIGWINCH,
    ]
    if limits.lease != nil { numbers.append(csystem_wakeup_signal()) }
    let signals = SignalSet(numbers)
    self.signals = signals
    previousMask = try step(.sigprocmask) { () throws(Errno) in try signals.block() }
    try makeChildrenWaitable()
    if limits.leftovers != .leave || limits.runtime != nil || limits.lease != nil {
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
    let vigil = try begin(child, group: group)
    while true {
      if case .ended(let outcome) = try vigil.next() { return outcome }
    }
  }

  /// The same, step by step, for whoever has something to do meanwhile.
  public func begin(
    _ child: ChildProcess, group: Command.ProcessGroup = .inherited
  ) throws(LaunchError) -> Vigil {
    var lease: LeaseWatch?
    if let limit = limits.lease { lease = try LeaseWatch(limit, renews: limits.renewsLease) }
    return Vigil(
      watch: Watch(child, limits, group, strangers), signals: signals, lease: lease,
      child: child, limits: limits, strangers: strangers)
  }
}

/// One wait for a command.
public final class Vigil {
  public enum Event: Equatable, Sendable {
    case ended(Supervisor.Outcome)
    /// `Limits.lease` is to be renewed: `renewed` says what came of that.
    case renewalIsDue
    /// `Limits.isInterruptible`: SIGTERM, SIGINT, SIGHUP or SIGQUIT has come.
    case interrupted(signal: Int32)
  }

  private var watch: Watch
  private let signals: SignalSet
  private var lease: LeaseWatch?
  private let child: ChildProcess
  private let limits: Supervisor.Limits
  private let strangers: [Int32]

  fileprivate init(
    watch: consuming Watch, signals: SignalSet, lease: consuming LeaseWatch?, child: ChildProcess,
    limits: Supervisor.Limits, strangers: [Int32]
  ) {
    self.watch = watch
    self.signals = signals
    self.lease = lease
    self.child = child
    self.limits = limits
    self.strangers = strangers
  }

  /// Waits for the next thing that the caller has to know.
  public func next() throws(LaunchError) -> Event {
    do throws(LaunchError) {
      while true {
        if let outcome = watch.outcome { return .ended(outcome) }
        if watch.attend(to: &lease) { return .renewalIsDue }
        if let signal = try takeSignal() { return .interrupted(signal: signal) }
      }
    } catch {
      if limits.mustNotOutlive { killCommand() }
      throw error
    }
  }

  public func renewed(_ renewal: Lease.Renewal) {
    lease?.renewed(renewal)
  }

  private func takeSignal() throws(LaunchError) -> Int32? {
    var information = siginfo_t()
    let deadline = watch.nextDeadline
    let signals = signals
    let signal = try step(.sigtimedwait) { () throws(Errno) in
      try signals.take(&information, by: deadline)
    }
    switch signal {
    case nil: try watch.deadlinePassed()
    case SIGCHLD?: try watch.reap()
    // The lease's timer, which is looked at after every signal.
    case csystem_wakeup_signal()? where limits.lease != nil: break
    case SIGTERM?, SIGINT?, SIGHUP?, SIGQUIT?:
      if limits.isInterruptible {
        // That is nohup(1).
        if signal == SIGHUP, isIgnored(SIGHUP) { break }
        return signal
      }
      try watch.received(signal!, information)
    case let signal?: try watch.received(signal, information)
    }
    return nil
  }

  private func killCommand() {
    Descendants.send(SIGKILL, besides: strangers + limits.relayNumber)
    var status: Int32 = 0
    // Once it is reaped, its number may be another's.
    if waitpid(child.identifier, &status, WNOHANG) == 0 {
      kill(child.identifier, SIGKILL)
      _ = try? child.wait()
    }
  }
}
