internal import CSystem

/// Takes a `hardlink` lock in flufl.lock's style: A1 to A3 of docs/hardlink.md.
struct FluflAcquisition {
  private let request: LockRequest
  private let policy: FluflPolicy
  private let lock: LockName
  private let judge: Judge
  private var claim: ClaimFile?
  private var clock: FolderClock
  private var restarts = 0
  /// Whether the claim may be at L, since nobody has looked after it was tried to link it.
  private var isUnsure = false
  /// Whether the lock was won while another process was about to hand it over, and given back for that.
  private var hasYielded = false

  init(_ request: LockRequest, _ policy: FluflPolicy) throws(LockError) {
    self.request = request
    self.policy = policy
    lock = try LockName(request.path)
    if lock.path.contains(ClaimName.separator) { throw .refused(.separatorInPath) }
    clock = lock.guessedClock
    try lock.checkRoom()
    judge = Judge(
      claimant: try .current(for: request.owner, partner: request.partner),
      policy: policy.hardlink)
  }

  consuming func perform() throws(LockError) -> FluflHold {
    do throws(LockError) {
      return try take()
    } catch {
      discardClaim()
      if case .system(_, .staleHandle) = error, lock.isGone {
        throw .system(.folder, .staleHandle)
      }
      throw error
    }
  }

  private mutating func take() throws(LockError) -> FluflHold {
    var wait = HardlinkWait(lock, judge, request)
    while true {
      // Elsewhere only the server knows whether it is free, and tells by letting it be taken or not.
      if lock.isShared {
        if let hold = try link() { return hold }
        if hasYielded {
          hasYielded = false
          try wait.forAnything()
          continue
        }
      }
      let held: BoundClaim?
      do throws(LockError) {
        held = try lock.look(lock.base)
      } catch .system(_, let error)
        where request.patience != .never
        && (policy.retriedErrors.contains(error) || lock.isShared && error == .staleHandle)
      {
        try wait.forAnything()
        continue
      }
      guard let held else {
        if !lock.isShared, let hold = try link() { return hold }
        try countRestart()
        continue
      }
      if let claim, held.token == claim.token {
        // The reply to the link was lost.
        if let hold = try confirm(claim) { return hold }
        try countRestart()
        continue
      }
      isUnsure = false
      try lock.refuseUntrusted(held.status)
      let unchanged = wait.timeUnchanged(held)
      if held.wasAbandoned || !wait.isNewcomer, try retireIfStale(held, unchangedFor: unchanged) {
        continue
      }
      // Another process that wants it in the owner's name may wait until the owner gives it back.
      if held.name.process > 0, !held.wasAbandoned, judge.claimant.owns(held.name),
        judge.claimant.partner == nil
      {
        throw .alreadyHeld
      }
      // By its claim a waiter is seen, by people who ask for the status.
      if claim == nil, request.patience != .never { _ = try freshClaim() }
      try wait.forChange(of: held, clock)
      while lock.isShared, wait.isInTurns {
        // A look costs the server more, and tells no more of holders that take turns.
        try? step(.stat) { () throws(Errno) in try askServer(in: lock.folder.number) }
        if let hold = try link() { return hold }
        try wait.forTurn()
      }
    }
  }

  /// Whoever has no patience does not try for ever to overtake others.
  private mutating func countRestart() throws(LockError) {
    restarts += 1
    switch request.patience {
    case .never where restarts > maximumRestarts: throw .busy
    case .until where request.patience.isOver: throw .timedOut
    case .never, .until, .forever: break
    }
  }

  private mutating func discardClaim() {
    // A server may still carry out a link that it has reported to have failed.
    claim?.abandon()
    claim = nil
  }
}

// MARK: - A1 and A2

extension FluflAcquisition {
  /// A claim whose lifetime has only just begun.
  private mutating func freshClaim() throws(LockError) -> ClaimFile {
    if let claim {
      if claim.isFresh { return claim }
      do throws(LockError) {
        if !isUnsure {
          // It was never linked, so this is no refresh.
          try claim.start()
          return claim
        }
        if try claim.refresh() { return claim }
      } catch .system(_, .staleHandle) {
        // Somebody has removed it.
      }
      discardClaim()
    }
    var (permissions, group): (UInt32?, UInt32?)
    if case .ifMissing(let asked, let name) = request.creation {
      (permissions, group) = (asked, name)
    }
    let made = try ClaimFile(
      lock, judge.claimant, lifetime: policy.lifetime, permissions: permissions,
      group: group)
    claim = made
    isUnsure = false
    clock = made.clock
    try made.start()
    return made
  }

