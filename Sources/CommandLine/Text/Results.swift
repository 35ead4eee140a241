internal import CSystem
internal import SystemInterface

/// What a command was asked for, on standard output, a write(2) a line or more. If not all of it can be
/// written, the command has failed; what it does beside writing is done all the same.
struct Results {
  /// Why some of it was lost.
  private var error: Errno?
  private var isEmpty = true

  /// To be made before anything is opened, which would get the number of a standard output that is closed.
  init() {
    if csystem_fcntl(STDOUT_FILENO, F_GETFD, 0) < 0 { error = .current }
  }

  /// Whether some of what was written is lost already; then the rest is of no use.
  var areLost: Bool { error != nil && !isEmpty }

  mutating func write(_ message: Message) {
    isEmpty = false
    if error != nil { return }
    do throws(Errno) {
      try Output.write(message, to: STDOUT_FILENO)
    } catch {
      self.error = error
    }
  }

  /// Waits until `deadline`, but no longer than there is somebody who reads: what more there would be to
  /// write is lost then.
  mutating func pause(until deadline: Deadline) {
    guard (try? waitUntilBroken(STDOUT_FILENO, by: deadline)) == true else { return }
    isEmpty = false
    if error == nil { error = .brokenPipe }
  }

  /// Once all is written: says whether it was. Whoever has stopped to read does not want to know, and has
  /// this process killed by SIGPIPE, unless that is ignored.
  func finish() throws(Failure) {
    guard let error = isEmpty ? nil : error ?? Output.errorOfClosing(STDOUT_FILENO) else { return }
    if error == .brokenPipe { raise(SIGPIPE) }
    throw Failure(.inputOutput, .unable(to: "write to standard output", "\(error.text)"))
  }

  /// The one thing that a command is to write.
  static func write(_ message: Message) throws(Failure) {
    var results = Results()
    results.write(message)
    try results.finish()
  }
}

extension FirstFailure {
  /// Also that of the results.
  mutating func finish(_ results: Results) {
    do throws(Failure) {
      try results.finish()
    } catch {
      say(error)
    }
  }
}
