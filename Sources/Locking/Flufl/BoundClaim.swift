/// What a name of the protocol was bound to, seen through one open descriptor.
final class BoundClaim {
  let name: ClaimName
  let status: FileStatus
  private(set) var descriptor: FileDescriptor

  init(
    _ name: ClaimName, _ status: FileStatus, _ descriptor: consuming FileDescriptor
  ) {
    self.name = name
    self.status = status
    self.descriptor = descriptor
  }

  /// An NFS client gives a file that is open another name instead of removing it, which takes three calls
  /// more.
  func closeBeforeUnlinking() { descriptor = FileDescriptor(taking: -1) }

  var token: ByteString { name.token }
}
