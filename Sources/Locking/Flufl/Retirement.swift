internal import CSystem

/// Takes a lock away from a claim: to release it, break it, or hand it over.
///
/// Only who holds the retire right on claim a may take a away from L. The right is a claim of its own,
/// w, linked to T(a); if a right holder is stale, the right on the right: T(w), and so on. Each right
/// holder moves what it takes through a door of its own, X(w), which others can shut for ever by a
/// mkdir: rename(2) of a file onto a folder fails, and whichever of the two came first has won. So
/// it does no harm to judge a right holder dead wrongly, at any time. Looking at L and unlinking it
/// then would: nobody could keep a process from doing the second an hour after the first.
///
/// The steps are those of docs/hardlink.md, R1 to R10, and each is needed: docs/model has runs that
/// leave one out, and fail.
struct Retirement {
  enum Purpose {
    /// By its owner, which may have the claim open; late: after its lifetime, or nil where only the folder's
    /// clock can tell.
    case release(late: Bool?, ClaimFile?)
    case force
    case breaking(Rule)
    /// The owner, whose refresh came too late, wants to know whether the lock is still its own, and
    /// to keep it then: `touch` makes its lifetime begin anew.
    case reclaim(touch: () throws(LockError) -> Void)
    /// Put a claim of this one's in its place.
    case transfer(to: Claimant, lifetime: Span?)
  }

  /// Which claims may be broken.
  enum Rule {
    case stale
    case staleOrOverdue
    /// Overdue ones only if nobody has touched them since they were last changed then.
    case staleOrUnchanged(since: WallTime)
  }

  enum Outcome: Equatable {
    case done
    /// Somebody else has the right; or the claim is not stale.
    case busy
    /// The claim is not at L any more.
    case gone
    /// Others judged this right holder dead, and shut its door.
    case lost
  }

  /// The right, while it is held.
  private final class Right {
    let claim: ClaimFile
    /// The right holders on the way from the claim to this one, as they were seen.
    let chain: [ByteString]
    /// Whose retire name this right is linked to.
    let tail: ByteString
    /// Whether it was used, given back or lost. It is given back once at most: afterwards its name may be
    /// another's.
    var isOver = false

    init(_ claim: ClaimFile, _ chain: [ByteString], tail: ByteString) {
      self.claim = claim
      self.chain = chain
      self.tail = tail
    }
  }

  let lock: LockName
  let judge: Judge
  /// The claim that is to lose the lock.
  let token: ByteString
  let purpose: Purpose
  /// What ends the waiting for foreign clients.
  var patience = Patience.forever
  var interruption: Int32?

  /// How long others wait for a right holder that they cannot see.
  static let rightLifetime = Span.seconds(30)
  private static let longestChain = 1000

  func perform() throws(LockError) -> Outcome {
    if lock.isShared, isTransfer { return try releaseAndTake() }
    guard let right = try takeRight() else { return .busy }
    do throws(LockError) {
      return try exercise(right)
    } catch {
      // A step that failed proves nothing; leave nothing that others would have to wait for.
      if !right.isOver { _ = try? backOut(right, .lost) }
      throw error
    }
  }
}

// MARK: - The right: R1 to R3

extension Retirement {
  /// Nil when a live process has it.
  private func takeRight() throws(LockError) -> Right? {
    var restarts = 0
    // By that one's time stamp other hosts' rights are judged.
    var claim: ClaimFile? = lock.isShared ? try newClaim() : nil
    // There the link is a question as well, and nearly always the answer is that nobody has the right.
    var mayBeFree = lock.isShared
    while true {
      var chain: [ByteString] = []
      var tail = token
      let clock = claim?.clock ?? .local()
      while !mayBeFree, let holder = try look(lock.retireName(tail), orDiscard: claim) {
        if !isForced, !judge.mayOvertake(holder, clock, rightLifetime: Self.rightLifetime) {
          discard(claim)
          return nil
        }
        chain.append(holder.token)
        tail = holder.token
        if chain.count > Self.longestChain { throw .system(.link, .tooManyLinks) }
      }
      let own: ClaimFile
      if let claim { own = claim } else { own = try newClaim() }
      claim = own
      mayBeFree = false
      do throws(Errno) {
        try lock.folder.link(own.name.fileName, to: lock.retireName(tail))
        return Right(own, chain, tail: tail)
      } catch {
        // The reply may have been lost.
        if (try? lock.isBound(lock.retireName(tail), to: own.token)) == true {
          return Right(own, chain, tail: tail)
        }
        restarts += 1
        switch error {
        case .exists where restarts < maximumRestarts: continue
        case .missing where restarts < maximumRestarts,
          .staleHandle where restarts < maximumRestarts:
          // Somebody has removed it.
          discard(own)
          claim = nil
        default:
          discard(own)
          throw .system(.link, error)
        }
      }
    }
  }

