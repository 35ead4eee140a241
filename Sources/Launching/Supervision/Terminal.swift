internal import CSystem

/// The controlling terminal, as far as its foreground process group goes (tcsetpgrp(3)).
final class Terminal {
  private let descriptor: FileDescriptor

  private init(_ descriptor: consuming FileDescriptor) {
    self.descriptor = descriptor
  }

  /// Nil without a controlling terminal.
  static func ofThisSession() -> Terminal? {
    guard let opened = try? FileDescriptor.open("/dev/tty", O_RDWR | O_NOCTTY | O_NONBLOCK) else {
      return nil
    }
    return Terminal(opened)
  }

  /// The same, or nil when the group of this process is not in the foreground.
  static func inForeground() -> Terminal? {
    guard let terminal = ofThisSession(), terminal.isOurs else { return nil }
    return terminal
  }

  var number: Int32 { descriptor.number }

  /// Whether the group of this process is in the foreground.
  var isOurs: Bool { belongs(to: getpgrp()) }

  func belongs(to group: Int32) -> Bool { tcgetpgrp(number) == group }

  /// Puts `group` into the foreground. SIGTTOU must be blocked: without that a process of the
  /// background that asks is stopped.
  func give(to group: Int32) {
    tcsetpgrp(number, group)
  }
}

/// Whether the shell's job that this process runs in is this process alone, and `partner`, who waits for
/// it. A job has the number of its first process; those behind it in a pipeline may be there later
/// than this process, and are told by the pipe between.
package func isWholeJob(with partner: Int32?) -> Bool {
  let leader = getpgrp()
  guard leader == getpid() || leader == partner else { return false }
  return [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO].allSatisfy {
    let kind = (try? FileStatus(of: $0))?.kind
    return kind != .fifo && kind != .socket
  }
}
