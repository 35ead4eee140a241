internal import CSystem

/// Whether a flock lock that was just won means anything on its file system. Asked on a file of its own
/// in the lock's folder (`automaticMode`): other folders say nothing about it.
struct ModeProbe {
  let path: ByteString
  let file: Int32

  func perform() throws(LockError) {
    try checkExclusion()
    if let type = try SharedFileSystem(of: file)?.typeIfFlockStaysHere() {
      throw .unsupported(.notSharedBetweenHosts(fileSystem: type))
    }
  }

  /// A second open file must be refused the exclusive lock.
  private func checkExclusion() throws(LockError) {
    let second = try step(.open) { () throws(Errno) in
      do throws(Errno) {
        return try FileDescriptor.open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK)
      } catch .accessDenied {
        return try FileDescriptor.open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK)
      }
    }
    if flock(second.number, LOCK_EX | LOCK_NB) == 0 { throw .unsupported(.locksDoNothing) }
    let error = Errno.current
    if error != .wouldBlock { throw .system(.flock, error) }
  }
}
