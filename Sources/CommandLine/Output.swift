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

  /// One line of swlock's on standard error. If even that fails there is nobody left to tell.
  static func say(_ message: Message) {
    try? write("swlock: \(message)\n", to: STDERR_FILENO)
  }

  /// Writes `message` as it is. Whoever reads it may have gone away; that is an error, and no
  /// SIGPIPE that would end this process beside its command.
  static func write(_ message: Message, to descriptor: Int32) throws(Errno) {
    let pipe = SignalSet([SIGPIPE])
    let mask = try pipe.block()
    defer { _ = try? mask.becomeMask() }
    do throws(Errno) {
      try writeAll(message.bytes, to: descriptor)
    } catch {
      if error == .brokenPipe { _ = pipe.takePending() }
      throw error
    }
  }
}
