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
/// ends in time what a holder does not that is stopped, or hangs. The process `relay` is not the
/// holder's.
///
/// - Returns: nil in the holder, at once; in the front, who the holder was and how it ended.
public func forkHolder(
  killingLeftovers: Bool = false, lease: Lease? = nil, relay: SharedNumber? = nil
) throws(LaunchError) -> (holder: Int32, termination: Termination)? {
  var limits = Supervisor.Limits()
  limits.leftovers = killingLeftovers ? .killIfKilled : .waitIfKilled
  limits.lease = lease
  limits.relay = relay
  let supervisor = try Supervisor(limits)
  let front = getpid()
  let identifier: Int32
  do throws(Errno) {
    identifier = try retryingOnInterrupt { csystem_fork_sharing_files() }
  } catch {
    throw LaunchError(step: .clone, errno: error)
  }
  if identifier > 0 {
    let outcome = try supervisor.wait(for: ChildProcess(identifier: identifier))
    // It is about to show the last words of what has ended, and to put the terminal in order. A holder
    // that was not killed has waited for that.
    if case .signalled = outcome.termination, let number = relay?.value, number > 0 {
      _ = try? ProcessHandle(Int32(number)).waitForEnd(by: .seconds(1))
    }
    return (identifier, outcome.termination)
  }
  try setParentDeathSignal(SIGKILL)
  if parentHasDied(front) { _exit(1) }
  try supervisor.restoreMask()
  return nil
}

/// From here on the holder outlives its front.
public func becomeIndependent() throws(LaunchError) {
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
