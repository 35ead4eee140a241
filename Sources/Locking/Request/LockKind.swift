/// What a lock is made of, with what is particular to that. Ask it what it can do: which kind it is, is the
/// business of its own folder only. A policy is on the heap: requests are copied, and their stack is new pages.
package enum LockKind: Sendable {
  /// The kernel's; only the fcntl modes lock ranges.
  case kernel(KernelMode, range: ByteRange = .wholeFile)
  /// Both kinds of the kernel's on one file, an `ofd` lock and then a `flock` lock: so it excludes everybody
  /// who locks in one of the kernel's ways. The range is the record lock's.
  case flockAndOFD(range: ByteRange = .wholeFile)
  /// link(2), for file systems whose kernel locks mean nothing: a claim file that names its owner, as
  /// flufl.lock has it, `PATH|HOST|PID|RANDOM`. Locks have a lifetime.
  indirect case flufl(FluflPolicy)
  /// The same as portage has it, `.NAME.hardlock-HOST-PID`. Locks last until they are released.
  indirect case portage(HardlinkPolicy)
  /// Another program's, which is asked for it (docs/engines.md); the path is only a name. Locks have a lifetime.
  indirect case engine(EngineTerms)

  /// Which of the kernel's locks it is; nil for a lock that the kernel knows nothing of, and for two of them.
  package var kernelMode: KernelMode? { if case .kernel(let mode, _) = self { mode } else { nil } }

  /// Whether such a lock of the kernel's belongs to it.
  package func includes(_ mode: KernelMode) -> Bool {
    switch self {
    case .kernel(let own, _): own == mode
    case .flockAndOFD: mode != .posix
    case .flufl, .portage, .engine: false
    }
  }

  /// Whether a lock of `mode` and this one may be in each other's way.
  func meets(_ mode: KernelMode) -> Bool {
    switch self {
    case .kernel(let own, _): own.isRecordLock == mode.isRecordLock
    case .flockAndOFD: true
    case .flufl, .portage, .engine: false
    }
  }

  /// Whether both are made of the same locks, whatever part of the file they are of.
  func isLike(_ other: LockKind) -> Bool {
    switch (self, other) {
    case (.kernel(let own, _), .kernel(let mode, _)): own == mode
    case (.flockAndOFD, .flockAndOFD): true
    default: false
    }
  }

  /// What part of the file it is of.
  package var range: ByteRange {
    switch self {
    case .kernel(_, let range), .flockAndOFD(let range): range
    case .flufl, .portage, .engine: .wholeFile
    }
  }

  /// Whether a process that inherits a descriptor holds the lock as well.
  package var isInherited: Bool {
    switch self {
    case .kernel(let mode, _): mode.isInherited
    case .flockAndOFD: true
    case .flufl, .portage, .engine: false
    }
  }

  /// Whether it is a file that names its owner, and which stays when the owner is killed.
  package var hasClaim: Bool {
    switch self {
    case .kernel, .flockAndOFD, .engine: false
    case .flufl, .portage: true
    }
  }

  /// The program that takes and keeps it; nil for a lock that swlock takes itself.
  package var engine: EngineName? { if case .engine(let terms) = self { terms.name } else { nil } }

  /// Whether it is of a file, and not only of a name.
  package var isOfFile: Bool { engine == nil }

  /// Whether it is known by the process that takes it, and kept and given back by that alone: only that one can
  /// run a command under it.
  package var isTakenByHolder: Bool { hasClaim || engine != nil }

  /// How long it is held without a refresh; nil: until it is released.
  package var lifetime: Span? {
    switch self {
    case .flufl(let policy): policy.lifetime
    case .engine(let terms): terms.lifetime
    case .kernel, .flockAndOFD, .portage: nil
    }
  }

  /// Whether several can have it at once, who share it.
  package var countsShared: Bool { !hasClaim }

  /// The place of a lock with a claim.
  ///
  /// - Throws: `refused`; `system(.folder, ...)`; `notHeld` for a kind without claims.
  package func location(at path: ByteString) throws(LockError) -> HardlinkLocation {
    try location(at: path, in: nil)
  }

  /// - Parameter place: its folder, where that is open already.
  func location(
    at path: ByteString, in place: LockFolder?
  ) throws(LockError) -> HardlinkLocation {
    switch self {
    case .kernel, .flockAndOFD, .engine: throw .notHeld
    case .flufl(let policy): try FluflLocation(path, policy, in: place)
    case .portage(let policy): try PortageLocation(path, policy, in: place)
    }
  }
}
