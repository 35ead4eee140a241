/// The text of /proc/PID/fdinfo/N (proc(5)).
struct DescriptorInformation {
  /// As /proc/locks shows it; nil before Linux 5.14.
  private(set) var inode: UInt64?
  /// The number of the mount in /proc/self/mountinfo.
  private(set) var mount: ArraySlice<UInt8>?
  /// The locks that this very descriptor keeps: those of its open file, and POSIX locks of the
  /// process on its file.
  private(set) var locks: [LockTableEntry] = []

  init(_ text: [UInt8]) {
    for line in Lines(text) {
      if let value = line.value(of: "lock:") {
        if let lock = LockTableEntry(value), lock.depth == 0 { locks.append(lock) }
      } else if let value = line.value(of: "ino:") {
        var scanner = ByteScanner(value)
        inode = scanner.unsigned()
      } else if let value = line.value(of: "mnt_id:") {
        mount = value
      }
    }
  }
}
