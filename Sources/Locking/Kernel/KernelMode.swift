/// The kernel's kinds of lock. On a local disk they do not exclude each other, except `posix` and `ofd`.
#if hasAttribute(nonexhaustive)
  @nonexhaustive
#endif
public enum KernelMode: Equatable, Sendable, CaseIterable {
  /// flock(2): belongs to the open file, which a child inherits.
  case flock
  /// fcntl(2) F_SETLK: belongs to the process; closing any descriptor of the file drops it.
  case posix
  /// fcntl(2) F_OFD_SETLK: belongs to the open file, which a child inherits.
  case ofd

  /// Whether it is the process's, which never excludes itself, and not an open file's.
  var belongsToProcess: Bool { self == .posix }

  /// Whether a process that inherits the descriptor holds the lock as well.
  package var isInherited: Bool { !belongsToProcess }

  /// Whether it is a lock of a range of bytes, as fcntl(2) has it.
  package var isRecordLock: Bool { self != .flock }

  /// Whether the kernel notes which process took it.
  package var namesLocker: Bool { self != .ofd }

  /// What /proc/locks calls it (proc(5)).
  var tableName: Literal {
    switch self {
    case .flock: "FLOCK"
    case .posix: "POSIX"
    case .ofd: "OFDLCK"
    }
  }

  /// For keys: another one for each.
  var number: UInt64 {
    switch self {
    case .flock: 0
    case .posix: 1
    case .ofd: 2
    }
  }
}
