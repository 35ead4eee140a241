internal import CSystem

/// A `hardlink` lock in portage's style: L, an empty file, is held by whoever has the only other link to
/// it, a placeholder `.BASE.hardlock-HOST-PID`. It has no lifetime.
final class PortageHold {
  private let lock: LockName
  private let placeholder: ByteString
  private let identity: FileIdentity
  private let removesFile: Bool
  private let process = getpid()
  private var isHeld = true

  init(
    _ lock: LockName, _ placeholder: Placeholder, _ identity: FileIdentity, removesFile: Bool
  ) {
    self.lock = lock
    self.placeholder = placeholder.fileName
    self.identity = identity
    self.removesFile = removesFile
  }

  deinit {
    try? release()
  }

  var path: ByteString { lock.path }

  func release() throws(LockError) {
    if !isHeld || process != getpid() { throw .notHeld }
    isHeld = false
    try lock.releasePortage(placeholder, identity, removesFile: removesFile)
  }

  func leaveBehind() {
    isHeld = false
  }
}

extension LockName {
  /// Gives back a lock that `placeholder` holds.
  ///
  /// - Throws: `lost` where that is no longer so.
  func releasePortage(
    _ placeholder: ByteString, _ identity: FileIdentity, removesFile: Bool
  ) throws(LockError) {
    let status = try? folder.status(of: placeholder)
    guard status?.identity == identity else { throw .lost }
    // While the lock is held nobody else may remove L, and nobody wins a link to the old one after.
    if removesFile, let file = try? folder.status(of: base), file.identity == identity,
      FileRemoval.isRemovable(file)
    {
      try? folder.unlink(base)
    }
    try unlinkOwn(placeholder)
  }

  /// Removes a file that nobody else removes. "Not there" may mean that the reply to a first attempt was
  /// lost, or that a handle was stale; so it is looked at again.
  private func unlinkOwn(_ name: ByteString) throws(LockError) {
    for attempt in 1... {
      do throws(Errno) {
        return try folder.unlink(name)
      } catch {
        let isGone = (try? folder.status(of: name)) == nil
        if isGone, error == .missing || error == .staleHandle { return }
        if attempt > 3 || isGone { throw .system(.unlink, error) }
      }
    }
  }

  /// Every placeholder of this lock in the folder.
  func placeholders() throws(LockError) -> [Placeholder] {
    var found: [Placeholder] = []
    let base = base
    try step(.read) { () throws(Errno) in
      try folder.forEachName { name in
        if let placeholder = Placeholder(name), placeholder.base == base {
          found.append(placeholder)
        }
      }
    }
    return found
  }

  /// The one that holds L now; nil where none does.
  func holdingPlaceholder() throws(LockError) -> (placeholder: Placeholder, status: FileStatus)? {
    guard let file = try fileStatus() else { return nil }
    for placeholder in try placeholders() {
      if let status = try? folder.status(of: placeholder.fileName),
        status.identity == file.identity
      {
        return (placeholder, status)
      }
    }
    return nil
  }

  /// What stands at L; nil when nothing does.
  func fileStatus() throws(LockError) -> FileStatus? {
    do throws(Errno) {
      return try folder.status(of: base)
    } catch .missing {
      return nil
    } catch {
      throw .system(.lstat, error)
    }
  }

  /// Removes the placeholder of a process that is dead. It is moved away first, since one with the
  /// same name may have been made meanwhile, by a new process with the same number: that one is
  /// seen to live then, and gets its own back. L has its two links all the time, so nobody enters.
  ///
  /// - Returns: whether it was removed.
  func retire(
    _ placeholder: Placeholder, _ identity: FileIdentity, isDead: () -> Bool
  ) throws(LockError) -> Bool {
    let token = try step(.create) { () throws(Errno) in try randomToken() }
    let aside = placeholder.aside(token)
    do throws(Errno) {
      try folder.rename(placeholder.fileName, to: aside)
    } catch {
      // The reply may have been lost.
      if (try? folder.status(of: aside)) == nil {
        if error == .missing || error == .staleHandle { return false }
        throw .system(.rename, error)
      }
    }
    let status = try? folder.status(of: aside)
    if status?.identity == identity, isDead() {
      try unlinkOwn(aside)
      return true
    }
    // A link, not a rename: that would replace one that was made since.
    try? folder.link(aside, to: placeholder.originalName)
    try? folder.unlink(aside)
    return false
  }
}

