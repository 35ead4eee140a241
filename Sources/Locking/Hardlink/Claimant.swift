internal import CSystem

/// In whose name claims are made, and from where other claims are judged.
struct Claimant {
  let hosts: HostNames
  let realm: Realm
  let owner: ProcessMark
  /// A second process; the owner counts as dead only when both are.
  let partner: ProcessMark?

  /// - Throws: `system(.owner, .noProcess)` where the owner does not run.
  static func current(
    for owner: LockOwner = .thisProcess, partner: Int32? = nil
  ) throws(LockError) -> Claimant {
    let mark: ProcessMark
    switch owner {
    case .thisProcess: mark = .ofThisProcess()
    case .nobody: mark = ProcessMark(0, start: 0)
    case .process(let identifier):
      mark = try step(.owner) { () throws(Errno) in try ProcessMark(identifier) }
    }
    var second: ProcessMark?
    if let partner {
      second = try step(.owner) { () throws(Errno) in try ProcessMark(partner) }
    }
    let realm = try step(.owner) { () throws(Errno) in try Realm.current() }
    return Claimant(hosts: .current(), realm: realm, owner: mark, partner: second)
  }

  /// For who only looks, and owns nothing.
  static func nobody() -> Claimant {
    Claimant(
      hosts: .current(), realm: (try? .current()) ?? .unknown, owner: ProcessMark(0, start: 0),
      partner: nil)
  }

  /// The same place, in the name of another owner.
  func acting(for owner: ProcessMark, _ partner: ProcessMark? = nil) -> Claimant {
    Claimant(hosts: hosts, realm: realm, owner: owner, partner: partner)
  }

  /// The same place, in the name of the process that acts: its right ends with it, and not with the
  /// owner that it acts for.
  func actingForItself() -> Claimant {
    acting(for: owner.identifier == getpid() ? owner : .ofThisProcess())
  }

  /// Whether that claim is held for this owner, here.
  func owns(_ name: ClaimName) -> Bool {
    guard name.process == owner.identifier else { return false }
    guard let details = name.details else { return hosts.isUnique(name.host) }
    if owner.identifier == 0 { return isHere(details.realm) || hosts.contains(name.host) }
    guard isHere(details.realm) || details.realm == realm && hosts.contains(name.host) else {
      return false
    }
    return details.start == 0 || owner.start == 0 || details.start == owner.start
  }

  /// Whether process numbers mean the same there as here. The host's name does not matter: it may change
  /// while a lock is held.
  func isHere(_ other: Realm) -> Bool { other.isKnown && other == realm }
}

/// Tells the clock of a folder's file system from one time stamp that was just made there.
///
/// Ages of claims are differences of such stamps, so it does not matter what other clocks say.
struct FolderClock {
  let stamp: WallTime
  /// When the stamp was made.
  let bootTime: BootTime
  /// Whether it is another clock that the stamp is from, which may be minutes away from the folder's.
  var isGuess = false

  /// This machine's own clock.
  static func local(isGuess: Bool = false) -> FolderClock {
    FolderClock(stamp: .now, bootTime: .now, isGuess: isGuess)
  }

  var now: WallTime { stamp + (BootTime.now - bootTime) }
}

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
