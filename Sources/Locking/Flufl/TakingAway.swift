/// R7 to R10.
extension Retirement {
  func takeAway(_ right: Right, _ held: BoundClaim) throws(LockError) -> Outcome {
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
    if !leads(door, to: token, try? held.number) {
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
  func leads(_ name: ByteString, to token: ByteString, _ descriptor: Int32?) -> Bool {
    do throws(LockError) {
      return try lock.isBound(name, to: token)
    } catch {
      guard let descriptor, let claim = try? FileStatus(of: descriptor),
        let found = try? lock.status(of: name)
      else { return false }
      return found.identity == claim.identity
    }
  }

  func handOver(_ right: Right, _ held: BoundClaim) throws(LockError) -> Outcome {
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
