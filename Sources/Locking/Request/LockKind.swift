/// What a lock is made of, with what is particular to that. Ask it what it can do: which kind it is, is the
/// business of its own folder only. A policy is on the heap: requests are copied, and their stack is new pages.
public enum LockKind: Sendable {
  /// The kernel's; only the fcntl modes lock ranges.
  case kernel(KernelMode, range: ByteRange = .wholeFile)
  /// link(2), for file systems whose kernel locks mean nothing: a claim file that names its owner, as
  /// flufl.lock has it, `PATH|HOST|PID|RANDOM`. Locks have a lifetime.
  indirect case flufl(FluflPolicy)
  /// The same as portage has it, `.NAME.hardlock-HOST-PID`. Locks last until they are released.
  indirect case portage(HardlinkPolicy)

  /// Which of the kernel's locks it is; nil for a lock that the kernel knows nothing of.
  public var kernelMode: KernelMode? { if case .kernel(let mode, _) = self { mode } else { nil } }

  /// What part of the file it is of.
  public var range: ByteRange {
    if case .kernel(_, let range) = self { range } else { .wholeFile }
  }

  /// Whether a process that inherits a descriptor holds the lock as well.
  public var isInherited: Bool { kernelMode?.isInherited == true }

  /// Whether it is a file that names its owner, and which stays when the owner is killed.
  public var hasClaim: Bool { kernelMode == nil }

  /// How long it is held without a refresh; nil: until it is released.
  public var lifetime: Span? { if case .flufl(let policy) = self { policy.lifetime } else { nil } }

  /// Whether several can have it at once, who share it.
  public var countsShared: Bool { kernelMode != nil }

  /// The place of a lock with a claim.
  ///
  /// - Throws: `refused`; `system(.folder, ...)`; `notHeld` for a kind without claims.
  public func location(at path: ByteString) throws(LockError) -> HardlinkLocation {
    try location(at: path, in: nil)
  }

  /// - Parameter place: its folder, where that is open already.
  func location(
    at path: ByteString, in place: LockFolder?
  ) throws(LockError) -> HardlinkLocation {
    switch self {
    case .kernel: throw .notHeld
    case .flufl(let policy): try FluflLocation(path, policy, in: place)
    case .portage(let policy): try PortageLocation(path, policy, in: place)
    }
  }
}
