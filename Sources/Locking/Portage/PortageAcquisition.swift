internal import CSystem

/// Takes a lock in portage's style.
struct PortageAcquisition {
  private let request: LockRequest
  private let lock: LockName
  private let judge: Judge
  private let own: Placeholder

  init(_ request: LockRequest, _ policy: HardlinkPolicy) throws(LockError) {
    self.request = request
    lock = try LockName(request.path)
    try lock.checkRoom()
    let claimant = try Claimant.current(for: request.owner)
    judge = Judge(claimant: claimant, policy: policy)
    own = Placeholder(
      base: lock.base, host: claimant.hosts.node, process: claimant.owner.identifier)
    if own.process == 0 { throw .unsupported(.noLifetime) }
  }

  func perform() throws(LockError) -> PortageHold {
    var wait = HardlinkWait(lock, judge, request)
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
        if file.isNew { removeAgain(file.status.identity) }
        throw .unsupported(.noHardLinks)
      }
      let held = try lock.linkedPlaceholders()
      if !held.isEmpty {
        unexplained = nil
        if try retireDead(held) { continue }
      } else if file.status.linkCount >= 2 {
        // A link that nobody makes who wants the lock would keep everybody out for ever. Those of
        // others who try come and go, and change the file each time.
        let isSame =
          unexplained?.status.identity == file.status.identity
          && unexplained?.status.changeTime == file.status.changeTime
        unexplained = (file.status, isSame ? (unexplained?.looks ?? 0) + 1 : 1)
        if let unexplained, unexplained.looks > 3 { throw .refused(.notAClaim(.linkedFile)) }
        if request.patience == .never, restarts < maximumRestarts {
          restarts += 1
          Span.milliseconds(10).pause()
          continue
        }
      }
      let holder = held.first.flatMap {
        $0.placeholder.host == own.host ? $0.placeholder.process : nil
      }
      try wait.forChange(ofFile: file.descriptor.number, file.status.identity, holder)
    }
  }

  /// Whether one of those who have L is gone now.
  private func retireDead(_ held: [LockName.LinkedPlaceholder]) throws(LockError) -> Bool {
    for (placeholder, status) in held {
      if placeholder.originalName == own.fileName, isOwn(status) { throw .alreadyHeld }
      if placeholder.liveness(judge, status, .local()) == .dead,
        try lock.retire(placeholder, status, judge: judge)
      {
        return true
      }
    }
    return false
  }

  /// A file that was made here, and that nobody can lock so.
  private func removeAgain(_ identity: FileIdentity) {
    guard let status = try? lock.fileStatus(), status.identity == identity, status.linkCount < 2
    else { return }
    try? lock.folder.unlink(lock.base)
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
    guard let descriptor = try openedFile() else {
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
    let status: FileStatus
    do throws(Errno) {
      status = try lock.status(of: descriptor.number)
    } catch  where error == .staleHandle || error == .missing {
      // Removed on another host, of which the client hears by being asked for the name.
      _ = try? lock.fileStatus()
      return nil
    } catch {
      throw .system(.fstat, error)
    }
    guard status.kind == .regular else { throw .refused(.notAClaim(Obstacle(status))) }
    try lock.refuseUntrusted(status)
    return OpenFile(descriptor, status, isNew: false)
  }

  /// L, if it is there; nobody has a lease on it for long.
  private func openedFile() throws(LockError) -> FileDescriptor? {
    var leaseWait = LeaseWait(request.patience)
    while true {
      do throws(LockError) {
        return try lock.openIfPresent(lock.base)
      } catch .system(.open, .wouldBlock) {
        try leaseWait.pause()
      }
    }
  }

  /// Nil when somebody else was faster.
  private func link(_ file: FileStatus) throws(LockError) -> PortageHold? {
    let wasThere = (try? lock.status(of: own.fileName)) != nil
    do throws(Errno) {
      try lock.folder.link(lock.base, to: own.fileName)
    } catch {
      // The reply may have been lost; in another process's name, another may have been faster.
      let isThere = (try? lock.status(of: own.fileName))?.identity == file.identity
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
    do throws(LockError) {
      if let identity = try identityIfWon() {
        return PortageHold(lock, own, identity, removesFile: request.removesFile)
      }
    } catch {
      try? lock.folder.unlink(own.fileName)
      throw error
    }
    try? lock.folder.unlink(own.fileName)
    return nil
  }

  /// L's, if our placeholder is the only other link to it.
  private func identityIfWon() throws(LockError) -> FileIdentity? {
    // In this order: an unlink lowers the count before L is gone, so that the other of two links may be that of
    // one who is removing L. If L is still that file once such a removal is over, the two are L and ours.
    // Not L's count: that may be one that the file system has kept from before.
    guard let ours = try? lock.status(of: own.fileName) else { return nil }
    try lock.outwaitChanges()
    guard try lock.fileStatus()?.identity == ours.identity else { return nil }
    // With our own link there are two at least; where that is not counted nobody ever holds anything.
    if ours.linkCount < 2 { throw .unsupported(.noHardLinks) }
    return ours.linkCount == 2 ? ours.identity : nil
  }

  /// A placeholder of our own name that does not hold L: a process with our number left it.
  private func removeDeadNamesake() throws(LockError) {
    guard let status = try? lock.status(of: own.fileName), !isOwn(status) else { return }
    _ = try lock.retire(own, status, judge: judge)
  }

  /// Whether it was made since the owner was started.
  private func isOwn(_ status: FileStatus) -> Bool {
    own.liveness(judge, status, .local()) == .alive
  }
}
