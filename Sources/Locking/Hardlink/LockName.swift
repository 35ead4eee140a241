internal import CSystem

/// The name L of a `hardlink` lock in its open folder, and the names of all files of its protocol
/// (docs/hardlink.md). Nothing outside the folder is ever opened, renamed or removed.
final class LockName {
  /// The lock's path, absolute: what claims have as their content begins with it.
  let path: ByteString
  /// The last component.
  let base: ByteString
  let folder: Folder
  /// Whether other hosts may use the folder: then what this one remembers of it may be old, and its clock
  /// may be another.
  let isShared: Bool
  /// Whether it is known that no device is at L, which opening it may do something to. Whatever takes the
  /// place of a file later is opened.
  var isChecked = false

  /// - Throws: `refused` for what is no name of a lock; `system(.folder, ...)`.
  init(_ path: ByteString) throws(LockError) {
    let absolute = path.absolutePath
    let (folder, name) = absolute.splitPath
    if path.isEmpty || name.isEmpty || name == "." || name == ".." { throw .refused(.emptyPath) }
    if absolute.bytes.last == ascii("/") { throw .refused(.directory) }
    self.path = absolute
    base = name
    self.folder = try step(.folder) { () throws(Errno) in try Folder(folder) }
    isShared = (try? self.folder.isSeenByOtherHosts()) != false
  }

  /// Who may take the lock away from claim `token` links a claim of its own to this name.
  func retireName(_ token: ByteString) -> ByteString { rightPrefix + "retire-" + token }
  /// Through this name the holder of a right leaves, with what it took. A folder of that name keeps
  /// it from ever doing so.
  func exitName(_ token: ByteString) -> ByteString { rightPrefix + "exit-" + token }
  /// A claim that is to take the lock over has this name until then.
  func armName(_ token: ByteString) -> ByteString { rightPrefix + "arm-" + token }

  /// Refuses a name that leaves no room for all others.
  func checkRoom() throws(LockError) {
    if base.count > Self.longestBase { throw .refused(.nameTooLong(limit: Self.longestBase)) }
  }

  /// Another user's file in /tmp: that user could hold root up for ever.
  func refuseUntrusted(_ status: FileStatus) throws(LockError) {
    guard status.owner != 0, geteuid() == 0 else { return }
    let folder = try step(.stat) { () throws(Errno) in try self.folder.status() }
    if folder.isStickyAndWorldWritable { throw .refused(.untrustedOwner) }
  }

  /// The longest of all names is that of the claim by which another process hands the lock over:
  /// `BASE|HOST|PID|TOKEN.LIFETIME.START.NAMESPACE.BOOT.PID.START.a` has 120 bytes beside the lock's and the
  /// host's name, in a system with the longest numbers. Whatever the host is called there, its name is cut
  /// to what is left, of which that is the least. A name of portage's style, which has no more
  /// than `.BASE.swlock-aside-HOST-PID-TOKEN`, is a little shorter with a host's name of 64 bytes.
  private static let longestBase = Int(NAME_MAX) - 120 - 8

  var rightPrefix: ByteString { "." + base + ".swlock-" }

  /// The path of a file beside the lock.
  func path(of name: ByteString) -> ByteString {
    ByteString(path.bytes.dropLast(base.count)) + name
  }
}

/// What a name of the protocol was bound to, seen through one open descriptor.
final class BoundClaim {
  let name: ClaimName
  let status: FileStatus
  private(set) var descriptor: FileDescriptor

  init(
    _ name: ClaimName, _ status: FileStatus, _ descriptor: consuming FileDescriptor
  ) {
    self.name = name
    self.status = status
    self.descriptor = descriptor
  }

  /// An NFS client gives a file that is open another name instead of removing it, which takes three calls
  /// more.
  func closeBeforeUnlinking() { descriptor = FileDescriptor(taking: -1) }

  var token: ByteString { name.token }
}

// MARK: - What is there now

// The client of a network file system answers from what it remembers: names for as long as it takes the
// folder to be unchanged, attributes for seconds. No step of the protocol is decided by that.
extension LockName {
  /// lstat(2)
  func status(of name: ByteString) throws(Errno) -> FileStatus {
    if isShared {
      try askServer(in: folder.number)
      try askServer(for: name, in: folder.number)
    }
    return try folder.status(of: name)
  }

  /// Of a file in the folder that is open.
  func status(of descriptor: borrowing FileDescriptor) throws(Errno) -> FileStatus {
    if isShared { try askServer(in: descriptor.number) }
    return try FileStatus(of: descriptor.number)
  }

  /// Whether the folder was removed, and every lock in it.
  var isGone: Bool {
    do throws(Errno) {
      if !isShared { return try folder.status().linkCount == 0 }
      try askServer(in: folder.number)
      return false
    } catch {
      return error == .staleHandle || error == .missing
    }
  }

  /// The names of the files in the folder.
  func names() throws(Errno) -> FolderNames {
    if isShared { try askServer(in: folder.number) }
    return try folder.names()
  }

