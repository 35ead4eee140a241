internal import CSystem

/// Why `acquire` takes the fallback of `request`; nil where it does not: the file system at its path refuses
/// flock locks or is known not to share them between hosts, or a claim has the lock already.
///
/// Asked with a file of its own in the lock's folder, which is removed again: a lock file that was
/// made for the question would be in the way of a claim. Where none can be made nothing is known, which is
/// no reason.
package func reasonForFallback(of request: LockRequest) -> LockError? {
  if let lock = try? LockName(request.path), let held = try? lock.look(lock.base) {
    return held.wasAbandoned ? .lost : .busy
  }
  do throws(LockError) {
    try probeFolder(of: request.path.absolutePath)
    return nil
  } catch {
    switch error {
    case .unsupported(.locksDoNothing), .unsupported(.notSharedBetweenHosts),
      .system(.flock, .noLocks), .system(.flock, .notImplemented), .system(.flock, .notSupported):
      return error
    default:
      return nil
    }
  }
}

/// Whether a flock lock means anything there: other folders say nothing about it.
private func probeFolder(of path: ByteString) throws(LockError) {
  let (folder, _) = path.splitPath
  let token = try step(.create) { () throws(Errno) in try randomToken() }
  let probe = folder + "/.swlock-probe-" + token
  guard
    let file = try LockFileCreation(path: probe, permissions: nil, group: nil).perform()
  else { return }
  defer { probe.withCString { _ = unlink($0) } }
  try KernelLock(mode: .flock).take(file.number, .never)
  // A second open file must be refused the exclusive lock.
  let second = try step(.open) { () throws(Errno) in
    do throws(Errno) {
      return try FileDescriptor.open(probe, O_RDONLY | O_NOCTTY | O_NONBLOCK)
    } catch .accessDenied {
      return try FileDescriptor.open(probe, O_WRONLY | O_NOCTTY | O_NONBLOCK)
    }
  }
  if flock(second.number, LOCK_EX | LOCK_NB) == 0 { throw .unsupported(.locksDoNothing) }
  let error = Errno.current
  if error != .wouldBlock { throw .system(.flock, error) }
  if let type = try SharedFileSystem(of: file.number)?.typeIfFlockStaysHere() {
    throw .unsupported(.notSharedBetweenHosts(fileSystem: type))
  }
}
