internal import CSystem

// Pairs of descriptors; all close-on-exec. The reader of either sees the end once all processes have closed
// the other end.

/// pipe(2)
@frozen package struct Pipe: ~Copyable {
  package let reading: FileDescriptor
  package let writing: FileDescriptor

  package init() throws(Errno) {
    var ends: (Int32, Int32) = (-1, -1)
    try retryingOnInterrupt { csystem_pipe(&ends.0, &ends.1) }
    reading = FileDescriptor(taking: ends.0)
    writing = FileDescriptor(taking: ends.1)
  }
}

/// socketpair(2)
@frozen package struct SocketPair: ~Copyable {
  package let near: FileDescriptor
  package let far: FileDescriptor

  /// For bytes.
  package init() throws(Errno) {
    try self.init { csystem_stream_pair($0) }
  }

  /// For messages with their senders' numbers, each of which makes `signal` for this process.
  package init(signallingMessages signal: Int32) throws(Errno) {
    try self.init { ends in csystem_message_pair(ends, ends + 1, signal) }
  }

  private init(_ make: (UnsafeMutablePointer<Int32>) -> Int32) throws(Errno) {
    var ends: (Int32, Int32) = (-1, -1)
    try retryingOnInterrupt {
      withUnsafeMutablePointer(to: &ends) { ends in
        ends.withMemoryRebound(to: Int32.self, capacity: 2) { make($0) }
      }
    }
    near = FileDescriptor(taking: ends.0)
    far = FileDescriptor(taking: ends.1)
  }
}
