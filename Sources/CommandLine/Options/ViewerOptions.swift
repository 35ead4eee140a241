internal import Locking

/// What `status`, `break` and `cleanup` are to do.
final class ViewerOptions {
  let lock: LockOptions
  let paths: [ByteString]
  let quiet: Bool
  let json: Bool
  /// Between two looks; nil: look once.
  let watch: Span?
  /// Try in these folders what excludes what.
  let probe: Bool
  /// The signal for those who hold a lock of the kernel's.
  let kill: Int32?
  let killAfter: Span?
  /// End also those who have got the lock's descriptor from somebody.
  let strangers: Bool
  /// Remove lock files that nobody holds.
  let unused: Bool
  /// Break a live lock; do not ask before all are removed.
  let force: Bool
  let cleanUp: HardlinkCleanUpOptions

  init(_ arguments: Arguments) throws(Failure) {
    paths = arguments.paths
    quiet = arguments.has(.quiet)
    json = arguments.has(.json)
    watch = arguments.watch
    probe = arguments.has(.probe)
    kill = arguments.kill
    killAfter = arguments.killAfter
    strangers = arguments.has(.strangers)
    unused = arguments.has(.unused)
    force = arguments.has(.force)
    var cleanUp = HardlinkCleanUpOptions()
    cleanUp.dryRun = arguments.has(.dryRun)
    cleanUp.all = arguments.has(.all)
    cleanUp.olderThan = arguments.olderThan
    cleanUp.tellsRemainders = arguments.has(.verbose)
    self.cleanUp = cleanUp

    if probe, paths.isEmpty { throw arguments.usage("--probe needs a folder to try locks in") }
    if paths.isEmpty, arguments.subcommand != .status || quiet {
      throw arguments.usage("no lock file given: \(arguments.subcommand.synopses[0])")
    }
    if quiet, arguments.subcommand == .cleanup, json || cleanUp.dryRun {
      throw arguments.usage("--quiet leaves nothing for --json or --dry-run to show")
    }
    lock = try LockOptions(arguments)
  }
}
