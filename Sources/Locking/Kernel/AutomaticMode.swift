internal import CSystem

/// What `acquire` does where the mode is left to it.
public enum AutomaticMode: Equatable, Sendable {
  case flock
  /// Since flock locks mean nothing there.
  case hardlink(since: LockError)
}

/// Which mode works for the lock of `request`: `flock`, unless the file system at its path refuses such
/// locks or is known not to share them between hosts; or unless a `hardlink` lock is there already.
///
/// Asked with a file of its own in the lock's folder, which is removed again: a lock file that was
/// made for the question would be in the way of a `hardlink` lock. Where none can be made nothing is
/// known, and the answer is `flock`.
public func automaticMode(for request: LockRequest) -> AutomaticMode {
  if let lock = try? LockName(request.path), let held = try? lock.look(lock.base) {
    return .hardlink(since: held.wasAbandoned ? .lost : .busy)
  }
  do throws(LockError) {
    try probeFolder(of: request.path.absolutePath)
    return .flock
  } catch {
    switch error {
    case .unsupported(.locksDoNothing), .unsupported(.notSharedBetweenHosts):
      return .hardlink(since: error)
    case .system(.flock, .noLocks), .system(.flock, .notImplemented),
      .system(.flock, .notSupported):
      return .hardlink(since: error)
    default:
      return .flock
    }
  }
}

private func probeFolder(of path: ByteString) throws(LockError) {
  let (folder, _) = path.splitPath
  let token = try step(.create) { () throws(Errno) in try randomToken() }
  let probe = folder + "/.swlock-probe-" + token
  guard
    let file = try LockFileCreation(path: probe, permissions: nil, group: nil).perform()
  else { return }
  defer { probe.withCString { _ = unlink($0) } }
  try KernelLock(mode: .flock).take(file.number, .never)
  try ModeProbe(path: probe, file: file.number).perform()
}
