internal import Locking

/// The options that commands have in common, while they are being read.
struct LockDraft {
  private let subcommand: Subcommand
  let options: LockOptions
  private var hardlink: HardlinkDraft
  private(set) var modeIsGiven = false

  init(_ subcommand: Subcommand) {
    self.subcommand = subcommand
    options = LockOptions(subcommand)
    if subcommand != .run, subcommand != .acquire { options.mode = .hardlink }
    hardlink = HardlinkDraft(subcommand)
  }

  /// Nil is `auto`.
  var mode: LockMode? { options.mode }
  var style: HardlinkStyle { hardlink.style }
  /// The lifetime that was asked for.
  var lifetime: Span? { hardlink.lifetime }
  var unlinks: Bool { options.unlink }

  /// Whether `given` is a lock option.
  mutating func take(_ given: GivenOption) throws(Failure) -> Bool {
    if try hardlink.take(given) { return true }
    switch given.identity {
    case .mode:
      options.mode = try given.mode()
      modeIsGiven = true
    case .shared: options.sharing = .shared
    case .exclusive: options.sharing = .exclusive
    case .nonblock: options.nonblock = true
    case .timeout: options.timeout = try given.duration()
    case .conflictExitCode:
      options.conflictExitCode = try given.checked(parseExitCode(given.value), "0 to 255")
    case .range:
      options.range = try given.checked(parseRange(given.value), "START[:LENGTH], in bytes")
    case .permissions:
      options.permissions = try given.checked(parsePermissions(given.value), "octal, up to 0777")
    case .group: options.group = given.value
    case .noCreate: options.mustExist = true
    case .unlink: options.unlink = true
    case .sidecar: options.sidecar = try given.sidecar()
    case .verbose: options.verbose = true
    case .quiet:
      options.verbose = false
      options.progress = .never
    case .progress: options.progress = .always
    case .message: options.message = given.value
    case .reentrant: options.reentrant = true
    default: return false
    }
    return true
  }

  /// Checks the whole.
  func finish(defaultLifetime: Span? = HardlinkPolicy().lifetime) throws(Failure) {
    options.hardlink = try hardlink.finished(defaultLifetime: defaultLifetime)
    options.style = hardlink.style
    if options.mode == .hardlink { try checkHardlink() }
    if let option = hardlink.first, options.mode != nil, options.mode != .hardlink {
      throw usage("--\(option) needs --mode hardlink")
    }
    if options.range != .wholeFile, options.mode == .flock || options.mode == nil {
      throw usage("--range needs --mode posix or ofd")
    }
    if options.mustExist, options.permissions != nil || options.group != nil {
      throw usage("--perm and --group are for a file that is created, not with --no-create")
    }
  }

  private func checkHardlink() throws(Failure) {
    if options.sharing == .shared {
      throw usage("hardlink locks are exclusive: --shared needs another --mode")
    }
    if options.range != .wholeFile {
      throw usage("hardlink locks are of the whole path: --range needs --mode posix or ofd")
    }
    if hardlink.style == .flufl, options.unlink {
      throw usage("hardlink locks are always removed: --unlink is for --style portage")
    }
    if hardlink.style == .flufl, options.mustExist {
      throw usage("a hardlink lock exists only while it is held: no --no-create")
    }
  }

  private func usage(_ message: Message) -> Failure { .usage(message, of: subcommand) }
}