/// `.BASE.hardlock-HOST-PID`. The host's name may have dashes; the number has none. While it is being
/// retired it is called `.BASE.swlock-aside-HOST-PID-TOKEN`, and is to be judged as before.
struct Placeholder: Equatable {
  let fileName: ByteString
  let base: ByteString
  let host: ByteString
  let process: Int32

  private static let mark: ByteString = ".hardlock-"
  private static let asideMark: ByteString = ".swlock-aside-"

  init(base: ByteString, host: ByteString, process: Int32) {
    self.base = base
    self.host = host
    self.process = process
    fileName = "." + base + Self.mark + host + "-" + ByteString(decimal: process)
  }

  /// The name that portage gives it.
  var originalName: ByteString {
    Placeholder(base: base, host: host, process: process).fileName
  }

  func aside(_ token: ByteString) -> ByteString {
    "." + base + Self.asideMark + host + "-" + ByteString(decimal: process) + "-" + token
  }

  init?(_ name: ByteString) {
    if let own = Self.read(name.bytes, Self.mark) {
      (base, host, process) = own
    } else if let dash = name.bytes.lastIndex(of: ascii("-")),
      name.count - dash == 33, name.bytes[(dash + 1)...].allSatisfy(isHexadecimal),
      let aside = Self.read(name.bytes[..<dash], Self.asideMark)
    {
      (base, host, process) = aside
    } else {
      return nil
    }
    fileName = name
  }

  private static func read(
    _ bytes: ArraySlice<UInt8>, _ mark: ByteString
  ) -> (base: ByteString, host: ByteString, process: Int32)? {
    guard bytes.first == ascii("."), let position = position(of: mark, in: bytes),
      let dash = bytes.lastIndex(of: ascii("-")), dash > position + mark.count,
      let number = decimalNumber(bytes[(dash + 1)...]), let process = Int32(exactly: number),
      process > 0
    else { return nil }
    return (
      ByteString(bytes[1..<position]), ByteString(bytes[(position + mark.count)..<dash]), process
    )
  }

  /// Where the mark begins; it must be there once only, as portage wants it.
  private static func position(of mark: ByteString, in bytes: ArraySlice<UInt8>) -> Int? {
    var found: Int?
    var index = 1
    while index + mark.count <= bytes.count {
      if bytes[index...].starts(with: mark.bytes) {
        if found != nil { return nil }
        found = index
      }
      index += 1
    }
    return found.flatMap { $0 > 1 ? $0 : nil }
  }

  /// Whether its process runs. One that was started after the placeholder was made only has the same
  /// number; but it may have made a placeholder of its own under the same name meanwhile, and so nothing
  /// is known then. Except to that process itself.
  func liveness(_ judge: Judge, _ status: FileStatus, _ clock: FolderClock) -> Liveness {
    guard host == judge.claimant.hosts.node else { return .unknown }
    let mark: ProcessMark
    do throws(Errno) {
      mark = try ProcessMark(process)
    } catch {
      return error == .noProcess && ProcessMark.isNobody(process) ? .dead : .unknown
    }
    guard let age = mark.age, age + 2_000_000_000 < clock.now - status.changeTime else {
      return .alive
    }
    return process == getpid() && ProcessMark.isNobody(process, ignoringOwn: true)
      ? .dead : .unknown
  }
}

/// Takes a lock in portage's style.
struct PortageAcquisition {
  private let request: LockRequest
  private let lock: LockName
  private let judge: Judge
  private let own: Placeholder

