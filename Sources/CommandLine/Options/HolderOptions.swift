internal import Locking

/// For whom a lock is held.
enum OwnerChoice: Equatable {
  /// The process that called swlock.
  case caller
  case process(Int32)
  /// No process.
  case nobody
  /// Whoever it is.
  case anybody
}

/// What `acquire`, `release`, `refresh` and `transfer` are to do, and as whom.
final class HolderOptions {
  let lock: LockOptions
  let path: ByteString
  let owner: OwnerChoice
  /// Nil: the one that the lock has.
  let lifetime: Span?
  /// Take over a lock that is held for the owner already.
  let takesOver: Bool
  /// Who is to hold the lock.
  let heir: LockOwner?
  /// An inherited descriptor, instead of a path.
  let descriptor: Int32?
  /// Whether the kind of the lock does not matter.
  let anyMode: Bool
  /// Whether the owner of a lock that is lost is left alone.
  let isSilentOnLoss: Bool

  init(_ arguments: Arguments) throws(Failure) {
    let subcommand = arguments.subcommand
    let style = arguments.style
    owner = arguments.has(.any) ? .anybody : arguments.owner
    lifetime = arguments.lifetime
    takesOver = arguments.has(.take)
    heir = arguments.heir
    descriptor = arguments.descriptor
    anyMode = subcommand == .release && !arguments.has(.mode) && style != .portage
    isSilentOnLoss = arguments.isSilentOnLoss
    path = arguments.paths.first ?? ""
    if descriptor == nil, subcommand == .acquire || subcommand == .release,
      parseNumber(path.bytes) != nil
    {
      throw arguments.usage(
        "\(path) is a file name here; for descriptor \(path): --fd \(path); for a file: ./\(path)")
    }

    if subcommand == .transfer, heir == nil {
      throw arguments.usage("no new owner given: \(subcommand.synopses[0])")
    }
    if subcommand == .refresh, style == .portage {
      throw arguments.usage("locks of --style portage have no lifetime to refresh")
    }
    if descriptor != nil {
      try arguments.checkDescriptor()
    } else if arguments.paths.isEmpty {
      throw arguments.usage("no lock file given: \(subcommand.synopses[0])")
    }
    if subcommand == .refresh || subcommand == .transfer, arguments.mode != .hardlink,
      arguments.mode?.engine == nil
    {
      throw arguments.usage(subcommand.isForClaims)
    }
    lock = try LockOptions(arguments)
  }
}

extension Arguments {
  fileprivate func checkDescriptor() throws(Failure) {
    if !paths.isEmpty { throw usage("--fd takes the place of PATH") }
    if has(.owner) || has(.any) {
      throw usage("a lock stays with the descriptor of --fd: no --owner, no --any")
    }
    if has(.unlink) || has(.sidecar) || has(.noCreate) {
      throw usage("--fd has no path: no --unlink, --sidecar or --no-create")
    }
    if has(.queue) || has(.slots) {
      throw usage("--queue and --slots take a file by its PATH, not an open one")
    }
    if mode == .flockAndOFD {
      throw usage(
        "the kernel does not convert two locks as one: --fd takes and releases them one by one, --mode ofd first, then flock"
      )
    }
    if mode == .posix {
      throw usage(
        "a posix lock belongs to a process, and would end with swlock: --fd needs --mode flock or ofd"
      )
    }
  }
}
