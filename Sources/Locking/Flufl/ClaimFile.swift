internal import CSystem

/// A claim file of this process: created here, kept open, and changed only through its descriptor.
///
/// It gets one name of the protocol at most, at most once, and is then discarded: whoever sees its
/// token somewhere knows that it was put there now, and not before.
final class ClaimFile {
  let name: ClaimName
  private let lock: LockName
  private var descriptor: FileDescriptor?
  /// Nil: none.
  private(set) var lifetime: Span?
  private(set) var clock: FolderClock
  /// From here on the claim is not to be relied upon: in the distant past while it was never touched.
  /// Kept in memory, since others may touch the file.
  private(set) var deadline: BootTime

  var token: ByteString { name.token }

  /// Of the open file; throws EBADF once it is closed.
  var number: Int32 {
    get throws(Errno) {
      guard let number = descriptor?.number else { throw .badDescriptor }
      return number
    }
  }

  /// File times are coarser than clocks.
  private static let margin = Span.milliseconds(10)
  private static let defaultPermissions: UInt32 = 0o644

  /// Makes a claim beside the lock, which nobody takes notice of yet.
  init(
    _ lock: LockName, _ claimant: Claimant, actor: ProcessMark? = nil, lifetime: Span?,
    permissions: UInt32? = nil, group: UInt32? = nil
  ) throws(LockError) {
    let name = try step(.create) { () throws(Errno) in
      try ClaimName(
        base: lock.base, host: claimant.hosts.canonical, owner: claimant.owner,
        partner: claimant.partner, actor: actor, realm: claimant.realm, lifetime: lifetime)
    }
    let descriptor = try Self.create(name.fileName, in: lock)
    self.name = name
    self.lock = lock
    self.lifetime = lifetime
    self.descriptor = consume descriptor
    clock = .local()
    deadline = .distantPast
    do throws(LockError) {
      try setAttributes(permissions, group)
      let status = try fill()
      // Whatever the umask took away: whoever may not read it could not wait for it.
      if permissions == nil, status.permissions & 0o444 != 0o444 {
        try setAttributes(Self.defaultPermissions, nil)
      }
    } catch {
      try? lock.folder.unlink(name.fileName)
      throw error
    }
  }

  private static func create(
    _ name: ByteString, in lock: LockName
  ) throws(LockError) -> FileDescriptor {
    do throws(Errno) {
      // Whoever may read the folder may know who holds the lock: reading it blocks nobody.
      return try lock.folder.open(
        name, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_NOCTTY, permissions: defaultPermissions)
    } catch {
      // The folder is there, so it is the name that is not possible (FAT has no `|`).
      if error == .missing || error == .invalid, let folder = try? lock.folder.status(),
        folder.linkCount > 0
      {
        throw .unsupported(.noClaimNames)
      }
      throw .system(.create, error)
    }
  }

  private func setAttributes(_ permissions: UInt32?, _ group: UInt32?) throws(LockError) {
    if let group {
      try step(.fchown) { () throws(Errno) in
        let number = try number
        _ = try retryingOnInterrupt { fchown(number, uid_t.max, group) }
      }
    }
    if let permissions {
      try step(.fchmod) { () throws(Errno) in
        let number = try number
        _ = try retryingOnInterrupt { fchmod(number, permissions) }
      }
    }
  }

  /// Writes the content, and learns from its time stamp what time it is for the folder.
  private func fill() throws(LockError) -> FileStatus {
    let content = Array(lock.path(of: name.fileName).bytes)
    try step(.write) { () throws(Errno) in
      let number = try number
      try writeAll(content, to: number)
      // A server that has no room says so only now.
      if lock.isShared { _ = try retryingOnInterrupt { fsync(number) } }
    }
    return try lookAtClock()
  }

  @discardableResult
  private func lookAtClock() throws(LockError) -> FileStatus {
    let before = BootTime.now
    let status = try step(.fstat) { () throws(Errno) in try lock.status(of: number) }
    clock = FolderClock(stamp: status.changeTime, bootTime: before)
    return status
  }

  /// Whether most of its lifetime is still to come.
  var isFresh: Bool {
    guard let lifetime else { return deadline != .distantPast }
    return deadline - .now > lifetime / 10 * 9
  }

