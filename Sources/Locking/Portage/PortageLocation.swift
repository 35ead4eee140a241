internal import CSystem

/// The place of a lock in portage's style.
final class PortageLocation: HardlinkLocation {
  override func release(of owner: LockOwner?) throws(LockError) {
    let judge = try judge(for: owner)
    let held =
      owner == nil
      ? try lock.holdingPlaceholder(judge)
      : try lock.linkedPlaceholders().first { $0.placeholder.isOf(judge.claimant) }
    guard let held else { throw .notHeld }
    try lock.releasePortage(held.placeholder, held.status.identity, removesFile: false)
  }

  override func report(for owner: LockOwner?) throws(LockError) -> HardlinkReport {
    let judge = try judge(for: owner)
    let clock = FolderClock.local()
    let held = try lock.holdingPlaceholder(judge)
    var waiters: [HardlinkClaim] = []
    for placeholder in try lock.placeholders() where placeholder != held?.placeholder {
      if let status = try? lock.status(of: placeholder.fileName) {
        waiters.append(judge.describe(placeholder, status, clock))
      }
    }
    guard let held else {
      return HardlinkReport(state: .unlocked, isHeld: false, holder: nil, waiters: waiters)
    }
    let holder = judge.describe(held.placeholder, held.status, clock)
    let isDead = holder.liveness == .dead
    let isOurs = owner != nil && held.placeholder.isOf(judge.claimant)
    return HardlinkReport(
      state: isOurs ? .ours : isDead ? .stale : .theirs, isHeld: !isDead, holder: holder,
      waiters: waiters)
  }

  override func breakLock(force: Bool) throws(LockError) -> HardlinkClaim? {
    let judge = try judge(for: nil)
    guard let held = try lock.holdingPlaceholder(judge) else { return nil }
    let description = judge.describe(held.placeholder, held.status, .local())
    guard force || description.liveness == .dead else { throw .busy }
    let isRetired = try lock.retire(held.placeholder, held.status, judge: force ? nil : judge)
    return isRetired ? description : nil
  }
}
