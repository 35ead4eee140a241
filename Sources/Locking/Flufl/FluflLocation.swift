internal import CSystem

/// The place of a lock in flufl.lock's style.
final class FluflLocation: HardlinkLocation {
  private let fluflPolicy: FluflPolicy

  /// - Throws: `refused(.separatorInPath)`, `system(.folder, ...)`.
  init(_ path: ByteString, _ policy: FluflPolicy, in place: LockFolder?) throws(LockError) {
    fluflPolicy = policy
    try super.init(path, policy.hardlink, in: place)
    if lock.path.contains(ClaimName.separator) { throw .refused(.separatorInPath) }
  }

  /// The claim that has the lock, if it is this owner's; nil for any owner.
  private func claim(of owner: LockOwner?, _ judge: Judge) throws(LockError) -> BoundClaim {
    guard let held = try lock.look(lock.base), !held.wasAbandoned else { throw .notHeld }
    if owner != nil, !judge.claimant.owns(held.name) {
      // Where /proc does not tell whose it is, it may be this owner's.
      let isDoubtful =
        !judge.claimant.realm.isKnown && held.name.process == judge.claimant.owner.identifier
      throw isDoubtful ? .system(.owner, .accessDenied) : .notHeld
    }
    return held
  }

  private func retire(
    _ held: BoundClaim, _ judge: Judge, _ purpose: Retirement.Purpose
  ) throws(LockError) -> Retirement.Outcome {
    try Retirement(lock: lock, judge: judge, token: held.token, purpose: purpose).perform()
  }

  // MARK: - For its owner

  override func release(of owner: LockOwner?) throws(LockError) {
    let judge = try judge(for: owner)
    let held = try claim(of: owner, judge)
    let outcome: Retirement.Outcome
    do throws(LockError) {
      outcome = try retire(held, judge, .release(late: nil, nil))
    } catch {
      abandon(held)
      if error.isLackOfSpace { return }
      throw error
    }
    if outcome == .done { return }
    abandon(held)
    throw .lost
  }

  private func abandon(_ held: BoundClaim) {
    try? ClaimExpiry.abandoned.set(on: held.number)
    _ = lock.removeOwnName(of: held)
  }

  override func refresh(of owner: LockOwner?, lifetime: Span?) throws(LockError) {
    let judge = try judge(for: owner)
    let held = try claim(of: owner, judge)
    let span = span(lifetime, of: held)
    if span == nil, lifetime == nil { return }
    if isShorter(span, than: held.lifetime), isKept(held) { throw .unsupported(.shorterLifetime) }
    let touched = try touch(held, for: span)
    // Only a touch that came in time proves that nobody had reason to take the lock since; unless
    // somebody is at it already, and has made it look fresh for a moment.
    if touched < held.status.modificationTime, try lock.look(lock.retireName(held.token)) == nil,
      try lock.isBound(lock.base, to: held.token)
    {
      return
    }
    let claim = try ClaimFile(adopting: held, lock, lifetime: span)
    let outcome = try retire(held, judge, .reclaim { () throws(LockError) in try claim.restart() })
    guard outcome == .done, try lock.hasSettled(claim, policy), BootTime.now < claim.deadline else {
      throw .lost
    }
  }

  /// The lifetime that is asked for, zero for none, or else the claim's own.
  private func span(_ asked: Span?, of held: BoundClaim) -> Span? {
    if let asked { return asked == .zero ? nil : asked }
    return held.name.isForeign ? fluflPolicy.lifetime : held.lifetime
  }

  private func isShorter(_ one: Span?, than other: Span?) -> Bool {
    guard let one else { return false }
    return other.map { one < $0 } ?? true
  }

  /// Whether its owner refreshes it itself, as `swlock run` does.
  private func isKept(_ held: BoundClaim) -> Bool {
    !held.name.isForeign && ObservedProcess(held.name.process)?.runsThisProgram() == true
  }

  override func transfer(
    of owner: LockOwner?, to heir: LockOwner, lifetime: Span?
  ) throws(LockError) {
    let judge = try judge(for: owner)
    let held = try claim(of: owner, judge)
    let claimant = try Claimant.current(for: heir)
    let lifetime = span(lifetime, of: held)
    if try retire(held, judge, .transfer(to: claimant, lifetime: lifetime)) == .done { return }
    throw try lock.isBound(lock.base, to: held.token) ? LockError.busy : .lost
  }

  override func take() throws(LockError) -> HeldLock {
    let judge = try judge(for: .thisProcess)
    let held = try claim(of: .thisProcess, judge)
    let hold = FluflHold(lock, judge, try ClaimFile(adopting: held, lock))
    try hold.refresh()
    return HeldLock(hold, .flufl(fluflPolicy))
  }

  // MARK: - For everybody

  override func report(for owner: LockOwner?) throws(LockError) -> HardlinkReport {
    let clock = lock.guessedClock
    let held = try lock.look(lock.base)
    let names = try lock.claimNames()
    let judge = try judge(for: owner).judgingMany()
    var waiters: [HardlinkClaim] = []
    for name in names where name.token != held?.token {
      guard let claim = try? lock.look(name.fileName), claim.status.linkCount == 1 else { continue }
      waiters.append(judge.describe(claim, clock))
    }
    guard let held, !held.wasAbandoned else {
      return HardlinkReport(state: .unlocked, isHeld: false, holder: nil, waiters: waiters)
    }
    // First: what has run out by then has expired by the time of the description.
    let isHeld = judge.verdict(held, clock) != .stale
    let holder = judge.describe(held, clock)
    let state: HardlinkState
    if owner != nil, judge.claimant.owns(held.name) {
      state = holder.hasExpired ? .oursExpired : .ours
    } else if holder.liveness == .dead {
      state = .stale
    } else {
      state = holder.hasExpired && !clock.isGuess ? .theirsExpired : .theirs
    }
    return HardlinkReport(state: state, isHeld: isHeld, holder: holder, waiters: waiters)
  }

  override func breakLock(force: Bool) throws(LockError) -> HardlinkClaim? {
    let judge = try judge(for: nil)
    var first: ByteString?
    for _ in 0..<maximumRestarts {
      guard let held = try lock.look(lock.base) else { return nil }
      // Force is meant for the holder that was there, not for the next one.
      if force, let first, first != held.token { throw .busy }
      first = held.token
      let clock = try force ? lock.guessedClock : measuredClock(judge)
      if !force, judge.verdict(held, clock) == .live { throw .busy }
      let description = judge.describe(held, clock)
      switch try retire(held, judge, force ? .force : .breaking(.staleOrOverdue)) {
      case .done: return description
      case .busy: throw .busy
      case .gone, .lost: continue
      }
    }
    throw .busy
  }
}

/// Has the lifetime of a claim begin now, and last for `span`; nil: until it is released.
///
/// - Returns: what time it was for the folder then.
private func touch(_ claim: BoundClaim, for span: Span?) throws(LockError) -> WallTime {
  var now = FolderClock.local().now
  for _ in 0..<2 {
    let expiry = ClaimExpiry(now, span, of: claim.name)
    let status = try step(.touch) { () throws(Errno) in
      let number = try claim.number
      try expiry.set(on: number)
      return try FileStatus(of: number)
    }
    let difference = status.changeTime - now
    now = status.changeTime
    // Otherwise this machine's clock and the folder's differ: once more, with the folder's.
    if difference.magnitude < .seconds(2) { break }
  }
  return now
}
