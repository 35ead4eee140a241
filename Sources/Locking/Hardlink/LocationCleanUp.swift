internal import CSystem

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
      // Of what is left that look tells.
      result.remainders = rest.remainders
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
    var clock: FolderClock?
    all.forEachLock { (base, files) in
      result.found += 1
      result.add { () throws(LockError) in
        try kind.location(at: start + base)
          .cleanUp(files, inUse: inUse.files(of: base), options, &clock)
      }
    }
    // A lock whose claim has lost its own name is known by its content alone.
    for name in all.others where all.files(of: name).files.isEmpty {
      guard let status = try? folder.status(of: name) else { continue }
      var reason = HardlinkRemainder.Reason.other
      if status.kind == .regular, status.size > 0, status.size <= Int64(PATH_MAX) {
        do throws(LockError) {
          let location = try kind.location(at: start + name)
          if try location.lock.look(name) != nil {
            result.found += 1
            result.add { () throws(LockError) in try location.cleanUp(options) }
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
        result.remainders.append(HardlinkRemainder(path: start + name, reason: reason))
      }
    }
    return result
  }
}
