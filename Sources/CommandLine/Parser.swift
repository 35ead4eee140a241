internal import CSystem
internal import Locking
internal import SystemInterface

/// Turns a command line into an `Invocation`.
struct Parser {
  private let arguments: ArgumentVector
  private let count: Int

  init(_ arguments: ArgumentVector, count: Int) {
    self.arguments = arguments
    self.count = count
  }

  func parse() throws(Failure) -> Invocation {
    var cursor = ArgumentCursor(arguments, count: count, from: 1, for: nil)
    switch try cursor.next() {
    case .option(let option, _):
      return option.identity == .version ? .version : .help(nil)
    case .end:
      throw .usage("no command given", of: nil)
    case .operand(let word):
      switch subcommand(word) {
      case .run: return try parseRun(from: cursor.index)
      case .help: return try parseHelp(from: cursor.index)
      case .version: return try parseVersion(from: cursor.index)
      case nil: throw unknownSubcommand(word)
      }
    }
  }

  private func subcommand(_ word: ByteString) -> Subcommand? {
    Subcommand.allCases.first { word.bytes.elementsEqual($0.name.utf8) }
  }

  private func unknownSubcommand(_ word: ByteString) -> Failure {
    let names = Subcommand.allCases.map { $0.name }
    if let meant = suggestion(for: word, from: names) {
      return .usage("unknown command '\(word)', did you mean 'swlock \(meant)'?", of: nil)
    }
    if word.contains(ascii("/")) || word.contains(ascii(".")) {
      return .usage(
        "unknown command '\(word)'; to lock a file: swlock run \(word) -- COMMAND", of: nil)
    }
    return .usage("unknown command '\(word)'", of: nil)
  }

  private func parseHelp(from index: Int) throws(Failure) -> Invocation {
    var cursor = ArgumentCursor(arguments, count: count, from: index, for: .help)
    guard case .operand(let word) = try cursor.next() else { return .help(nil) }
    guard let topic = subcommand(word) else { throw unknownSubcommand(word) }
    guard cursor.isAtEnd else { throw .usage("too many words after 'help'", of: .help) }
    return .help(topic)
  }

  private func parseVersion(from index: Int) throws(Failure) -> Invocation {
    var cursor = ArgumentCursor(arguments, count: count, from: index, for: .version)
    switch try cursor.next() {
    case .operand(let word): throw .usage("unexpected word '\(word)'", of: .version)
    case .option(let option, _) where option.identity == .help: return .help(.version)
    case .option, .end: return .version
    }
  }
}

// MARK: - run

extension Parser {
  private func parseRun(from index: Int) throws(Failure) -> Invocation {
    var cursor = ArgumentCursor(arguments, count: count, from: index, for: .run)
    var draft = RunDraft()
    reading: while true {
      switch try cursor.next() {
      case .option(let option, let value):
        if option.identity == .help { return .help(.run) }
        if option.identity == .version { return .version }
        try draft.take(option, value)
      case .operand(let word):
        if draft.path != nil {
          draft.commandIndex = cursor.index - 1
          break reading
        }
        draft.path = word
        if cursor.sawSeparator {
          // `-- PATH -- COMMAND`: the second separator is one as well.
          cursor.skipSeparator()
          if !cursor.isAtEnd { draft.commandIndex = cursor.index }
          break reading
        }
      case .end:
        break reading
      }
    }
    return .run(try draft.finished())
  }
}

/// The options of `run` while they are being read; checked as a whole at the end.
private struct RunDraft {
  var path: ByteString?
  var commandIndex: Int?
  private var options = RunOptions()
  private var shellCommand: ByteString?
  private var leftovers: LeftoverPolicy?

  mutating func take(
    _ option: OptionSpecification, _ value: ByteString?
  ) throws(Failure) {
    let value = value ?? ""
    switch option.identity {
    case .mode: options.lock.mode = try mode(value)
    case .shared: options.lock.sharing = .shared
    case .exclusive: options.lock.sharing = .exclusive
    case .nonblock: options.lock.nonblock = true
    case .timeout: options.lock.timeout = try duration(option, value)
    case .conflictExitCode:
      options.lock.conflictExitCode = try checked(parseExitCode(value), option, value, "0 to 255")
    case .range:
      options.lock.range = try checked(
        parseRange(value), option, value, "START[:LENGTH], in bytes")
    case .permissions:
      options.lock.permissions = try checked(
        parsePermissions(value), option, value, "octal, up to 0777")
    case .group: options.lock.group = value
    case .noCreate: options.lock.mustExist = true
    case .unlink: options.lock.unlink = true
    case .sidecar: options.lock.sidecar = try sidecar(value)
    case .verbose: options.lock.verbose = true
    case .command: shellCommand = value
    case .noFork: options.noFork = true
    case .close: leftovers = .release
    case .leftovers: leftovers = try leftoverPolicy(value)
    case .maximumRuntime: options.maximumRuntime = try duration(option, value)
    case .killAfter: options.killAfter = try duration(option, value)
    case .help, .version: break
    }
  }

