internal import CSystem

/// A lock as the kernel knows it: the one place where flock(2) and fcntl(2) are called for it.
struct KernelLock {
  let mode: LockMode
  let sharing: Sharing
  let range: ByteRange

  /// Microseconds.
  private static let pollInterval: UInt32 = 20_000

  private var step: LockStep { mode == .flock ? .flock : .fcntl }

  /// Takes the lock on the open file `number`: at once, or else as `patience` allows.
  func take(_ number: Int32, _ patience: Patience) throws(LockError) {
    if try take(number, waiting: false) { return }
    switch patience {
    case .never:
      throw .busy
    case .forever:
      while try !take(number, waiting: true) {}
    case .until(let deadline):
      let timer = try Locking.step(.timer) { () throws(Errno) in try WakeupTimer.start(deadline) }
      defer { timer.keepAlive() }
      while try !take(number, waiting: true) {
        if deadline.hasPassed { throw .timedOut }
      }
    }
  }

  /// One system call. False: somebody else has the lock, or a signal ended the wait.
  private func take(_ number: Int32, waiting: Bool) throws(LockError) -> Bool {
    while true {
      if call(number, waiting: waiting) == 0 { return true }
      let error = Errno.current
      switch error {
      case .interrupted where !waiting: continue
      case .interrupted: return false
      case .wouldBlock: break
      // POSIX allows either of the two for fcntl; for a lock call EACCES means nothing else.
      case .accessDenied where mode != .flock: break
      default: throw .system(step, error)
      }
      // A file system that cannot wait for its locks: ask again, but not all the time.
      if waiting { usleep(Self.pollInterval) }
      return false
    }
  }

  private func call(_ number: Int32, waiting: Bool) -> Int32 {
    switch mode {
    case .flock:
      let operation = sharing == .shared ? LOCK_SH : LOCK_EX
      return flock(number, waiting ? operation : operation | LOCK_NB)
    case .posix:
      return record(number, waiting ? F_SETLKW : F_SETLK, sharing == .shared ? F_RDLCK : F_WRLCK)
    case .ofd:
      return record(
        number, waiting ? F_OFD_SETLKW : F_OFD_SETLK, sharing == .shared ? F_RDLCK : F_WRLCK)
    }
  }

  /// Gives back the range of a `posix` lock, for a descriptor that other ranges still need.
  func unlockRecord(_ number: Int32) -> Int32 {
    record(number, F_SETLK, F_UNLCK)
  }

  private func record(_ number: Int32, _ command: Int32, _ type: Int32) -> Int32 {
    var record = flock()
    record.l_type = Int16(type)
    record.l_whence = Int16(SEEK_SET)
    record.l_start = Int(range.start)
    record.l_len = Int(range.length)
    return csystem_fcntl_lock(number, command, &record)
  }
}
