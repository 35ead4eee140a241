internal import CSystem
internal import Launching
internal import Locking

// What each error of the libraries means on the command line: its exit status and its text. All of
// it is in this file.

extension Failure {
  /// `unable to lock PATH: REASON`
  static func locking(
    _ error: LockError, _ request: LockRequest, _ options: LockOptions,
    because better: Message? = nil
  ) -> Failure {
    let isBusy = status(error) == .busy && error != .alreadyHeld && error != .interrupted
    var reason = better ?? reason(error, options)
    if isBusy, better == nil, !options.quiet, error != .unsettled, request.kind.isOfFile {
      let incumbent = Incumbent(of: request)
      if let incumbent { reason = incumbent.reason }
      if incumbent != nil, error == .timedOut, let timeout = options.timeout {
        reason = "timed out after \(spanText(timeout)), \(reason)"
      }
      if error == .busy, let full = options.fullQueue {
        reason = incumbent == nil ? full : "\(reason), and \(full)"
      }
    }
    let message: Message =
      isBusy && options.quiet ? "" : .unable(to: "lock", request.path, reason)
    var failure = Failure(status(error), message)
    if let code = options.conflictExitCode, isBusy { failure = Failure(status: code, message) }
    if isBusy { failure.outcome = error.isBusy ? .busy : .timeout }
    return failure
  }

  /// `unable to VERB PATH: REASON`, of a hardlink lock. A reason of the command's own is better than
  /// what the error says in general.
  static func hardlink(
    _ verb: Literal, _ path: ByteString, _ error: LockError, _ reason: Message? = nil
  ) -> Failure {
    let reason = reason ?? Self.reason(error)
    return Failure(status(error), .unable(to: verb, path, reason))
  }

  static func status(_ error: LockError) -> ExitStatus {
    switch error {
    case .busy, .timedOut, .unsettled, .alreadyHeld, .interrupted: .busy
    case .notHeld, .lost: .notHeld
    case .refused(let refusal): status(refusal)
    case .unsupported: .unsupported
    case .engine(let trouble): status(trouble)
    case .system(let step, let errno): status(step, errno)
    }
  }

  private static func status(_ refusal: Refusal) -> ExitStatus {
    switch refusal {
    case .emptyPath: .usage
    case .fifo, .socket, .device, .directory, .notRemovable, .notAClaim, .obstructed: .notALock
    case .separatorInPath: .usage
    case .danglingLink, .nameTooLong: .cannotCreate
    case .untrustedLink, .untrustedOwner: .notPermitted
    }
  }

  private static func status(_ step: LockStep, _ errno: Errno) -> ExitStatus {
    switch errno {
    case .missing where step == .open: .missing
    case .accessDenied, .permissionNotGranted: .notPermitted
    case .inputOutput: .inputOutput
    // A symbolic link that leads to itself.
    case .tooManyLinks: .notALock
    case .noLocks, .notImplemented, .notSupported: .unsupported
    case .missing, .notADirectory, .isADirectory, .nameTooLong, .noSpace, .quotaExceeded,
      .readOnlyFileSystem:
      .cannotCreate
    // The folder was removed, on a network file system.
    case .staleHandle where step == .create || step == .folder: .cannotCreate
    default: .systemCall
    }
  }

  static func reason(_ error: LockError, _ options: LockOptions? = nil) -> Message {
    switch error {
    case .busy: "it is locked by another process"
    case .timedOut: "timed out, it is still locked by another process"
    case .unsettled:
      "timed out, while it was waited for other programs that may be about to remove it (--settle)"
    case .alreadyHeld: "this process holds it already"
    case .refused(let refusal): text(refusal)
    case .interrupted: "a signal ended the wait"
    case .notHeld: "it is not held any more"
    case .lost: "it was lost: its lifetime had passed, or somebody broke it"
    case .unsupported(.rangeInFlockMode): "flock locks have no ranges"
    case .unsupported(.slots): "slots take a whole, exclusive lock of mode ofd or posix"
    case .unsupported(.several): "several locks are taken at once of one kind of the kernel's only"
    case .unsupported(.queueOfRecordLocks): "a queue takes --mode flock, or --slots"
    case .unsupported(.oneKindOfLock):
      "this file system makes record locks of flock locks, which leaves no room for a queue; --slots 1 has one"
    case .unsupported(.orderInFolders):
      "it is a directory, which has no room for a queue or slots; a file beside it has: --sidecar"
    case .unsupported(.noLifetime): "locks in portage's style have no lifetime"
    case .unsupported(.shorterLifetime):
      "its owner, a swlock, refreshes it itself, and relies on the longer lifetime that it has"
    case .unsupported(.sharedHardlink): "hardlink locks are exclusive"
    case .unsupported(.noClaimNames):
      "this file system does not allow names with '|', as claims of --mode hardlink have"
    case .unsupported(.noHardLinks):
      "this file system has no hard links that --mode hardlink could rely on"
    case .unsupported(.noLeases): "this file system does not tell whether somebody has it open"
    case .unsupported(.locksDoNothing): "locks do not exclude each other on this file system"
    case .unsupported(.notSharedBetweenHosts(let fileSystem)):
      "\(fileSystem) does not share locks between hosts; --mode flock locks on this host only"
    case .engine(let trouble): text(trouble, options)
    case .system(let step, let errno): text(step, errno, options)
    }
  }

