internal import CSystem

/// Where execve(2) has put the stack, the arguments and the environment of a process. fork(2) copies
/// them to the same place, and the next execve(2) chooses another one at random.
struct ProcessImage: Equatable {
  private let stack: UInt64
  private let arguments: UInt64
  private let environment: UInt64

  /// Fields 28, 48 and 50 of /proc/PID/stat (proc_pid_stat(5)), of which field 22 was read last. Nil
  /// where they are zero: of a process that may not be looked at (ptrace(2)).
  init?(_ scanner: inout ByteScanner) {
    var fields: [UInt64] = []
    for field in 23...50 {
      let word = scanner.word()
      if field == 28 || field == 48 || field == 50 {
        guard let value: UInt64 = word.number(), value > 0 else { return nil }
        fields.append(value)
      }
    }
    (stack, arguments, environment) = (fields[0], fields[1], fields[2])
  }

  /// That of a process as it is now.
  fileprivate init?(of process: Int32) {
    guard let folder = try? ProcessFolder(process), let text = folder.read("stat"),
      let image = ProcessStatistics(text)?.image
    else { return nil }
    self = image
  }
}

/// How a process has come from its parent.
package enum Descent: Equatable, Sendable {
  /// It is a copy of its parent that has executed nothing since (fork(2)), as a subshell is.
  case forked
  /// It has become a program of its own (execve(2)).
  case executed
  case unknown
}

extension ObservedProcess {
  /// How this process has come from `parent`, which must be its parent. Two programs may have the same
  /// place in memory only where it is not chosen at random (personality(2), ADDR_NO_RANDOMIZE).
  package func descent(from parent: ObservedProcess) -> Descent {
    if let own = ProcessImage(of: identifier), let other = ProcessImage(of: parent.identifier) {
      if own != other { return .executed }
      if Self.isRandomized(identifier), Self.isRandomized(parent.identifier) { return .forked }
    }
    // A copy has its parent's arguments as well; but so may another program.
    return command == parent.command ? .unknown : .executed
  }

  private static func isRandomized(_ process: Int32) -> Bool {
    guard
      let setting = try? FileDescriptor.open("/proc/sys/kernel/randomize_va_space", O_RDONLY),
      let level = try? setting.readAll(limit: 16), level.first != ascii("0"),
      let folder = try? ProcessFolder(process), let text = folder.read("personality")
    else { return false }
    var scanner = ByteScanner(text[...])
    let isNotRandomized: UInt64 = 0x4_0000  // ADDR_NO_RANDOMIZE
    return scanner.unsigned(radix: 16).map { $0 & isNotRandomized == 0 } ?? false
  }
}
