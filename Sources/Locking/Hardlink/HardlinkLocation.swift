internal import CSystem

/// The place of a lock with a claim: its name, in its folder, which is held open. `LockKind.location(at:)` makes
/// it.
///
/// For whoever is not the process that took the lock; that one has a `HeldLock`. As it stands here nobody ever
/// has the lock; each kind says how it is for its own.
package class HardlinkLocation {
  let lock: LockName
  let policy: HardlinkPolicy

  /// - Parameter place: the lock's folder, where that is open already.
  init(
    _ path: ByteString, _ policy: HardlinkPolicy, in place: LockFolder? = nil
  ) throws(LockError) {
    lock = try LockName(path, in: place)
    self.policy = policy
  }

  /// Releases the lock that is held for `owner`; nil: for anybody.
  ///
  /// - Throws: `notHeld` where it is free or held for another, `lost` where it was broken meanwhile.
  package func release(of owner: LockOwner?) throws(LockError) { throw .notHeld }

  /// Makes the lock's lifetime begin anew.
  ///
  /// - Parameters:
  ///   - owner: who holds it; nil: nobody.
  ///   - lifetime: its length from now on, zero for none; nil: the one that it has.
  /// - Throws: as `release`; `unsupported(.shorterLifetime)`.
  package func refresh(of owner: LockOwner?, lifetime: Span? = nil) throws(LockError) {
    throw .unsupported(.noLifetime)
  }

  /// Has the lock that is held for `owner` held for `heir` instead; nobody else has it in between.
  ///
  /// - Parameters:
  ///   - owner: who holds it; nil: nobody.
  ///   - heir: who holds it then.
  ///   - lifetime: as `refresh` has it.
  /// - Throws: as `release`.
  package func transfer(
    of owner: LockOwner?, to heir: LockOwner, lifetime: Span? = nil
  ) throws(LockError) {
    throw .unsupported(.noLifetime)
  }

  /// Takes over the lock that is held for this process, after another has taken it in its name or
  /// transferred it.
  ///
  /// - Throws: `notHeld`, `lost`.
  package func take() throws(LockError) -> HeldLock { throw .unsupported(.noLifetime) }

  /// Who holds the lock, and who waits for it. Changes nothing.
  ///
  /// - Parameter owner: whose lock is "ours"; nil: nobody's.
  package func report(for owner: LockOwner? = nil) throws(LockError) -> HardlinkReport {
    HardlinkReport(state: .unlocked, isHeld: false, holder: nil, waiters: [])
  }

  /// Ends a stale lock: one whose owner is dead, or whose lifetime and the slop have passed.
  ///
  /// - Parameter force: end a live one as well.
  /// - Returns: whose it was; nil if it was free.
  /// - Throws: `busy` where it is live, `refused(.notAClaim)`.
  package func breakLock(force: Bool = false) throws(LockError) -> HardlinkClaim? { nil }
}

extension HardlinkLocation {
  /// - Parameter owner: in whose name; nil: only to look.
  func judge(for owner: LockOwner?) throws(LockError) -> Judge {
    guard let owner else { return Judge(claimant: .nobody(), policy: policy) }
    do throws(LockError) {
      return Judge(claimant: try .current(for: owner), policy: policy)
    } catch .system(.owner, .noProcess) {
      // One that has ended may have left the lock.
      guard case .process(let identifier) = owner else { throw .system(.owner, .noProcess) }
      let claimant = Claimant.nobody().acting(for: ProcessMark(identifier, start: 0))
      return Judge(claimant: claimant, policy: policy)
    }
  }

  /// What time it is for the folder, for one who acts on it: where it may be another's clock, a file that is
  /// made there tells.
  func measuredClock(_ judge: Judge) throws(LockError) -> FolderClock {
    guard lock.isShared else { return .local() }
    let probe = try ClaimFile(lock, judge.claimant.actingForItself(), lifetime: nil)
    probe.abandon()
    return probe.clock
  }
}