  private func look(
    _ name: ByteString, orDiscard claim: ClaimFile?
  ) throws(LockError) -> BoundClaim? {
    do throws(LockError) {
      return try lock.look(name)
    } catch {
      discard(claim)
      throw error
    }
  }

  /// A claim that was never linked.
  func discard(_ claim: ClaimFile?) {
    guard let claim else { return }
    if isTransfer { try? lock.folder.unlink(lock.armName(claim.token)) }
    // A server may still carry out a link that it has reported to have failed.
    claim.abandon()
  }

  func newClaim() throws(LockError) -> ClaimFile {
    guard case .transfer(let heir, let lifetime) = purpose else {
      return try ClaimFile(lock, judge.claimant.actingForItself(), lifetime: Self.rightLifetime)
    }
    let actor = judge.claimant.actingForItself().owner
    let claim = try ClaimFile(lock, heir, actor: actor, lifetime: lifetime)
    do throws(LockError) {
      try claim.start()
      // Before the right is linked: from then on others may take this name away again, which is how
      // they keep a right holder from handing the lock over.
      try arm(claim)
    } catch {
      discard(claim)
      throw error
    }
    return claim
  }

  private func arm(_ claim: ClaimFile) throws(LockError) {
    let name = lock.armName(claim.token)
    do throws(Errno) {
      try lock.folder.link(claim.name.fileName, to: name)
    } catch {
      // The reply may have been lost.
      if (try? lock.isBound(name, to: claim.token)) != true { throw .system(.link, error) }
    }
  }

  private var isForced: Bool { if case .force = purpose { true } else { false } }
  private var isTransfer: Bool { if case .transfer = purpose { true } else { false } }
}

// MARK: - What it is good for: R4 to R10

extension Retirement {
  private func exercise(_ right: Right) throws(LockError) -> Outcome {
    var previous = token
    for holder in right.chain {
      try fence(holder)
      guard try lock.isBound(lock.retireName(previous), to: holder) else {
        return try backOut(right, .lost)
      }
      previous = holder
    }
    guard let held = try lookAtLock(), held.token == token else {
      return try backOut(right, .gone)
    }
    let clock = right.claim.clock
    switch purpose {
    case .release(let late, _) where !(late ?? (clock.now >= held.status.modificationTime)):
      break
    case .reclaim(let touch):
      try touch()
      return try backOut(right, .done)
    case .breaking(let rule):
      guard allows(rule, held, clock) else { return try backOut(right, .busy) }
      guard try waitForForeignClients(held, right) else { return try backOut(right, .gone) }
    case .release, .force, .transfer:
      guard try waitForForeignClients(held, right) else { return try backOut(right, .gone) }
    }
    return isTransfer ? try handOver(right, held) : try takeAway(right, held)
  }

  /// Nil also for something that is no claim, and so is not the one that was there.
  private func lookAtLock() throws(LockError) -> BoundClaim? {
    do throws(LockError) {
      return try lock.look(lock.base)
    } catch .refused {
      return nil
    }
  }

  /// From here on that right holder cannot take anything: neither through its door, nor by handing
  /// the lock over.
  private func fence(_ holder: ByteString) throws(LockError) {
    let door = lock.exitName(holder)
    do throws(Errno) {
      try lock.folder.makeDirectory(door)
    } catch {
      if error != .exists, (try? lock.status(of: door)) == nil {
        throw .system(.mkdir, error)
      }
    }
    do throws(Errno) {
      try lock.folder.unlink(lock.armName(holder))
    } catch {
      if error != .missing { throw .system(.unlink, error) }
    }
  }

  private func allows(_ rule: Rule, _ held: BoundClaim, _ clock: FolderClock) -> Bool {
    switch (judge.verdict(held, clock), rule) {
    case (.stale, _), (.overdue, .staleOrOverdue): true
    case (.overdue, .staleOrUnchanged(let time)): held.status.changeTime == time
    case (.overdue, .stale), (.live, _): false
    }
  }

  /// flufl.lock breaks and releases by looking first and unlinking then. While there is such a client
  /// here: make the claim look fresh, so that no other begins, and wait until one that has begun
  /// must be through. The right is refreshed meanwhile: others would overtake it.
  ///
  /// - Returns: whether the claim is still at L.
  private func waitForForeignClients(
    _ held: BoundClaim, _ right: Right
  ) throws(LockError) -> Bool {
    let others = try lock.claimNames()
    if !held.name.isForeign, try !lock.hasForeignClaim(among: others) { return true }
    let settle = judge.policy.settle
    // Somebody else's claim may not be ours to touch. Then there is only the waiting.
    let fresh = held.freshExpiry(right.claim.clock.now, lasting: settle + .seconds(15))
    try? fresh?.set(on: held.descriptor.number)
    let end = Deadline.after(settle)
    let watch = HolderWatch(judge, interruption: interruption)
    while !end.hasPassed {
      if case .until(let deadline) = patience, deadline.hasPassed { throw .unsettled }
      try watch.pause(patience.bounding(min(end.remaining, Self.rightLifetime / 3)))
      try right.claim.start()
    }
    return try lock.isBound(lock.base, to: token)
  }

