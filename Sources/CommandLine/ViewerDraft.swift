internal import CSystem
internal import Locking
internal import SystemInterface

/// The options of `status`, `break` and `cleanup` while they are being read.
final class ViewerDraft: CommandDraft {
  let subcommand: Subcommand
  private var lock: LockDraft
  private let options: ViewerOptions

  init(_ subcommand: Subcommand) {
    self.subcommand = subcommand
    lock = LockDraft(subcommand)
    options = ViewerOptions(lock.options)
  }

  func take(_ given: GivenOption) throws(Failure) {
    if subcommand == .status, given.identity == .quiet {
      options.quiet = true
      return
    }
    if try lock.take(given) { return }
    switch given.identity {
    case .json: options.json = true
    case .watch:
      options.watch = given.value.isEmpty ? .seconds(1) : try given.duration()
      if options.watch == .zero { throw given.invalid("it must be longer than 0") }
    case .probe: options.probe = true
    case .force: options.force = true
    case .kill: options.kill = given.value.isEmpty ? SIGTERM : try given.signal()
    case .killAfter: options.killAfter = try given.duration()
    case .strangers: options.strangers = true
    case .unused: options.unused = true
    case .dryRun: options.cleanUp.dryRun = true
    case .all: options.cleanUp.all = true
    case .olderThan: options.cleanUp.olderThan = try given.duration()
    default: break
    }
  }

  func take(_ path: ByteString, _ reader: inout OptionReader) throws(Failure) {
    try checkName(path)
    options.paths.append(path)
  }

  func finished() throws(Failure) -> Invocation {
    if options.probe {
      if options.paths.isEmpty { throw usage("--probe needs a folder to try locks in") }
      if options.quiet || options.watch != nil || options.lock.sidecar != nil {
        throw usage("--probe is alone, or with --json")
      }
    }
    if options.paths.isEmpty, subcommand != .status || options.quiet {
      throw usage("no lock file given: \(subcommand.synopses[0])")
    }
    try lock.finish()
    switch subcommand {
    case .break:
      if options.kill == nil {
        if options.killAfter != nil { throw usage("--kill-after needs --kill") }
        if options.strangers { throw usage("--strangers needs --kill") }
      }
      return .break(options)
    case .cleanup:
      if options.force, !options.cleanUp.all {
        throw usage("--force is for --all, which removes live locks")
      }
      return .cleanup(options)
    default:
      if options.quiet, options.json || options.watch != nil {
        throw usage("--quiet leaves nothing for --json or --watch to show")
      }
      return .status(options)
    }
  }
}
