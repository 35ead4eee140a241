@_exported public import SystemInterface

/// How a lock is taken. On a local disk the modes do not exclude each other, except `posix` and
/// `ofd`.
public enum LockMode: Equatable, Sendable {
  /// flock(2): belongs to the open file, which a child inherits.
  case flock
  /// fcntl(2) F_SETLK: belongs to the process; closing any descriptor of the file drops it.
  case posix
  /// fcntl(2) F_OFD_SETLK: belongs to the open file, which a child inherits.
  case ofd
  /// link(2): a claim file that names its owner, for file systems whose kernel locks mean nothing.
  case hardlink

  /// Whether a process that inherits the descriptor holds the lock as well.
  public var isInherited: Bool { self == .flock || self == .ofd }
}

public enum Sharing: Equatable, Sendable {
  case shared, exclusive
}

/// A range of bytes of the lock file, for the fcntl modes. It may lie beyond the file's end.
public struct ByteRange: Equatable, Sendable {
  public let start: Int64
  /// Number of bytes; 0 means all from `start` on, however far the file grows.
  public let length: Int64

  public static var wholeFile: ByteRange { ByteRange(uncheckedStart: 0, length: 0) }

  /// Nil when a number is negative or the range ends beyond the largest file offset.
  public init?(start: Int64, length: Int64) {
    guard start >= 0, length >= 0, length == 0 || length - 1 <= Int64.max - start else {
      return nil
    }
    self.init(uncheckedStart: start, length: length)
  }

  private init(uncheckedStart start: Int64, length: Int64) {
    self.start = start
    self.length = length
  }

  private var last: Int64 { length == 0 ? Int64.max : start + (length - 1) }

  func contains(_ other: ByteRange) -> Bool {
    start <= other.start && other.last <= last
  }

  func overlaps(_ other: ByteRange) -> Bool {
    start <= other.last && other.start <= last
  }
}

/// How long to wait for a lock that somebody else holds.
public enum Patience: Equatable, Sendable {
  case never, forever
  case until(Deadline)

  /// `span`, or what is left of the patience.
  func bounding(_ span: Span) -> Span {
    if case .until(let deadline) = self { min(span, deadline.remaining) } else { span }
  }

  /// The same, but not longer than until `end`.
  public func cut(at end: Deadline) -> Patience {
    switch self {
    case .never: .never
    case .forever: .until(end)
    case .until(let deadline): deadline <= end ? self : .until(end)
    }
  }

  var isOver: Bool {
    switch self {
    case .never: true
    case .forever: false
    case .until(let deadline): deadline.hasPassed
    }
  }
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
  /// Nil chooses the mode that works at `path`: `flock`, once it is proven to exclude.
  public var mode: LockMode?
  public var sharing: Sharing
  /// Only the fcntl modes lock ranges.
  public var range: ByteRange
  public var patience: Patience
  public var creation: Creation
  /// Remove the lock file at release, if it is empty and nobody else has locked it by then.
  public var removesFile: Bool
  /// Times and names of `hardlink` mode.
  public var hardlink = HardlinkPolicy()
  /// For whom the lock is held in `hardlink` mode.
  public var owner = LockOwner.thisProcess
  /// A second process for which it is held: only when both are dead others take it from them.
  public var partner: Int32?
  /// A descriptor that ends the wait in `hardlink` mode as soon as it can be read (poll(2)).
  public var interruption: Int32?
  /// Open the file for writing also where the lock does not need that.
  var opensForWriting = false

  public init(
    path: ByteString,
    mode: LockMode? = .flock,
    sharing: Sharing = .exclusive,
    range: ByteRange = .wholeFile,
    patience: Patience = .forever,
    creation: Creation = .ifMissing(permissions: nil, group: nil),
    removesFile: Bool = false
  ) {
    self.path = path
    self.mode = mode
    self.sharing = sharing
    self.range = range
    self.patience = patience
    self.creation = creation
    self.removesFile = removesFile
  }
}
