internal import CSystem

extension ProcessFolder {
  /// Whether a thread of the process waits just now for an OFD lock on that descriptor of it
  /// (proc_pid_syscall(5)); false as well where that may not be looked at.
  func isWaitingForOpenFileLock(on descriptor: Int32) -> Bool {
    guard let threads = try? numbers(in: "task") else { return false }
    for thread in threads {
      let name = "task/" + ByteString(decimal: thread) + "/syscall"
      if let text = read(name), let call = BlockedCall(text), call.number == UInt64(SYS_fcntl),
        call.first == UInt64(UInt32(bitPattern: descriptor)), call.second == UInt64(F_OFD_SETLKW)
      {
        return true
      }
    }
    return false
  }
}

/// The text of /proc/PID/syscall: `72 0x3 0x26 0x7ffd...`.
struct BlockedCall {
  let number: UInt64
  let first: UInt64
  let second: UInt64

  /// Nil for a thread that is in no system call.
  init?(_ text: [UInt8]) {
    var scanner = ByteScanner(text[...])
    guard let number = scanner.unsigned(), let first = Self.argument(&scanner),
      let second = Self.argument(&scanner)
    else { return nil }
    self.number = number
    self.first = first
    self.second = second
  }

  private static func argument(_ scanner: inout ByteScanner) -> UInt64? {
    scanner.skipSpaces()
    guard scanner.skip(ascii("0")), scanner.skip(ascii("x")) else { return nil }
    return scanner.unsigned(radix: 16)
  }
}
