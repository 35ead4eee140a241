internal import CSystem

/// The kernel's word that nobody but one open file has a file open (fcntl(2), F_SETLEASE).
///
/// It is given only where that is so, whoever else has it open, for reading or writing, in this process or
/// another; not counted are descriptors of O_PATH, through which nothing can be locked. From then on
/// whoever opens the file, or truncates it, waits until the lease is given back (at most for the time in
/// /proc/sys/fs/lease-break-time), or is refused with EWOULDBLOCK where it does not want to wait; in
/// both cases the lease tells that somebody has come.
struct WriteLease {
  private let descriptor: Int32

  /// Nil where somebody else has the file open.
  ///
  /// - Throws: `unsupported(.noLeases)`; `system(.lease, .accessDenied)` to who does not own the file, and
  ///   may not take leases all the same (CAP_LEASE).
  init?(on descriptor: Int32) throws(LockError) {
    // Other hosts may have it open, or the server of files itself.
    if try SharedFileSystem(of: descriptor) != nil { throw .unsupported(.noLeases) }
    do throws(Errno) {
      // It is told by a signal as well, which by default would be SIGIO and end the process. SIGURG is
      // ignored by default. To be set each time: the end of a lease takes it back.
      try retryingOnInterrupt { csystem_fcntl(descriptor, F_SETSIG, SIGURG) }
      try retryingOnInterrupt { csystem_fcntl(descriptor, F_SETLEASE, Int32(F_WRLCK)) }
    } catch {
      switch error {
      case .wouldBlock: return nil
      case .accessDenied: throw .system(.lease, error)
      default: throw .unsupported(.noLeases)
      }
    }
    self.descriptor = descriptor
  }

  /// Whether nobody has tried to open the file since; also false where the lease was taken away
  /// meanwhile.
  var isUnbroken: Bool { csystem_fcntl(descriptor, F_GETLEASE, 0) == Int32(F_WRLCK) }

  /// Gives it back. So does closing the file.
  func end() { _ = csystem_fcntl(descriptor, F_SETLEASE, Int32(F_UNLCK)) }
}