  /// What time it is for the folder, as far as this host knows without writing anything there.
  var guessedClock: FolderClock { FolderClock.local(isGuess: isShared) }
}

extension LockName {
  /// What stands at `name` in the folder; nil when nothing does.
  ///
  /// Opened, looked at and read through one descriptor, so that all belongs to one file. A file that
  /// lost its content in a crash of the machine is known by the claim's own name, which is another
  /// link to it. So is the claim of a flufl.lock that separates the parts of the name by something else.
  ///
  /// - Throws: `refused(.notAClaim)` for anything that is no claim of this lock.
  func look(_ name: ByteString) throws(LockError) -> BoundClaim? {
    var restarts = 0
    var leaseWait = LeaseWait(.never)
    while true {
      do throws(LockError) {
        return try lookOnce(name)
      } catch .system(_, .staleHandle) where restarts < maximumRestarts {
        restarts += 1
        // Opening it may not have reached the server (a delegation), but this does.
        do throws(Errno) {
          _ = try status(of: name)
        } catch .missing {
          return nil
        } catch {}
      } catch .system(.open, .wouldBlock) {
        try leaseWait.pause()
      } catch .refused(.notAClaim(let obstacle)) where name != base {
        throw .refused(.obstructed(name: name, obstacle))
      }
    }
  }

  private func lookOnce(_ name: ByteString) throws(LockError) -> BoundClaim? {
    if isShared, isGone { return nil }
    guard let descriptor = try openIfPresent(name) else { return nil }
    let status = try step(.fstat) { () throws(Errno) in try self.status(of: descriptor) }
    let limit = Int(PATH_MAX) + 1
    guard status.kind == .regular, status.size <= limit else { throw refusal(name, status) }
    let content = try step(.read) { () throws(Errno) in try descriptor.readAll(limit: limit) }
    if content.isEmpty {
      // The folder of any other lock file may be large.
      guard status.linkCount > 1, let claim = try claimName(of: status.identity) else {
        throw refusal(name, status)
      }
      return BoundClaim(claim, status, descriptor)
    }
    guard let last = Self.fileName(inContent: content) else { throw refusal(name, status) }
    if let claim = ClaimName(last.bytes, base: base) {
      if try isOnlyRemembered(claim, status, at: name) { throw .system(.open, .staleHandle) }
      return BoundClaim(claim, status, descriptor)
    }
    // Any file with two links would do otherwise.
    guard status.linkCount > 1, last != name,
      (try? self.status(of: last))?.identity == status.identity
    else { throw refusal(name, status) }
    return BoundClaim(ClaimName(unreadable: last), status, descriptor)
  }

  /// Whether a claim is not at `name` any more, although the client still takes it to be: it has no name but
  /// its own. A change of the folder is not noticed where it was changed twice in one tick of its clock.
  private func isOnlyRemembered(
    _ claim: ClaimName, _ seen: FileStatus, at name: ByteString
  ) throws(LockError) -> Bool {
    guard isShared, seen.linkCount < 2, name != claim.fileName else { return false }
    return (try? self.status(of: claim.fileName))?.identity == seen.identity
  }

  /// Of a file that is still there as it was seen. One that has lost a name since may have been a claim whose
  /// lock was released meanwhile: that is looked at again.
  private func refusal(_ name: ByteString, _ seen: FileStatus) -> LockError {
    let status = try? self.status(of: name)
    let isSame = status?.identity == seen.identity && status?.linkCount == seen.linkCount
    return isSame ? .refused(.notAClaim(Obstacle(seen))) : .system(.open, .staleHandle)
  }

  /// The last component of the path that a claim has as its content. flufl.lock writes the path as it was
  /// given, which may be a relative one.
  private static func fileName(inContent content: [UInt8]) -> ByteString? {
    let last = content.split(separator: ascii("/"), omittingEmptySubsequences: false).last
    guard !content.contains(0), let last, !last.isEmpty else { return nil }
    return ByteString(last)
  }

  /// Opens a file that may be anything, for reading; nil where there is none.
  func openIfPresent(_ name: ByteString) throws(LockError) -> FileDescriptor? {
    if name == base { try refuseDevice() }
    do throws(Errno) {
      return try folder.open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
    } catch {
      switch error {
      case .missing: return nil
      // A link; a socket, or a device without a driver.
      case .tooManyLinks: throw .refused(.notAClaim(.symbolicLink))
      case .noDevice: throw .refused(.notAClaim(.special))
      default: throw .system(.open, error)
      }
    }
  }

  private func refuseDevice() throws(LockError) {
    if isChecked { return }
    isChecked = true
    guard let status = try? self.status(of: base) else { return }
    switch status.kind {
    case .blockDevice, .characterDevice, .fifo, .socket:
      throw .refused(.notAClaim(.special))
    case .regular, .directory, .symbolicLink: return
    }
  }

