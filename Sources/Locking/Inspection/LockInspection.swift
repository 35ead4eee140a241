/// What was found, and how much could be looked at.
public struct LockInspection: Equatable, Sendable {
  /// In the order of /proc/locks.
  public let locks: [ObservedLock]
  /// The processes whose descriptors may not be looked at (ptrace(2), access mode checks). Each may
  /// have inherited any lock that is not `posix`.
  public let unreadable: [Int32]
  /// Whether this is the machine's first pid namespace. In any other one, locks that were taken
  /// outside it, or by a process that has ended, are seen only where a process in it has them.
  public let seesAllNamespaces: Bool
  /// What other hosts have on the file; `none` where all locks were looked for.
  public internal(set) var elsewhere = LocksElsewhere.none

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
