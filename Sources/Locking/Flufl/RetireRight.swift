extension Retirement {
  /// The right, while it is held.
  final class Right {
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
}

// MARK: - R1 to R3

extension Retirement {
  private static let longestChain = 1000

  /// Nil when a live process has it.
  func takeRight() throws(LockError) -> Right? {
    var restarts = 0
    // By that one's time stamp other hosts' rights are judged.
    var claim: ClaimFile? = lock.isShared ? try newClaim() : nil
    // There the link is a question as well, and nearly always the answer is that nobody has the right.
    var mayBeFree = lock.isShared
    while true {
      var chain: [ByteString] = []
      var tail = token
      let clock = claim?.clock ?? .local()
      while !mayBeFree, let rightHolder = try look(lock.retireName(tail), orDiscard: claim) {
        if !isForced, !judge.mayOvertake(rightHolder, clock, rightLifetime: Self.rightLifetime) {
          discard(claim)
          return nil
        }
        chain.append(rightHolder.token)
        tail = rightHolder.token
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

  /// From here on that right holder cannot take anything: neither through its door, nor by handing
  /// the lock over.
  func fence(_ rightHolder: ByteString) throws(LockError) {
    let door = lock.exitName(rightHolder)
    do throws(Errno) {
      try lock.folder.makeDirectory(door)
    } catch {
      if error != .exists, (try? lock.status(of: door)) == nil {
        throw .system(.mkdir, error)
      }
    }
    do throws(Errno) {
      try lock.folder.unlink(lock.armName(rightHolder))
    } catch {
      if error != .missing { throw .system(.unlink, error) }
    }
  }
}

// MARK: - The way out

extension Retirement {
  enum Door { case shut, passed, untouched }

  /// After a rename that failed, or whose reply was lost.
  func seeDoor(_ door: ByteString) throws(LockError) -> Door {
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
  func backOut(_ right: Right, _ outcome: Outcome) throws(LockError) -> Outcome {
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
    let isOwn = leads(door, to: right.claim.token, try? right.claim.number)
    try? lock.folder.unlink(door)
    if isTransfer { try? lock.folder.unlink(lock.armName(right.claim.token)) }
    right.claim.abandon()
    return isOwn ? outcome : .lost
  }

  /// Somebody has shut the door: nothing is touched any more.
  func lose(_ right: Right) -> Outcome {
    right.isOver = true
    try? lock.folder.removeDirectory(lock.exitName(right.claim.token))
    if isTransfer { try? lock.folder.unlink(lock.armName(right.claim.token)) }
    right.claim.abandon()
    return .lost
  }
}
