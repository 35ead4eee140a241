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

// MARK: - R4 to R6

extension Retirement {
  private func exercise(_ right: Right) throws(LockError) -> Outcome {
    var previous = token
    for rightHolder in right.chain {
      try fence(rightHolder)
      guard try lock.isBound(lock.retireName(previous), to: rightHolder) else {
        return try backOut(right, .lost)
      }
      previous = rightHolder
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

  private func allows(_ rule: Rule, _ held: BoundClaim, _ clock: FolderClock) -> Bool {
    switch (judge.verdict(held, clock), rule) {
    case (.stale, _), (.overdue, .staleOrOverdue): true
    case (.overdue, .staleOrUnchanged(let time)): held.status.changeTime == time
    case (.overdue, .stale), (.live, _): false
    }
  }

  var isTransfer: Bool { if case .transfer = purpose { true } else { false } }
  var isForced: Bool { if case .force = purpose { true } else { false } }
}
