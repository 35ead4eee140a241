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
    var reader = OptionReader(arguments, count: count, from: 1, for: nil)
    switch try reader.next() {
    case .option(let option, _):
      return option.identity == .version ? .version : .help(nil)
    case .end:
      throw .usage("no command given", of: nil)
    case .operand(let word):
      switch subcommand(word) {
      case .run: return try parseRun(from: reader.index)
      case .as: return try parseAs(from: reader.index)
      case .help: return try parseHelp(from: reader.index)
      case .version: return try parseVersion(from: reader.index)
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
    if let personality = Personality(called: word) {
      return .usage(
        "unknown command '\(word)', did you mean 'swlock as \(personality.name)'?", of: nil)
    }
    if word.contains(ascii("/")) || word.contains(ascii(".")) {
      return .usage(
        "unknown command '\(word)'; to lock a file: swlock run \(word) -- COMMAND", of: nil)
    }
    return .usage("unknown command '\(word)'", of: nil)
  }

  private func parseHelp(from index: Int) throws(Failure) -> Invocation {
    var reader = OptionReader(arguments, count: count, from: index, for: .help)
    guard case .operand(let word) = try reader.next() else { return .help(nil) }
    guard let topic = subcommand(word) else { throw unknownSubcommand(word) }
    guard reader.isAtEnd else { throw .usage("too many words after 'help'", of: .help) }
    return .help(topic)
  }

  private func parseVersion(from index: Int) throws(Failure) -> Invocation {
    var reader = OptionReader(arguments, count: count, from: index, for: .version)
    switch try reader.next() {
    case .operand(let word): throw .usage("unexpected word '\(word)'", of: .version)
    case .option(let option, _) where option.identity == .help: return .help(.version)
    case .option, .end: return .version
    }
  }

  private func parseAs(from index: Int) throws(Failure) -> Invocation {
    var reader = OptionReader(arguments, count: count, from: index, for: .as)
    let word: ArgumentCursor<OptionSpecification>.Word
    do throws(Failure) {
      word = try reader.next()
    } catch {
      throw .usage(
        "the program's name comes first, its options follow: swlock as flock -n ...", of: .as)
    }
    switch word {
    case .option(let option, _): return option.identity == .version ? .version : .help(.as)
    case .end: throw .usage("no program given: swlock as flock, or swlock as lockrun", of: .as)
    case .operand(let word):
      guard let personality = Personality(called: word) else {
        throw .usage("unknown program '\(word)': only flock and lockrun", of: .as)
      }
      return .personality(personality, name: reader.index - 1)
    }
  }
}

// MARK: - Options

extension OptionSpecification: NamedOption {
  var valueRule: ValueRule {
    if case .none = value { .none } else if value.isOptional { .optional } else { .required }
  }

  func isSynonym(of other: OptionSpecification) -> Bool { identity == other.identity }
}

/// A cursor over the options of one subcommand, or over those of swlock itself. It says what is
/// wrong in swlock's words.
private struct OptionReader {
  private var cursor: ArgumentCursor<OptionSpecification>
  private let options: [OptionSpecification]
  private let subcommand: Subcommand?

  init(_ arguments: ArgumentVector, count: Int, from index: Int, for subcommand: Subcommand?) {
    self.subcommand = subcommand
    options = optionTable.filter { subcommand?.takes($0.section) ?? ($0.section == .general) }
    cursor = ArgumentCursor(arguments, count: count, from: index, options: options)
  }

  var index: Int { cursor.index }
  var isAtEnd: Bool { cursor.isAtEnd }
  var sawSeparator: Bool { cursor.sawSeparator }

  mutating func skipSeparator() { cursor.skipSeparator() }

  mutating func next() throws(Failure) -> ArgumentCursor<OptionSpecification>.Word {
    do throws(ArgumentError) {
      return try cursor.next()
    } catch {
      throw .usage(text(error), of: subcommand)
    }
  }

  private func text(_ error: ArgumentError) -> Message {
    switch error {
    case .unknown(let word), .ambiguous(let word, _): return unknown(word)
    case .missingValue(let option): return "option \(option) needs a value"
    case .unexpectedValue(let name): return "option --\(name) takes no value"
    }
  }

  private func unknown(_ word: ByteString) -> Message {
    let option = ByteString(word.bytes.prefix { $0 != ascii("=") })
    if option.hasPrefix("--"),
      let meant = suggestion(
        for: ByteString(option.bytes.dropFirst(2)), from: options.map { $0.long })
    {
      return "unknown option '\(option)', did you mean --\(meant)?"
    }
    if let own = ownOption(for: option) {
      return "unknown option '\(option)'\(own)"
    }
    return "unknown option '\(option)'"
  }

  /// What flock(1) and lockrun call differently.
  private func ownOption(for foreign: ByteString) -> StaticString? {
    guard subcommand == .run else { return nil }
    switch foreign {
    case "-e": return ", here it is -x"
    case "--nb", "--nonblocking": return ", here it is --nonblock"
    case "--wait": return ", here it is --timeout"
    case "--fcntl": return ", here it is --mode ofd"
    case "--start", "--length": return ", here it is --range"
    case "-u", "--unlock", "--fd": return "; 'swlock as flock' has it"
    case "--maxtime": return ", here it is --max-runtime"
    case "-L", "--lockfile": return ", here PATH stands without an option"
    default: return nil
    }
  }
}

// MARK: - run

extension Parser {
  private func parseRun(from index: Int) throws(Failure) -> Invocation {
    var reader = OptionReader(arguments, count: count, from: index, for: .run)
    var draft = RunDraft()
    reading: while true {
      switch try reader.next() {
      case .option(let option, let value):
        if option.identity == .help { return .help(.run) }
        if option.identity == .version { return .version }
        try draft.take(option, value)
      case .operand(let word):
        if draft.path != nil {
          draft.command = command(from: reader.index - 1)
          break reading
        }
        draft.path = word
        if reader.sawSeparator {
          // `-- PATH -- COMMAND`: the second separator is one as well.
          reader.skipSeparator()
          if !reader.isAtEnd { draft.command = command(from: reader.index) }
          break reading
        }
      case .end:
        break reading
      }
    }
    return .run(try draft.finished())
  }

  private func command(from index: Int) -> CommandWords {
    .process(arguments + index, count: count - index)
  }
}

/// The options of `run` while they are being read; checked as a whole at the end.
private struct RunDraft {
  var path: ByteString?
  var command: CommandWords?
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
