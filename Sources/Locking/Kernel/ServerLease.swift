internal import CSystem

/// The lease by which an NFS 4 server keeps the locks of this host, one of which is on an open file
/// (RFC 8881, 8.3). When it has not heard of the host for that long, it may give them to others.
package struct ServerLease: Sendable {
  package let lifetime: Span
  private let descriptor: Int32

  /// - Throws: where there is a lease, or may be one, that lasts nobody knows how long.
  init?(of descriptor: Int32) throws(LockError) {
    guard let lifetime = try SharedFileSystem(of: descriptor)?.leaseTime() else { return nil }
    self.lifetime = lifetime
    self.descriptor = descriptor
  }

  /// The file for `isRenewed`. A file of its own, since what passes by the cache is a matter of the open file;
  /// nil where it cannot be read. Takes for ever while the server is silent.
  package func open() -> Int32? {
    let path = "/proc/self/fd/" + ByteString(decimal: descriptor)
    return try? FileDescriptor.open(path, O_RDONLY | O_DIRECT | O_NONBLOCK | O_NOCTTY).leak()
  }

  /// Asks the server, and so renews the lease. Takes for ever while it is silent.
  ///
  /// To read past the cache does so in every version. Where that cannot be done, the attributes have to do;
  /// with NFS 4.0 they show that the server answers, and the kernel sees to the lease by itself.
  package func isRenewed(by file: Int32?) -> Bool {
    if let file {
      var byte: UInt8 = 0
      if (try? retryingOnInterrupt({ pread(file, &byte, 1, 0) })) != nil { return true }
    }
    var status = statx()
    let flags = AT_EMPTY_PATH | AT_STATX_FORCE_SYNC
    return statx(descriptor, "", flags, UInt32(STATX_INO), &status) == 0
      || Errno.current == .staleHandle
  }
}
