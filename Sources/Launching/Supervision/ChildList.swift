internal import CSystem

/// The kernel's own list of this process's children (proc(5), /proc/PID/task/TID/children; a kernel without
/// CONFIG_PROC_CHILDREN has none). It can be read again and again, also where nothing can be opened any
/// more.
///
/// At the end of a reading it had all children that there were at that moment. A child comes only at its
/// end, when a descendant's parent dies, and goes only when it is reaped, which this thread does not do
/// meanwhile. So one that lacks a process proves that this is no child.
final class ChildList {
  private let file: FileDescriptor

  /// Throws ENOENT where /proc has no such list of this process, ESRCH where it is that of another pid
  /// namespace and so has other numbers.
  init() throws(Errno) {
    let own = "/proc/self/task/" + ByteString(decimal: getpid()) + "/children"
    file = try FileDescriptor.open(own, O_RDONLY)
    if try !procIsOurs() { throw .noProcess }
  }

  /// Ended ones that are not reaped included.
  func read() throws(Errno) -> [Int32] {
    var text: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    let number = file.number
    while true {
      let offset = text.count
      let count = try retryingOnInterrupt { pread(number, &chunk, chunk.count, offset) }
      if count == 0 { return decimalNumbers(text) }
      text += chunk[..<count]
    }
  }
}

/// Numbers with spaces between them.
func decimalNumbers(_ text: [UInt8]) -> [Int32] {
  text.split(separator: ascii(" ")).map { word in
    word.reduce(0) { $1 < ascii("0") ? $0 : $0 &* 10 &+ Int32($1 &- ascii("0")) }
  }
}

/// Whether the numbers in /proc are those of this process's pid namespace. In one that was mounted in an
/// outer namespace this process has several (proc_pid_status(5), NSpid, since Linux 4.1).
func procIsOurs() throws(Errno) -> Bool {
  let file = try FileDescriptor.open("/proc/self/status", O_RDONLY)
  let text = try file.readAll(limit: 1 << 16)
  for line in text.split(separator: ascii("\n"))
  where line.hasPrefix("NSpid:") {
    return line.split(separator: ascii("\t")).count == 2
  }
  return true
}