  /// The name of the claim that is a link to this file.
  private func claimName(of identity: FileIdentity) throws(LockError) -> ClaimName? {
    for name in try claimNames() {
      if let status = try? self.status(of: name.fileName), status.identity == identity {
        return name
      }
    }
    return nil
  }

  /// Every claim for this lock in the folder.
  ///
  /// - Parameter watch: hears what interrupts a look that takes long.
  func claimNames(_ watch: HolderWatch? = nil) throws(LockError) -> [ClaimName] {
    var armed: [ByteString] = []
    return try claimNames(watch, armed: &armed)
  }

  /// - Parameter armed: is given all arm names as well.
  func claimNames(
    _ watch: HolderWatch?, armed: inout [ByteString]
  ) throws(LockError) -> [ClaimName] {
    let arms = armName("")
    let all = try step(.read) { () throws(Errno) in try self.names() }
    var names: [ClaimName] = []
    while let name = try step(.read, { () throws(Errno) in try all.next() }) {
      if let claim = ClaimName(name.bytes, base: base) {
        names.append(claim)
      } else if name.bytes.starts(with: arms.bytes) {
        armed.append(name)
      } else if ClaimName.mayBeUnreadable(name, base: base) {
        try watch?.pause(.zero)
        if namesItself(name) { names.append(ClaimName(unreadable: name)) }
      }
    }
    return names
  }

  /// Whether one of these is the claim of another program. A folder of such a name is not, for one.
  func hasForeignClaim(
    among names: [ClaimName], _ watch: HolderWatch? = nil
  ) throws(LockError) -> Bool {
    for name in names where name.isForeign {
      try watch?.pause(.zero)
      if (try? status(of: name.fileName))?.kind == .regular { return true }
    }
    return false
  }

  /// Whether the content of that file is its own path, as a claim's is.
  private func namesItself(_ name: ByteString) -> Bool {
    guard let status = try? self.status(of: name), status.kind == .regular,
      status.size >= name.count, status.size <= Int64(PATH_MAX),
      let file = try? openIfPresent(name), let content = try? file.readAll(limit: Int(PATH_MAX))
    else { return false }
    return Self.fileName(inContent: content) == name
  }

  /// Whether L is still `token` when no client that looks first and unlinks then, as flufl.lock does, can
  /// be about to remove it any more; true at once where there is no such client.
  /// The claim is refreshed meanwhile.
  func hasSettled(_ claim: ClaimFile, _ policy: HardlinkPolicy) throws(LockError) -> Bool {
    guard try hasForeignClaim(among: claimNames()) else { return true }
    let end = Deadline.after(policy.settle)
    while !end.hasPassed {
      Deadline.after(min(end.remaining, claim.lifetime.map { $0 / 3 } ?? .longest)).sleep()
      guard try claim.refresh() else { return false }
    }
    return try isBound(base, to: claim.token)
  }

  /// Whether the claim's own name leads to that file. L may name any file, of anybody.
  func isOwnName(of claim: BoundClaim) throws(Errno) -> Bool {
    let status = try status(of: claim.name.fileName)
    if status.identity == claim.status.identity { return true }
    // Not every file system tells which files are the same.
    return status.owner == claim.status.owner && status.kind == .regular
      && (try? look(claim.name.fileName))??.name == claim.name
  }

  /// Removes the claim's own name. If that cannot be, the claim is given up, so that nobody takes it for that
  /// of one who waits.
  ///
  /// - Returns: whether nothing of it is left.
  func removeOwnName(of claim: BoundClaim) -> Bool {
    do throws(Errno) {
      if try isOwnName(of: claim) { try folder.unlink(claim.name.fileName) }
    } catch {
      if error == .missing { return true }
      abandon(claim.name, claim.descriptor.number)
      return false
    }
    return true
  }

  /// Gives a claim up whose own name cannot be removed: nobody is to take it for that of one who waits.
  func abandon(_ name: ClaimName, _ descriptor: Int32) {
    do throws(Errno) {
      try ClaimExpiry.abandoned.set(on: descriptor)
    } catch {
      guard error == .badDescriptor, let file = try? openIfPresent(name.fileName) else { return }
      try? ClaimExpiry.abandoned.set(on: file.number)
    }
  }

  /// Whether the file of that name is a claim, or one that was never filled, without another link.
  func isUnlinkedClaim(_ name: ClaimName) throws(LockError) -> Bool {
    guard let status = try? self.status(of: name.fileName), status.kind == .regular,
      status.linkCount == 1
    else { return false }
    if status.size == 0 { return true }
    do throws(LockError) {
      return try look(name.fileName)?.name == name
    } catch .refused {
      return false
    }
  }

  /// Whether `name` is bound to the claim `token`.
  func isBound(_ name: ByteString, to token: ByteString) throws(LockError) -> Bool {
    try look(name)?.token == token
  }
}

extension Folder {
  /// Whether its file system is one that other hosts may use as well.
  func isSeenByOtherHosts() throws(LockError) -> Bool {
    try SharedFileSystem(of: number) != nil
  }
}
