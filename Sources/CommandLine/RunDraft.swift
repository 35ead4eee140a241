internal import Locking
internal import SystemInterface

/// The options of `run` while they are being read; checked as a whole at the end.
final class RunDraft: CommandDraft {
  /// What `run` refreshes may well live longer than what nobody does.
  private static let lifetime = Span.seconds(60)

  let subcommand = Subcommand.run
  private var path: ByteString?
  private var command: CommandWords?
  private var lock = LockDraft(.run)
  private var launch = LaunchDraft()
  private let options: RunOptions
  private var shellCommand: ByteString?
  private var leftovers: LeftoverPolicy?

  init() {
    options = RunOptions(lock.options)
  }

  func take(_ given: GivenOption) throws(Failure) {
    if try lock.take(given) { return }
    if try launch.take(given) { return }
    switch given.identity {
    case .command: shellCommand = given.value
    case .noFork: options.noFork = true
    case .close: leftovers = .release
    case .leftovers: leftovers = try given.leftoverPolicy()
    case .maximumRuntime: options.maximumRuntime = try given.duration()
    case .killAfter: options.killAfter = try given.duration()
    default: break
    }
  }

  func take(_ word: ByteString, _ reader: inout OptionReader) {
    if path != nil {
      command = reader.takeCommand(from: reader.index - 1)
      return
    }
    path = word
    if reader.sawSeparator {
      // `-- PATH -- COMMAND`: the second separator is one as well.
      reader.skipSeparator()
      if !reader.isAtEnd { command = reader.takeCommand(from: reader.index) }
    }
  }

  func finished() throws(Failure) -> Invocation {
    guard let path else {
      throw .usage("no lock file given: swlock run [OPTION...] PATH -- COMMAND")
    }
    if path.isEmpty { throw .usage("the lock file's name is empty") }
    options.path = path
    options.command = try command(after: path)
    try lock.finish(defaultLifetime: Self.lifetime)
    if options.noFork { try checkNoFork() }
    try launch.finish(noFork: options.noFork)
    if !launch.options.isPlain { options.launch = launch.options }
    if leftovers == .keep, let mode = lock.mode, !mode.isInherited {
      throw .usage("a \(mode.name) lock cannot be inherited: --leftovers=keep needs another --mode")
    }
    if leftovers == .keep, launch.options.newControlGroup != nil {
      throw .usage("--cgroup-new kills what the command leaves: --leftovers=keep cannot be")
    }
    options.leftovers = leftovers ?? .keep
    options.keepsLeftovers = leftovers == .keep
    if options.killAfter != nil, options.maximumRuntime == nil, leftovers != .kill {
      throw .usage("--kill-after needs --max-runtime or --leftovers=kill")
    }
    if options.maximumRuntime == .zero { throw .usage("--max-runtime must be longer than 0") }
    return .run(options)
  }

  private func command(after path: ByteString) throws(Failure) -> CommandWords {
    switch (shellCommand, command) {
    case (let string?, nil):
      return .shell(string)
    case (nil, let command?):
      return command
    case (.some, .some):
      throw .usage("-c takes the whole shell command as one word, and no COMMAND beside it")
    case (nil, nil):
      if parseNumber(path.bytes) != nil {
        throw .usage("no command given; for descriptor \(path) of a shell: swlock as flock \(path)")
      }
      throw .usage("no command given: swlock run \(path) -- COMMAND")
    }
  }

  /// Nothing of swlock stays after the exec.
  private func checkNoFork() throws(Failure) {
    let conflict: StaticString? =
      if lock.unlinks { "--unlink" } else if leftovers != nil {
        "--close or --leftovers"
      } else if lock.options.reentrant { "--reentrant" } else if options.maximumRuntime != nil {
        "--max-runtime"
      } else if options.killAfter != nil {
        "--kill-after"
      } else { nil }
    if let conflict { throw .notWithoutFork(conflict) }
    if lock.mode == .hardlink {
      throw .usage("--no-fork leaves no swlock behind that could release a hardlink lock")
    }
    // They are done in the process that has the lock, and one may close a descriptor of that file.
    if lock.mode == .posix, launch.options.closesDescriptors || !launch.options.mappings.isEmpty {
      throw .usage(
        "--no-fork with --mode posix excludes --fd, --stdin and --close-fds, which could end the lock; --mode ofd does not"
      )
    }
  }
}
