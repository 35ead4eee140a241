/// A lock that this process holds. It cannot be copied, and it cannot be forgotten: at the end of
/// its life it is released.
public struct HeldLock: ~Copyable {
  public let path: ByteString
  public let mode: LockMode
  private let storage: Storage

  struct KernelPart: ~Copyable {
    let file: LockFile
    let removal: FileRemoval?
    let mayBeHardlinkLock: Bool
  }

  enum Storage: ~Copyable {
    case kernel(KernelPart)
    case hardlink(HardlinkHold)
    case portage(PortageHold)
    case relied(Reliance)
  }

  init(
    path: ByteString, mode: LockMode, file: consuming LockFile, removal: FileRemoval?,
    mayBeHardlinkLock: Bool = false
  ) {
    self.path = path
    self.mode = mode
    storage = .kernel(
      KernelPart(file: file, removal: removal, mayBeHardlinkLock: mayBeHardlinkLock))
  }

  /// A lock of the kernel's that this process has already on the open file `descriptor`, and has had
  /// since before an exec(2).
  public init(
    adopting descriptor: Int32, path: ByteString, mode: LockMode, removesFile: Bool = false
  ) throws(LockError) {
    let file = LockFile(adopting: descriptor, KernelLock(mode: mode))
    var removal: FileRemoval?
    if removesFile {
      let status = try step(.fstat) { () throws(Errno) in try FileStatus(of: descriptor) }
      removal = FileRemoval(path, status.identity)
    }
    self.init(path: path, mode: mode, file: file, removal: removal)
  }

  /// A lock that another process has: it is not released, and lasts as long as that one keeps it.
  public init(relyingOn reliance: Reliance) {
    path = reliance.path
    mode = reliance.mode
    storage = .relied(reliance)
  }

  init(_ hold: HardlinkHold) {
    path = hold.path
    mode = .hardlink
    storage = .hardlink(hold)
  }

  init(_ hold: PortageHold) {
    path = hold.path
    mode = .hardlink
    storage = .portage(hold)
  }

  /// The descriptor that carries the lock to a child that inherits it; nil in the modes in which
  /// nothing does. It is close-on-exec here, and must not be closed.
  public var inheritableDescriptor: Int32? { mode.isInherited ? descriptor : nil }

  /// The descriptor that must stay open over an exec(2) of this very process, for the lock to stay;
  /// nil in `hardlink` mode, whose locks are no descriptors.
  public var descriptor: Int32? {
    switch storage {
    case .kernel(let part): part.file.number
    case .hardlink: nil
    case .portage: nil
    case .relied: nil
    }
  }

  /// What it relies on, if this process does not have the lock itself.
  public var reliance: Reliance? {
    switch storage {
    case .relied(let reliance): reliance
    case .kernel: nil
    case .hardlink: nil
    case .portage: nil
    }
  }

  /// Whether the file of a lock of the kernel's looks as if it were a `hardlink` lock as well: it is small,
  /// and has more than one name.
  public var mayBeHardlinkLock: Bool {
    switch storage {
    case .kernel(let part): part.mayBeHardlinkLock
    case .hardlink: false
    case .portage: false
    case .relied: false
    }
  }

  /// Releases the lock, and removes the lock file where that was asked for and nobody has it open.
  ///
  /// A process that inherited the lock goes on holding it. An error means that the file was left
  /// where it is, or that closing it failed; this process does not hold the lock any more.
  ///
  /// - Throws: in `hardlink` mode `lost`, where it was not held to the end.
  public consuming func release() throws(LockError) {
    switch consume storage {
    case .kernel(let part):
      let removal = part.removal
      try part.file.close()
      if try removal?.perform() == .notRemovable { throw .refused(.notRemovable) }
    case .hardlink(let hold): try hold.release()
    case .portage(let hold): try hold.release()
    case .relied: break
    }
  }
}

// MARK: - Locks that a server keeps

extension HeldLock {
  /// The lease that the lock depends on; nil where there is none.
  ///
  /// - Throws: where there is one, or may be one, that lasts nobody knows how long.
  public func serverLease() throws(LockError) -> ServerLease? {
    switch storage {
    case .kernel(let part):
      return try ServerLease(of: part.file.number)
    case .hardlink: return nil
    case .portage: return nil
    case .relied: return nil
    }
  }

  /// Ends the life of this value without a word to the server, which may be silent: the lock is gone when the
  /// process has ended. For locks with a `serverLease`; any other is released.
  public consuming func leaveToServer() {
    switch consume storage {
    case .kernel(let part): part.file.leave()
    case .hardlink: break
    case .portage: break
    case .relied: break
    }
  }
}

// MARK: - Locks with a lifetime

extension HeldLock {
  /// From here on the lock must not be relied upon unless it is refreshed; nil for a lock without a
  /// lifetime.
  public var deadline: BootTime? {
    switch storage {
    case .hardlink(let hold): hold.deadline == .distantFuture ? nil : hold.deadline
    case .kernel: nil
    case .portage: nil
    case .relied: nil
    }
  }

  /// Makes the lifetime begin anew; does nothing to a lock without one.
  ///
  /// - Throws: `lost` where it had ended, and somebody else has taken the lock.
  public func refresh() throws(LockError) {
    switch storage {
    case .hardlink(let hold): try hold.refresh()
    case .kernel: break
    case .portage: break
    case .relied: break
    }
  }

  /// Gives a `hardlink` lock to another process, which must be on this host and in this pid namespace;
  /// at no time is it free.
  ///
  /// - Throws: `lost`; `unsupported(.noLifetime)` for other locks, which then are released.
  public consuming func transfer(to heir: LockOwner) throws(LockError) {
    switch consume storage {
    case .hardlink(let hold): try hold.transfer(to: heir)
    case .kernel: throw .unsupported(.noLifetime)
    case .portage: throw .unsupported(.noLifetime)
    case .relied: throw .unsupported(.noLifetime)
    }
  }

  /// Ends the life of this value without releasing a `hardlink` lock: its owner has it on, until it is
  /// released or its lifetime has passed. Any other lock is released.
  public consuming func leaveBehind() {
    switch consume storage {
    case .kernel: break
    case .hardlink(let hold): hold.leaveBehind()
    case .portage(let hold): hold.leaveBehind()
    case .relied: break
    }
  }
}
