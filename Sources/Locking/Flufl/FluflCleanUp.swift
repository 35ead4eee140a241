extension HardlinkCleanUp {
  /// By the protocol, as a waiter would.
  mutating func removeStaleLock() throws(LockError) {
    let held: BoundClaim?
    do throws(LockError) {
      held = try lock.look(lock.base)
    } catch .refused {
      // Nothing of ours; in portage's style the placeholders tell of it.
      if files.placeholders.isEmpty { leave(lock.base, .other) }
      return
    }
    guard let held else { return }
    let isListed = files.claims.contains { $0 == held.name }
    // Whoever has come since the list was made may be one of whom less is known.
    let judge = isListed ? judge : judge.judgingMany()
    let isStale = judge.verdict(held, clock) == .stale
    guard isStale || options.all else {
      let claim = judge.describe(held, clock)
      leave(lock.base, .held(claim))
      if isOldEnough(held.status) { noteUndecided(held) }
      return
    }
    guard isOldEnough(held.status) else { return leave(lock.base, .recent) }
    let isNamed = isListed && (try? lock.isOwnName(of: held)) == true
    if !options.dryRun {
      let outcome = try Retirement(
        lock: lock, judge: judge, token: held.token,
        purpose: isStale ? .breaking(.stale) : .force
      ).perform()
      if outcome != .done { return leave(lock.base, .needed) }
      if !files.retireNames.isEmpty { noteFencing() }
    }
    note(lock.base, isStale ? .staleLock : .liveLock)
    if isNamed { note(held.name.fileName, .claim) }
  }
}

// MARK: - The names of the protocol

extension HardlinkCleanUp {
  /// T(t) is garbage as soon as claim t, which is linked to one name at most, is bound neither to a
  /// retire name nor to L: then it never comes back. Who holds the right, and whether that one lives,
  /// does not matter. The retire names are read first, and L then.
  mutating func removeRetireNames() throws(LockError) {
    let names = files.retireNames
    if names.isEmpty { return }
    let bound = try boundTokens()
    for (name, token) in names {
      guard !bound.contains(token), try boundToken(name) != nil,
        let status = try? lock.status(of: name)
      else {
        leave(name, .needed)
        continue
      }
      guard isOldEnough(status) else {
        leave(name, .recent)
        continue
      }
      try remove(name, .right)
    }
  }

  /// X(t), and the arm of t, are garbage once t's owner is provably dead, or t is gone for good. Never
  /// because t has expired: its owner may wake up, and find its door open again.
  mutating func removeDoors() throws(LockError) {
    let doors = files.doors
    if doors.isEmpty { return }
    // A claim is made before its doors are, so the claim of each of these that is in use is listed.
    let claims = inUse.claims
    let bound = try boundTokens()
    for (name, token) in doors {
      guard let status = try? lock.status(of: name) else { continue }
      guard isOldEnough(status), clock.now - status.changeTime > minimumDoorAge else {
        leave(name, .recent)
        continue
      }
      let claim = claims.first { $0.token == token }
      if claim.map({ judge.livenessOfActor($0) != .dead }) ?? bound.contains(token) {
        leave(name, .needed)
        continue
      }
      switch status.kind {
      case .directory: try remove(name, .right, isFolder: true)
      case .regular where try boundToken(name) != nil: try remove(name, .right)
      default: leave(name, .other)
      }
    }
  }

  /// A rename that a process sent to a server before it died may be done there later.
  private var minimumDoorAge: Span {
    (try? lock.folder.isSeenByOtherHosts()) == false ? .shortest : .seconds(600)
  }

  /// What the retire names and L are bound to; L last, since a transfer goes from a retire name to L.
  private func boundTokens() throws(LockError) -> [ByteString] {
    var bound: [ByteString] = []
    for (name, _) in inUse.retireNames {
      if let token = try boundToken(name) { bound.append(token) }
    }
    if let token = try boundToken(lock.base) { bound.append(token) }
    return bound
  }

  /// Nil for what is no claim.
  private func boundToken(_ name: ByteString) throws(LockError) -> ByteString? {
    do throws(LockError) {
      return try lock.look(name)?.token
    } catch .refused {
      return nil
    }
  }
}

// MARK: - Claims

extension HardlinkCleanUp {
  /// Those of dead or expired processes that hold nothing. A live one that comes back to its claim
  /// later finds it missing, and makes another.
  mutating func removeClaims() throws(LockError) {
    let names = files.claims
    if names.isEmpty { return }
    let bound = try boundTokens()
    for name in names where !bound.contains(name.token) {
      guard let claim = try? lock.look(name.fileName), claim.name == name else {
        try removeUnfinished(name)
        continue
      }
      let isStale = judge.verdict(claim, clock) == .stale
      if !isStale { noteUndecided(claim) }
      guard isStale || options.all else {
        let description = judge.describe(claim, clock)
        leave(name.fileName, .claimed(description))
        continue
      }
      guard isOldEnough(claim.status) else {
        leave(name.fileName, .recent)
        continue
      }
      guard let status = try? lock.status(of: name.fileName), status.linkCount == 1 else {
        continue
      }
      // One that has only expired may be that of a right holder which was fenced, and will wake up. Its
      // door stays shut as long as its claim is there. Who has taken its retire name away has shut the
      // door before, so this look comes after the one at the links.
      if judge.livenessOfActor(name) != .dead, !claim.wasAbandoned,
        (try? lock.status(of: lock.exitName(name.token))) != nil,
        clock.now - status.changeTime < Self.week
      {
        leave(name.fileName, .needed)
        continue
      }
      try remove(name.fileName, .claim)
    }
  }

  private static let week = Span.seconds(7 * 86400)

  /// A claim that its process did not come to fill.
  private mutating func removeUnfinished(_ name: ClaimName) throws(LockError) {
    guard let status = try? lock.status(of: name.fileName) else { return }
    guard status.kind == .regular, status.size == 0, status.linkCount == 1 else {
      return leave(name.fileName, .other)
    }
    guard judge.liveness(of: name) == .dead else { return leave(name.fileName, .needed) }
    guard isOldEnough(status) else { return leave(name.fileName, .recent) }
    try remove(name.fileName, .claim)
  }
}