  /// Nil when somebody else has the lock, or was faster, or it is lost again already.
  private mutating func link() throws(LockError) -> FluflHold? {
    let own = try freshClaim()
    do throws(Errno) {
      try lock.folder.link(own.name.fileName, to: lock.base)
    } catch .exists {
      // The reply to an earlier try may have been lost: it may be this claim. A look tells.
      isUnsure = true
      return nil
    } catch {
      // The reply may have been lost.
      if (try? lock.isBound(lock.base, to: own.token)) != true {
        switch error {
        case .missing, .staleHandle:
          // Somebody has removed the claim, or the folder.
          discardClaim()
          if restarts >= maximumRestarts { throw .system(.link, error) }
          return nil
        case .linkCountTooLarge, .permissionNotGranted, .notSupported, .notImplemented:
          throw .unsupported(.noHardLinks)
        default: throw .system(.link, error)
        }
      }
    }
    return try confirm(own)
  }

  /// Nil when the lock, which is a link to the claim, is lost again already.
  private mutating func confirm(_ own: ClaimFile) throws(LockError) -> FluflHold? {
    let hold = FluflHold(lock, judge, own)
    claim = nil
    do throws(LockError) {
      if BootTime.now >= own.deadline {
        try hold.release()
        return nil
      }
      switch try own.identity(at: lock.base) {
      case .same: lock.isChecked = true
      case .copy: throw LockError.unsupported(.noHardLinks)
      case .other: throw LockError.lost  // broken again by force
      }
      let isBesideOthers = try tidy(own)
      if hasYielded {
        try hold.release()
        return nil
      }
      if isBesideOthers, try !settle(own) { return nil }
      // All that may have taken long: a folder with many files, a server, being stopped.
      if BootTime.now >= own.deadline {
        try hold.release()
        return nil
      }
    } catch {
      try? hold.release()
      if error == .lost { return nil }
      // Somebody has removed the claim.
      if case .system(_, .staleHandle) = error, !lock.isGone { return nil }
      throw error
    }
    return hold
  }

  /// Removes the claims of waiters that have died, as many as there is time for.
  ///
  /// - Returns: whether there are claims of other programs.
  private mutating func tidy(_ own: ClaimFile) throws(LockError) -> Bool {
    let judge = judge.judgingMany()
    let watch = ReleaseWatch(judge, interruption: request.interruption)
    var armed: [ByteString] = []
    let names = try lock.claimNames(watch, armed: &armed)
    if lock.isShared {
      for name in armed {
        guard let arm = try lock.look(name) else { continue }
        if !judge.mayOvertake(arm, own.clock, rightLifetime: Retirement.rightLifetime) {
          hasYielded = true
          return false
        }
        try? lock.folder.unlink(name)
      }
    }
    let isBesideOthers = try lock.hasForeignClaim(among: names, watch)
    for name in names {
      if case .until = request.patience, request.patience.isOver { break }
      if !own.isFresh { break }
      // There may be many waiters, and nearly all of them live: the cheap question first.
      guard name.process > 0, processHasEnded(name.process) else { continue }
      try watch.pause(.zero)
      if try lock.isUnlinkedClaim(name), judge.liveness(of: name) == .dead {
        try? lock.folder.unlink(name.fileName)
      }
    }
    return isBesideOthers
  }

  /// flufl.lock breaks and releases by looking first and unlinking then: one that has looked at the
  /// lock before us may still be about to unlink it. The lock is ours once that time has passed.
  private func settle(_ own: ClaimFile) throws(LockError) -> Bool {
    let end = Deadline.after(judge.policy.settle)
    let watch = ReleaseWatch(judge, interruption: request.interruption)
    while !end.hasPassed {
      if case .until(let deadline) = request.patience, deadline.hasPassed { throw .unsettled }
      let refreshed = policy.lifetime.map { $0 / 3 } ?? .longest
      try watch.pause(request.patience.bounding(min(end.remaining, refreshed)))
      if try !own.refresh() { break }
    }
    if try lock.isBound(lock.base, to: own.token), BootTime.now < own.deadline { return true }
    own.abandon()
    return false
  }
}

// MARK: - A3

extension FluflAcquisition {
  /// Whether to try again at once.
  private mutating func retireIfStale(
    _ held: BoundClaim, unchangedFor time: Span
  ) throws(LockError) -> Bool {
    let rule: Retirement.Rule
    switch judge.verdict(held, clock) {
    case .live: return false
    case .stale: rule = .stale
    case .overdue:
      // Its owner runs, or another program's rules are not kept to on the strength of a clock. If
      // the whole lifetime and the slop were watched, an owner has missed all its refreshes.
      guard let lifetime = held.lifetime,
        time > lifetime, time - lifetime > judge.policy.clockSlop
      else { return false }
      rule = .staleOrUnchanged(since: held.status.changeTime)
    }
    let outcome = try Retirement(
      lock: lock, judge: judge, token: held.token, purpose: .breaking(rule),
      patience: request.patience, interruption: request.interruption
    ).perform()
    if outcome == .busy { return false }
    try countRestart()
    return true
  }
}
