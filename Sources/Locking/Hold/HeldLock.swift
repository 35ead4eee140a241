/// A lock that this process holds. It cannot be copied, and it cannot be forgotten: at the end of
/// its life it is released.
package struct HeldLock: ~Copyable {
  package let kind: LockKind
  private let hold: any Hold

  init(_ hold: any Hold, _ kind: LockKind) {
    self.hold = hold
    self.kind = kind
  }

  /// A lock of the kernel's that this process has already on the open file `descriptor`, and has had
  /// since before an exec(2).
  package init(
    adopting descriptor: Int32, path: ByteString, kind: LockKind, removesFile: Bool = false
  ) throws(LockError) {
    let file = LockFile(adopting: descriptor, KernelTaking(kind).lock)
    var removal: FileRemoval?
    if removesFile {
      let status = try step(.fstat) { () throws(Errno) in try FileStatus(of: descriptor) }
      removal = FileRemoval(path, status.identity)
    }
    self.init(KernelHold(file, path, removal: removal), kind)
  }

  /// A lock that another process has: it is not released, and lasts as long as that one keeps it.
  package init(relyingOn reliance: Reliance) {
    self.init(reliance, reliance.kind)
  }

  package var path: ByteString { hold.path }

  /// The descriptor that must stay open over an exec(2) of this very process, for the lock to stay;
  /// nil for a lock that is no descriptor.
  package var descriptor: Int32? { hold.descriptor }

  /// The same of several locks, in the order of their requests: a file that two of these lead to has one descriptor,
  /// which stands there twice.
  package var descriptors: [Int32] { hold.descriptors }

  /// What it relies on, if this process does not have the lock itself.
  package var reliance: Reliance? { hold.reliance }

  /// Whether the file of a lock of the kernel's looks as if it were a claim as well: it is small,
  /// and has more than one name.
  package var mayBeHardlinkLock: Bool { hold.mayBeHardlinkLock }

  /// Which of several slots it is, from 0; nil for a lock without them.
  package var slot: Int? { hold.slot }

  /// Lets go of what was only needed to wait. The kernel may take 10 ms for that: to be called when the lock is in
  /// use.
  package func endWait() { FileNotifier.dropSpare() }

  /// Releases the lock, and removes the lock file where that was asked for and nobody has it open.
  ///
  /// A process that inherited the lock goes on holding it. An error means that the file was left
  /// where it is, or that closing it failed; this process does not hold the lock any more.
  ///
  /// - Throws: `lost`, where a lock with a claim was not held to the end.
  package consuming func release() throws(LockError) { try hold.release() }

  /// The same; of several locks, `failed` is told of each that an error was of.
  package consuming func release(_ failed: (ByteString, LockError) -> Void) {
    hold.release(failed)
  }
}

// MARK: - Locks that an engine keeps

extension HeldLock {
  /// One that an engine has kept for this process since before an exec(2), by `link`.
  ///
  /// - Parameters:
  ///   - link: this process's end of the engine's socket.
  ///   - path: the lock's name.
  ///   - terms: the engine, and how long the lock lasts without news.
  ///   - deadline: until then it may be relied upon without news.
  package init(
    adopting link: EngineLink, path: ByteString, _ terms: EngineTerms, until deadline: BootTime
  ) throws(LockError) {
    self.init(try EngineHold(adopting: link, path: path, until: deadline), .engine(terms))
  }

  /// It grows with each holder, so that what is protected can tell a late one; nil for a lock without.
  package var token: ByteString? { hold.token }

  /// What the engine has for the environment of a command that runs under it, `NAME=VALUE`.
  package var variables: [ByteString] { hold.variables }

  /// Why it is to be given back soon, where somebody has asked for that.
  package var requestToEnd: ByteString? { hold.requestToEnd }

  /// Whether the signal for wakeups comes as soon as `refresh` has something to take.
  package var announcesNews: Bool { hold.announcesNews }

  /// The descriptor by which an engine is spoken to; nil for a lock without an engine.
  package var socket: Int32? { hold.socket }
}

// MARK: - Locks that a server keeps

extension HeldLock {
  /// The lease that the lock depends on; nil where there is none.
  ///
  /// - Throws: where there is one, or may be one, that lasts nobody knows how long.
  package func serverLease() throws(LockError) -> ServerLease? { try hold.serverLease() }

  /// Ends the life of this value and leaves its descriptor open: the lock is gone when the process has ended, or
  /// all that share its descriptors. For a lock that another one releases, or whose server may be silent. One
  /// without a descriptor is released.
  package consuming func leaveOpen() { hold.leaveOpen() }
}

// MARK: - Locks with a lifetime

extension HeldLock {
  /// From here on the lock must not be relied upon unless it is refreshed; nil for a lock without a
  /// lifetime.
  package var deadline: BootTime? { hold.deadline == .distantFuture ? nil : hold.deadline }

  /// Makes the lifetime begin anew; does nothing to a lock without one.
  ///
  /// - Throws: `lost` where it had ended, and somebody else has taken the lock.
  package func refresh() throws(LockError) { try hold.refresh() }

  /// Whether somebody has broken a lock with a claim, as far as that can be seen before `release` says so.
  package var isBroken: Bool { hold.isBroken }

  /// Gives a lock with a lifetime to another process, which must be on this host and in this pid namespace;
  /// nobody else has it in between.
  ///
  /// - Throws: `lost`; `unsupported(.noLifetime)` for other locks, which then are released.
  package consuming func transfer(to heir: LockOwner) throws(LockError) {
    try hold.transfer(to: heir)
  }

  /// Ends the life of this value without releasing a lock with a claim: its owner has it on, until it is
  /// released or its lifetime has passed. Any other lock is released.
  package consuming func leaveBehind() { hold.leaveBehind() }
}
