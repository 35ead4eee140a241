/// Transfer on a network file system.
///
/// Where an NFS client has L open, it gives L another name before it renames something to L: by a call that
/// moves whatever is there by then. So the lock is released and taken here, as by two processes; whoever
/// takes it in between sees by the arm name that it is being handed over.
extension Retirement {
  /// How long those have who win the lock meanwhile, and are to give it back.
  private static let longestGap = Span.seconds(5)

  func releaseAndTake() throws(LockError) -> Outcome {
    let claim = try newClaim()
    do throws(LockError) {
      let outcome = try Retirement(
        lock: lock, judge: judge, token: token, purpose: .release(late: nil, nil),
        patience: patience, interruption: interruption
      ).perform()
      if outcome == .done, try take(claim) {
        try? lock.folder.unlink(lock.armName(claim.token))
        return .done
      }
      discard(claim)
      return outcome == .done ? .gone : outcome
    } catch {
      discard(claim)
      throw error
    }
  }

  private func take(_ claim: ClaimFile) throws(LockError) -> Bool {
    let end = Deadline.after(Self.longestGap)
    let watch = ReleaseWatch(judge, interruption: interruption)
    // It was never linked, so this is no refresh.
    try claim.start()
    while true {
      do throws(Errno) {
        try lock.folder.link(claim.name.fileName, to: lock.base)
        break
      } catch {
        // The reply may have been lost.
        if try lock.isBound(lock.base, to: claim.token) { break }
        if error != .exists { throw .system(.link, error) }
        if end.hasPassed { return false }
        if !claim.isFresh, try !claim.refresh() { return false }
      }
      try watch.pause(.milliseconds(10))
    }
    return try lock.hasSettled(claim, judge.policy) && BootTime.now < claim.deadline
  }
}
