internal import CSystem

/// A file system that other hosts may see as well, and how it treats locks.
package struct SharedFileSystem {
  private let descriptor: Int32
  /// Whether flock locks are record locks of the whole file in the eyes of the server (flock(2),
  /// NOTES), unless the mount's options say otherwise.
  private let turnsFlockIntoRecordLock: Bool
  private let isNFS: Bool

  /// That of an open file; nil for one that no other host sees.
  package init?(of descriptor: Int32) throws(LockError) {
    var status = statfs()
    try step(.fstatfs) { () throws(Errno) in
      _ = try retryingOnInterrupt { fstatfs(descriptor, &status) }
    }
    // statfs(2) lists these numbers.
    let type = UInt32(truncatingIfNeeded: status.f_type)
    isNFS = type == 0x6969
    switch type {
    case 0x6969,  // NFS
      0x517B, 0xFE53_4D42, 0xFF53_4D42:  // SMB, SMB2, CIFS
      turnsFlockIntoRecordLock = true
    case 0x0102_1997,  // 9p
      0x6573_5546,  // FUSE, virtiofs
      0x786F_4256, 0xBACB_ACBC:  // vboxsf, vmhgfs
      turnsFlockIntoRecordLock = false
    default:
      return nil
    }
    self.descriptor = descriptor
  }

  /// Whether a process that has a record lock cannot have a flock lock as well, since they are one.
  package func hasOneKindOfLock() throws(LockError) -> Bool {
    guard turnsFlockIntoRecordLock else { return false }
    return try !mount().keepsOneKindToItself
  }

  /// Whether a wait for a lock that is ended, by a signal or a timeout, may leave the lock to nobody for ever.
  /// With NFS 2 and 3 Linux (fs/lockd, seen with 6.1) cancels such a wait, and where the server has granted the
  /// lock meanwhile neither of them gives it back; a second attempt counts as somebody else's. So it is too
  /// where the mount is not to be seen.
  static func endedWaitMayKeepLock(on descriptor: Int32, _ mode: KernelMode) -> Bool {
    guard let system = try? SharedFileSystem(of: descriptor), system.isNFS else { return false }
    guard let mount = try? system.mount() else { return true }
    return mount.isNFSBefore4
      && !(mode == .flock ? mount.keepsFlockToItself : mount.keepsRecordLocksToItself)
  }

  /// Its type, where the mount table says that other hosts are not told of its flock locks.
  func typeIfFlockStaysHere() throws(LockError) -> ByteString? {
    let mount = try mount()
    return mount.keepsFlockToItself ? ByteString(mount.type) : nil
  }

  /// Whether a server that is asked what keeps an exclusive lock away (F_GETLK) tells of shared ones as well.
  /// That of Linux 6.1 does not with NFS 3.
  func tellsOfSharedLocks() throws(LockError) -> Bool {
    guard isNFS else { return true }
    return try !mount().isNFSBefore4
  }

  /// How long an NFS 4 server keeps the locks of a host that it does not hear of; nil for other servers.
  ///
  /// - Throws: where the kernel does not say it (before Linux 5.6), or the mount is not to be seen.
  func leaseTime() throws(LockError) -> Span? {
    guard isNFS else { return nil }
    let mount = try mount()
    guard mount.type == "nfs4" else { return nil }
    let statistics = try MountTable.read("/proc/self/mountstats")
    guard let time = mount.leaseTime(inStatistics: statistics) else {
      throw .system(.mountTable, .missing)
    }
    return time
  }

  private func mount() throws(LockError) -> MountTable.Entry {
    try MountTable.entry(ofDescriptor: descriptor)
  }
}

/// What the mount table calls the type of an open file's file system; nil where it has none.
package func fileSystemType(of descriptor: Int32) -> ByteString? {
  (try? MountTable.entry(ofDescriptor: descriptor)).map { ByteString($0.type) }
}

