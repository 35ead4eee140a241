internal import CSystem

/// A lock as the kernel knows it, on a file that is open already: the one place where flock(2) and
/// fcntl(2) are called for it.
///
/// For descriptors that come from elsewhere, such as a shell's `exec 9>FILE`. Nothing is known here
/// of the file's path, and nothing is checked: `acquire` does that.
package struct KernelLock: Sendable {
  package let mode: KernelMode
  package let sharing: Sharing
  /// Means nothing in `flock` mode, whose locks are of the whole file.
  package let range: ByteRange

  package init(mode: KernelMode, sharing: Sharing = .exclusive, range: ByteRange = .wholeFile) {
    self.mode = mode
    self.sharing = sharing
    self.range = range
  }

  private static let pollInterval = Span.milliseconds(20)

  private var callStep: LockStep { mode == .flock ? .flock : .fcntl }

  /// Takes the lock on the open file `descriptor`: at once, or else as `patience` allows. A lock of
  /// the same kind that it has there already becomes this one. A file system that refuses to wait
  /// (EAGAIN for a call that should block: some in user space do) is asked again and again; without
  /// `polling` it is taken at its word, which is `busy`. So is a server with NFS 2 and 3, where it is not safe
  /// to end a wait: waiters have no order there.
  ///
  /// - Throws: `busy`, `timedOut`, `interrupted` where the wait was called off (`KernelWait`), or `system` with the
  ///   step `flock` or `fcntl`.
  package func take(
    _ descriptor: Int32, _ patience: Patience, polling: Bool = true
  ) throws(LockError) {
    if try take(descriptor, waiting: false) { return }
    if patience != .never, SharedFileSystem.endedWaitMayKeepLock(on: descriptor, mode) {
      return try takeByTurns(descriptor, patience)
    }
    switch patience {
    case .never:
      throw .busy
    case .forever:
      while try !take(descriptor, waiting: true, polling) {
        if csystem_was_called_off() { throw .interrupted }
      }
    case .until(let deadline):
      guard let timer = WakeupTimer.start(deadline) else {
        return try takeByTurns(descriptor, patience)
      }
      defer { timer.keepAlive() }
      while try !take(descriptor, waiting: true, polling) {
        if deadline.hasPassed { throw .timedOut }
        if csystem_was_called_off() { throw .interrupted }
      }
    }
  }

  /// Asks again and again, and never has the kernel wait.
  private func takeByTurns(_ descriptor: Int32, _ patience: Patience) throws(LockError) {
    var backoff = Backoff(from: .milliseconds(15), to: .milliseconds(375))
    repeat {
      patience.bounding(backoff.next()).pause()
      if try take(descriptor, waiting: false) { return }
      if csystem_was_called_off() { throw .interrupted }
    } while !patience.isOver
    throw .timedOut
  }

  /// One system call. False: somebody else has the lock, or a signal ended the wait.
  private func take(
    _ number: Int32, waiting: Bool, _ polling: Bool = true
  ) throws(LockError) -> Bool {
    while true {
      if call(number, waiting: waiting) == 0 { return true }
      let error = Errno.current
      switch error {
      case .interrupted where !waiting: continue
      case .interrupted: return false
      case .wouldBlock: break
      // POSIX allows either of the two for fcntl; for a lock call EACCES means nothing else.
      case .accessDenied where mode != .flock: break
      default: throw .system(callStep, error)
      }
      if waiting {
        if !polling { throw .busy }
        Self.pollInterval.pause()
      }
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

  /// Gives the lock back, or the part of one that is in `range`; so does everybody who shares the
  /// open file. It is no error if there was none.
  package func drop(_ descriptor: Int32) throws(LockError) {
    try step(callStep) { () throws(Errno) in
      _ = try retryingOnInterrupt {
        switch mode {
        case .flock: flock(descriptor, LOCK_UN)
        case .posix: record(descriptor, F_SETLK, F_UNLCK)
        case .ofd: record(descriptor, F_OFD_SETLK, F_UNLCK)
        }
      }
    }
  }

  private func record(_ number: Int32, _ command: Int32, _ type: Int32) -> Int32 {
    var record = record(type)
    return csystem_fcntl_lock(number, command, &record)
  }

  private func record(_ type: Int32) -> flock {
    var record = flock()
    record.l_type = Int16(type)
    record.l_whence = Int16(SEEK_SET)
    record.l_start = Int(range.start)
    record.l_len = Int(range.length)
    return record
  }

  /// Who has a record lock that keeps others from one like this on the open file `descriptor`, as the
  /// kernel names it (fcntl(2), F_GETLK): -1 for a lock of mode `ofd`, 0 for a process that has no number
  /// in this pid namespace. Nil where nobody has, but perhaps this process. One system call.
  package func recordLocker(on descriptor: Int32) -> Int32? {
    (try? conflict(on: descriptor)).flatMap { $0.l_type == Int16(F_UNLCK) ? nil : $0.l_pid }
  }

  /// How the record lock is shared that keeps others from one like this; nil where there is none. On a
  /// network file system that is what its server says, also of flock locks that it takes for record locks.
  func sharingOfConflict(on descriptor: Int32) throws(Errno) -> Sharing? {
    switch Int32(try conflict(on: descriptor).l_type) {
    case Int32(F_UNLCK): nil
    case Int32(F_RDLCK): .shared
    default: .exclusive
    }
  }

  private func conflict(on descriptor: Int32) throws(Errno) -> flock {
    var record = record(sharing == .shared ? F_RDLCK : F_WRLCK)
    try retryingOnInterrupt { csystem_fcntl_lock(descriptor, F_GETLK, &record) }
    return record
  }
}
