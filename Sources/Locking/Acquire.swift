internal import CSystem

/// How often a file may be exchanged under an attempt to open it or without patience to wait, or
/// fail with ESTALE, before that is taken for the answer.
let maximumRestarts = 100

/// Takes the lock that `request` describes, waiting as long as it says.
///
/// Blocks the calling thread. Signals do not end the wait. A wait with a deadline uses a timer and
/// the signal SIGRTMAX-2, whose handler does nothing and stays installed.
///
/// A lock that is won counts only once the path still leads to the file that was locked: whoever
/// removes a lock file does so while holding it, so a waiter may win a lock on a file that nobody
/// else can find any more. Then everything starts again, under the same deadline.
///
/// In `hardlink` mode (docs/hardlink.md) no signal and no timer is used, and `request.interruption`
/// ends the wait.
///
/// - Returns: the lock, which is held until it is released or its life ends.
/// - Throws: `LockError`; then nothing is held, and nothing is left but perhaps an empty lock file.
public func acquire(_ request: LockRequest) throws(LockError) -> HeldLock {
  if request.path.isEmpty { throw .refused(.emptyPath) }
  var request = request
  if request.mode == nil {
    request.mode = if case .hardlink = automaticMode(for: request) { .hardlink } else { .flock }
  }
  if request.mode == .hardlink { return try acquireHardlink(request) }
  let lock = KernelLock(
    mode: request.mode ?? .flock, sharing: request.sharing, range: request.range)
  if lock.mode == .flock, lock.range != .wholeFile { throw .unsupported(.rangeInFlockMode) }

  var restarts = 0
  var leaseWait = LeaseWait(request.patience)
  while true {
    do throws(LockError) {
      if let held = try attempt(request, lock) { return held }
      if request.patience == .never, restarts >= maximumRestarts { throw LockError.busy }
      if case .until = request.patience, request.patience.isOver { throw LockError.timedOut }
    } catch LockError.system(let step, .staleHandle) {
      if restarts >= maximumRestarts { throw .system(step, .staleHandle) }
    } catch .system(.flock, let error)
      where (error == .badDescriptor || error == .inputOutput) && !request.opensForWriting
    {
      // NFS makes record locks of flock locks, and those need a file that is open for writing.
      request.opensForWriting = true
    } catch .system(.open, .wouldBlock) {
      try leaseWait.pause()
    }
    restarts += 1
  }
}

private func acquireHardlink(_ request: LockRequest) throws(LockError) -> HeldLock {
  if request.sharing == .shared { throw .unsupported(.sharedHardlink) }
  if request.range != .wholeFile { throw .unsupported(.rangeInHardlinkMode) }
  switch request.hardlink.style {
  case .flufl:
    var acquisition = try HardlinkAcquisition(request)
    let hold = try acquisition.perform()
    return HeldLock(hold, path: hold.path, mode: .hardlink)
  case .portage:
    let hold = try PortageAcquisition(request).perform()
    return HeldLock(hold, path: hold.path, mode: .hardlink)
  }
}

/// One attempt; nil when the file that was locked is not the one at the path any more.
private func attempt(
  _ request: LockRequest, _ lock: KernelLock
) throws(LockError) -> HeldLock? {
  let file = try LockFile.open(request, for: lock)
  try lock.take(file.number, request.patience)

  let status = try step(.fstat) { () throws(Errno) in try FileStatus(of: file.number) }
  guard status.linkCount > 0, status.identity == (try identity(at: request.path)) else {
    return nil
  }
  try LockFile.check(status, request, lock)
  let hold = KernelHold(
    file, removal: request.removesFile ? FileRemoval(request.path, status.identity) : nil,
    mayBeHardlinkLock: status.kind == .regular && status.linkCount > 1
      && status.size <= Int64(PATH_MAX))
  return HeldLock(hold, path: request.path, mode: lock.mode)
}

/// Which file stands at `path` now; nil when none does.
func identity(at path: ByteString) throws(LockError) -> FileIdentity? {
  do throws(Errno) {
    return try FileStatus(at: path, followingLinks: true).identity
  } catch .missing {
    return nil
  } catch {
    throw .system(.stat, error)
  }
}