  /// Makes the lifetime begin now, on a claim that does not hold the lock yet.
  func start() throws(LockError) {
    deadline = try touch(lifetime)
  }

  /// Takes over a claim that was made for this process by another.
  convenience init(adopting bound: BoundClaim, _ lock: LockName) throws(LockError) {
    try self.init(adopting: bound, lock, lifetime: bound.lifetime)
  }

  /// The same with another lifetime, from its next refresh on.
  init(adopting bound: BoundClaim, _ lock: LockName, lifetime: Span?) throws(LockError) {
    name = bound.name
    self.lock = lock
    self.lifetime = lifetime
    descriptor = try step(.open) { () throws(Errno) in
      try FileDescriptor.duplicate(try bound.number)
    }
    clock = .local()
    // Nothing is known of when it was touched; the owner refreshes it before it relies on it.
    deadline = .now
  }

  /// Makes the lifetime begin anew.
  ///
  /// - Returns: false if that came too late: before it was done the last lifetime had ended, and
  ///   somebody else may have taken the lock since. Then the deadline stays as it was.
  func refresh() throws(LockError) -> Bool {
    try lengthen()
    let next = try touch(lifetime)
    guard BootTime.now < deadline else { return false }
    deadline = next
    return true
  }

  /// Makes the lifetime begin anew although the last one has ended: for the one who has the right to
  /// the lock, and will know afterwards whether it had it all the time.
  func restart() throws(LockError) {
    deadline = try touch(lifetime)
  }

  /// Takes over a longer lifetime that the claim was given by another process in its owner's name. A shorter
  /// one would have ended before this process learns of it.
  private func lengthen() throws(LockError) {
    guard let lifetime else { return }
    let status = try step(.fstat) { () throws(Errno) in try FileStatus(of: number) }
    let given = name.lifetime(status)
    if given.map({ $0 > lifetime }) ?? true { self.lifetime = given }
  }

  /// futimens(2). The clock is read before: rather too early a deadline than too late.
  private func touch(_ lifetime: Span?) throws(LockError) -> BootTime {
    let before = BootTime.now
    guard let lifetime else {
      try set(ClaimExpiry(clock.now, nil, of: name))
      return .distantFuture
    }
    let margin = min(Self.margin, lifetime / 10)
    let expiry = ClaimExpiry(clock.now, lifetime, of: name)
    try set(expiry)
    // The folder's clock may have been set since it was looked at last.
    if deadline != .distantPast {
      try lookAtClock()
      let right = ClaimExpiry(clock.stamp, lifetime, of: name)
      if abs(right.seconds - expiry.seconds) > 2 { try set(right) }
    }
    return before + (lifetime - margin)
  }

  private func set(_ expiry: ClaimExpiry) throws(LockError) {
    try step(.touch) { () throws(Errno) in try expiry.set(on: number) }
  }

  /// Gives the claim up, wherever it is linked: for everybody it is stale from here on. That needs no
  /// space on the disk.
  func abandon() {
    try? ClaimExpiry.abandoned.set(on: number)
    discard()
  }

  /// Removes the claim's own name, once it has no other. The claim is of no use afterwards.
  func discard() {
    closeBeforeUnlinking()
    do throws(Errno) {
      try lock.folder.unlink(name.fileName)
    } catch {
      if error != .missing { lock.abandon(name, try? number) }
    }
  }

  /// As of `BoundClaim`, on a file system of that kind.
  func closeBeforeUnlinking() {
    if lock.isShared { descriptor = nil }
  }

  enum Identity {
    case same
    /// Something else stands there, or nothing.
    case other
    /// A copy, which this file's changes do not reach.
    case copy
  }

  /// What this file is to the one of that name, to which it was linked. Where a file system does not tell
  /// which files are the same, a change of the one is a change of the other.
  func identity(at name: ByteString) throws(LockError) -> Identity {
    let own = try step(.fstat) { () throws(Errno) in try FileStatus(of: number) }
    if (try? lock.status(of: name))?.identity == own.identity { return .same }
    guard try lock.isBound(name, to: token) else { return .other }
    let before = ClaimExpiry(own.modificationTime)
    try set(before.next)
    let changed = try? lock.status(of: name)
    try set(before)
    return changed?.modificationSeconds == before.next.seconds ? .same : .copy
  }
}
