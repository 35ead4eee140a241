internal import CSystem

/// A lock that another process has, and on which this one relies without having it itself: what
/// `HeldLock(relyingOn:)` is for.
package final class Reliance: Hold, Sendable {
  package let path: ByteString
  package let kind: LockKind
  /// Who has it; 0: nobody, or nobody of this host.
  package let holder: Int32
  /// When that process was started (`ObservedProcess.startTicks`); 0: not known.
  package let holderStart: UInt64
  private let basis: Basis

  private enum Basis {
    /// A descriptor of the holder, and the locks that it keeps.
    case descriptor(Int32, FileIdentity, [LockTableEntry])
    case claim(fileName: ByteString)
    /// The process itself, which has it by an engine.
    case process
  }

  /// On the lock that a descriptor of `process` keeps now on the file at `path`; nil where there is none.
  package init?(
    onDescriptor descriptor: Int32, of process: Int32, start: UInt64, kind: LockKind,
    at path: ByteString
  ) {
    guard let file = try? FileStatus(at: path, followingLinks: true).identity,
      let locks = Self.locks(of: process, start, descriptor, kind, on: file), !locks.isEmpty
    else { return nil }
    if case .flockAndOFD = kind, !Self.isWhole(locks, at: path) { return nil }
    self.path = path
    self.kind = kind
    holder = process
    holderStart = start
    basis = .descriptor(descriptor, file, locks)
  }

  /// - Parameters:
  ///   - above: who has it.
  ///   - request: what is to be covered.
  package convenience init?(on above: LockAbove, for request: LockRequest) {
    guard let descriptor = above.holder.descriptors.first else { return nil }
    let kind: LockKind =
      if case .flockAndOFD = request.kind { request.kind } else { .kernel(above.lock.mode) }
    self.init(
      onDescriptor: descriptor, of: above.process.identifier, start: above.process.startTicks,
      kind: kind, at: request.path)
  }

  /// Whether both kinds are among these locks of one open file, shared alike, where they are two.
  private static func isWhole(_ locks: [LockTableEntry], at path: ByteString) -> Bool {
    guard let record = locks.first(where: { $0.mode == .ofd }) else { return false }
    if let whole = locks.first(where: { $0.mode == .flock }) {
      return whole.sharing == record.sharing
    }
    guard let file = try? FileDescriptor.open(path, O_PATH) else { return false }
    return (try? SharedFileSystem(of: file.number)?.hasOneKindOfLock()) == true
  }

  /// On a lock with a claim.
  package init(onClaim fileName: ByteString, at path: ByteString, _ kind: LockKind) {
    self.path = path
    self.kind = kind
    holder = 0
    holderStart = 0
    basis = .claim(fileName: fileName)
  }

  /// On a lock that `process` has by an engine, as long as that runs; nil once it has ended.
  package init?(onProcess process: Int32, start: UInt64, at path: ByteString, _ kind: LockKind) {
    guard ObservedProcess(process)?.startTicks == start else { return nil }
    self.path = path
    self.kind = kind
    holder = process
    holderStart = start
    basis = .process
  }

  var reliance: Reliance? { self }

  func release() {}

  /// The descriptor by which the holder keeps it; nil for a claim.
  package var holderDescriptor: Int32? {
    if case .descriptor(let number, _, _) = basis { number } else { nil }
  }

  /// The claim's file; nil for a lock of the kernel's.
  package var claim: ByteString? {
    if case .claim(let fileName) = basis { fileName } else { nil }
  }

  /// Whether it is still that lock, and held. What cannot be looked at just now is taken for held.
  package var isHeld: Bool {
    switch basis {
    case .descriptor(let number, let file, let locks):
      return Self.locks(of: holder, holderStart, number, kind, on: file) == locks
    case .process:
      return !processHasEnded(holder) && ObservedProcess(holder)?.startTicks == holderStart
    case .claim(let fileName):
      guard let report = try? kind.location(at: path).report() else { return true }
      return report.holder?.fileName == fileName && report.state != .stale
    }
  }

  /// Waits until the lock is not held any more, or one of `interruptions` can be read. Nobody tells when a
  /// lock is given back by a process that lives on: that is seen within a second.
  ///
  /// - Returns: the place in `interruptions`; nil: the lock has gone.
  package func waitForEnd(orUntil interruptions: [Int32] = []) -> Int? {
    let handle = holder > 0 ? try? ProcessHandle(holder) : nil
    let awaited = interruptions + (handle.map { [$0.number] } ?? [])
    while isHeld {
      do throws(Errno) {
        let ready = try waitUntilReadable(awaited, by: .seconds(1))
        if let ready, ready < interruptions.count { return ready }
      } catch {
        Deadline.seconds(1).sleep()
      }
    }
    return nil
  }

  private static func locks(
    of process: Int32, _ start: UInt64, _ descriptor: Int32, _ kind: LockKind,
    on file: FileIdentity
  ) -> [LockTableEntry]? {
    guard let kept = keptLocks(of: process, descriptor, on: file),
      kept.process.startTicks == start
    else { return nil }
    return kept.locks.filter { kind.includes($0.mode) }
  }
}
