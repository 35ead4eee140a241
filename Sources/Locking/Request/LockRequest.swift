@_exported public import SystemInterface

/// Whether others may have a lock at the same time.
public enum Sharing: Equatable, Sendable {
  /// Others may have it shared too, or nobody else may.
  case shared, exclusive
}

/// What to do when there is no lock file.
#if hasAttribute(nonexhaustive)
  @nonexhaustive
#endif
public enum Creation: Hashable, Sendable {
  /// That is an error.
  case never
  /// Create it. `permissions` are set whatever the umask says; nil is 0600 less the umask.
  case ifMissing(permissions: UInt32?, group: UInt32?)
}

/// A lock that somebody would like to have.
package struct LockRequest: Sendable {
  package var path: ByteString
  package var kind: LockKind
  /// What is taken where locks of `kind` are known not to exclude; nil: nothing is asked.
  package var fallback: LockKind?
  /// A file that is open already, to take a lock of the kernel's on; then `path` is only its name.
  package var descriptor: Int32?
  package var sharing: Sharing
  package var patience: Patience
  /// Wait in order of arrival, of locks of the kernel's; nil: as the kernel has it. Others with a queue are not
  /// overtaken; those without one may overtake its head.
  package var queue: WaitingQueue?
  /// So many can have the lock at once, 1 to 4096, of the modes `ofd` and `posix`; always in order of arrival.
  /// A lock of the whole file excludes them all.
  package var slots: Int?
  /// Have those who are in the way ended, in mode `flock`.
  package nonisolated(unsafe) var replacement: (any Replacement)?
  package var creation: Creation
  /// Remove the lock file at release, if it is empty and nobody else has locked it by then.
  package var removesFile: Bool
  /// For whom a lock with a claim is held.
  package var owner = LockOwner.thisProcess
  /// A second process for which it is held: only when both are dead others take it from them.
  package var partner: Int32?
  /// A descriptor that ends the wait for a lock with a claim as soon as it can be read (poll(2)).
  package var interruption: Int32?
  /// Open the file for writing also where the lock does not need that.
  var opensForWriting = false

  package init(
    path: ByteString,
    kind: LockKind = .kernel(.flock),
    sharing: Sharing = .exclusive,
    patience: Patience = .forever,
    creation: Creation = .ifMissing(permissions: nil, group: nil),
    removesFile: Bool = false
  ) {
    self.path = path
    self.kind = kind
    self.sharing = sharing
    self.patience = patience
    self.creation = creation
    self.removesFile = removesFile
  }
}

extension LockRequest {
  var isOrdered: Bool { queue != nil || slots != nil || replacement != nil }
}

/// Those who wait for a lock in order of arrival.
package struct WaitingQueue: Equatable, Sendable {
  /// How many wait at most, so that a further one finds the lock busy; nil: any number.
  package let limit: Int?

  package init(limit: Int? = nil) {
    self.limit = limit
  }
}
