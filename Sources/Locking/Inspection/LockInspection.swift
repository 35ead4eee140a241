/// What was found, and how much could be looked at.
public struct LockInspection: Equatable, Sendable {
  /// In the order of /proc/locks.
  package let locks: [ObservedLock]
  /// The processes whose descriptors may not be looked at (ptrace(2), access mode checks). Each may
  /// have inherited any lock that is not `posix`.
  package let unreadable: [Int32]
  /// Whether this is the machine's first pid namespace. In any other one, locks that were taken
  /// outside it, or by a process that has ended, are seen only where a process in it has them.
  package let seesAllNamespaces: Bool
  /// What other hosts have on the file; `none` where all locks were looked for.
  package internal(set) var elsewhere = LocksElsewhere.none

  /// Whether there may be more than was found: some processes may not be looked at, or the file's server is not asked.
  public var isPartial: Bool {
    !unreadable.isEmpty || !seesAllNamespaces || elsewhere == .unknown
  }

  /// Whether somebody has a lock, on this host or another.
  public var hasHolder: Bool { !locks.isEmpty || elsewhere.isHeld }
}

extension LockInspection {
  /// The same with some of the locks only.
  func restricted(to counts: (ObservedLock) -> Bool) -> LockInspection {
    var part = LockInspection(
      locks: locks.filter(counts), unreadable: unreadable, seesAllNamespaces: seesAllNamespaces)
    part.elsewhere = elsewhere
    return part
  }
}

// For those who do not ask which lock.
#if !hasFeature(Embedded)
  extension LockInspection {
    /// The processes that have a lock. There may be none where somebody has: on another host, in another pid namespace,
    /// or one that may not be looked at.
    public var holders: [ObservedProcess] { Self.distinct(locks.flatMap(\.holders).map(\.process)) }

    /// The processes that wait for one; more than there are where the kernel does not tell which (`ofd`).
    public var waiters: [ObservedProcess] {
      Self.distinct(locks.flatMap(\.waiters).flatMap(\.processes))
    }

    private static func distinct(_ processes: [ObservedProcess]) -> [ObservedProcess] {
      var seen: Set<CInt> = []
      return processes.filter { seen.insert($0.identifier).inserted }
    }
  }
#endif
