internal import CSystem

/// Removes what dead processes left of one lock, in all three naming schemes: flufl.lock's, portage's,
/// and the retire, exit and arm names of swlock's own protocol.
///
/// What may go, and why nothing else may, is in docs/hardlink.md and docs/model: the rules that look
/// simpler (a retire name whose own holder is dead, a shut door whose right holder has expired) let
/// two into the lock.
struct HardlinkCleanUp {
  let lock: LockName
  /// With what was known of all processes after the lists were made, or later.
  let judge: Judge
  /// What may be removed. What comes after it was listed is none of this one's business.
  let files: ProtocolFiles
  /// Listed once more after that, from the start: what is in use. A folder is not read at once, and
  /// one list may have passed the place of a retire name before that was made, and still come to
  /// the name that it is the reason for.
  let inUse: ProtocolFiles
  let options: HardlinkCleanUpOptions
  let clock: FolderClock
  /// What is to be retired, once there is enough of it.
  let placeholders: PlaceholderBatch
  private(set) var result = HardlinkCleanUpResult()

  init(
    _ lock: LockName, _ judge: Judge, _ files: ProtocolFiles, inUse: ProtocolFiles,
    _ clock: FolderClock, _ placeholders: PlaceholderBatch, _ options: HardlinkCleanUpOptions
  ) {
    self.lock = lock
    self.judge = judge
    self.placeholders = placeholders
    self.files = files
    self.inUse = inUse
    self.clock = clock
    self.options = options
  }

  /// Goes on after what cannot be looked at or removed.
  mutating func perform() {
    note { (cleanUp) throws(LockError) in try cleanUp.removeStaleLock() }
    note { (cleanUp) throws(LockError) in try cleanUp.removeStalePlaceholders() }
    note { (cleanUp) throws(LockError) in try cleanUp.removeRetireNames() }
    note { (cleanUp) throws(LockError) in try cleanUp.removeDoors() }
    note { (cleanUp) throws(LockError) in try cleanUp.removeClaims() }
  }

  private mutating func note(_ step: (inout HardlinkCleanUp) throws(LockError) -> Void) {
    do throws(LockError) {
      try step(&self)
    } catch {
      if result.firstError == nil { result.firstError = error }
    }
  }

  func isOldEnough(_ status: FileStatus) -> Bool {
    guard let age = options.olderThan else { return true }
    return clock.now - status.changeTime > age
  }

  mutating func remove(
    _ name: ByteString, _ kind: HardlinkRemoval.Kind, isFolder: Bool = false
  ) throws(LockError) {
    if !options.dryRun {
      do throws(Errno) {
        if isFolder { try lock.folder.removeDirectory(name) } else { try lock.folder.unlink(name) }
      } catch {
        if error != .missing, result.firstError == nil {
          result.firstError = .system(.unlink, error)
        }
        return
      }
    }
    note(name, kind)
  }

  mutating func noteUndecided(_ claim: BoundClaim) {
    if clock.isGuess, judge.verdict(claim, .local()) == .stale {
      result.undecided.append(lock.path(of: claim.name.fileName))
    }
  }

  mutating func noteFencing() { result.hasFenced = true }

  @inline(never)
  mutating func leave(_ name: ByteString, _ reason: HardlinkRemainder.Reason) {
    if !options.tellsRemainders { return }
    result.remainders.append(HardlinkRemainder(path: lock.path(of: name), reason: reason))
  }

  mutating func note(_ name: ByteString, _ kind: HardlinkRemoval.Kind) {
    result.removals.append(HardlinkRemoval(kind: kind, path: lock.path(of: name)))
  }
}
