/// A lock as it was found, with everybody who has it and everybody who waits for it.
package struct ObservedLock: Equatable, Sendable {
  package let mode: KernelMode
  package let sharing: Sharing
  /// Of the whole file in `flock` mode.
  package let range: ByteRange
  /// The file, as stat(2) identifies it where `isCertain`, otherwise as /proc/locks does.
  package let file: FileIdentity
  /// A name of the file, as the kernel has it for one of the holders (proc_pid_fd(5)): ` (deleted)`
  /// follows that of a file without one. Nil where no holder was seen.
  package let path: ByteString?
  package let locker: Locker
  /// Who has the lock now. Empty where nobody was found: those who have it may not be inspected, are
  /// in another pid namespace, or are no processes at all, but the kernel itself (a descriptor in a
  /// socket's queue, a server of files).
  package let holders: [LockHolder]
  /// In the order in which the kernel queued them.
  package let waiters: [LockWaiter]
  /// How many open files have a lock like that, more than 1 only for shared ones: the kernel does not
  /// tell which holder shares with which.
  package let count: Int
  /// Whether it is proven to be a lock of that file. On btrfs, /proc/locks does not tell files with
  /// one number in several subvolumes apart, only a holder's descriptor does.
  package let isCertain: Bool

  /// Whether whoever has this lock keeps others from one on the same file as `request` asks for.
  /// Locks with a claim are another matter.
  package func excludes(_ request: LockRequest) -> Bool {
    guard sharing == .exclusive || request.sharing == .exclusive else { return false }
    guard request.kind.meets(mode) else { return false }
    return !mode.isRecordLock || range.overlaps(request.kind.range)
  }
}

extension ObservedLock {
  /// Whether who has this lock has all that `request` asks for, of this kind of lock.
  package func covers(_ request: LockRequest) -> Bool {
    excludes(request) && (sharing == .exclusive || request.sharing == .shared)
      && (!mode.isRecordLock || range.contains(request.kind.range))
  }
}

/// Who took a lock, as the kernel noted it then. It may have ended, or closed the file, while the
/// lock lives on with whoever inherited it.
package enum Locker: Equatable, Sendable {
  case process(Int32)
  /// Not noted, since the lock is an open file's (`ofd`).
  case openFile
  /// A process without a number in this pid namespace, or one of another host.
  case elsewhere

  init(_ number: Int32?) {
    guard let number else {
      self = .openFile
      return
    }
    self = number > 0 ? .process(number) : .elsewhere
  }
}

/// A process that has a lock.
package struct LockHolder: Equatable, Sendable {
  package let process: ObservedProcess
  /// Those of its descriptors that keep the lock. Empty where they may not be looked at: then the
  /// process is known to have taken the lock, but in `flock` mode not to have it still.
  package internal(set) var descriptors: [Int32]
  /// Whether it took the lock, rather than inherit it.
  package let isLocker: Bool

  package var isVerified: Bool { !descriptors.isEmpty }
}

/// One that waits for a lock.
package struct LockWaiter: Equatable, Sendable {
  /// Who it is. None where it is in another pid namespace or may not be inspected; several, one of
  /// which it is, where the kernel does not tell (`ofd`).
  package let processes: [ObservedProcess]
  package let mode: KernelMode
  package let sharing: Sharing
  package let range: ByteRange
  /// 1: waits for the lock itself; 2: for a waiter of depth 1, the last one before it; and so on.
  package let depth: Int
}
