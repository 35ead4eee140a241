internal import CSystem

/// Removes a lock file that nobody has open.
///
/// Whoever opens a lock file and waits for its lock may find, once it has the lock, that the file was
/// removed and that others have the lock of a new file at the path. swlock looks, and starts again; but
/// flock(1), lockrun and most programs do not, and would go on. So it is not enough to hold the lock: a
/// file is removed only while nobody else has it open, which a write lease proves, and no look at
/// /proc could. Nobody can hold a lock of a file that is not open, so no lock is taken for it.
///
/// What may happen, in the order of time, to somebody who opens the file:
///
/// 1. It was opened before the lease: there is no lease, and the file stays. Of two that want to remove it
///    at the same moment neither gets the lease; both try again, at random times.
/// 2. It is opened under the lease: whoever does that waits in open(2), or is refused with EWOULDBLOCK
///    (swlock tries again), and breaks the lease.
/// 3. The file's name was looked up already, and then it loses its name. Whoever looked it up gets this
///    file, and nothing could give a name back to a file that has lost its last one. So it is renamed
///    first; then the lease is looked at; if it was broken, the file gets its name back before the one
///    who waits can go on; and if not, it is unlinked by a name that nobody else knows.
/// 4. It was opened, closed and then linked to, as portage takes its locks: a lease keeps nobody from making a link.
///    So the links are counted after the renaming as well.
///
/// What remains, for those who do not look again: one who has looked up the name but has not come to
/// the lease yet, a few hundred instructions of the kernel later, when the lease is looked at after
/// the rename; and that between the rename and the giving back, a few microseconds, a third one makes a
/// new file at the path.
struct FileRemoval: Sendable {
  private let path: ByteString
  /// Nil: whatever stands there.
  private let identity: FileIdentity?

  init(_ path: ByteString, _ identity: FileIdentity? = nil) {
    self.path = path
    self.identity = identity
  }

  /// Only what may have been made as a lock file: somebody's data are not removed, nor folders. Nor a file
  /// that others know by another name, by which they would go on to lock it.
  static func isRemovable(_ status: FileStatus) -> Bool {
    status.isEmptyFile && status.linkCount <= 1
  }

  /// What it is called in its folder while it is being removed. One that is killed then leaves it.
  static let asidePrefix: ByteString = ".swlock-removed-"

  private static let maximumAttempts = 5

  /// - Parameter isDryRun: only find out.
  /// - Throws: as `WriteLease`; `system`. Then the file is where it was.
  func perform(isDryRun: Bool = false) throws(LockError) -> RemovalOutcome {
    var jitter = Jitter()
    for _ in 1..<Self.maximumAttempts {
      let outcome = try attempt(isDryRun)
      if outcome != .inUse { return outcome }
      (.microseconds(50) + jitter.span(upTo: .microseconds(256))).pause()
    }
    return try attempt(isDryRun)
  }

  private func attempt(_ isDryRun: Bool) throws(LockError) -> RemovalOutcome {
    do throws(LockError) {
      return try attemptOnce(isDryRun)
    } catch {
      switch error {
      case .system(.folder, .missing), .system(.open, .missing), .system(.open, .tooManyLinks):
        return .gone
      case .system(.open, .wouldBlock): return .inUse
      default: throw error
      }
    }
  }

  /// The file is opened and closed here, which must not end a POSIX lock that this process has on it.
  private func attemptOnce(_ isDryRun: Bool) throws(LockError) -> RemovalOutcome {
    let (folderPath, name) = path.splitPath
    let folder = try step(.folder) { () throws(Errno) in
      // To read the folder is not needed.
      Folder(taking: try FileDescriptor.open(folderPath, O_PATH | O_DIRECTORY))
    }
    var status = try step(.open) { () throws(Errno) in try folder.status(of: name) }
    guard isMeant(status) else { return .gone }
    guard Self.isRemovable(status) else { return .notRemovable }
    if PosixRegistry.isKnown(status.identity) { return .inUse }
    let number = try step(.open) { () throws(Errno) in try Self.open(name, in: folder).leak() }
    defer { PosixRegistry.close(FileDescriptor(taking: number), of: status.identity) }
    guard let lease = try WriteLease(on: number) else { return .inUse }
    defer { lease.end() }
    // From here on nobody writes to it.
    status = try step(.fstat) { () throws(Errno) in try FileStatus(of: number) }
    guard isMeant(status) else { return .gone }
    guard Self.isRemovable(status) else { return .notRemovable }
    if isDryRun { return lease.isUnbroken ? .removed : .inUse }
    return try remove(name, in: folder, status.identity, lease)
  }

