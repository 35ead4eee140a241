// Clients of flufl.lock, which break and release by looking first and unlinking then.
extension LockName {
  /// Whether one of these is the claim of another program. A folder of such a name is not, for one.
  func hasForeignClaim(
    among names: [ClaimName], _ watch: ReleaseWatch? = nil
  ) throws(LockError) -> Bool {
    for name in names where name.isForeign {
      try watch?.pause(.zero)
      if (try? status(of: name.fileName))?.kind == .regular { return true }
    }
    return false
  }

  /// Whether L is still `token` when no client that looks first and unlinks then, as flufl.lock does, can
  /// be about to remove it any more; true at once where there is no such client.
  /// The claim is refreshed meanwhile.
  func hasSettled(_ claim: ClaimFile, _ policy: HardlinkPolicy) throws(LockError) -> Bool {
    guard try hasForeignClaim(among: claimNames()) else { return true }
    let end = Deadline.after(policy.settle)
    while !end.hasPassed {
      Deadline.after(min(end.remaining, claim.lifetime.map { $0 / 3 } ?? .longest)).sleep()
      guard try claim.refresh() else { return false }
    }
    return try isBound(base, to: claim.token)
  }
}

extension Retirement {
  /// flufl.lock breaks and releases by looking first and unlinking then. While there is such a client
  /// here: make the claim look fresh, so that no other begins, and wait until one that has begun
  /// must be through. The right is refreshed meanwhile: others would overtake it.
  ///
  /// - Returns: whether the claim is still at L.
  func waitForForeignClients(
    _ held: BoundClaim, _ right: Right
  ) throws(LockError) -> Bool {
    let others = try lock.claimNames()
    if !held.name.isForeign, try !lock.hasForeignClaim(among: others) { return true }
    let settle = judge.policy.settle
    // Somebody else's claim may not be ours to touch. Then there is only the waiting.
    let fresh = held.freshExpiry(right.claim.clock.now, lasting: settle + .seconds(15))
    try? fresh?.set(on: held.number)
    let end = Deadline.after(settle)
    let watch = ReleaseWatch(judge, interruption: interruption)
    while !end.hasPassed {
      if case .until(let deadline) = patience, deadline.hasPassed { throw .unsettled }
      try watch.pause(patience.bounding(min(end.remaining, Self.rightLifetime / 3)))
      try right.claim.start()
    }
    return try lock.isBound(lock.base, to: token)
  }
}
