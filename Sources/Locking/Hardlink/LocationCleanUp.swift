internal import CSystem

extension HardlinkLocation {
  /// Removes what dead processes left of this lock: its claims, rights, and the lock itself if it is
  /// stale. Never anything that is alive or not recognised.
  package func cleanUp(
    _ options: HardlinkCleanUpOptions = HardlinkCleanUpOptions()
  ) throws(LockError) -> HardlinkCleanUpResult {
    let place = lock.place
    let files = try place.protocolFiles(of: lock.base)
    let inUse = try place.protocolFiles(of: lock.base)
    var clock: FolderClock?
    let placeholders = PlaceholderBatch(options)
    let judge = try judge(for: nil).judgingMany()
    var result = try cleanUp(files, inUse: inUse, judge, &clock, placeholders, options)
    placeholders.retire(&result)
    // What a dead right holder has kept from being garbage may be so now.
    if result.hasFreedRights(options) {
      do throws(LockError) {
        let rest = try cleanUp(options.goingOn)
        result.removals += rest.removals
        // Of what is left that look tells.
        result.remainders = rest.remainders
        if result.firstError == nil { result.firstError = rest.firstError }
      } catch {
        if result.firstError == nil { result.firstError = error }
      }
    }
    return result
  }

  /// - Parameters:
  ///   - judge: what it knows of processes is from after `files` was listed.
  ///   - clock: the folder's, which is looked at for the first of its locks.
  ///   - placeholders: is given those that are to be retired.
  func cleanUp(
    _ files: ProtocolFiles, inUse: ProtocolFiles, _ judge: Judge, _ clock: inout FolderClock?,
    _ placeholders: PlaceholderBatch, _ options: HardlinkCleanUpOptions
  ) throws(LockError) -> HardlinkCleanUpResult {
    let now: FolderClock
    if let clock {
      now = clock
    } else {
      now = try options.dryRun ? lock.guessedClock : measuredClock(judge)
      clock = now
    }
    var cleanUp = HardlinkCleanUp(lock, judge, files, inUse: inUse, now, placeholders, options)
    cleanUp.perform()
    return cleanUp.result
  }

  /// `cleanUp` for every lock in `folder`; of which kind its claims are to be is what `kind` says.
  package static func cleanUp(
    folder path: ByteString, _ kind: LockKind,
    _ options: HardlinkCleanUpOptions = HardlinkCleanUpOptions()
  ) throws(LockError) -> HardlinkCleanUpResult {
    var cleanUp = try FolderCleanUp(path, kind, options)
    return try cleanUp.perform()
  }
}

extension HardlinkCleanUpResult {
  fileprivate func hasFreedRights(_ options: HardlinkCleanUpOptions) -> Bool {
    !options.dryRun && (hasFenced || removals.contains { $0.kind == .right })
  }
}

extension HardlinkCleanUpOptions {
  /// For another look: who has come since is none of those who were to be ended.
  fileprivate var goingOn: HardlinkCleanUpOptions {
    var options = self
    options.all = false
    return options
  }
}

extension LockFolder {
  fileprivate func protocolFiles(of base: ByteString? = nil) throws(LockError) -> ProtocolFiles {
    do throws(Errno) {
      // As `LockName.names` does: what the list says, and does not say, decides what is garbage.
      try askServer(in: folder.number)
      return try ProtocolFiles(in: folder, of: base)
    } catch {
      throw .system(.read, error)
    }
  }
}

/// Cleans up after all locks of a folder. What is asked of the folder, of /proc and of this host is asked
/// once for all of them, not for each.
private struct FolderCleanUp {
  private let path: ByteString
  private let absolutePath: ByteString
  private let place: LockFolder
  private let kind: LockKind
  private var options: HardlinkCleanUpOptions
  private let placeholders: PlaceholderBatch
  private var judge: Judge?
  private var clock: FolderClock?
  private var result = HardlinkCleanUpResult()
  /// Locks with rights that have been removed: what a dead right holder has kept from being garbage may be so
  /// now.
  private var unfinished: [ByteString] = []

  init(
    _ path: ByteString, _ kind: LockKind, _ options: HardlinkCleanUpOptions
  ) throws(LockError) {
    self.path = path.bytes.last == ascii("/") ? path : path + "/"
    absolutePath = self.path.absolutePath
    place = try LockFolder(path)
    if !options.dryRun { place.keepListing() }
    self.kind = kind
    self.options = options
    placeholders = PlaceholderBatch(options)
  }

  mutating func perform() throws(LockError) -> HardlinkCleanUpResult {
    let all = try place.protocolFiles()
    let inUse = try place.protocolFiles()
    all.forEachLock { (base, files) in
      result.found += 1
      cleanUp(base, files, inUse: inUse.files(of: base))
    }
    cleanUpOthers(all, inUse: inUse)
    placeholders.retire(&result)
    while !unfinished.isEmpty { try goOn() }
    return result
  }

  private mutating func goOn() throws(LockError) {
    let bases = unfinished
    unfinished = []
    options = options.goingOn
    do throws(LockError) {
      let all = try place.protocolFiles()
      let inUse = try place.protocolFiles()
      judge = judge?.judgingMany()
      for base in bases {
        cleanUp(base, all.files(of: base), inUse: inUse.files(of: base))
      }
    } catch {
      if result.firstError == nil { result.firstError = error }
    }
    placeholders.retire(&result)
  }

  private mutating func cleanUp(_ base: ByteString, _ files: ProtocolFiles, inUse: ProtocolFiles) {
    do throws(LockError) {
      try cleanUp(location(of: base), files, inUse: inUse)
    } catch {
      result.note(error)
    }
  }

  private func location(of base: ByteString) throws(LockError) -> HardlinkLocation {
    try kind.location(at: absolutePath + base, in: place)
  }

  private mutating func cleanUp(
    _ location: HardlinkLocation, _ files: ProtocolFiles, inUse: ProtocolFiles
  ) throws(LockError) {
    let judge = try judge(location)
    var part = try location.cleanUp(files, inUse: inUse, judge, &clock, placeholders, options)
    if part.hasFreedRights(options) {
      unfinished.append(location.lock.base)
      // Of what is left the next look tells.
      part.remainders = []
    }
    result.add(part)
    if placeholders.isFull { placeholders.retire(&result) }
  }

  /// The same for all.
  private mutating func judge(_ location: HardlinkLocation) throws(LockError) -> Judge {
    if let judge { return judge }
    let own = try location.judge(for: nil)
    let judge = Judge(claimant: own.claimant.actingForItself(), policy: own.policy).judgingMany()
    self.judge = judge
    return judge
  }

  /// A lock whose claim has lost its own name is known by its content alone.
  private mutating func cleanUpOthers(_ all: ProtocolFiles, inUse: ProtocolFiles) {
    for name in all.others {
      let files = all.files(of: name)
      guard files.files.isEmpty, let status = try? place.folder.status(of: name) else { continue }
      var reason = HardlinkRemainder.Reason.other
      if status.kind == .regular, status.size > 0, status.size <= Int64(PATH_MAX) {
        do throws(LockError) {
          let location = try location(of: name)
          if try location.lock.look(name) != nil {
            result.found += 1
            do throws(LockError) {
              try cleanUp(location, files, inUse: inUse.files(of: name))
            } catch {
              result.note(error)
            }
          }
          continue
        } catch .refused {
          // None of ours.
        } catch {
          // Nor is what cannot be read.
          reason = .failed(error)
        }
      }
      if options.tellsRemainders {
        result.remainders.append(HardlinkRemainder(path: path + name, reason: reason))
      }
    }
  }
}
