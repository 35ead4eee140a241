internal import CSystem
internal import SystemInterface

/// What flock(1) says, and what becomes of its end when that cannot be written.
struct FlockOutput {
  private var resultError: Errno?
  private var hasResult = false
  private var complaintError: Errno?

  /// On standard output.
  mutating func result(_ message: Message) {
    hasResult = true
    do throws(Errno) {
      try Output.write(message, to: STDOUT_FILENO)
    } catch {
      resultError = error
    }
  }

  /// One line on standard error.
  mutating func complain(_ message: Message) {
    do throws(Errno) {
      try Output.write("flock: \(message)\n", to: STDERR_FILENO)
    } catch {
      complaintError = error
    }
  }

  /// Whether nobody is left to read standard error.
  var hasLostItsReader: Bool { complaintError == .brokenPipe }

  /// Ends flock: returns its exit status, which was to be `status`. Like every program that buffers
  /// its output, flock(1) learns only at its end that this cannot be written.
  mutating func finish(_ status: Int32) -> Int32 {
    var failed = false
    if hasResult, resultError == nil { resultError = Output.errorOfClosing(STDOUT_FILENO) }
    switch resultError {
    case nil, .badDescriptor: break
    case .brokenPipe: raise(SIGPIPE)
    case let error?:
      complain("write error: \(error.text)")
      failed = true
    }
    if hasLostItsReader { raise(SIGPIPE) }
    return failed || complaintError != nil ? 1 : status
  }
}
