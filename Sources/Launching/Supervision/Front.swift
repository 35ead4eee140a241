internal import CSystem

/// Splits this process in two, for a lock that the command cannot inherit: the front, which is this
/// process and only waits, and the holder, its child, which is to take the lock and run the command.
///
/// Both share one descriptor table (CLONE_FILES), and so every lock that either takes: flock and
/// open file description locks live until both have ended, and POSIX locks too, whose owner is
/// that table. Whichever of the two is killed, the lock stays until the other has seen to the
/// command's end. When both are, only the command's parent-death signal is left.
///
/// Until `becomeIndependent` the holder dies with its front.
///
/// A lock that is no descriptor is lost with the holder: then `killingLeftovers` has the front kill
/// what a holder leaves that was killed. With a `lease`, which the holder is to renew, the front also
/// ends in time what a holder does not that is stopped, or hangs. The processes of `relay` are not the
/// command's. This process must not have other children: see `leaveEarlierChildren`.
///
/// - Returns: nil in the holder, at once; in the front, who the holder was and how it ended, also whether the
///   front has ended the command, or told it to end, for the sake of the lease.
package func forkHolder(
  killingLeftovers: Bool = false, lease: Lease? = nil, relay: RelayProcesses? = nil,
  hindered: ((Supervisor.Obstacle) -> Void)? = nil
) throws(LaunchError) -> (holder: Int32, outcome: Supervisor.Outcome)? {
  var limits = Supervisor.Limits()
  limits.leftovers = killingLeftovers ? .kill : .wait
  limits.lease = lease
  limits.relay = relay
  let ended = try forkBehindFront(limits, hindered) { csystem_fork_sharing_files() }
  // The relay is about to show the last words of what has ended, and to put the terminal in order. A
  // holder that was not killed has waited for that.
  if let relay, case .signalled? = ended?.outcome.termination {
    waitForEnd(ofChild: relay.relay, by: .after(lastWordsTime))
  }
  return ended
}

private let lastWordsTime = Span.seconds(1)

/// Where a supervisor may be: without children but its own.
package enum Place: Equatable, Sendable {
  /// In this process, as it was.
  case here
  /// In a new one, which is this, and until `becomeIndependent` dies with the one from before.
  case elsewhere
  /// In a new one, which has ended so.
  case ended(Termination)
}

/// Goes on in a new process where this one has children, whom it owes to whoever was this process before an
/// exec(2), or is going to have some that are not its own, being the first of a pid namespace: those could
/// not be told from what the command leaves. This process then only passes signals on.
package func leaveEarlierChildren() throws(LaunchError) -> Place {
  if getpid() != 1, !hasChildren() { return .here }
  let ended = try forkBehindFront(Supervisor.Limits(), nil) { csystem_fork() }
  return ended.map { .ended($0.outcome.termination) } ?? .elsewhere
}

/// Those too whose end makes no signal.
private func hasChildren() -> Bool {
  var status: Int32 = 0
  while true {
    let reaped = waitpid(-1, &status, WNOHANG | __WALL)
    if reaped == 0 { return true }
    if reaped < 0, Errno.current == .noChild { return false }
  }
}

/// Forks; returns nil in the new process, and in the old one when the new one has ended.
private func forkBehindFront(
  _ limits: Supervisor.Limits, _ hindered: ((Supervisor.Obstacle) -> Void)?,
  _ fork: () -> Int32
) throws(LaunchError) -> (holder: Int32, outcome: Supervisor.Outcome)? {
  var limits = limits
  limits.role = .front
  let supervisor = try Supervisor(limits)
  let front = getpid()
  let identifier = try launchStep(.clone) { () throws(Errno) in try retryingOnInterrupt(fork) }
  if identifier > 0 {
    let child = ChildProcess(identifier: identifier)
    return (identifier, try supervisor.wait(for: child, hindered: hindered))
  }
  try setParentDeathSignal(SIGKILL)
  if parentHasDied(front) { _exit(1) }
  try supervisor.restoreMask()
  return nil
}

/// SIGCHLD must be blocked. The child is left to be reaped.
private func waitForEnd(ofChild child: Int32, by deadline: Deadline) {
  if child <= 0 { return }
  let signals = SignalSet([SIGCHLD])
  var information = siginfo_t()
  while childState(child) == .running {
    if (try? signals.take(&information, by: deadline)) == nil { return }
  }
}

/// From here on a holder, or whoever goes on elsewhere, outlives its front.
package func becomeIndependent() throws(LaunchError) {
  try setParentDeathSignal(0)
}

/// Whether this process has another parent by now than `process`. In a new pid namespace a parent
/// outside it, whoever that is, is 0 (pid_namespaces(7)).
func parentHasDied(_ process: Int32) -> Bool {
  let parent = getppid()
  return parent != process && parent != 0
}

private func setParentDeathSignal(_ signal: Int32) throws(LaunchError) {
  if csystem_prctl(PR_SET_PDEATHSIG, UInt(signal)) != 0 {
    throw LaunchError(step: .prctl, errno: .current)
  }
}
