/// Says whether a claim still counts.
struct Judge {
  let claimant: Claimant
  let policy: HardlinkPolicy
  /// What is known of all processes; nil: each question takes a look of its own.
  var census: ProcessCensus?

  /// The same for many claims, which were listed before: one look at all processes does for them.
  func judgingMany() -> Judge { Judge(claimant: claimant, policy: policy, census: ProcessCensus()) }

  /// `ProcessCensus.lacks`
  func isNobody(_ identifier: Int32, ignoringOwn: Bool = false) -> Bool {
    (census ?? ProcessCensus()).lacks(identifier, ignoringOwn: ignoringOwn)
  }

  enum Verdict: Equatable {
    case live
    /// Its lifetime has passed, but its owner is seen to run, or is of another program and may run.
    case overdue
    /// Abandoned; or the owner is dead; or its lifetime has passed, and nothing is known of it.
    case stale
  }

  /// Not known is not stale; nor is known by a guessed clock that a lifetime has passed.
  func verdict(_ claim: BoundClaim, _ clock: FolderClock) -> Verdict {
    if claim.wasAbandoned { return .stale }
    switch liveness(of: claim, clock) {
    case .dead: return .stale
    case .unknown:
      // Processes of flufl.lock do not watch their own lifetime, and when they end they remove
      // whatever is at the lock's name: docs/model, run F9, shows what that leads to.
      return isExpired(claim, clock) ? (claim.name.isForeign ? .overdue : .stale) : .live
    case .alive:
      return isExpired(claim, clock) && !claim.name.isForeign ? .overdue : .live
    }
  }

  /// Whether a right holder may be taken for dead. To do that wrongly does no harm; not to do it would
  /// keep the lock from everybody, so it is for a short time only, whatever the lifetime of the claim.
  func mayOvertake(_ right: BoundClaim, _ clock: FolderClock, rightLifetime: Span) -> Bool {
    if right.wasAbandoned { return true }
    guard right.name.details?.actor != nil else { return verdict(right, clock) != .live }
    if livenessOfActor(right.name) == .dead { return true }
    return !clock.isGuess && clock.now > right.status.changeTime + rightLifetime + policy.clockSlop
  }

  /// When the claim's lifetime ends, on the folder's clock; nil: never.
  ///
  /// A claim that was changed since (by a clock that is wrong, or from outside) still has its lifetime from
  /// its last change on: the time of that cannot be set.
  static func expiry(_ claim: BoundClaim) -> WallTime? {
    if claim.name.isForeign {
      return max(
        claim.status.modificationTime, claim.status.changeTime + defaultForeignLifetime)
    }
    guard let lifetime = claim.lifetime else { return nil }
    return max(claim.status.modificationTime, claim.status.changeTime + lifetime)
  }

  /// flufl.lock's, which its claims do not tell.
  private static let defaultForeignLifetime = Span.seconds(15)

  private func isExpired(_ claim: BoundClaim, _ clock: FolderClock) -> Bool {
    if clock.isGuess { return false }
    guard let expiry = Self.expiry(claim) else { return false }
    // Nothing follows from stamps that do not fit: neither which is later, nor that one has changed.
    if clock.stamp.isLimit || claim.status.changeTime.isLimit { return false }
    return clock.now > expiry + policy.clockSlop
  }

  /// Whether the claim's owner runs.
  func liveness(of claim: BoundClaim, _ clock: FolderClock) -> Liveness {
    let liveness = liveness(of: claim.name)
    // A number without a start time may be another process's by now: one that was started after the
    // claim was last touched. Only once the claim has expired: clocks may have been set.
    if liveness == .alive, claim.name.isForeign, isExpired(claim, clock),
      let mark = try? ProcessMark(claim.name.process), let age = mark.age,
      age + .seconds(2) < clock.now - claim.status.changeTime,
      isNobody(claim.name.process, ignoringOwn: true)
    {
      return .dead
    }
    return liveness
  }

  /// Whether the process runs that uses the claim as a right.
  func livenessOfActor(_ name: ClaimName) -> Liveness {
    guard let details = name.details, let actor = details.actor else { return liveness(of: name) }
    return claimant.isHere(details.realm) ? actor.liveness : .unknown
  }

  /// The same, as far as the name alone tells.
  func liveness(of name: ClaimName) -> Liveness {
    guard name.process > 0 else { return .unknown }
    guard let details = name.details else {
      guard claimant.hosts.isUnique(name.host) else { return .unknown }
      // Its pid namespace is not known.
      if ProcessMark(name.process, start: 0).liveness == .alive { return .alive }
      return isNobody(name.process) ? .dead : .unknown
    }
    guard claimant.isHere(details.realm) else { return .unknown }
    let owner = ProcessMark(name.process, start: details.start).liveness
    guard owner == .dead, let partner = details.partner else { return owner }
    return partner.liveness
  }
}
