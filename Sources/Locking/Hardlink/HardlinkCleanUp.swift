internal import CSystem

/// Removes what dead processes left of one lock, in all three naming schemes: flufl.lock's, portage's,
/// and the retire, exit and arm names of swlock's own protocol.
///
/// What may go, and why nothing else may, is in docs/hardlink.md and docs/model: the rules that look
/// simpler (a retire name whose own holder is dead, a shut door whose right holder has expired) let
/// two into the lock.
struct HardlinkCleanUp {
  private let lock: LockName
  private let judge: Judge
  /// What may be removed. What comes after it was listed is none of this one's business.
  private let files: ProtocolFiles
  /// Listed once more after that, from the start: what is in use. A folder is not read at once, and
  /// one list may have passed the place of a retire name before that was made, and still come to
  /// the name that it is the reason for.
  private let inUse: ProtocolFiles
  private let options: HardlinkCleanUpOptions
  private let clock: FolderClock
  private(set) var result = HardlinkCleanUpResult()

  init(
    _ lock: LockName, _ judge: Judge, _ files: ProtocolFiles, inUse: ProtocolFiles,
    _ clock: FolderClock, _ options: HardlinkCleanUpOptions
  ) {
    self.lock = lock
    // What is to be judged was listed before.
    self.judge = judge.judgingMany()
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

  private func isOldEnough(_ status: FileStatus) -> Bool {
    guard let age = options.olderThan else { return true }
    return clock.now - status.changeTime > age
  }

  private mutating func remove(
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

  private mutating func noteUndecided(_ claim: BoundClaim) {
    if clock.isGuess, judge.verdict(claim, .local()) == .stale {
      result.undecided.append(lock.path(of: claim.name.fileName))
    }
  }

  private mutating func note(_ name: ByteString, _ kind: HardlinkRemoval.Kind) {
    result.removals.append(HardlinkRemoval(kind: kind, path: lock.path(of: name)))
  }
}

// MARK: - The lock itself

extension HardlinkCleanUp {
  /// By the protocol, as a waiter would.
  private mutating func removeStaleLock() throws(LockError) {
    let held: BoundClaim?
    do throws(LockError) {
      held = try lock.look(lock.base)
    } catch .refused {
      return  // nothing of ours
    }
    guard let held, isOldEnough(held.status) else { return }
    let isStale = judge.verdict(held, clock) == .stale
    guard isStale || options.all else { return noteUndecided(held) }
    let isNamed =
      files.claims.contains(where: { $0 == held.name }) && (try? lock.isOwnName(of: held)) == true
    if !options.dryRun {
      let outcome = try Retirement(
        lock: lock, judge: judge, token: held.token,
        purpose: isStale ? .breaking(.stale) : .force
      ).perform()
      if outcome != .done { return }
    }
    note(lock.base, isStale ? .staleLock : .liveLock)
    if isNamed { note(held.name.fileName, .claim) }
  }

  private mutating func removeStalePlaceholders() throws(LockError) {
    let judge = judge
    for placeholder in files.placeholders {
      guard let status = try? lock.status(of: placeholder.fileName),
        status.kind == .regular, isOldEnough(status),
        status.size == 0 || status.identity == (try? lock.fileStatus())?.identity
      else { continue }
      let isLive = placeholder.liveness(judge, status, .local()) != .dead
      guard !isLive || options.all else { continue }
      if !options.dryRun {
        // Another process may have the number by now, and the placeholder.
        let judge = Judge(claimant: judge.claimant, policy: judge.policy)
        guard try lock.retire(placeholder, status, judge: options.all ? nil : judge) else {
          continue
        }
      }
      note(placeholder.fileName, isLive ? .liveLock : .claim)
    }
  }
}

// MARK: - The names of the protocol

extension HardlinkCleanUp {
  /// T(t) is garbage as soon as claim t, which is linked to one name at most, is bound neither to a
  /// retire name nor to L: then it never comes back. Who holds the right, and whether that one lives,
  /// does not matter. The retire names are read first, and L then.
  private mutating func removeRetireNames() throws(LockError) {
    let names = files.retireNames
    if names.isEmpty { return }
    let bound = try boundTokens()
    for (name, token) in names {
      guard !bound.contains(token), try boundToken(name) != nil,
        let status = try? lock.status(of: name), isOldEnough(status)
      else { continue }
      try remove(name, .right)
    }
  }

  /// X(t), and the arm of t, are garbage once t's owner is provably dead, or t is gone for good. Never
  /// because t has expired: its owner may wake up, and find its door open again.
  private mutating func removeDoors() throws(LockError) {
    let doors = files.doors
    if doors.isEmpty { return }
    // A claim is made before its doors are, so the claim of each of these that is in use is listed.
    let claims = inUse.claims
    let bound = try boundTokens()
    for (name, token) in doors {
      guard let status = try? lock.status(of: name), isOldEnough(status),
        clock.now - status.changeTime > minimumDoorAge
      else { continue }
      if let claim = claims.first(where: { $0.token == token }) {
        guard judge.livenessOfActor(claim) == .dead else { continue }
      } else if bound.contains(token) {
        continue
      }
      switch status.kind {
      case .directory: try remove(name, .right, isFolder: true)
      case .regular where try boundToken(name) != nil: try remove(name, .right)
      default: continue
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
  private mutating func removeClaims() throws(LockError) {
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
      guard isStale || options.all, isOldEnough(claim.status),
        let status = try? lock.status(of: name.fileName), status.linkCount == 1
      else { continue }
      // One that has only expired may be that of a right holder which was fenced, and will wake up. Its
      // door stays shut as long as its claim is there. Who has taken its retire name away has shut the
      // door before, so this look comes after the one at the links.
      if judge.livenessOfActor(name) != .dead, !claim.wasAbandoned,
        (try? lock.status(of: lock.exitName(name.token))) != nil,
        clock.now - status.changeTime < Self.week
      {
        continue
      }
      try remove(name.fileName, .claim)
    }
  }

  private static let week = Span.seconds(7 * 86400)

  /// A claim that its process did not come to fill.
  private mutating func removeUnfinished(_ name: ClaimName) throws(LockError) {
    guard let status = try? lock.status(of: name.fileName),
      status.kind == .regular, status.size == 0, status.linkCount == 1, isOldEnough(status),
      judge.liveness(of: name) == .dead
    else { return }
    try remove(name.fileName, .claim)
  }
}

// MARK: - From outside

extension HardlinkLocation {
  /// Removes what dead processes left of this lock: its claims, rights, and the lock itself if it is
  /// stale. Never anything that is alive or not recognised.
  public func cleanUp(
    _ options: HardlinkCleanUpOptions = HardlinkCleanUpOptions()
  ) throws(LockError) -> HardlinkCleanUpResult {
    let files = try Self.files(in: lock.folder, of: lock.base)
    let inUse = try Self.files(in: lock.folder, of: lock.base)
    var clock: FolderClock?
    return try cleanUp(files, inUse: inUse, options, &clock)
  }

  private static func files(
    in folder: borrowing Folder, of base: ByteString? = nil
  ) throws(LockError) -> ProtocolFiles {
    do throws(Errno) {
      // As `LockName.names` does: what the list says, and does not say, decides what is garbage.
      try askServer(in: folder.number)
      return try ProtocolFiles(in: folder, of: base)
    } catch {
      throw .system(.read, error)
    }
  }

  /// - Parameter clock: the folder's, which is looked at for the first of its locks.
  private func cleanUp(
    _ files: ProtocolFiles, inUse: ProtocolFiles, _ options: HardlinkCleanUpOptions,
    _ clock: inout FolderClock?
  ) throws(LockError) -> HardlinkCleanUpResult {
    let judge = try judge(for: nil)
    let now: FolderClock
    if let clock {
      now = clock
    } else {
      now = try options.dryRun ? lock.guessedClock : measuredClock(judge)
      clock = now
    }
    var cleanUp = HardlinkCleanUp(lock, judge, files, inUse: inUse, now, options)
    cleanUp.perform()
    var result = cleanUp.result
    // What a dead right holder has kept from being garbage may be so now.
    if !options.dryRun, result.removals.contains(where: { $0.kind == .right }) {
      let rest = try self.cleanUp(options)
      result.removals += rest.removals
      if result.firstError == nil { result.firstError = rest.firstError }
    }
    return result
  }

  /// `cleanUp` for every lock in `folder`; of which kind its claims are to be is what `kind` says.
  public static func cleanUp(
    folder path: ByteString, _ kind: LockKind,
    _ options: HardlinkCleanUpOptions = HardlinkCleanUpOptions()
  ) throws(LockError) -> HardlinkCleanUpResult {
    let folder = try step(.folder) { () throws(Errno) in try Folder(path) }
    let all = try files(in: folder)
    let inUse = try files(in: folder)
    let start = path.bytes.last == ascii("/") ? path : path + "/"
    var result = HardlinkCleanUpResult()
    result.found = all.claims.count + all.placeholders.count
    var clock: FolderClock?
    all.forEachLock { (base, files) in
      result.add { () throws(LockError) in
        try kind.location(at: start + base)
          .cleanUp(files, inUse: inUse.files(of: base), options, &clock)
      }
    }
    // A lock whose claim has lost its own name is known by its content alone.
    for name in all.others where all.files(of: name).files.isEmpty {
      guard let status = try? folder.status(of: name), status.kind == .regular, status.size > 0,
        status.size <= Int64(PATH_MAX)
      else { continue }
      // What cannot be read is none of ours.
      guard let location = try? kind.location(at: start + name),
        (try? location.lock.look(name)) ?? nil != nil
      else { continue }
      result.add { () throws(LockError) in try location.cleanUp(options) }
    }
    return result
  }
}

extension HardlinkCleanUpResult {
  /// What one more lock came to.
  fileprivate mutating func add(_ part: () throws(LockError) -> HardlinkCleanUpResult) {
    do throws(LockError) {
      let part = try part()
      removals += part.removals
      undecided += part.undecided
      if firstError == nil { firstError = part.firstError }
    } catch .refused {
      // Nothing of ours after all.
    } catch {
      if firstError == nil { firstError = error }
    }
  }
}
