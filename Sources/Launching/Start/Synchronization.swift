internal import CSystem

/// A child process that has file systems on disk (syncfs(2)): a disk that hangs may keep it for ever,
/// but not this process. So it holds nothing that anybody could wait for.
package final class Synchronization {
  package let child: ChildProcess
  /// Where the child writes the place of each path that failed, and the error.
  private let reader: FileDescriptor

  package init(_ paths: [ByteString]) throws(LaunchError) {
    let pipe = try launchStep(.pipe) { () throws(Errno) in try Pipe() }
    reader = pipe.reading
    guard let child = try forkCompanion() else { Self.run(paths, pipe.writing.number) }
    self.child = child
  }

  /// What failed, once the child has ended: each path by its place.
  package func failures() -> [(place: Int, errno: Errno)] {
    var failures: [(place: Int, errno: Errno)] = []
    var words: (Int32, Int32) = (0, 0)
    while (try? retryingOnInterrupt { read(reader.number, &words, 8) }) == 8 {
      failures.append((Int(words.0), Errno(words.1)))
    }
    return failures
  }

  private static func run(_ paths: [ByteString], _ writer: Int32) -> Never {
    do throws(LaunchError) {
      try closeDescriptors(from: 0, besides: [writer])
    } catch {
      var words: (Int32, Int32) = (0, error.errno.code)
      _ = write(writer, &words, 8)
      _exit(0)
    }
    for (place, path) in paths.enumerated() {
      do throws(Errno) {
        try synchronize(path)
      } catch {
        var words: (Int32, Int32) = (Int32(place), error.code)
        _ = write(writer, &words, 8)
      }
    }
    _exit(0)
  }
}

/// Has the file system of `path` on disk (syncfs(2)); all of them, where the kernel has no syncfs
/// (before Linux 2.6.39).
private func synchronize(_ path: ByteString) throws(Errno) {
  // Not to wait for the other end of a FIFO.
  let file = try FileDescriptor.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
  do throws(Errno) {
    try retryingOnInterrupt { syncfs(file.number) }
  } catch .notImplemented {
    sync()
  }
}
