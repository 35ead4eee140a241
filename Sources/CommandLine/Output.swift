internal import CSystem
internal import SystemInterface

/// Where text goes: results to standard output, everything else to standard error, one write(2) a
/// line so that lines of several processes do not mix.
enum Output {
  static func result(_ message: Message) throws(Failure) {
    do throws(Errno) {
      try writeAll(message.bytes, to: STDOUT_FILENO)
    } catch {
      throw Failure(.inputOutput, "unable to write to standard output: \(error.text)")
    }
  }

  /// One line on standard error. If even that fails there is nobody left to tell.
  static func say(_ message: Message) {
    var line: Message = "swlock: "
    line.append(message)
    line.append("\n")
    // Whoever reads our messages may go away; the command must not die of that.
    csystem_set_handler(SIGPIPE, csystem_signal_ignored())
    try? writeAll(line.bytes, to: STDERR_FILENO)
  }
}
