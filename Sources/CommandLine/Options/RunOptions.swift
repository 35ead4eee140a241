internal import Launching
internal import Locking

/// What becomes of processes that outlive the command.
enum LeftoverPolicy {
  case keep, wait, kill, release
}

/// Whom `--replace` ends.
enum ReplacedProcesses {
  case all, waiting
}

/// The checked options of `run`.
final class RunOptions {
  let lock: LockOptions
  let path: ByteString
  let command: CommandWords
  /// Nil: the plain way.
  let launch: LaunchOptions?
  let noFork: Bool
  let leftovers: LeftoverPolicy
  /// Whether that was asked for in so many words.
  let keepsLeftovers: Bool
  let maximumRuntime: Span?
  let killAfter: Span?
  let replaced: ReplacedProcesses?
  /// Where a line about the run goes.
  let record: ByteString?

  init(_ arguments: Arguments) throws(Failure) {
    guard let path = arguments.paths.first else {
      throw .usage("no lock file given: swlock run [OPTION...] PATH -- COMMAND")
    }
    self.path = path
    command = try arguments.commandToRun(at: path)
    // What `run` refreshes may well live longer than what nobody does.
    lock = try LockOptions(arguments, lifetime: .seconds(60))
    noFork = arguments.has(.noFork)
    if noFork { try arguments.checkNoFork() }
    launch =
      arguments.given.contains { $0.section == .launch } ? try LaunchOptions(arguments) : nil
    leftovers = arguments.leftovers ?? (lock.engine == nil ? .keep : .kill)
    keepsLeftovers = arguments.leftovers == .keep
    maximumRuntime = arguments.maximumRuntime
    killAfter = arguments.killAfter
    replaced = arguments.replaced
    record = arguments.record

    if keepsLeftovers, let mode = lock.mode, !mode.isInherited {
      throw .usage("a \(mode.name) lock cannot be inherited: --leftovers=keep needs another --mode")
    }
    if keepsLeftovers, arguments.has(.newControlGroup) {
      throw .usage("--cgroup-new kills what the command leaves: --leftovers=keep cannot be")
    }
    if killAfter != nil, maximumRuntime == nil, leftovers != .kill, replaced == nil {
      throw .usage("--kill-after needs --max-runtime, --leftovers=kill or --replace")
    }
    if maximumRuntime == .zero { throw .usage("--max-runtime must be longer than 0") }
  }
}

extension Arguments {
  fileprivate func commandToRun(at path: ByteString) throws(Failure) -> CommandWords {
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
      throw .usage("no command given: swlock run \(quoted: path) -- COMMAND")
    }
  }

  /// Nothing of swlock stays after the exec: see also `OptionSpecification.needsFork`.
  fileprivate func checkNoFork() throws(Failure) {
    if mode == .hardlink {
      throw .usage("--no-fork leaves no swlock behind that could release a hardlink lock")
    }
    // They are done in the process that has the lock, and one may close a descriptor of that file.
    if mode == .posix, has(.closeDescriptors) || !launch.mappings.isEmpty {
      throw .usage(
        "--no-fork with --mode posix excludes --fd, --stdin and --close-fds, which could end the lock; --mode ofd does not"
      )
    }
    if (namespaces + optionalNamespaces).contains(.pid) { throw usage(.withoutFork("unshare pid")) }
  }
}
