/// One line of /proc/locks, or one `lock:` line of /proc/PID/fdinfo/N (proc(5)):
/// `1: -> FLOCK  ADVISORY  WRITE 4711 fe:00:1234 0 EOF`.
struct LockTableEntry: Equatable {
  /// 0: the lock is held. Otherwise it is waited for, behind the last line of one depth less.
  let depth: Int
  let mode: KernelMode
  let sharing: Sharing
  /// Who took it or waits for it. Nil for all OFD locks; 0: nobody of this pid namespace; below that:
  /// another host.
  let process: Int32?
  /// Of the file system as the kernel knows it, which is not stat(2)'s on btrfs and overlay.
  let device: UInt64
  let inode: UInt64
  let range: ByteRange

  /// Nil for what is no lock of ours to show (leases, delegations), and for what is no such line.
  init?(_ line: ArraySlice<UInt8>) {
    var scanner = ByteScanner(line)
    guard scanner.unsigned() != nil, scanner.skip(ascii(":")) else { return nil }
    let spaces = scanner.skipSpaces()
    var kind = scanner.word()
    if kind == "->" {
      depth = max(1, spaces)
      kind = scanner.word()
    } else {
      depth = 0
    }
    guard let mode = KernelMode.allCases.first(where: { kind == $0.tableName })
    else { return nil }
    self.mode = mode
    _ = scanner.word()  // ADVISORY

    let type = scanner.word()
    if type == "WRITE" {
      sharing = .exclusive
    } else if type == "READ" {
      sharing = .shared
    } else {
      return nil
    }
    scanner.skipSpaces()
    guard let process = scanner.int32(),
      scanner.skipSpaces() > 0, let major = scanner.unsigned(radix: 16),
      scanner.skip(ascii(":")), let minor = scanner.unsigned(radix: 16),
      scanner.skip(ascii(":")), let inode = scanner.unsigned(),
      let device = deviceNumber(major: major, minor: minor),
      let range = Self.range(&scanner)
    else { return nil }
    self.process = process == Self.unnamed ? nil : process
    self.device = device
    self.inode = inode
    self.range = range
  }

  private static let unnamed: Int32 = -1

  /// `START END`, where END is the last byte of it or `EOF`.
  private static func range(_ scanner: inout ByteScanner) -> ByteRange? {
    scanner.skipSpaces()
    guard let start = scanner.unsigned().flatMap({ Int64(exactly: $0) }),
      scanner.skipSpaces() > 0
    else { return nil }
    guard let end = scanner.unsigned() else {
      return scanner.word() == "EOF" ? ByteRange(start: start, length: 0) : nil
    }
    guard let last = Int64(exactly: end), last >= start else { return nil }
    return ByteRange(start: start, length: last - start == Int64.max ? 0 : last - start + 1)
  }
}

extension LockTableEntry {
  /// Whether it is no lock that anybody wants, but a place among those who wait (`TicketQueue`).
  var isTicket: Bool { mode == .posix && TicketQueue.contains(range) }

  /// As the line of one who waits for `lock`, behind so many others.
  func waiting(for lock: LockTableEntry, behind others: Int) -> LockTableEntry {
    LockTableEntry(lock, depth: others + 1, process: process)
  }

  private init(_ lock: LockTableEntry, depth: Int, process: Int32?) {
    self.depth = depth
    mode = lock.mode
    sharing = .exclusive
    self.process = process
    device = lock.device
    inode = lock.inode
    range = lock.mode == .flock ? lock.range : .wholeFile
  }

  /// Equal for lines that cannot be told apart, such as two shared OFD locks of one range.
  var key: (UInt64, UInt64, UInt64, UInt64, UInt64) {
    (
      inode, device,
      mode.number << 33 | (sharing == .shared ? 1 << 32 : 0)
        | UInt64(UInt32(bitPattern: process ?? Self.unnamed)),
      UInt64(bitPattern: range.start), UInt64(bitPattern: range.length)
    )
  }
}

/// `major` and `minor` as st_dev has them (makedev(3)); nil for what is no device number.
func deviceNumber(major: UInt64, minor: UInt64) -> UInt64? {
  guard major <= UInt32.max, minor <= UInt32.max else { return nil }
  return (major & 0xfff) << 8 | (major & 0xffff_f000) << 32 | minor & 0xff
    | (minor & 0xffff_ff00) << 12
}
