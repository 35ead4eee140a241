internal import Launching
internal import Locking

/// What a command line asks for. Parsing has checked it, and opened nothing.
enum Invocation {
  case help(Subcommand?)
  case version
  case run(RunOptions)
  case acquire(HolderOptions)
  case release(HolderOptions)
  case refresh(HolderOptions)
  case transfer(HolderOptions)
  case status(ViewerOptions)
  case `break`(ViewerOptions)
  case cleanup(ViewerOptions)
  /// Another program, whose command line begins with the argument at `name`.
  case personality(Personality, name: Int)
}

// The options are classes, since they are large: they are filled in once, and then handed on.

/// What lock, and how: the options that commands have in common. Each takes only some of them.
final class LockOptions {
  /// Whose options they are.
  let subcommand: Subcommand
  /// Nil is `auto`.
  var mode: LockMode? = .flock
  var sharing = Sharing.exclusive
  var nonblock = false
  var timeout: Span?
  var conflictExitCode: Int32?
  var range: ByteRange = .wholeFile
  var permissions: UInt32?
  var group: ByteString?
  var mustExist = false
  var unlink = false
  var sidecar: SidecarNaming?
  var verbose = false
  var progress = Progress.onTerminal
  var message: ByteString?
  var reentrant = false
  var hardlink = HardlinkPolicy()
  var style = HardlinkStyle.flufl

  init(_ subcommand: Subcommand) {
    self.subcommand = subcommand
  }
}

/// Where it is shown who is waited for.
enum Progress {
  case never, onTerminal, always
}

/// What becomes of processes that outlive the command.
enum LeftoverPolicy {
  case keep, wait, kill, release
}

final class RunOptions {
  let lock: LockOptions
  var path: ByteString = ""
  var command: CommandWords = .shell("")
  /// Nil: the plain way.
  var launch: LaunchOptions?
  var noFork = false
  var leftovers: LeftoverPolicy = .keep
  /// Whether that was asked for in so many words.
  var keepsLeftovers = false
  var maximumRuntime: Span?
  var killAfter: Span?

  init(_ lock: LockOptions) {
    self.lock = lock
  }
}

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
  var path: ByteString = ""
  var owner = OwnerChoice.caller
  /// Nil: the one that the lock has.
  var lifetime: Span?
  /// Take over a lock that is held for the owner already.
  var takesOver = false
  /// Who is to hold the lock.
  var heir: LockOwner?
  /// An inherited descriptor, instead of a path.
  var descriptor: Int32?
  /// Whether the kind of the lock does not matter.
  var anyMode = false

  init(_ lock: LockOptions) {
    self.lock = lock
  }
}

/// What `status`, `break` and `cleanup` are to do.
final class ViewerOptions {
  let lock: LockOptions
  var paths: [ByteString] = []
  var quiet = false
  var json = false
  /// Between two looks; nil: look once.
  var watch: Span?
  /// Try in these folders what excludes what.
  var probe = false
  /// The signal for those who hold a lock of the kernel's.
  var kill: Int32?
  var killAfter: Span?
  /// End also those who have got the lock's descriptor from somebody.
  var strangers = false
  /// Remove lock files that nobody holds.
  var unused = false
  /// Break a live lock; do not ask before all are removed.
  var force = false
  var cleanUp = HardlinkCleanUpOptions()

  init(_ lock: LockOptions) {
    self.lock = lock
  }
}
