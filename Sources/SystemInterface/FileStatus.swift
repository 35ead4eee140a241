internal import CSystem

/// Which file: device and inode number. Two open files with the same identity are the same file.
public struct FileIdentity: Equatable, Sendable {
  public let device: UInt64
  public let inode: UInt64
}

/// What stat(2) tells of a file, as far as a lock cares.
public struct FileStatus: Sendable {
  public enum Kind: Sendable {
    case regular, directory, symbolicLink, fifo, socket, device
  }

  public let identity: FileIdentity
  public let kind: Kind
  public let owner: UInt32
  public let linkCount: UInt64
  public let size: Int64
  /// A folder where everybody may create files but remove only their own, such as /tmp.
  public let isStickyAndWorldWritable: Bool

  private init(_ raw: stat) {
    identity = FileIdentity(device: UInt64(raw.st_dev), inode: UInt64(raw.st_ino))
    owner = raw.st_uid
    linkCount = UInt64(raw.st_nlink)
    size = Int64(raw.st_size)
    let shared: UInt32 = 0o1002
    isStickyAndWorldWritable = raw.st_mode & shared == shared
    switch raw.st_mode & UInt32(S_IFMT) {
    case UInt32(S_IFREG): kind = .regular
    case UInt32(S_IFDIR): kind = .directory
    case UInt32(S_IFLNK): kind = .symbolicLink
    case UInt32(S_IFIFO): kind = .fifo
    case UInt32(S_IFSOCK): kind = .socket
    default: kind = .device
    }
  }

  /// fstat(2)
  public init(of descriptor: Int32) throws(Errno) {
    var raw = stat()
    try retryingOnInterrupt { fstat(descriptor, &raw) }
    self.init(raw)
  }

  /// stat(2), or lstat(2) when links are not to be followed.
  public init(at path: ByteString, followingLinks: Bool) throws(Errno) {
    var raw = stat()
    try path.withCString { (path) throws(Errno) in
      _ = try retryingOnInterrupt { followingLinks ? stat(path, &raw) : lstat(path, &raw) }
    }
    self.init(raw)
  }
}

/// Throws unless this process's real user may read and write the file (access(2)).
public func checkReadableAndWritable(_ path: ByteString) throws(Errno) {
  try path.withCString { (path) throws(Errno) in
    _ = try retryingOnInterrupt { access(path, R_OK | W_OK) }
  }
}
