internal import CSystem

/// A file by the two names that the kernel has for it.
struct LockedFile {
  /// That of stat(2).
  let identity: FileIdentity
  /// The number in /proc/locks. Another one than stat(2)'s for some folders on overlay.
  let tableInode: UInt64
  private let mount: ArraySlice<UInt8>?

  /// The file at `path`, links followed.
  ///
  /// It is not opened but with O_PATH: closing anything else would drop the POSIX locks that this
  /// process has on it, and opening it may have effects of its own.
  init(_ path: ByteString) throws(LockError) {
    if path.isEmpty { throw .refused(.emptyPath) }
    let file = try step(.open) { () throws(Errno) in try FileDescriptor.open(path, O_PATH) }
    try self.init(descriptor: file.number)
    file.keepOpen()
  }

  /// One that is open already, in whatever way.
  init(descriptor: Int32) throws(LockError) {
    identity = try step(.fstat) { () throws(Errno) in try FileStatus(of: descriptor).identity }
    let text = try step(.read) { () throws(Errno) in
      try FileDescriptor.open("/proc/self/fdinfo/" + ByteString(decimal: descriptor), O_RDONLY)
        .readAll(limit: 1 << 16)
    }
    let information = DescriptorInformation(text)
    tableInode = information.inode ?? identity.inode
    mount = information.mount
  }

  /// The device of the file's file system, as /proc/locks shows it; nil when it cannot be found out.
  private func tableDevice() -> UInt64? {
    guard let mount,
      let text = try? FileDescriptor.open("/proc/self/mountinfo", O_RDONLY)
        .readAll(limit: 1 << 24),
      let entry = MountTable(text).entry(mount)
    else { return nil }
    var scanner = ByteScanner(entry.device)
    guard let major = scanner.unsigned(), scanner.skip(ascii(":")), let minor = scanner.unsigned()
    else { return nil }
    return deviceNumber(major: major, minor: minor)
  }

  /// What of `locks`, which all have this file's number, may be on this file.
  ///
  /// Device numbers are unique, so what has that of stat(2) needs no look at the mount table.
  func filter(_ table: LockTable) -> [LockTable.Lock] {
    let locks = table.locks
    if locks.allSatisfy({ $0.entry.device == identity.device }) { return locks }
    guard let device = tableDevice() else { return locks }
    return locks.filter { $0.entry.device == device }
  }

  /// Whether the number and `device` are those of no other file: subvolumes of btrfs have devices of
  /// their own in stat(2), and share numbers and one device in /proc/locks.
  func isCertain(_ device: UInt64) -> Bool { device == identity.device }
}
