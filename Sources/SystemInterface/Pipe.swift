internal import CSystem

/// Both ends of a pipe(2), close-on-exec.
public struct Pipe: ~Copyable {
  public private(set) var reading: FileDescriptor
  public private(set) var writing: FileDescriptor

  public init() throws(Errno) {
    var ends: (Int32, Int32) = (-1, -1)
    try retryingOnInterrupt { csystem_pipe(&ends.0, &ends.1) }
    reading = FileDescriptor(taking: ends.0)
    writing = FileDescriptor(taking: ends.1)
  }

  /// The reader sees the end once all other processes have closed theirs as well.
  public mutating func closeWriting() {
    writing = FileDescriptor(taking: -1)
  }

  /// Whoever writes gets SIGPIPE then.
  public mutating func closeReading() {
    reading = FileDescriptor(taking: -1)
  }
}
