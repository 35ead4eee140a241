internal import CSystem

/// One path that is looked at again and again until it is free. Looks are cheap where they can be: opening
/// /proc/locks stops all locking of the machine for some milliseconds, so that a lock that was found is taken to be
/// there as long as the descriptor has it with which it was found.
final class WatchedPlace {
  let path: ByteString
  private let condition: FreeCondition
  private var file: OpenPlace?
  private var last: Occupancy?
  /// The file as it was when it was no claim; that it becomes one changes it.
  private var noClaim: Fingerprint?
  /// What the last look could not see.
  private(set) var isUncertain = false

  init(_ path: ByteString, _ condition: FreeCondition) {
    self.path = path
    self.condition = condition
  }

  /// Nil where it is free.
  func look() throws(LockError) -> Occupancy? {
    isUncertain = false
    last = try find()
    return last
  }

  private func find() throws(LockError) -> Occupancy? {
    switch condition {
    case .absent:
      guard let status = try status(followingLinks: false) else { return nil }
      return occupied(.file, status.identity)
    case .unlocked(let kinds):
      guard let file = try currentFile() else { return nil }
      if let claim = try claim(file, kinds) { return occupied(.claim(claim), file.identity) }
      return try locks(file, kinds)
    }
  }

  private func occupied(_ cause: Occupancy.Cause, _ file: FileIdentity) -> Occupancy {
    Occupancy(path: path, cause: cause, file: file)
  }

  /// Nil where nothing is there.
  private func status(followingLinks: Bool) throws(LockError) -> FileStatus? {
    do throws(Errno) {
      // The client of a network file system remembers what was there.
      if file?.isShared ?? true { try askServer(for: path, in: AT_FDCWD) }
      return try FileStatus(at: path, followingLinks: followingLinks)
    } catch {
      switch error {
      case .missing, .staleHandle: return nil
      case .notADirectory where !followingLinks: return nil
      default: throw .system(.stat, error)
      }
    }
  }

  /// What is at the path now; what is open already as long as it is that.
  private func currentFile() throws(LockError) -> OpenPlace? {
    if path.isEmpty { throw .refused(.emptyPath) }
    guard let status = try status(followingLinks: true) else { return nil }
    if let file, file.identity == status.identity { return file }
    file = nil
    do throws(LockError) {
      file = try OpenPlace(path)
    } catch .system(.open, .missing) {
      return nil
    }
    return file
  }

  // MARK: - Locks of the kernel's

  private func locks(_ file: OpenPlace, _ kinds: [LockKind]) throws(LockError) -> Occupancy? {
    let requests = kinds.filter { !$0.hasClaim }.map { LockRequest(path: path, kind: $0) }
    if requests.isEmpty { return nil }
    func counts(_ lock: ObservedLock) -> Bool { requests.contains { lock.excludes($0) } }
    if let last, last.file == file.identity, case .locks(let seen) = last.cause,
      seen.locks.contains(where: { counts($0) && isStillKept($0, file) })
    {
      return last
    }
    var found = try inspectLockers(of: file.lockedFile, where: counts)
    if found.locks.isEmpty, file.isShared {
      found.elsewhere = try LocksElsewhere(ofDescriptor: file.number, besides: [])
    } else if found.locks.isEmpty, !found.seesAllNamespaces, file.isRegular,
      let range = requests.first(where: { $0.kind.kernelMode?.isRecordLock == true })?.kind.range
    {
      // Those of other pid namespaces are not in the table.
      found.elsewhere = LocksElsewhere.ask(file.number, file.identity, range)
    }
    isUncertain = !found.seesAllNamespaces || found.elsewhere == .unknown
    return found.hasHolder ? occupied(.locks(found), file.identity) : nil
  }

  private func isStillKept(_ lock: ObservedLock, _ file: OpenPlace) -> Bool {
    for holder in lock.holders.prefix(4) {
      let process = holder.process.identifier
      // Held while the rest is read: it is that very process, not a later one of its number.
      guard let descriptor = holder.descriptors.first, let folder = try? ProcessFolder(process),
        (try? openFile(of: process, descriptor)) == file.identity,
        let text = folder.read("fdinfo/" + ByteString(decimal: descriptor))
      else { continue }
      let kept = DescriptorInformation(text).locks
      if kept.contains(where: { $0.mode == lock.mode && $0.range == lock.range }) { return true }
    }
    return false
  }

