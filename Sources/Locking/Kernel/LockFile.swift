internal import CSystem

/// An open lock file. At the end of its life it is closed, and with that its lock is gone.
struct LockFile: ~Copyable {
  let number: Int32
  private let lock: KernelLock
  /// The file's entry in the registry; only POSIX locks need one.
  private var registered: FileIdentity?
  private var isOpen = true
  #if !hasFeature(Embedded)
    /// The file, where it is open for another lock.
    private var known: FileIdentity?
  #endif

  private init(_ number: Int32, _ lock: KernelLock, registered: FileIdentity?) {
    self.number = number
    self.lock = lock
    self.registered = registered
  }

  init(adopting number: Int32, _ lock: KernelLock) {
    self.init(number, lock, registered: nil)
  }

  deinit {
    if isOpen {
      try? Self.close(number, lock, registered)
      forget()
    }
  }

  consuming func close() throws(LockError) {
    isOpen = false
    defer { forget() }
    try Self.close(number, lock, registered)
  }

  /// Once it is closed.
  private func forget() {
    #if !hasFeature(Embedded)
      if let known { PosixRegistry.leave(known) }
    #endif
  }

  /// No posix locks are needed any more, as for a place in a queue, but that of its own mode.
  mutating func isWon() {
    guard let identity = registered, lock.mode != .posix else { return }
    registered = nil
    #if !hasFeature(Embedded)
      PosixRegistry.join(identity)
      known = identity
    #endif
    PosixRegistry.forget(identity, lock.range)
  }

  /// Leaves it open until this process ends.
  consuming func leave() {
    isOpen = false
  }

  /// Closing is what releases: an explicit LOCK_UN would also take the lock from a child that
  /// inherited it.
  private static func close(
    _ number: Int32, _ lock: KernelLock, _ registered: FileIdentity?
  ) throws(LockError) {
    guard let registered else { return try close(number) }
    try PosixRegistry.close(registered, lock.range) { () throws(LockError) in
      try lock.drop(number)
    }
  }

  private static func close(_ number: Int32) throws(LockError) {
    try step(.close) { () throws(Errno) in try FileDescriptor(taking: number).close() }
  }
}

// MARK: - Opening

extension LockFile {
  /// Opens the lock file of `request`, or creates it.
  ///
  /// It is looked at before it is opened: opening a character device may have effects of its own, and a
  /// link needs a check. O_CREAT comes last and with O_EXCL, since fs.protected_regular makes a plain
  /// O_CREAT fail in sticky folders (proc(5)). O_NONBLOCK is for a FIFO that was put there between
  /// the look and the opening.
  static func open(_ request: LockRequest, for lock: KernelLock) throws(LockError) -> LockFile {
    var changes = 0
    while true {
      guard let (status, isLink) = try look(at: request.path) else {
        guard case .ifMissing(let permissions, let group) = request.creation else {
          throw .system(.open, .missing)
        }
        let created = try LockFileCreation(
          path: request.path, permissions: permissions, group: group
        ).perform()
        if let created { return try adopt(created, request, lock) }
        changes += 1
        if changes > maximumRestarts { throw .system(.create, .exists) }
        continue
      }
      if isLink, request.removesFile { throw .refused(.notRemovable) }
      try check(status, request, lock, isLink: isLink)
      let shares = lock.mode == .posix && !request.isOrdered
      switch PosixRegistry.place(for: shares ? lock.range : nil, on: status.identity) {
      case .free: break
      case .shared(let number): return LockFile(number, lock, registered: status.identity)
      case .taken: throw .alreadyHeld
      }
      let flags = O_NOCTTY | O_NONBLOCK | (isLink ? 0 : O_NOFOLLOW)
      let opened: FileDescriptor
      do throws(Errno) {
        opened = try openExisting(request, flags, status.kind, lock)
      } catch .missing where !isLink && changes < maximumRestarts {
        changes += 1
        continue  // removed since the look
      } catch .tooManyLinks where !isLink && changes < maximumRestarts {
        changes += 1
        continue  // a link took its place since the look
      } catch {
        throw .system(.open, error)
      }
      return try adopt(opened, request, lock)
    }
  }

  /// Which file `open` would find, after the same checks; nil where it would create one.
  static func identity(
    _ request: LockRequest, for lock: KernelLock
  ) throws(LockError) -> FileIdentity? {
    guard let (status, isLink) = try look(at: request.path) else { return nil }
    if isLink, request.removesFile { throw .refused(.notRemovable) }
    try check(status, request, lock, isLink: isLink)
    return status.identity
  }