  private func takeAway(_ right: Right, _ held: BoundClaim) throws(LockError) -> Outcome {
    let door = lock.exitName(right.claim.token)
    do throws(Errno) {
      try lock.folder.rename(lock.base, to: door)
    } catch {
      switch try seeDoor(door) {
      case .shut: return lose(right)
      case .passed: break
      case .untouched:
        guard error == .missing || error == .staleHandle else { throw .system(.rename, error) }
        return try backOut(right, .gone)
      }
    }
    right.isOver = true
    let isOurs = putBackUnlessOurs(door, held)
    if collectGarbage(right, held) { right.claim.discard() } else { right.claim.abandon() }
    return isOurs ? .done : .gone
  }

  /// A client that does not keep to the protocol may have changed L just before it was moved. What is not
  /// the claim that was to be taken gets its place back; if that is taken by now, it stays where it is,
  /// and nothing is lost.
  private func putBackUnlessOurs(_ door: ByteString, _ held: BoundClaim) -> Bool {
    if !leads(door, to: token, held.descriptor.number) {
      do throws(Errno) {
        try lock.folder.link(door, to: lock.base)
      } catch {
        return false
      }
      try? lock.folder.unlink(door)
      return false
    }
    if lock.isShared { held.closeBeforeUnlinking() }
    if case .release(_, let claim?) = purpose { claim.closeBeforeUnlinking() }
    try? lock.folder.unlink(door)
    return true
  }

  /// Whether the claim of that token is at `name`. Where the file cannot be read just now, for want of a
  /// descriptor perhaps, its inode tells, which nobody else can have while the claim is open here.
  private func leads(_ name: ByteString, to token: ByteString, _ descriptor: Int32) -> Bool {
    do throws(LockError) {
      return try lock.isBound(name, to: token)
    } catch {
      guard let claim = try? FileStatus(of: descriptor),
        let found = try? lock.status(of: name)
      else { return false }
      return found.identity == claim.identity
    }
  }

  private func handOver(_ right: Right, _ held: BoundClaim) throws(LockError) -> Outcome {
    do throws(Errno) {
      try lock.folder.rename(lock.armName(right.claim.token), to: lock.base)
    } catch {
      if try !lock.isBound(lock.base, to: right.claim.token) {
        guard error == .missing || error == .staleHandle else { throw .system(.rename, error) }
        return try backOut(right, .lost)
      }
    }
    right.isOver = true
    _ = collectGarbage(right, held)
    return .done
  }

  /// The claim, its retire name, and those of the right holders on the way: none of them comes back.
  ///
  /// - Returns: whether all is gone.
  private func collectGarbage(_ right: Right, _ held: BoundClaim) -> Bool {
    var isClean = lock.removeOwnName(of: held)
    for token in [token] + right.chain where !remove(lock.retireName(token)) { isClean = false }
    return isClean
  }

  private func remove(_ name: ByteString) -> Bool {
    do throws(Errno) {
      try lock.folder.unlink(name)
    } catch {
      return error == .missing
    }
    return true
  }
}

// MARK: - The way out

extension Retirement {
  private enum Door { case shut, passed, untouched }

  /// After a rename that failed, or whose reply was lost.
  private func seeDoor(_ door: ByteString) throws(LockError) -> Door {
    do throws(Errno) {
      return try lock.status(of: door).kind == .directory ? .shut : .passed
    } catch .missing {
      return .untouched
    } catch {
      throw .system(.lstat, error)
    }
  }

  /// Gives the right back unused. That is an act as well, with the same door: only if it succeeds
  /// nobody can have used the right's name against its holder.
  private func backOut(_ right: Right, _ outcome: Outcome) throws(LockError) -> Outcome {
    let door = lock.exitName(right.claim.token)
    right.isOver = true
    do throws(Errno) {
      try lock.folder.rename(lock.retireName(right.tail), to: door)
    } catch {
      switch try seeDoor(door) {
      case .passed: break
      case .untouched where error != .missing && error != .staleHandle:
        _ = lose(right)
        throw .system(.rename, error)
      case .shut, .untouched: return lose(right)
      }
    }
    let isOwn = leads(door, to: right.claim.token, right.claim.number)
    try? lock.folder.unlink(door)
    if isTransfer { try? lock.folder.unlink(lock.armName(right.claim.token)) }
    right.claim.abandon()
    return isOwn ? outcome : .lost
  }

  /// Somebody has shut the door: nothing is touched any more.
  private func lose(_ right: Right) -> Outcome {
    right.isOver = true
    try? lock.folder.removeDirectory(lock.exitName(right.claim.token))
    if isTransfer { try? lock.folder.unlink(lock.armName(right.claim.token)) }
    right.claim.abandon()
    return .lost
  }
}