  // MARK: - Locks with a claim

  private struct Fingerprint: Equatable {
    let file: FileIdentity
    let linkCount: UInt64
    let size: Int64
    let changeTime: WallTime
  }

  /// The claim that holds the lock. Only what can be a claim is opened: others may be told of that.
  private func claim(_ file: OpenPlace, _ kinds: [LockKind]) throws(LockError) -> HardlinkClaim? {
    guard kinds.contains(where: { $0.hasClaim }),
      let status = try? FileStatus(at: path, followingLinks: false), status.kind == .regular,
      status.linkCount > 1 || status.size > 0, status.size <= Int64(PATH_MAX) + 1
    else { return nil }
    let fingerprint = Fingerprint(
      file: status.identity, linkCount: status.linkCount, size: status.size,
      changeTime: status.changeTime)
    if fingerprint == noClaim, !file.isShared { return nil }
    var isClaim = false
    for kind in kinds where kind.hasClaim {
      do throws(LockError) {
        let report = try kind.location(at: path).report()
        if report.isHeld, let holder = report.holder { return holder }
        if report.state != .unlocked { isClaim = true }
      } catch {
        switch error {
        // Any other file has only locks of the kernel's; one with a second name may be a claim.
        case .refused: break
        case .system(.open, .accessDenied) where status.linkCount == 1: break
        case .system(_, .missing): break
        default: throw error
        }
      }
    }
    // One that is free to be taken may be refreshed, or get another owner, by its time stamps alone.
    if !isClaim { noClaim = fingerprint }
    return nil
  }

  // MARK: - Events

  /// What happens to the file when it may become free.
  func eventSources(_ found: Occupancy) -> [FileEvents.Source] {
    let gone = UInt32(IN_ATTRIB) | UInt32(IN_MOVE_SELF) | UInt32(IN_DELETE_SELF)
    let goneByName = UInt32(IN_DELETE) | UInt32(IN_MOVED_FROM) | UInt32(IN_MOVE_SELF)
    // Any end of a descriptor may be the end of a lock; but not those of looks at it.
    var closed = UInt32(IN_CLOSE_WRITE)
    if let file, !file.isShared, file.seesAllLocks { closed |= UInt32(IN_CLOSE_NOWRITE) }
    let (folder, name) = path.splitPath
    switch found.cause {
    case .file:
      return [
        .init(path: path, mask: gone | UInt32(IN_DONT_FOLLOW)),
        .init(path: folder, mask: UInt32(IN_MOVE_SELF) | UInt32(IN_DELETE_SELF)),
        .init(path: folder, mask: goneByName, name: name, isFallback: true),
      ]
    case .claim:
      return [
        .init(path: path, mask: gone | UInt32(IN_DONT_FOLLOW)),
        .init(path: folder, mask: goneByName, name: name, isFallback: true),
      ]
    case .locks:
      return [
        .init(path: file?.procPath ?? path, mask: gone | closed),
        .init(path: folder, mask: goneByName | closed, name: name, isFallback: true),
      ]
    }
  }
}

/// A file that is open with O_PATH: not in the eyes of those who ask whether somebody has it open, nor of those who
/// have a lease on it, and closing it drops no lock.
private final class OpenPlace {
  private let descriptor: FileDescriptor
  let lockedFile: LockedFile
  /// Whether other hosts may have it open.
  let isShared: Bool
  let isRegular: Bool
  let seesAllLocks: Bool

  init(_ path: ByteString) throws(LockError) {
    descriptor = try step(.open) { () throws(Errno) in try FileDescriptor.open(path, O_PATH) }
    lockedFile = try LockedFile(descriptor: descriptor.number)
    isShared = try SharedFileSystem(of: descriptor.number) != nil
    let number = descriptor.number
    isRegular = try step(.fstat) { () throws(Errno) in try FileStatus(of: number).kind == .regular }
    seesAllLocks = isInFirstNamespace()
  }

  var number: Int32 { descriptor.number }
  var identity: FileIdentity { lockedFile.identity }
  var procPath: ByteString { "/proc/self/fd/" + ByteString(decimal: number) }
}