  init(_ request: LockRequest) throws(LockError) {
    self.request = request
    lock = try LockName(request.path)
    let claimant = try Claimant.current(for: request.owner)
    judge = Judge(claimant: claimant, policy: request.hardlink)
    own = Placeholder(
      base: lock.base, host: claimant.hosts.node, process: claimant.owner.identifier)
    if own.process == 0 { throw .unsupported(.noLifetime) }
    if own.fileName.count > NAME_MAX { throw .system(.link, .nameTooLong) }
  }

  func perform() throws(LockError) -> PortageHold {
    var wait = HolderWait(lock, judge, request)
    var restarts = 0
    var unexplained: (status: FileStatus, looks: Int)?
    while true {
      guard let file = try openFile() else {
        restarts += 1
        if restarts > maximumRestarts { throw .system(.create, .exists) }
        continue
      }
      do throws(LockError) {
        if file.status.linkCount < 2, let hold = try link(file.status) { return hold }
      } catch .unsupported {
        if file.isNew { try? lock.folder.unlink(lock.base) }
        throw .unsupported(.noHardLinks)
      }
      let held = try lock.holdingPlaceholder()
      if let held {
        unexplained = nil
        if held.placeholder.originalName == own.fileName, isOwn(held.status) { throw .alreadyHeld }
        let judge = judge
        let isDead = { held.placeholder.liveness(judge, held.status, .local()) == .dead }
        if isDead(), try lock.retire(held.placeholder, held.status.identity, isDead: isDead) {
          continue
        }
      } else if file.status.linkCount >= 2 {
        // A link that nobody makes who wants the lock would keep everybody out for ever. Those of
        // others who try come and go, and change the file each time.
        let isSame =
          unexplained?.status.identity == file.status.identity
          && unexplained?.status.changeTime == file.status.changeTime
        unexplained = (file.status, isSame ? (unexplained?.looks ?? 0) + 1 : 1)
        if let unexplained, unexplained.looks > 3 { throw .refused(.notAClaim) }
      }
      let holder = held.flatMap { $0.placeholder.host == own.host ? $0.placeholder.process : nil }
      try wait.forChange(ofFile: file.descriptor.number, file.status.identity, holder)
    }
  }

  private final class OpenFile {
    let descriptor: FileDescriptor
    let status: FileStatus
    /// Whether it was made just now.
    let isNew: Bool

    init(_ descriptor: consuming FileDescriptor, _ status: FileStatus, isNew: Bool) {
      self.descriptor = descriptor
      self.status = status
      self.isNew = isNew
    }
  }

  /// L, created if need be; nil when it was exchanged meanwhile.
  private func openFile() throws(LockError) -> OpenFile? {
    guard let descriptor = try lock.openIfPresent(lock.base) else {
      guard case .ifMissing(let permissions, let group) = request.creation else {
        throw .system(.open, .missing)
      }
      // As portage makes it, so that those of its group can lock it as well.
      let created = try LockFileCreation(
        path: lock.path, permissions: permissions ?? 0o660, group: group
      ).perform()
      guard let created else { return nil }
      let status = try step(.fstat) { () throws(Errno) in try FileStatus(of: created.number) }
      return OpenFile(created, status, isNew: true)
    }
    let status = try step(.fstat) { () throws(Errno) in try FileStatus(of: descriptor.number) }
    guard status.kind == .regular else { throw .refused(.notAClaim) }
    if status.owner != 0, geteuid() == 0 {
      let folder = try step(.stat) { () throws(Errno) in try lock.folder.status() }
      if folder.isStickyAndWorldWritable { throw .refused(.untrustedOwner) }
    }
    return OpenFile(descriptor, status, isNew: false)
  }

