internal import CSystem

/// Waits for a command on behalf of whoever started it: passes signals on, follows job control,
/// ends it when its time is up, and looks after what it leaves behind.
///
/// Signals are blocked from the supervisor's beginning and then waited for one by one
/// (sigtimedwait(2)): none is lost, and nothing happens in a handler.
package struct Supervisor {
  /// What is done about processes that outlive the command. Anything but `leave` makes this
  /// process their parent, and takes all its children for the command's: there must not be others (see
  /// `leaveEarlierChildren`).
  package enum Leftovers: Equatable, Sendable {
    /// They are nobody's business here.
    case leave
    case wait
    /// They get SIGTERM, and after the grace SIGKILL.
    case kill
  }

  package struct Limits: Sendable {
    var role = Role.holder
    package var leftovers: Leftovers = .leave
    /// After that long the command's process group gets SIGTERM. Needs a command that was started with
    /// a group of its own.
    package var runtime: Span?
    /// Whether the command must not go on without its supervisor. If waiting fails, it and what
    /// comes from it are killed before the error is thrown.
    package var mustNotOutlive = false
    /// The command gets SIGTERM shortly before the lease ends, and is killed at its end, with all that
    /// comes from it.
    package var lease: Lease?
    package var leaseRenewer = Lease.Renewer.child
    /// Processes that are not the command's, whatever they descend from.
    package var relay: RelayProcesses?
    /// Whether a signal that should end this process is for the caller (`Vigil.Event.interrupted`), and
    /// not for the child.
    package var isInterruptible = false
    /// Whether the outcome tells when the command ended and what it has used.
    package var isMeasured = false
    /// From SIGTERM to SIGKILL.
    package var grace = Span.seconds(10)

    package init() {}
  }

  /// Why something that is to be ended goes on.
  package enum Obstacle: Equatable, Sendable {
    /// This process cannot signal it: EPERM, or ENOSYS where that takes a pidfd.
    case refused(process: Int32, Errno)
    /// It cannot be found.
    case unseen(Errno)
  }

  package struct Outcome: Equatable, Sendable {
    package let termination: Termination
    /// Whether `Limits.runtime` had passed when it ended.
    package let ranOutOfTime: Bool
    /// Whether `Limits.lease` had ended, or was about to and the command was told, when it ended.
    package let lostLease: Bool
    /// Of the command alone, with `Limits.isMeasured`.
    package var usage: ResourceUsage?
    package var end: BootTime?
  }

  private let limits: Limits
  private let family: Family
  private let lease: LeaseWatch?
  private let signals: SignalSet
  private let previousMask: SignalSet.Mask

  /// Blocks the signals that it will wait for. Nothing but `restoreMask` unblocks them.
  package init(_ limits: Limits = Limits()) throws(LaunchError) {
    self.limits = limits
    let family = Family(limits.relay)
    self.family = family
    if limits.leftovers == .kill, limits.role == .holder {
      try launchStep(.lookForChildren) { () throws(Errno) in try family.prepare() }
    }
    var numbers = [
      SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT, SIGTSTP, SIGTTIN,
      SIGTTOU, SIGWINCH,
    ]
    if limits.lease != nil { numbers += [csystem_wakeup_signal(), csystem_news_signal()] }
    let signals = SignalSet(numbers)
    self.signals = signals
    previousMask = try launchStep(.sigprocmask) { () throws(Errno) in try signals.block() }
    lease = limits.lease.map { LeaseWatch($0, limits.leaseRenewer) }
    try makeChildrenWaitable()
    if limits.leftovers != .leave || limits.runtime != nil || limits.lease != nil {
      // Descendants whose parent dies become children of this process.
      try launchStep(.prctl) { () throws(Errno) in
        _ = try retryingOnInterrupt { csystem_prctl(PR_SET_CHILD_SUBREAPER, 1) }
      }
    }
  }

  /// Starts `command`, which does not inherit the blocking.
  package func start(_ command: Command) throws(LaunchError) -> ChildProcess {
    try startProcess(command, mask: previousMask)
  }

  /// Undoes the blocking, in a process that has better things to do than to supervise.
  package func restoreMask() throws(LaunchError) {
    let mask = previousMask
    _ = try launchStep(.sigprocmask) { () throws(Errno) in try mask.becomeMask() }
  }

  /// Whether `Leftovers.kill` can find what it has to kill; throws what keeps it from that.
  package static func checkLeftovers() throws(LaunchError) {
    try launchStep(.lookForChildren) { () throws(Errno) in try Family(nil).prepare() }
  }

  /// Waits until the command has ended, and with it what `Limits` says.
  package func wait(
    for child: ChildProcess, group: Command.ProcessGroup = .inherited,
    hindered: ((Obstacle) -> Void)? = nil
  ) throws(LaunchError) -> Outcome {
    let vigil = begin(child, group: group)
    while true {
      switch try vigil.next() {
      case .ended(let outcome): return outcome
      case .hindered(let obstacle): hindered?(obstacle)
      case .renewalIsDue, .interrupted: break
      }
    }
  }

  /// The same, step by step, for whoever has something to do meanwhile.
  package func begin(
    _ child: ChildProcess, group: Command.ProcessGroup = .inherited
  ) -> Vigil {
    Vigil(
      watch: Watch(child, limits, group, family), signals: signals, lease: lease, child: child,
      limits: limits, family: family)
  }
}
