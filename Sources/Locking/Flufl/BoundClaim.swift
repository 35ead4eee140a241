/// What a name of the protocol was bound to, seen through one open descriptor.
final class BoundClaim {
  let name: ClaimName
  let status: FileStatus
  private var descriptor: FileDescriptor?

  init(
    _ name: ClaimName, _ status: FileStatus, _ descriptor: consuming FileDescriptor
  ) {
    self.name = name
    self.status = status
    self.descriptor = consume descriptor
  }

  /// Of the open file; throws EBADF once it is closed.
  var number: Int32 {
    get throws(Errno) {
      guard let number = descriptor?.number else { throw .badDescriptor }
      return number
    }
  }

  /// An NFS client gives a file that is open another name instead of removing it, which takes three calls
  /// more.
  func closeBeforeUnlinking() { descriptor = nil }

  var token: ByteString { name.token }
}
