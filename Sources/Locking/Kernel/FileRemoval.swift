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

  /// A lock file may be removed only by who holds it exclusively *now*. The lock just released is
  /// no proof of that: it may have been shared, or a process may have inherited it and hold it on.
  /// So it is taken once more, without waiting. If somebody else has it, removing the file is left
  /// to them; if it is not the file at the path any more, somebody else has done it.
  func perform() throws(LockError) {
    let request = LockRequest(
      path: path, mode: mode, patience: .never, creation: .never)
    do throws(LockError) {
      try removeIfStillThere(try acquire(request))
    } catch .busy, .alreadyHeld, .system(.open, .missing) {
      return
    }
  }

  private func removeIfStillThere(_ lock: consuming HeldLock) throws(LockError) {
    let number = lock.descriptor
    let status = try step(.fstat) { () throws(Errno) in try FileStatus(of: number) }
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
