internal import CSystem

/// A `hardlink` lock that this process has taken, in flufl.lock's style. It is released at the end of
/// its life at the latest, by the process that took it: a child that was forked has a copy of this
/// object, and no lock.
final class FluflHold: Hold {
  private let lock: LockName
  private let judge: Judge
  private let claim: ClaimFile
  private let process = getpid()
  private var isHeld = true

  init(_ lock: LockName, _ judge: Judge, _ claim: ClaimFile) {
    self.lock = lock
    self.judge = judge
    self.claim = claim
  }

  deinit {
    try? release()
  }

  var path: ByteString { lock.path }

  /// From here on others may take the lock, and this process must not rely on it.
  var deadline: BootTime { claim.deadline }

  var isBroken: Bool { (try? lock.isBound(lock.base, to: claim.token)) == false }

  /// Makes the lifetime begin anew.
  ///
  /// - Throws: `lost`, `notHeld`.
  func refresh() throws(LockError) {
    try checkHeld()
    // Whoever holds it for so long has time for that.
    defer { FileNotifier.dropSpare() }
    let claim = claim
    var wasInTime: Bool?
    do throws(LockError) {
      wasInTime = try claim.refresh()
    } catch .system(_, .staleHandle) {
      // The server has no such file any more, by whatever name.
    }
    if wasInTime == true {
      // Somebody may have broken it by force, or removed the file.
      if try lock.isBound(lock.base, to: claim.token) { return }
    } else if wasInTime == false, !lock.isGone {
      let outcome = try retire(.reclaim { () throws(LockError) in try claim.restart() })
      if outcome == .done, try lock.hasSettled(claim, judge.policy), BootTime.now < claim.deadline {
        return
      }
    }
    isHeld = false
    claim.abandon()
    throw .lost
  }

  /// - Throws: `lost` where the lock was not held to the end, `notHeld` where it was given away. It is
  ///   not held any more in any case.
  func release() throws(LockError) {
    try checkHeld()
    isHeld = false
    let isLate = BootTime.now >= claim.deadline
    let outcome: Retirement.Outcome
    do throws(LockError) {
      outcome = try retire(.release(late: isLate, claim))
    } catch {
      // No space for a right, or some such thing: it is free for everybody all the same.
      claim.abandon()
      if error.isLackOfSpace { return }
      throw lock.isGone ? .lost : error
    }
    if outcome == .done { return }
    claim.abandon()
    throw .lost
  }

  /// Has `heir` hold the lock instead; nobody else has it in between.
  ///
  /// - Throws: `lost`; `busy` where somebody is about to break the lock, which this process then still
  ///   has.
  func transfer(to heir: LockOwner) throws(LockError) {
    try checkHeld()
    let heir = try Claimant.current(for: heir)
    let outcome = try retire(.transfer(to: heir, lifetime: claim.lifetime))
    if outcome != .done, try lock.isBound(lock.base, to: claim.token) { throw .busy }
    isHeld = false
    if outcome == .done { return }
    claim.abandon()
    throw .lost
  }

  /// Leaves the lock as it is, to its owner or its lifetime.
  func leaveBehind() {
    isHeld = false
  }

  private func checkHeld() throws(LockError) {
    if !isHeld || process != getpid() { throw .notHeld }
  }

  private func retire(_ purpose: Retirement.Purpose) throws(LockError) -> Retirement.Outcome {
    try Retirement(lock: lock, judge: judge, token: claim.token, purpose: purpose).perform()
  }
}

extension LockError {
  var isLackOfSpace: Bool {
    if case .system(_, let errno) = self {
      errno == .noSpace || errno == .quotaExceeded
    } else {
      false
    }
  }
}
