internal import Launching
internal import Locking

// What each error of the libraries means on the command line: its exit status and its text. All of
// it is in this file.

extension Failure {
  /// `unable to lock PATH: REASON`
  static func locking(_ error: LockError, _ path: ByteString, _ options: LockOptions) -> Failure {
    let reason = reason(error, options)
    let message: Message = "unable to lock \(path): \(reason)"
    if let code = options.conflictExitCode, error == .busy || error == .timedOut {
      return Failure(status: code, message)
    }
    return Failure(status(error), message)
  }

  static func status(_ error: LockError) -> ExitStatus {
    switch error {
    case .busy, .timedOut, .alreadyHeld, .interrupted: .busy
    case .notHeld, .lost: .notHeld
    case .refused(let refusal): status(refusal)
    case .unsupported: .unsupported
    case .system(let step, let errno): status(step, errno)
    }
  }

  private static func status(_ refusal: Refusal) -> ExitStatus {
    switch refusal {
    case .emptyPath: .usage
    case .fifo, .socket, .device, .directory, .notRemovable, .notAClaim: .notALock
    case .separatorInPath: .usage
    case .danglingLink: .cannotCreate
    case .untrustedLink, .untrustedOwner: .notPermitted
    }
  }

  private static func status(_ step: LockStep, _ errno: Errno) -> ExitStatus {
    switch errno {
    case .missing where step == .open: .missing
    case .accessDenied, .permissionNotGranted: .notPermitted
    case .inputOutput: .inputOutput
    case .noLocks, .notImplemented, .notSupported: .unsupported
    case .missing, .notADirectory, .isADirectory, .nameTooLong, .noSpace, .quotaExceeded,
      .readOnlyFileSystem:
      .cannotCreate
    default: .systemCall
    }
  }

  static func reason(_ error: LockError, _ options: LockOptions) -> Message {
    switch error {
    case .busy: "it is locked by another process"
    case .timedOut: "timed out, it is still locked by another process"
    case .alreadyHeld: "this process holds it already"
    case .refused(let refusal): text(refusal)
    case .interrupted: "a signal ended the wait"
    case .notHeld: "it is not held"
    case .lost: "it was lost"
    case .unsupported(.rangeInFlockMode): "flock locks have no ranges"
    case .unsupported(.rangeInHardlinkMode): "hardlink locks have no ranges"
    case .unsupported(.noLifetime): "locks in portage's style have no lifetime"
    case .unsupported(.noClaimNames): "this file system does not allow the names of claims"
    case .unsupported(.sharedHardlink): "hardlink locks cannot be shared"
    case .unsupported(.noHardLinks): "this file system has no hard links"
    case .unsupported(.locksDoNothing): "locks do not exclude each other on this file system"
    case .unsupported(.notSharedBetweenHosts(let fileSystem)):
      "\(fileSystem) does not share locks between hosts; --mode flock locks on this host only"
    case .system(let step, let errno): text(step, errno, options)
    }
  }

  private static func text(_ refusal: Refusal) -> Message {
    switch refusal {
    case .emptyPath: "its name is empty"
    case .fifo: "it is a FIFO, not a regular file"
    case .socket: "it is a socket, not a regular file"
    case .device: "it is a device, not a regular file"
    case .directory: "it is a directory, which only --mode flock locks; or use --sidecar"
    case .danglingLink: "it is a dangling symbolic link, and nothing is created through a link"
    case .untrustedLink:
      "it is a symbolic link that somebody else put into a world-writable folder"
    case .untrustedOwner: "it belongs to another user, in a world-writable folder"
    case .notAClaim: "there is a file that is no lock of --mode hardlink"
    case .separatorInPath: "its name has a '|', which --mode hardlink cannot lock"
    case .notRemovable: "it is not an empty regular file, which --unlink could remove"
    }
  }

  private static func text(_ step: LockStep, _ errno: Errno, _ options: LockOptions) -> Message {
    let reason: Message = "\(step.name): \(errno.text)"
    switch errno {
    case .missing where step == .create: return "\(reason), its folder is missing"
    case .isADirectory where step == .create: return "\(reason), and there is none of that name"
    case .missing where step == .open && options.mustExist:
      return "\(reason), and --no-create was given"
    default: return reason
    }
  }

  /// `unable to execute COMMAND: REASON`
  static func launching(_ error: LaunchError, _ command: ByteString) -> Failure {
    guard error.step == .exec else {
      return Failure(
        .systemCall, "unable to run \(command): \(error.step.name): \(error.errno.text)")
    }
    let status: ExitStatus =
      error.errno == .missing || error.errno == .notADirectory ? .notFound : .cannotExecute
    return Failure(status, "unable to execute \(command): \(error.errno.text)")
  }
}