  private static func text(_ refusal: Refusal) -> Message {
    switch refusal {
    case .emptyPath: "its name is empty"
    case .fifo: "it is a FIFO, not a regular file"
    case .socket: "it is a socket, not a regular file"
    case .device: "it is a character device, not a regular file"
    case .directory: "it is a directory, which only --mode flock locks; or use --sidecar"
    case .danglingLink: "it is a dangling symbolic link, and nothing is created through a link"
    case .untrustedLink:
      "it is a symbolic link that somebody else put into a world-writable folder"
    case .untrustedOwner: "it belongs to another user, in a world-writable folder"
    case .notAClaim(let obstacle): "it is \(name(obstacle)), and no lock of --mode hardlink"
    case .separatorInPath:
      "its path has a '|', which separates the parts of a lock's name; only --style portage allows it"
    case .nameTooLong(let limit):
      "its name is too long for --mode hardlink, which makes longer ones of it: at most \(Int64(limit)) bytes"
    case .obstructed(let name, let obstacle):
      "\(name) beside it is \(Self.name(obstacle)), and no part of --mode hardlink"
    case .notRemovable: "it is not an empty regular file of one name, which --unlink could remove"
    }
  }

  private static func name(_ obstacle: Obstacle) -> Literal {
    switch obstacle {
    case .emptyFile: "an empty file, perhaps a lock file of another kind"
    case .otherFile: "a file with other contents"
    case .linkedFile: "a file with a link that is no placeholder"
    case .directory: "a directory"
    case .symbolicLink: "a symbolic link"
    case .special: "a FIFO, a socket or a device"
    }
  }

  private static func text(_ step: LockStep, _ errno: Errno, _ options: LockOptions?) -> Message {
    let reason: Message = "\(step.name): \(errno.text)"
    switch errno {
    case .accessDenied where step == .open && options != nil:
      let writing: Message =
        options?.queue == nil && options?.slots == nil
        ? "" : "; --queue and --slots have to write to it"
      return "\(reason)\(writing); --perm and --group of whoever creates the file let others in"
    case .notImplemented, .notSupported, .noLocks:
      if step != .flock && step != .fcntl || options?.mode == nil { return reason }
      return "\(reason) (-m auto takes a kind of lock that works there)"
    case .accessDenied where step == .lease:
      return "only its owner may be told whether somebody has it open"
    case .missing where step == .create, .staleHandle where step == .create:
      return "\(reason), its folder is missing"
    case .isADirectory where step == .create: return "\(reason), and there is none of that name"
    case .missing where step == .open && options?.mustExist == true:
      return "\(reason), and --no-create was given"
    default: return reason
    }
  }

  /// `unable to open PATH: REASON`, of a file for the command.
  static func opening(_ path: ByteString, _ errno: Errno) -> Failure {
    Failure(status(.create, errno), .unable(to: "open", path, "\(errno.text)"))
  }

  /// `unable to execute COMMAND: REASON`
  static func launching(_ error: LaunchError, _ command: ByteString) -> Failure {
    guard error.step == .exec else {
      return Failure(status(error), .unable(to: "run", command, "\(error.text)\(error.hint)"))
    }
    let isMissing = error.errno == .missing || error.errno == .notADirectory
    let hint: Literal =
      isMissing && CommandWords.isForAShell(command) ? " (a shell command needs -c)" : ""
    return Failure(
      isMissing ? .notFound : .cannotExecute,
      .unable(to: "execute", command, "\(error.errno.text)\(hint)"))
  }

  /// Of a step that is not the exec: whether this kernel cannot do it at all.
  static func status(_ error: LaunchError) -> ExitStatus {
    error.errno == .notImplemented
      ? .unsupported : error.isForLackOfARight ? .notPermitted : .systemCall
  }

  /// `unable to VERB PATH: unable to end PROCESS: REASON`. To signal a process that is no child of this one
  /// takes a pidfd: by its number it might be another's.
  static func ending(
    _ process: Message, _ verb: Literal, _ path: ByteString, _ error: Errno
  ) -> Failure {
    let status: ExitStatus =
      switch error {
      case .notImplemented: .unsupported
      case .permissionNotGranted: .notPermitted
      default: .systemCall
      }
    let call: Literal = error == .notImplemented ? "pidfd_open: " : ""
    return Failure(
      status, .unable(to: verb, path, .unable(to: "end", process, "\(call)\(error.text)")))
  }

  /// The same with what was too long.
  static func launching(_ error: LaunchError, _ name: ByteString, _ command: Command) -> Failure {
    guard error.step == .exec, error.errno == .argumentsTooLong else {
      return launching(error, name)
    }
    let arguments = command.arguments.size
    let variables = command.environment.size
    let variable = split(variables.largest, at: "=")?.0 ?? variables.largest
    return Failure(
      .cannotExecute,
      .unable(
        to: "execute", name,
        "\(error.errno.text): arguments of \(Int64(arguments.total)) bytes, environment of \(Int64(variables.total)), its largest variable is \(variable) with \(Int64(variables.largest.count))"
      )
    )
  }
}

extension LaunchError {
  /// `STEP: REASON`
  var text: Message { "\(step.name): \(errno.text)" }

  /// Whether root could have done it. (To lower a nice value gives EACCES.)
  var isForLackOfARight: Bool {
    geteuid() != 0
      && (errno == .permissionNotGranted || step == .setpriority && errno == .accessDenied)
  }

  var hint: Literal { isForLackOfARight ? rootHint : "" }
}

extension LockOptions {
  /// What is in the way of one that would wait and still finds the lock busy; nil without a queue that can be full.
  fileprivate var fullQueue: Message? {
    guard patience != .never, let limit = queue?.limit, limit > 0 else { return nil }
    return limit == 1
      ? "another one waits for it already (--queue=1)"
      : "\(Int64(limit)) wait for it already (--queue=\(Int64(limit)))"
  }
}
