internal import CSystem

/// What a new process says of its failure to become a program, in a pipe (pipe(2)) that the program's
/// beginning closes.
final class FailureReport {
  private let reader: FileDescriptor
  private var writer: FileDescriptor?
  /// Of where the new process writes.
  let number: Int32

  /// The writing end has a number that `setup` does not give away, and no program inherits either.
  init(_ setup: ProcessSetup) throws(LaunchError) {
    let pipe = try launchStep(.pipe) { () throws(Errno) in try Pipe() }
    number = setup.duplicate(pipe.writing.number)
    try check(.fcntl, number)
    writer = FileDescriptor(taking: number)
    reader = pipe.reading
  }

  func write(_ error: LaunchError) {
    var words: (Int32, Int32) = (error.step.rawValue, error.errno.code)
    _ = CSystem.write(number, &words, 8)
  }

  /// In the parent, once: waits until the program has begun (nil), or never will.
  func read() -> LaunchError? {
    writer = nil
    var words: (Int32, Int32) = (0, 0)
    let count = try? retryingOnInterrupt { CSystem.read(reader.number, &words, 8) }
    guard count == 8, let step = LaunchStep(rawValue: words.0) else { return nil }
    return LaunchError(step: step, errno: Errno(words.1))
  }
}
