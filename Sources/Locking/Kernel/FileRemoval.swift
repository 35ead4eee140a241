internal import CSystem

/// Removes a lock file after its lock was released, if nobody wants it.
struct FileRemoval: Sendable {
  private let path: ByteString
  private let identity: FileIdentity
  private let mode: LockMode

  init(_ path: ByteString, _ identity: FileIdentity, _ mode: LockMode) {
    self.path = path
    self.identity = identity
    self.mode = mode
  }

  /// Only what may have been made as a lock file: somebody's data are not removed, nor folders.
  static func isRemovable(_ status: FileStatus) -> Bool {
    status.kind == .regular && status.size == 0
  }

  /// A lock file may be removed only by who holds it exclusively *now*, in every mode. The lock
  /// just released is no proof of that: it may have been shared, or a process may have inherited it
  /// and hold it on. So it is taken once more, without waiting, both as flock and as record lock
  /// (an open file description lock excludes POSIX locks as well). If somebody else has it,
  /// removing the file is left to them; if it is not the file at the path any more, somebody else
  /// has done it.
  func perform() throws(LockError) {
    var request = LockRequest(
      path: path, mode: mode == .flock ? .flock : .ofd, patience: .never, creation: .never)
    // An exclusive record lock needs that.
    request.opensForWriting = true
    do throws(LockError) {
      let lock = try acquire(request)
      if let descriptor = lock.descriptor { try takeOtherKind(descriptor) }
      try removeIfStillThere(lock)
    } catch .busy, .alreadyHeld, .system(.open, .missing), .system(.lstat, .missing) {
      return
    }
  }

  private func takeOtherKind(_ descriptor: Int32) throws(LockError) {
    if try SharedFileSystem(of: descriptor)?.hasOneKindOfLock() == true { return }
    let other = KernelLock(mode: mode == .flock ? .ofd : .flock)
    do throws(LockError) {
      try other.take(descriptor, .never)
    } catch .system(_, .noLocks), .system(_, .notImplemented), .system(_, .notSupported),
      .system(_, .invalid)
    {
      // Nobody can have a lock of that kind there.
    }
  }

  private func removeIfStillThere(_ lock: consuming HeldLock) throws(LockError) {
    let status = try step(.lstat) { () throws(Errno) in
      try FileStatus(at: path, followingLinks: false)
    }
    guard status.identity == identity else { return }
    guard Self.isRemovable(status) else { throw .refused(.notRemovable) }
    try step(.unlink) { () throws(Errno) in
      try path.withCString { (path) throws(Errno) in
        _ = try retryingOnInterrupt { unlink(path) }
      }
    }
    try lock.release()
  }
}

/// Removes the lock file at `path` if it is an empty regular file that nobody has locked, in any mode.
///
/// - Returns: whether it was removed, or with `isDryRun` would be.
/// - Throws: `LockError`; nothing is changed then.
public func removeUnusedFile(at path: ByteString, isDryRun: Bool = false) throws(LockError) -> Bool
{
  let status: FileStatus
  do throws(Errno) {
    status = try FileStatus(at: path, followingLinks: false)
  } catch .missing {
    return false
  } catch {
    throw .system(.lstat, error)
  }
  guard FileRemoval.isRemovable(status) else { return false }
  if isDryRun { return try inspectLocks(at: path).locks.isEmpty }
  try FileRemoval(path, status.identity, .flock).perform()
  return try identity(at: path) != status.identity
}