  /// What was found before the opening may not be so any more: another file has taken the place, or another thread
  /// has got a lock on it.
  private static func adopt(
    _ opened: consuming FileDescriptor, _ request: LockRequest, _ lock: KernelLock
  ) throws(LockError) -> LockFile {
    let isRegistered = lock.mode == .posix || request.isOrdered
    #if hasFeature(Embedded)
      // swlock has one lock at a time, or takes all in one order.
      if !isRegistered, PosixRegistry.isEmpty {
        return LockFile(opened.leak(), lock, registered: nil)
      }
    #endif
    let number = opened.number
    let identity = try step(.fstat) { () throws(Errno) in try FileStatus(of: number).identity }
    _ = opened.leak()
    let place = PosixRegistry.enter(
      identity, number, isRegistered ? lock.range : nil,
      shares: lock.mode == .posix && !request.isOrdered)
    switch place {
    case .free:
      #if hasFeature(Embedded)
        return LockFile(number, lock, registered: isRegistered ? identity : nil)
      #else
        var file = LockFile(number, lock, registered: isRegistered ? identity : nil)
        if !isRegistered { file.known = identity }
        return file
      #endif
    case .shared(let other): return LockFile(other, lock, registered: identity)
    case .taken: throw .alreadyHeld
    }
  }

  /// What stands at the path, links followed where that is safe; nil when nothing does.
  private static func look(
    at path: ByteString
  ) throws(LockError) -> (status: FileStatus, isLink: Bool)? {
    let status: FileStatus
    do throws(Errno) {
      status = try FileStatus(at: path.withoutTrailingSlashes, followingLinks: false)
    } catch .missing {
      return nil
    } catch {
      throw .system(.lstat, error)
    }
    guard status.kind == .symbolicLink else { return (status, false) }
    try refuseUntrustedLink(status, path)
    do throws(Errno) {
      return (try FileStatus(at: path, followingLinks: true), true)
    } catch .missing {
      throw .refused(.danglingLink)
    } catch {
      throw .system(.stat, error)
    }
  }

  /// For reading where that is enough for the lock: a file that is open for writing cannot be
  /// executed, and scripts lock themselves. Otherwise, or where reading is not allowed, for both.
  private static func openExisting(
    _ request: LockRequest, _ flags: Int32, _ kind: FileStatus.Kind, _ lock: KernelLock
  ) throws(Errno) -> FileDescriptor {
    if kind == .directory { return try FileDescriptor.open(request.path, flags | O_RDONLY) }
    if !request.opensForWriting, lock.mode == .flock || lock.sharing == .shared {
      do throws(Errno) {
        return try FileDescriptor.open(request.path, flags | O_RDONLY)
      } catch .accessDenied {
        // It may be for writing only.
      }
    }
    return try FileDescriptor.open(request.path, flags | O_RDWR)
  }
}

// MARK: - What is not used as a lock file

extension LockFile {
  /// What stat(2) says of an open file that was locked; nil where it is not the one at the path of `request` any
  /// more.
  static func status(
    of number: Int32, ifStillAt request: LockRequest, _ lock: KernelLock
  ) throws(LockError) -> FileStatus? {
    let status = try step(.fstat) { () throws(Errno) in try FileStatus(of: number) }
    guard status.linkCount > 0, status.identity == (try identity(at: request.path)) else {
      return nil
    }
    try check(status, request, lock)
    return status
  }

  /// Which file stands at `path` now; nil when none does.
  static func identity(at path: ByteString) throws(LockError) -> FileIdentity? {
    do throws(Errno) {
      return try FileStatus(at: path, followingLinks: true).identity
    } catch .missing {
      return nil
    } catch {
      throw .system(.stat, error)
    }
  }

  /// Called before the opening, and again for what was won: it may have changed in between.
  static func check(
    _ status: FileStatus, _ request: LockRequest, _ lock: KernelLock, isLink: Bool = true
  ) throws(LockError) {
    switch status.kind {
    case .regular, .blockDevice: break
    case .directory where request.isOrdered: throw .unsupported(.orderInFolders)
    case .directory where lock.mode == .flock: break
    case .directory: throw .refused(.directory)
    case .fifo: throw .refused(.fifo)
    case .socket: throw .refused(.socket)
    case .symbolicLink, .characterDevice: throw .refused(.device)
    }
    if request.removesFile, !FileRemoval.isRemovable(status) { throw .refused(.notRemovable) }
    // Another user's file in /tmp: that user could hold the lock, and root up, for ever.
    if status.owner != 0, geteuid() == 0 {
      let file = isLink ? request.path.resolved ?? request.path : request.path
      let folder = try folderStatus(of: file)
      if folder.isStickyAndWorldWritable { throw .refused(.untrustedOwner) }
    }
  }

  /// What the kernel does where fs.protected_symlinks is on (proc(5)), done everywhere.
  private static func refuseUntrustedLink(
    _ link: FileStatus, _ path: ByteString
  ) throws(LockError) {
    let folder = try folderStatus(of: path)
    if folder.isStickyAndWorldWritable, link.owner != folder.owner, link.owner != geteuid() {
      throw .refused(.untrustedLink)
    }
  }

  private static func folderStatus(of path: ByteString) throws(LockError) -> FileStatus {
    try step(.stat) { () throws(Errno) in
      try FileStatus(at: path.splitPath.folder, followingLinks: true)
    }
  }
}
