@_exported public import SystemInterface

public enum Sharing: Equatable, Sendable {
  case shared, exclusive
}

/// What to do when there is no lock file.
public enum Creation: Equatable, Sendable {
  case never
  /// Create it. `permissions` are set whatever the umask says; nil is 0600 less the umask.
  case ifMissing(permissions: UInt32?, group: UInt32?)
}

/// A lock that somebody would like to have.
public struct LockRequest: Sendable {
  public var path: ByteString
  public var kind: LockKind
  /// What is taken where locks of `kind` are known not to exclude; nil: nothing is asked.
  public var fallback: LockKind?
  /// A file that is open already, to take a lock of the kernel's on; then `path` is only its name.
  public var descriptor: Int32?
  public var sharing: Sharing
  public var patience: Patience
  public var creation: Creation
  /// Remove the lock file at release, if it is empty and nobody else has locked it by then.
  public var removesFile: Bool
  /// For whom a lock with a claim is held.
  public var owner = LockOwner.thisProcess
  /// A second process for which it is held: only when both are dead others take it from them.
  public var partner: Int32?
  /// A descriptor that ends the wait for a lock with a claim as soon as it can be read (poll(2)).
  public var interruption: Int32?
  /// Open the file for writing also where the lock does not need that.
  var opensForWriting = false

  public init(
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