  /// Nil when somebody else was faster.
  private func link(_ file: FileStatus) throws(LockError) -> PortageHold? {
    let wasThere = (try? lock.folder.status(of: own.fileName)) != nil
    do throws(Errno) {
      try lock.folder.link(lock.base, to: own.fileName)
    } catch {
      // The reply may have been lost; in another process's name, another may have been faster.
      let isThere = (try? lock.folder.status(of: own.fileName))?.identity == file.identity
      switch error {
      case _ where !wasThere && isThere && own.process == getpid(): break
      case .missing, .staleHandle: return nil
      case .exists:
        try removeDeadNamesake()
        return nil
      case .linkCountTooLarge, .permissionNotGranted, .notSupported, .notImplemented:
        throw .unsupported(.noHardLinks)
      default: throw .system(.link, error)
      }
    }
    guard let now = try lock.fileStatus(), let ours = try? lock.folder.status(of: own.fileName)
    else {
      try? lock.folder.unlink(own.fileName)
      return nil
    }
    // L's count may be one that the file system has kept from before; the placeholder's cannot.
    let linkCount = max(now.linkCount, ours.linkCount)
    if now.identity == ours.identity, linkCount == 2 {
      return PortageHold(lock, own, now.identity, removesFile: request.removesFile)
    }
    try? lock.folder.unlink(own.fileName)
    // With our own link there are two at least; where that is not counted nobody ever holds anything.
    if now.identity == ours.identity, linkCount < 2 { throw .unsupported(.noHardLinks) }
    return nil
  }

  /// A placeholder of our own name that does not hold L: a process with our number left it.
  private func removeDeadNamesake() throws(LockError) {
    guard let status = try? lock.folder.status(of: own.fileName), !isOwn(status) else { return }
    let judge = judge
    let own = own
    _ = try lock.retire(own, status.identity) { own.liveness(judge, status, .local()) == .dead }
  }

  /// Whether it was made since the owner was started.
  private func isOwn(_ status: FileStatus) -> Bool {
    own.liveness(judge, status, .local()) == .alive
  }
}

// MARK: - Without a hold

extension HardlinkLocation {
  func releasePortage(of owner: LockOwner?) throws(LockError) {
    guard let held = try lock.holdingPlaceholder() else { throw .notHeld }
    if owner != nil {
      let claimant = try judge(for: owner).claimant
      guard held.placeholder.host == claimant.hosts.node,
        held.placeholder.process == claimant.owner.identifier
      else { throw .notHeld }
    }
    try lock.releasePortage(
      held.placeholder.fileName, held.status.identity, removesFile: false)
  }

  func reportPortage(for owner: LockOwner?) throws(LockError) -> HardlinkReport {
    let judge = try judge(for: owner)
    let clock = FolderClock.local()
    let held = try lock.holdingPlaceholder()
    var waiters: [HardlinkClaim] = []
    for placeholder in try lock.placeholders() where placeholder != held?.placeholder {
      if let status = try? lock.folder.status(of: placeholder.fileName) {
        waiters.append(describe(placeholder, placeholder.liveness(judge, status, clock)))
      }
    }
    guard let held else {
      return HardlinkReport(state: .unlocked, holder: nil, waiters: waiters)
    }
    let liveness = held.placeholder.liveness(judge, held.status, clock)
    let isOurs =
      owner != nil && held.placeholder.host == judge.claimant.hosts.node
      && held.placeholder.process == judge.claimant.owner.identifier
    return HardlinkReport(
      state: isOurs ? .ours : liveness == .dead ? .stale : .theirs,
      holder: describe(held.placeholder, liveness), waiters: waiters)
  }

  private func describe(_ placeholder: Placeholder, _ liveness: Liveness) -> HardlinkClaim {
    HardlinkClaim(
      fileName: placeholder.fileName, host: placeholder.host, process: placeholder.process,
      liveness: liveness, isForeign: true, expiry: nil, remaining: nil)
  }

  func breakPortage(force: Bool) throws(LockError) -> HardlinkClaim? {
    let judge = try judge(for: nil)
    guard let held = try lock.holdingPlaceholder() else { return nil }
    let isDead = {
      force || held.placeholder.liveness(judge, held.status, .local()) == .dead
    }
    guard isDead() else { throw .busy }
    let description = describe(
      held.placeholder, held.placeholder.liveness(judge, held.status, .local()))
    let isRetired = try lock.retire(held.placeholder, held.status.identity, isDead: isDead)
    return isRetired ? description : nil
  }
}
