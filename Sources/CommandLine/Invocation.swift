internal import Launching
internal import Locking

/// What a command line asks for. Parsing has checked it, and opened nothing.
enum Invocation {
  case help(Subcommand?)
  case version
  case run(RunOptions)
}

/// The lock options, as `run` takes them.
struct LockOptions {
  /// Nil is `auto`.
  var mode: LockMode? = .flock
  var sharing = Sharing.exclusive
  var nonblock = false
  /// Nanoseconds.
  var timeout: Int64?
  var conflictExitCode: Int32?
  var range: ByteRange = .wholeFile
  var permissions: UInt32?
  var group: ByteString?
  var mustExist = false
  var unlink = false
  var sidecar: SidecarNaming?
  var verbose = false
}

/// What becomes of processes that outlive the command.
enum LeftoverPolicy {
  case keep, wait, kill, release
}

struct RunOptions {
  var lock = LockOptions()
  var path: ByteString = ""
  /// The words of the command: some of swlock's own, or those that run `-c`'s string.
  var command: CommandWords = .process(first: 0)
  var noFork = false
  var leftovers: LeftoverPolicy = .keep
  /// Nanoseconds.
  var maximumRuntime: Int64?
  var killAfter: Int64?

  enum CommandWords {
    /// The process's own arguments from `first` on.
    case process(first: Int)
    case shell(ByteString)
  }
}