/// The text of /proc/self/mountinfo (proc(5)).
struct MountTable {
  struct Entry {
    /// `MAJOR:MINOR` in base 10.
    let device: ArraySlice<UInt8>
    /// As the table writes it.
    let point: ArraySlice<UInt8>
    let type: ArraySlice<UInt8>
    let superOptions: ArraySlice<UInt8>

    /// As far as it is known. A FUSE file system may pass locks on to its server or not, and the
    /// table does not tell; these are known not to.
    var keepsFlockToItself: Bool {
      MountTable.local.contains { type == $0 }
        || hasOption(in: MountTable.flockStaysHere)
    }

    var isNFSBefore4: Bool { type == "nfs" }

    var keepsRecordLocksToItself: Bool { hasOption(in: MountTable.recordLocksStayHere) }

    /// Record locks, flock locks or both: then the server at least does not see the two as one.
    var keepsOneKindToItself: Bool {
      keepsFlockToItself || keepsRecordLocksToItself
    }

    /// `lease_time=SECONDS` in the text of /proc/self/mountstats, below the line
    /// `device SOURCE mounted on POINT with fstype TYPE`; of mounts on one another, the last one's counts.
    func leaseTime(inStatistics text: [UInt8]) -> Span? {
      let here = " mounted on " + ByteString(point) + " with fstype " + ByteString(type) + " "
      var rest = text[...]
      var time: Span?
      while rest.popLine(with: here) != nil, let line = rest.popLine(with: "lease_time=") {
        for item in line.split(separator: ascii(",")) {
          guard let value = item.value(of: "lease_time=") else { continue }
          var scanner = ByteScanner(value)
          if let seconds = scanner.unsigned(), seconds > 0 {
            time = .seconds(Int64(clamping: seconds))
          }
        }
      }
      return time
    }

    private func hasOption(in options: [Literal]) -> Bool {
      superOptions.split(separator: ascii(",")).contains { option in
        options.contains { option == $0 }
      }
    }
  }

  private static let local: [Literal] = [
    "9p", "virtiofs", "vboxsf", "vmhgfs", "fuse.vmhgfs-fuse", "fuse.sshfs", "fuse.bindfs",
    "fuse.rclone", "fuse.s3fs", "fuse.gcsfuse", "fuse.curlftpfs",
  ]
  /// nfs(5): nolock, local_lock; mount.cifs(8): nobrl.
  private static let flockStaysHere: [Literal] = [
    "nolock", "local_lock=all", "local_lock=flock", "nobrl",
  ]
  private static let recordLocksStayHere: [Literal] = [
    "nolock", "local_lock=all", "local_lock=posix", "nobrl",
  ]

  private let text: [UInt8]

  init(_ text: [UInt8]) {
    self.text = text
  }

  /// The mount of an open file.
  static func entry(ofDescriptor descriptor: Int32) throws(LockError) -> Entry {
    let mounts = try read("/proc/self/mountinfo")
    let information = try read("/proc/self/fdinfo/" + ByteString(decimal: descriptor))
    guard let mount = mountIdentifier(inDescriptorInformation: information),
      let entry = MountTable(mounts).entry(mount)
    else { throw .system(.mountTable, .missing) }
    return entry
  }

  fileprivate static func read(_ path: ByteString) throws(LockError) -> [UInt8] {
    try step(.mountTable) { () throws(Errno) in
      try FileDescriptor.open(path, O_RDONLY).readAll(limit: 1 << 24)
    }
  }

  /// The mount with this number; its line is
  /// `36 35 98:0 /root /mount/point options [optional fields] - type source superOptions`.
  func entry(_ identifier: ArraySlice<UInt8>) -> Entry? {
    for line in text.split(separator: ascii("\n")) {
      let fields = line.split(separator: ascii(" "))
      guard let first = fields.first, first.elementsEqual(identifier),
        let dash = fields.firstIndex(where: { $0.elementsEqual([ascii("-")]) }),
        dash > 2, dash + 3 < fields.count
      else { continue }
      return Entry(
        device: fields[2], point: fields[4], type: fields[dash + 1], superOptions: fields[dash + 3])
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
