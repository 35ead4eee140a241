internal import CSystem

/// Whether a flock lock that was just won means anything on its file system.
///
/// Asked on the lock file itself, after the lock was won: other folders say nothing about it.
struct ModeProbe {
  let path: ByteString
  let file: Int32

  func perform() throws(LockError) {
    try checkExclusion()
    if let fileSystem = try fileSystemThatKeepsLocksToItself() {
      throw .unsupported(.notSharedBetweenHosts(fileSystem: fileSystem))
    }
  }

  /// A second open file must be refused the exclusive lock.
  private func checkExclusion() throws(LockError) {
    let second = try step(.open) { () throws(Errno) in
      do throws(Errno) {
        return try FileDescriptor.open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK)
      } catch .accessDenied {
        return try FileDescriptor.open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK)
      }
    }
    if flock(second.number, LOCK_EX | LOCK_NB) == 0 { throw .unsupported(.locksDoNothing) }
    let error = Errno.current
    if error != .wouldBlock { throw .system(.flock, error) }
  }

  private func fileSystemThatKeepsLocksToItself() throws(LockError) -> ByteString? {
    guard try mayBeShared() else { return nil }
    let mounts = try step(.mountTable) { () throws(Errno) in try read("/proc/self/mountinfo") }
    let information = try step(.mountTable) { () throws(Errno) in
      try read("/proc/self/fdinfo/" + ByteString(decimal: file))
    }
    guard let mount = MountTable.mountIdentifier(inDescriptorInformation: information),
      let entry = MountTable(mounts).entry(mount)
    else { throw .system(.mountTable, .missing) }
    return entry.keepsLocksToItself ? ByteString(entry.type) : nil
  }

  /// The magic numbers (statfs(2)) of file systems that other hosts may see as well: only for
  /// these the mount table is read.
  private func mayBeShared() throws(LockError) -> Bool {
    var status = statfs()
    try step(.fstatfs) { () throws(Errno) in
      _ = try retryingOnInterrupt { fstatfs(file, &status) }
    }
    switch UInt32(truncatingIfNeeded: status.f_type) {
    case 0x6969,  // NFS
      0x517B, 0xFE53_4D42, 0xFF53_4D42,  // SMB, SMB2, CIFS
      0x0102_1997,  // 9p
      0x6573_5546,  // FUSE, virtiofs
      0x786F_4256, 0xBACB_ACBC:  // vboxsf, vmhgfs
      return true
    default:
      return false
    }
  }

  private func read(_ path: ByteString) throws(Errno) -> [UInt8] {
    try FileDescriptor.open(path, O_RDONLY).readAll(limit: 1 << 24)
  }
}

/// The text of /proc/self/mountinfo (proc(5)).
struct MountTable {
  struct Entry {
    let type: ArraySlice<UInt8>
    let superOptions: ArraySlice<UInt8>

    /// As far as it is known. A FUSE file system may pass locks on to its server or not, and the
    /// table does not tell; these are known not to.
    var keepsLocksToItself: Bool {
      MountTable.local.contains { type.elementsEqual($0.utf8) }
        || superOptions.split(separator: ascii(",")).contains { option in
          MountTable.localOptions.contains { option.elementsEqual($0.utf8) }
        }
    }
  }

  private static let local: [StaticString] = [
    "9p", "virtiofs", "vboxsf", "vmhgfs", "fuse.vmhgfs-fuse", "fuse.sshfs", "fuse.bindfs",
    "fuse.rclone", "fuse.s3fs", "fuse.gcsfuse", "fuse.curlftpfs",
  ]
  /// nfs(5): nolock, local_lock; mount.cifs(8): nobrl.
  private static let localOptions: [StaticString] = [
    "nolock", "local_lock=all", "local_lock=flock", "nobrl",
  ]

  private let text: [UInt8]

  init(_ text: [UInt8]) {
    self.text = text
  }

  /// The mount with this number; its line is
  /// `36 35 98:0 /root /mount/point options [optional fields] - type source superOptions`.
  func entry(_ identifier: ArraySlice<UInt8>) -> Entry? {
    for line in text.split(separator: ascii("\n")) {
      let fields = line.split(separator: ascii(" "))
      guard let first = fields.first, first.elementsEqual(identifier),
        let dash = fields.firstIndex(where: { $0.elementsEqual([ascii("-")]) }),
        dash + 3 < fields.count
      else { continue }
      return Entry(type: fields[dash + 1], superOptions: fields[dash + 3])
    }
    return nil
  }

  /// The value of `mnt_id:` in the text of /proc/self/fdinfo/N.
  static func mountIdentifier(inDescriptorInformation text: [UInt8]) -> ArraySlice<UInt8>? {
    let key: ByteString = "mnt_id:"
    for line in text.split(separator: ascii("\n")) where line.starts(with: key.bytes) {
      return line.dropFirst(key.count).drop { $0 == ascii("\t") || $0 == ascii(" ") }
    }
    return nil
  }
}
