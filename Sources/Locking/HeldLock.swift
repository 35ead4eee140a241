/// A lock that this process holds. It cannot be copied, and it cannot be forgotten: at the end of
/// its life it is released.
public struct HeldLock: ~Copyable {
  public let path: ByteString
  public let mode: LockMode
  private let file: LockFile
  private let removal: FileRemoval?

  init(
    path: ByteString, mode: LockMode, file: consuming LockFile, removal: FileRemoval?
  ) {
    self.path = path
    self.mode = mode
    self.file = file
    self.removal = removal
  }

  /// The descriptor that carries the lock to a child that inherits it; nil in `posix` mode, where
  /// nothing does. It is close-on-exec here, and must not be closed.
  public var inheritableDescriptor: Int32? { mode.isInherited ? file.number : nil }

  /// The descriptor that must stay open over an exec(2) of this very process, for the lock to stay.
  public var descriptor: Int32 { file.number }

  /// Releases the lock, and removes the lock file where that was asked for and is safe.
  ///
  /// A process that inherited the lock goes on holding it. An error means that the file was left
  /// where it is, or that closing it failed; this process does not hold the lock any more.
  public consuming func release() throws(LockError) {
    let removal = removal
    try file.close()
    try removal?.perform()
  }
}
