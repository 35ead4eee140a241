internal import Locking

/// What lock, and how: the checked options that commands have in common. Each takes only some of them.
final class LockOptions {
  /// Whose options they are.
  let subcommand: Subcommand
  /// Nil is `auto`.
  let mode: LockMode?
  let sharing: Sharing
  let nonblock: Bool
  let timeout: Span?
  let conflictExitCode: Int32?
  let range: ByteRange
  let permissions: UInt32?
  let group: ByteString?
  let mustExist: Bool
  let unlink: Bool
  let sidecar: SidecarNaming?
  /// Nothing is said of a lock that is busy or not free in time.
  let quiet: Bool
  let verbose: Bool
  let progress: Progress
  let message: ByteString?
  let reentrant: Bool
  let queue: WaitingQueue?
  let slots: Int?
  let also: [AlsoLocked]
  let hardlink: FluflPolicy
  let style: HardlinkStyle
  /// Of the engine that takes the lock, where one does.
  let engine: EngineTerms?

  /// - Parameter lifetime: that of a `hardlink` lock, unless another one was given.
  init(
    _ arguments: Arguments, lifetime: Span? = FluflPolicy().lifetime
  ) throws(Failure) {
    subcommand = arguments.subcommand
    mode = arguments.mode
    sharing = arguments.has(.shared) ? .shared : .exclusive
    nonblock = arguments.has(.nonblock)
    timeout = arguments.timeout
    conflictExitCode = arguments.conflictExitCode
    range = arguments.range
    permissions = arguments.permissions
    group = arguments.group
    mustExist = arguments.has(.noCreate)
    unlink = arguments.has(.unlink)
    sidecar = arguments.sidecar
    quiet = arguments.has(.quiet)
    verbose = arguments.has(.verbose)
    progress = arguments.has(.progress) ? .always : quiet ? .never : .onTerminal
    message = arguments.message
    reentrant = arguments.has(.reentrant)
    queue = arguments.queue
    slots = arguments.slots
    also = arguments.also
    var policy = FluflPolicy(arguments.hardlink)
    policy.retriedErrors = arguments.retriedErrors
    style = arguments.style
    policy.lifetime = style == .portage ? nil : arguments.lifetime ?? lifetime
    if policy.lifetime == .zero { policy.lifetime = nil }
    hardlink = policy

    engine = try arguments.mode?.engine.map { (name) throws(Failure) in
      try arguments.engineTerms(name)
    }

    if engine == nil, let path = arguments.paths.first, path.hasPrefix("etcd:") {
      let name = ByteString(path.bytes.dropFirst(5))
      throw arguments.usage(
        "\(path) is a file name here; for a lock in etcd: -m etcd \(quoted: name); for a file: ./\(path)"
      )
    }
    if style == .portage, arguments.lifetime != nil {
      throw arguments.usage("locks of --style portage have no lifetime")
    }
    if queue != nil, slots == nil, mode != .flock {
      throw arguments.usage(
        mode?.isRecordLock == true
          ? "--queue needs --mode flock; with --mode \(mode?.ownName ?? "") one slot is a lock with a queue: --slots 1"
          : "--queue needs --mode flock, or --slots")
    }
    if mode == .hardlink { try checkHardlink(arguments) }
    if !also.isEmpty, mode?.isRecorded != true {
      throw arguments.usage(
        "the order that keeps those with --also from waiting for each other is that of the kernel's locks: it needs --mode flock, posix, ofd or flock+ofd"
      )
    }
    try arguments.checkRows()
    if range != .wholeFile, mode == .flock || mode == nil {
      throw arguments.usage("--range needs --mode posix, ofd or flock+ofd")
    }
  }

  private func checkHardlink(_ arguments: Arguments) throws(Failure) {
    if sharing == .shared {
      throw arguments.usage("hardlink locks are exclusive: --shared needs another --mode")
    }
    if range != .wholeFile {
      throw arguments.usage(
        "hardlink locks are of the whole path: --range needs --mode posix, ofd or flock+ofd")
    }
    if style == .flufl, unlink {
      throw arguments.usage("hardlink locks are always removed: --unlink is for --style portage")
    }
    if style == .flufl, mustExist {
      throw arguments.usage("a hardlink lock exists only while it is held: no --no-create")
    }
  }
}

/// What `--also` names.
struct AlsoLocked {
  let path: ByteString
  let sharing: Sharing
}

/// Where it is shown who is waited for.
enum Progress {
  case never, onTerminal, always
}
