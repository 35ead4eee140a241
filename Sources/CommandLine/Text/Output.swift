internal import CSystem
internal import Launching
internal import SystemInterface

/// Where text goes: what a command was asked for to standard output (`Results`), everything else to
/// standard error, one write(2) a line so that lines of several processes do not mix.
enum Output {
  /// Whether `descriptor` is a terminal whose lines may be written anew.
  static func isInteractive(_ descriptor: Int32) -> Bool {
    guard isatty(descriptor) == 1 else { return false }
    if let asked = CStringVector.environmentValue("NO_COLOR"), !asked.isEmpty { return false }
    guard let terminal = CStringVector.environmentValue("TERM") else { return false }
    return !terminal.isEmpty && terminal != "dumb"
  }

  /// How many columns a terminal has: as it says itself, or as $COLUMNS does, or 80.
  static func width(of descriptor: Int32) -> Int {
    if let columns = terminalColumns(descriptor), columns > 0 { return columns }
    return CStringVector.environmentValue("COLUMNS").flatMap { $0.bytes.number() } ?? 80
  }

  /// One line of swlock's on standard error. If even that fails there is nobody left to tell.
  @inline(never)
  static func say(_ message: Message) {
    try? write("swlock: \(message)\n", to: STDERR_FILENO)
  }

  /// Writes `message` as it is. Whoever reads it may have gone away; that is an error, and no
  /// SIGPIPE that would end this process beside its command.
  @inline(never)
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

  /// What is wrong with all that was written to `descriptor`, where that is known only at its end: a server
  /// of files may say so late that it has no space (close(2)). It is a copy that is closed.
  static func errorOfClosing(_ descriptor: Int32) -> Errno? {
    guard let copy = try? FileDescriptor.duplicate(descriptor) else { return nil }
    do throws(Errno) {
      try copy.close()
      return nil
    } catch {
      return error
    }
  }
}
