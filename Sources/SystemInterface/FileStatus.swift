internal import CSystem

/// Which file: device and inode number. Two open files with the same identity are the same file.
package struct FileIdentity: Equatable, Sendable {
  package let device: UInt64
  package let inode: UInt64

  package init(device: UInt64, inode: UInt64) {
    self.device = device
    self.inode = inode
  }
}

#if !hasFeature(Embedded)
  extension FileIdentity: Hashable {}
#endif

/// What stat(2) tells of a file, as far as a lock cares.
package struct FileStatus: Sendable {
  package enum Kind: Sendable {
    case regular, directory, symbolicLink, fifo, socket, blockDevice, characterDevice
  }

  package let identity: FileIdentity
  package let kind: Kind
  package let owner: UInt32
  /// The lower nine bits of the mode.
  package let permissions: UInt32
  package let linkCount: UInt64
  package let size: Int64
  /// When the content was written last, or what futimens(2) made of that, and when the file itself
  /// was changed last, on the clock of its file system.
  package let modificationTime: WallTime
  package let changeTime: WallTime
  /// The whole seconds of `modificationTime` as the file system has them, also where that does not fit.
  package let modificationSeconds: Int64
  /// When it was read last, or what futimens(2) made of that: the same of `st_atim`.
  package let accessSeconds: Int64
  /// A folder where everybody may create files but remove only their own, such as /tmp.
  package let isStickyAndWorldWritable: Bool

  init(_ raw: stat) {
    identity = FileIdentity(device: UInt64(raw.st_dev), inode: UInt64(raw.st_ino))
    owner = raw.st_uid
    permissions = UInt32(raw.st_mode) & 0o777
    linkCount = UInt64(raw.st_nlink)
    size = Int64(raw.st_size)
    modificationTime = Self.time(raw.st_mtim)
    changeTime = Self.time(raw.st_ctim)
    modificationSeconds = Int64(raw.st_mtim.tv_sec)
    accessSeconds = Int64(raw.st_atim.tv_sec)
    let shared: UInt32 = 0o1002
    isStickyAndWorldWritable = raw.st_mode & shared == shared
    switch raw.st_mode & UInt32(S_IFMT) {
    case UInt32(S_IFREG): kind = .regular
    case UInt32(S_IFDIR): kind = .directory
    case UInt32(S_IFLNK): kind = .symbolicLink
    case UInt32(S_IFIFO): kind = .fifo
    case UInt32(S_IFSOCK): kind = .socket
    case UInt32(S_IFBLK): kind = .blockDevice
    default: kind = .characterDevice
    }
  }

  private static func time(_ time: timespec) -> WallTime {
    WallTime(sinceZero: Span(seconds: Int64(time.tv_sec), nanoseconds: Int64(time.tv_nsec)))
  }

  /// fstat(2)
  package init(of descriptor: Int32) throws(Errno) {
    var raw = stat()
    try retryingOnInterrupt { fstat(descriptor, &raw) }
    self.init(raw)
  }

  /// stat(2), or lstat(2) when links are not to be followed.
  package init(at path: ByteString, followingLinks: Bool) throws(Errno) {
    var raw = stat()
    try path.withCString { (path) throws(Errno) in
      _ = try retryingOnInterrupt { followingLinks ? stat(path, &raw) : lstat(path, &raw) }
    }
    self.init(raw)
  }
}

extension FileStatus {
  /// lstat(2) of the file `name` in the open folder `folder` (fstatat(2)).
  package init(of name: ByteString, in folder: Int32) throws(Errno) {
    var raw = stat()
    try name.withCString { (name) throws(Errno) in
      _ = try retryingOnInterrupt { fstatat(folder, name, &raw, AT_SYMLINK_NOFOLLOW) }
    }
    self.init(raw)
  }
}

/// Has the client of a network file system ask its server for what it remembers of a file, so that what comes
/// after is not from before (statx(2), AT_STATX_FORCE_SYNC). Of a folder that has changed, the names are
/// forgotten with it.
///
/// - Parameter name: of a file in the open folder `descriptor`, links not followed; empty: what is open.
package func askServer(for name: ByteString = "", in descriptor: Int32) throws(Errno) {
  do throws(Errno) {
    try askOnce(for: name, in: descriptor)
  } catch .staleHandle where !name.isEmpty {
    forgetDelegation(of: name, in: descriptor)
    try askOnce(for: name, in: descriptor)
  }
}

private func askOnce(for name: ByteString, in descriptor: Int32) throws(Errno) {
  do throws(Errno) {
    _ = try extendedStatus(of: name, in: descriptor, AT_STATX_FORCE_SYNC)
  } catch {
    // Before Linux 4.11, or where a filter forbids it: what stat(2) gets has to do.
    switch error {
    case .permissionNotGranted, .notImplemented, .invalid: break
    default: throw error
    }
  }
}

private func extendedStatus(
  of name: ByteString, in descriptor: Int32, _ synchronisation: Int32
) throws(Errno) -> statx {
  var status = statx()
  let flags = synchronisation | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH
  try name.withCString { (name) throws(Errno) in
    _ = try retryingOnInterrupt {
      statx(descriptor, name, flags, UInt32(STATX_BASIC_STATS), &status)
    }
  }
  return status
}

/// Has a client of NFS 4 look a name up again that leads to a file of which the server has said that it is gone.
/// As long as it has a delegation for that file, or takes itself to have one, it answers every question for the
/// name by that file. To open it for writing gives the delegation back, even where that is not permitted.
private func forgetDelegation(of name: ByteString, in folder: Int32) {
  guard let remembered = try? extendedStatus(of: name, in: folder, AT_STATX_DONT_SYNC),
    Int32(remembered.stx_mode) & S_IFMT == S_IFREG
  else { return }
  _ = try? FileDescriptor.open(name, in: folder, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
}

/// Throws unless this process's real user may read and write the file (access(2)).
package func checkReadableAndWritable(_ path: ByteString) throws(Errno) {
  try path.withCString { (path) throws(Errno) in
    _ = try retryingOnInterrupt { access(path, R_OK | W_OK) }
  }
}
