internal import CSystem

/// An open file descriptor that is closed exactly once: at the end of its life.
///
/// What `open` returns is close-on-exec and never 0, 1 or 2, so that a process started with closed
/// standard descriptors does not read or write a lock file by mistake.
package struct FileDescriptor: ~Copyable, Sendable {
  package private(set) var number: Int32

  /// Takes over an open descriptor.
  package init(taking number: Int32) {
    self.number = number
  }

  deinit {
    if number >= 0 { CSystem.close(number) }
  }

  /// Opens `path` (open(2)) with O_CLOEXEC added to `flags`.
  ///
  /// Where descriptor 0, 1 or 2 was closed, /dev/null is opened on it.
  package static func open(
    _ path: ByteString, _ flags: Int32, permissions: UInt32 = 0
  ) throws(Errno) -> FileDescriptor {
    let number = try path.withCString { (path) throws(Errno) in
      try retryingOnInterrupt { csystem_open(path, flags | O_CLOEXEC, permissions) }
    }
    let opened = FileDescriptor(taking: number)
    return number > STDERR_FILENO ? opened : try opened.movedAboveStandardDescriptors()
  }

  /// Opens the file `name` in the open folder `folder` (openat(2)), otherwise as above.
  package static func open(
    _ name: ByteString, in folder: Int32, _ flags: Int32, permissions: UInt32 = 0
  ) throws(Errno) -> FileDescriptor {
    let number = try name.withCString { (name) throws(Errno) in
      try retryingOnInterrupt { csystem_openat(folder, name, flags | O_CLOEXEC, permissions) }
    }
    let opened = FileDescriptor(taking: number)
    return number > STDERR_FILENO ? opened : try opened.movedAboveStandardDescriptors()
  }

  /// Opens `path` (open(2)) for a program to inherit: the lowest free number, not close-on-exec.
  package static func openInheritable(
    _ path: ByteString, _ flags: Int32, permissions: UInt32 = 0
  ) throws(Errno) -> FileDescriptor {
    FileDescriptor(
      taking: try path.withCString { (path) throws(Errno) in
        try retryingOnInterrupt { csystem_open(path, flags, permissions) }
      })
  }

  /// Another descriptor of the same open file, close-on-exec and never 0, 1 or 2 (fcntl(2), F_DUPFD_CLOEXEC).
  package static func duplicate(_ number: Int32) throws(Errno) -> FileDescriptor {
    FileDescriptor(
      taking: try retryingOnInterrupt {
        csystem_fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
      })
  }

  private consuming func movedAboveStandardDescriptors() throws(Errno) -> FileDescriptor {
    let moved = try Self.duplicate(number)
    try close()
    // Without a /dev/null they stay closed, as they were; all that we open is moved away anyhow.
    while let null = try? retryingOnInterrupt({ csystem_open("/dev/null", O_RDWR, 0) }) {
      if null > STDERR_FILENO {
        CSystem.close(null)
        break
      }
    }
    return moved
  }

  /// It stays open until here at least, whatever the optimizer thinks of its last use.
  package func keepOpen() {}

  /// Closes now, and says what close(2) says; the descriptor is gone in any case.
  package consuming func close() throws(Errno) {
    let closing = number
    number = -1
    if CSystem.close(closing) != 0, Errno.current != .interrupted { throw Errno.current }
  }

  /// Gives the descriptor away without closing it.
  package consuming func leak() -> Int32 {
    let leaked = number
    number = -1
    return leaked
  }

  /// Reads to the end, at most `limit` bytes (read(2)).
  package func readAll(limit: Int) throws(Errno) -> [UInt8] {
    var content: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while content.count < limit {
      let wanted = min(chunk.count, limit - content.count)
      let count = try retryingOnInterrupt { read(number, &chunk, wanted) }
      if count == 0 { break }
      content += chunk[0..<count]
    }
    return content
  }
}

/// Has `descriptor` closed in every program that is executed from here on (fcntl(2), FD_CLOEXEC).
package func closeOnExec(_ descriptor: Int32) throws(Errno) {
  try retryingOnInterrupt { csystem_fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
}

/// Writes all of `bytes` to `descriptor` (write(2)), however many calls that takes.
package func writeAll(_ bytes: [UInt8], to descriptor: Int32) throws(Errno) {
  var written = 0
  while written < bytes.count {
    written += try bytes.withUnsafeBufferPointer { (buffer) throws(Errno) -> Int in
      let rest = UnsafeBufferPointer(rebasing: buffer[written...])
      return try retryingOnInterrupt { write(descriptor, rest.baseAddress, rest.count) }
    }
  }
}