  /// The whole, if it makes sense.
  func finished() throws(Failure) -> RunOptions {
    var result = options
    guard let path else {
      throw .usage("no lock file given: swlock run [OPTION...] PATH -- COMMAND")
    }
    if path.isEmpty { throw .usage("the lock file's name is empty") }
    result.path = path
    result.command = try command(after: path)
    try checkLockOptions()
    if options.noFork { try checkNoFork() }
    if leftovers == .keep, options.lock.mode == .posix {
      throw .usage("a posix lock cannot be inherited: --leftovers=keep needs another --mode")
    }
    result.leftovers = leftovers ?? .keep
    if options.killAfter != nil, options.maximumRuntime == nil, leftovers != .kill {
      throw .usage("--kill-after needs --max-runtime or --leftovers=kill")
    }
    if options.maximumRuntime == 0 { throw .usage("--max-runtime must be longer than 0") }
    return result
  }

  private func command(after path: ByteString) throws(Failure) -> RunOptions.CommandWords {
    switch (shellCommand, commandIndex) {
    case (let string?, nil):
      return .shell(string)
    case (nil, let index?):
      return .process(first: index)
    case (.some, .some):
      throw .usage("-c takes the whole shell command as one word, and no COMMAND beside it")
    case (nil, nil):
      throw .usage("no command given: swlock run \(path) -- COMMAND")
    }
  }

  private func checkLockOptions() throws(Failure) {
    let lock = options.lock
    if lock.range != .wholeFile, lock.mode == .flock || lock.mode == nil {
      throw .usage("--range needs --mode posix or ofd")
    }
    if lock.mustExist, lock.permissions != nil || lock.group != nil {
      throw .usage("--perm and --group are for a file that is created, not with --no-create")
    }
  }

  /// Nothing of swlock stays after the exec.
  private func checkNoFork() throws(Failure) {
    let conflict: StaticString? =
      if options.lock.unlink { "--unlink" } else if leftovers != nil {
        "--close or --leftovers"
      } else if options.maximumRuntime != nil { "--max-runtime" } else if options.killAfter != nil {
        "--kill-after"
      } else { nil }
    if let conflict { throw .usage("--no-fork leaves no swlock behind that could do \(conflict)") }
  }
}

// MARK: - Values

extension RunDraft {
  private func checked<Value>(
    _ parsed: Value?, _ option: OptionSpecification, _ value: ByteString,
    _ expected: StaticString
  ) throws(Failure) -> Value {
    if let parsed { return parsed }
    throw .usage("invalid value '\(value)' for --\(option.long): expected \(expected)")
  }

  private func duration(
    _ option: OptionSpecification, _ value: ByteString
  ) throws(Failure) -> Int64 {
    try checked(
      parseDuration(value), option, value, "a duration such as 10, 1.5, 250ms, 5m, 2h, 1d")
  }

  private func mode(_ value: ByteString) throws(Failure) -> LockMode? {
    if value == "flock" { return .flock }
    if value == "posix" { return .posix }
    if value == "ofd" { return .ofd }
    if value == "auto" { return nil }
    throw .usage("invalid mode '\(value)': flock, posix, ofd or auto")
  }

  private func leftoverPolicy(_ value: ByteString) throws(Failure) -> LeftoverPolicy {
    if value == "keep" { return .keep }
    if value == "wait" { return .wait }
    if value == "kill" { return .kill }
    if value == "release" { return .release }
    throw .usage("invalid value '\(value)' for --leftovers: keep, wait, kill or release")
  }

  private func sidecar(_ value: ByteString) throws(Failure) -> SidecarNaming {
    if value.isEmpty { return .swlock }
    if value == "portage" { return .portage }
    throw .usage("invalid value '\(value)' for --sidecar: only portage")
  }
}
