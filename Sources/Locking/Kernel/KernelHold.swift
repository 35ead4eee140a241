/// A lock of the kernel's that this process has on an open file.
final class KernelHold: Hold {
  /// Nil once it is released.
  private var file: LockFile?
  private let number: Int32
  private let removal: FileRemoval?
  let path: ByteString
  let mayBeHardlinkLock: Bool
  let slot: Int?

  init(
    _ file: consuming LockFile, _ path: ByteString, _ won: OrderedTaking.Won? = nil,
    removal: FileRemoval?, mayBeHardlinkLock: Bool = false
  ) {
    self.path = path
    slot = won?.slot
    number = file.number
    self.file = consume file
    self.removal = removal
    self.mayBeHardlinkLock = mayBeHardlinkLock
  }

  var descriptor: Int32? { number }

  func serverLease() throws(LockError) -> ServerLease? { try ServerLease(of: number) }

  func release() throws(LockError) {
    try file.take()?.close()
    if try removal?.perform() == .notRemovable { throw .refused(.notRemovable) }
  }

  func leaveOpen() { file.take()?.leave() }
}
