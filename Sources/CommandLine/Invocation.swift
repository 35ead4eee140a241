internal import Launching
internal import Locking

/// What a command line asks for. Parsing has checked it, and opened nothing.
enum Invocation {
  case help(Subcommand?)
  case version
  case run(RunOptions)
  /// Another program, whose command line begins with the argument at `name`.
  case personality(Personality, name: Int)
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
  var command: CommandWords = .shell("")
  var noFork = false
  var leftovers: LeftoverPolicy = .keep
  /// Nanoseconds.
  var maximumRuntime: Int64?
  var killAfter: Int64?
}
