internal import CSystem

/// This process after `forkFront`.
public enum FrontRole: Sendable {
  /// The original process; the other one is its child.
  case front(holder: ChildProcess)
  case holder
}

/// Splits this process in two, for a lock that the command cannot inherit.
///
/// Both share one descriptor table (CLONE_FILES), and so every lock that either takes: flock and
/// open file description locks live until both have ended, and POSIX locks too, whose owner is
/// that table. Whichever of the two is killed, the lock stays until the other has seen to the
/// command's end. When both are, only the command's parent-death signal is left.
///
/// Until `becomeIndependent` the holder dies with its front.
public func forkFront() throws(LaunchError) -> FrontRole {
  let front = getpid()
  let identifier: Int32
  do throws(Errno) {
    identifier = try retryingOnInterrupt { csystem_fork_sharing_files() }
  } catch {
    throw LaunchError(step: .clone, errno: error)
  }
  if identifier > 0 { return .front(holder: ChildProcess(identifier: identifier)) }
  try setParentDeathSignal(SIGKILL)
  if getppid() != front { _exit(1) }
  return .holder
}

/// From here on the holder outlives its front.
public func becomeIndependent() throws(LaunchError) {
  try setParentDeathSignal(0)
}

private func setParentDeathSignal(_ signal: Int32) throws(LaunchError) {
  if csystem_prctl(PR_SET_PDEATHSIG, UInt(signal)) != 0 {
    throw LaunchError(step: .prctl, errno: .current)
  }
}
