internal import CSystem

/// Both ends of a pipe(2), close-on-exec.
public struct Pipe: ~Copyable {
  public let reading: FileDescriptor
  public private(set) var writing: FileDescriptor

  public init() throws(Errno) {
    var ends: (Int32, Int32) = (-1, -1)
    _ = try retryingOnInterrupt {
      withUnsafeMutablePointer(to: &ends) { ends in
        ends.withMemoryRebound(to: Int32.self, capacity: 2) { pipe2($0, O_CLOEXEC) }
      }
    }
    reading = FileDescriptor(taking: ends.0)
    writing = FileDescriptor(taking: ends.1)
  }

  /// The reader sees the end once all other processes have closed theirs as well.
  public mutating func closeWriting() {
    writing = FileDescriptor(taking: -1)
  }
}