  private func isMeant(_ status: FileStatus) -> Bool {
    identity == nil || status.identity == identity
  }

  private static func open(
    _ name: ByteString, in folder: borrowing Folder
  ) throws(Errno) -> FileDescriptor {
    let flags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
    do throws(Errno) {
      return try folder.open(name, O_RDONLY | flags)
    } catch .accessDenied {
      return try folder.open(name, O_WRONLY | flags)
    }
  }

  private func remove(
    _ name: ByteString, in folder: borrowing Folder, _ identity: FileIdentity, _ lease: WriteLease
  ) throws(LockError) -> RemovalOutcome {
    let aside = Self.asidePrefix + (try step(.rename) { () throws(Errno) in try randomToken() })
    do throws(Errno) {
      try folder.renameUnlessPresent(name, to: aside)
    } catch .missing {
      return .gone
    } catch {
      throw .system(.rename, error)
    }
    // At once: the longer this takes, the more likely it is that the name is another file's by then.
    let isUnbroken = lease.isUnbroken
    let moved = try? folder.status(of: aside)
    let isIt = moved?.identity == identity
    let isAlone = moved.map { Self.isRemovable($0) } ?? false
    if !isUnbroken || !isIt || !isAlone {
      do throws(Errno) {
        try folder.renameUnlessPresent(aside, to: name)
        return isIt ? .inUse : .gone
      } catch {
        // What was moved in its place is not ours to remove.
        if error != .exists || !isIt || !isAlone { throw .system(.rename, error) }
      }
    }
    do throws(Errno) {
      try folder.unlink(aside)
    } catch {
      try? folder.renameUnlessPresent(aside, to: name)
      throw .system(.unlink, error)
    }
    return .removed
  }
}

/// What became of a file that was to be removed.
package enum RemovalOutcome: Equatable, Sendable {
  case removed
  /// It is not there any more, or another file is.
  case gone
  /// Somebody else has it open.
  case inUse
  /// It is no empty regular file, or has another name as well.
  case notRemovable
}

/// Removes the lock file at `path` if it is an empty regular file that nobody has open, and so nobody has
/// locked. While that is found out, for microseconds, whoever opens it has to wait.
///
/// To other programs the file itself may be the lock. So one that is not named as swlock's own are also
/// stays where somebody has only a descriptor of O_PATH.
///
/// - Returns: what became of it, or with `isDryRun` would.
/// - Throws: `unsupported(.noLeases)` where nobody can tell who has a file open;
///   `system(.lease, .accessDenied)` where this process may not be told; nothing is changed then.
package func removeUnusedFile(
  at path: ByteString, isDryRun: Bool = false
) throws(LockError) -> RemovalOutcome {
  let removal = FileRemoval(path)
  let (_, name) = path.splitPath
  if !name.isSidecar, !name.isAside {
    let outcome = try removal.perform(isDryRun: true)
    if outcome != .removed { return outcome }
    do throws(LockError) {
      if try !inspectOpeners(at: path).isEmpty { return .inUse }
    } catch .system(.open, .missing) {
      return .gone
    }
  }
  return try removal.perform(isDryRun: isDryRun)
}

extension ByteString {
  /// Whether it is what a lock file is called while it is being removed, as one that was killed leaves it.
  package var isAside: Bool {
    let prefix = FileRemoval.asidePrefix
    return hasPrefix(prefix) && count == prefix.count + 32
      && bytes.dropFirst(prefix.count).allSatisfy(isHexadecimal)
  }
}

extension FileStatus {
  var isEmptyFile: Bool { kind == .regular && size == 0 }
}
