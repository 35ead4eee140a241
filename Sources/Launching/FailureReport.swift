internal import CSystem

/// What a new process says of its failure to become a program, in a pipe (pipe(2)) that the program's
/// beginning closes.
final class FailureReport {
  private let reader: Int32
  /// Where the new process writes.
  let writer: Int32

  /// The writing end has a number that `setup` does not give away, and no program inherits either.
  init(_ setup: ProcessSetup) throws(LaunchError) {
    let ends = try makePipe()
    let near = FileDescriptor(taking: ends.reader)
    let far = FileDescriptor(taking: ends.writer)
    writer = setup.duplicate(far.number)
    if writer < 0 { throw LaunchError(step: .fcntl, errno: .current) }
    reader = near.leak()
  }

  deinit { close(reader) }

  func write(_ error: LaunchError) {
    var words: (Int32, Int32) = (error.step.rawValue, error.errno.code)
    _ = CSystem.write(writer, &words, 8)
  }

  /// In the parent, once: waits until the program has begun (nil), or never will.
  func read() -> LaunchError? {
    close(writer)
    var words: (Int32, Int32) = (0, 0)
    let count = try? retryingOnInterrupt { CSystem.read(reader, &words, 8) }
    guard count == 8, let step = LaunchStep(rawValue: words.0) else { return nil }
    return LaunchError(step: step, errno: Errno(words.1))
  }
}
