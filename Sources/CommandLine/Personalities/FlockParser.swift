internal import CSystem
internal import SystemInterface

/// What a command line of flock(1) asks for.
final class FlockOptions {
  enum Operation {
    case exclusive, shared, unlock
  }

  enum Target {
    case file(ByteString)
    /// A descriptor that flock inherits.
    case descriptor(Int32)
  }

  var operation = Operation.exclusive
  var nonblock = false
  /// Seconds, as they were given.
  var timeout: Double?
  var conflictExitCode: Int32 = 1
  var close = false
  var noFork = false
  var verbose = false
  /// Whether record locks are taken (`--fcntl`), of these bytes.
  var usesRecordLocks = false
  var start: UInt64 = 0
  var length: UInt64 = 0
  var target = Target.descriptor(-1)
  var command: CommandWords?
}

enum FlockInvocation {
  case help, version
  case lock(FlockOptions)
}

struct FlockOption {
  enum Identity: UInt8 {
    case shared, exclusive, unlock, nonblock, timeout, conflictExitCode, close, noFork
    case fcntl, start, length, descriptor, verbose, help, version
  }

  let identity: Identity
  let short: UInt8
  let long: StaticString
  let placeholder: StaticString
  /// For help; empty for a synonym.
  let summary: StaticString

  /// Inlined, so that the compiler makes the table: there is nothing to do at start-up.
  @inline(__always)
  fileprivate init(
    _ identity: Identity, _ short: Unicode.Scalar?, _ long: StaticString,
    _ placeholder: StaticString = "", _ summary: StaticString = ""
  ) {
    self.identity = identity
    self.short = short.map { UInt8($0.value) } ?? 0
    self.long = long
    self.placeholder = placeholder
    self.summary = summary
  }

  fileprivate var form: OptionForm {
    OptionForm(
      identity: identity.rawValue, short: short, long: long,
      valueRule: placeholder.utf8.isEmpty ? .none : .required)
  }

  /// In the order in which util-linux has them, which an ambiguous abbreviation shows.
  static let all: [FlockOption] = [
    FlockOption(.shared, "s", "shared", "", "share the lock with other shared holders"),
    FlockOption(.exclusive, "x", "exclusive", "", "share it with nobody (default; also -e)"),
    FlockOption(.exclusive, "e", ""),
    FlockOption(.unlock, "u", "unlock", "", "give the lock back"),
    FlockOption(.nonblock, "n", "nonblocking", "", "do not wait for the lock (also --nb)"),
    FlockOption(.nonblock, nil, "nb"),
    FlockOption(
      .timeout, "w", "timeout", "SECONDS", "wait at most that long (also --wait)"),
    FlockOption(.timeout, nil, "wait", "SECONDS"),
    FlockOption(
      .conflictExitCode, "E", "conflict-exit-code", "N",
      "exit status when it is busy or timed out (1)"),
    FlockOption(.close, "o", "close", "", "do not give the lock to the command"),
    FlockOption(
      .noFork, "F", "no-fork", "",
      "become the command instead of starting it"),
    FlockOption(.verbose, nil, "verbose", "", "say what is done"),
    FlockOption(
      .fcntl, nil, "fcntl", "", "lock by fcntl(F_OFD_SETLK), not flock(2)"),
    FlockOption(
      .start, nil, "start", "OFFSET", "first byte that is locked; implies --fcntl"),
    FlockOption(.length, nil, "length", "SIZE", "number of bytes that are; implies --fcntl"),
    FlockOption(
      .descriptor, nil, "fd", "N", "lock descriptor N, then run the command"),
    FlockOption(.help, "h", "help", "", "show this help"),
    FlockOption(.version, "V", "version", "", "show the version"),
  ]
}

/// Reads the command line of flock(1), util-linux 2.43.
struct FlockParser {
  private let arguments: ArgumentVector
  private let count: Int
  private let options = FlockOptions()
  private var descriptor: Int32?

  init(_ arguments: ArgumentVector, count: Int) {
    self.arguments = arguments
    self.count = count
  }

  mutating func parse() throws(Failure) -> FlockInvocation {
    if count < 2 { throw .hinting("not enough arguments") }
    var cursor = ArgumentCursor(
      arguments, count: count, from: 1, options: FlockOption.all.map { $0.form },
      allowsAbbreviations: true)
    while true {
      if descriptor != nil, cursor.isBetweenWords, cursor.index < count,
        isShellOption(word(cursor.index))
      {
        try takeOperands(from: cursor.index)
        return .lock(options)
      }
      let word: ArgumentCursor.Word
      do throws(ArgumentError) {
        word = try cursor.next()
      } catch {
        throw .hinting(text(error))
      }
      switch word {
      case .option(let row, let value):
        let option = FlockOption.all[row].identity
        if option == .help { return .help }
        if option == .version { return .version }
        try take(option, value ?? "")
        continue
      case .operand: try takeOperands(from: cursor.index - 1)
      case .end: try takeOperands(from: count)
      }
      return .lock(options)
    }
  }

  private func text(_ error: ArgumentError) -> Message {
    switch error {
    case .unknown(let word): return "unrecognized option '\(raw: word)'"
    case .missingValue(let option): return "option '\(raw: option)' requires an argument"
    case .unexpectedValue(let name): return "option '--\(name)' doesn't allow an argument"
    case .ambiguous(let word, let candidates):
      var text: Message = "option '\(raw: word)' is ambiguous; possibilities:"
      for candidate in candidates { text.append(" '--\(candidate)'") }
      return text
    }
  }

  private mutating func take(_ option: FlockOption.Identity, _ value: ByteString) throws(Failure) {
    switch option {
    case .shared: options.operation = .shared
    case .exclusive: options.operation = .exclusive
    case .unlock: options.operation = .unlock
    case .nonblock: options.nonblock = true
    case .timeout:
      options.timeout = try checked(value, "invalid timeout") { (text) throws(NumberError) in
        try realNumber(text)
      }
    case .conflictExitCode:
      guard let code = try? wholeNumber(value), (0...255).contains(code) else {
        throw Failure(
          status: EX_USAGE, "invalid exit code (allowed values: 0-255): '\(raw: value)'")
      }
      options.conflictExitCode = code
    case .close: options.close = true
    case .noFork: options.noFork = true
    case .fcntl: options.usesRecordLocks = true
    case .start:
      options.start = try size(value, "invalid as start offset")
      options.usesRecordLocks = true
    case .length:
      options.length = try size(value, "invalid as length of lock range")
      options.usesRecordLocks = true
    case .descriptor: descriptor = try descriptorNumber(value)
    case .verbose: options.verbose = true
    case .help, .version: break
    }
  }

  /// What stands behind the options, from `index` on.
  private mutating func takeOperands(from index: Int) throws(Failure) {
    if options.noFork, options.close {
      throw Failure(status: EX_USAGE, "the --no-fork and --close options are incompatible")
    }
    if let descriptor {
      if index == count { throw Failure(status: EX_USAGE, "missing command") }
      options.target = .descriptor(descriptor)
      options.command = try command(from: index)
    } else if index == count {
      throw Failure(status: EX_USAGE, "missing file descriptor, file or directory")
    } else if index + 1 == count {
      options.target = .descriptor(try descriptorNumber(word(index)))
    } else {
      options.target = .file(word(index))
      options.command = try command(from: index + 1)
    }
  }

  private func word(_ index: Int) -> ByteString {
    ByteString(cString: arguments[index]!)
  }

  /// It is no option like the others: it counts in the place of the command only.
  private func isShellOption(_ word: ByteString) -> Bool {
    switch word {
    case "-c", "--command": true
    default: false
    }
  }

  private func command(from index: Int) throws(Failure) -> CommandWords {
    let first = word(index)
    guard isShellOption(first) else {
      return .process(arguments + index, count: count - index)
    }
    guard count == index + 2 else {
      throw Failure(status: EX_USAGE, "\(first) requires exactly one command argument")
    }
    return .shell(word(index + 1))
  }

  private func descriptorNumber(_ text: ByteString) throws(Failure) -> Int32 {
    try checked(text, "invalid file descriptor") { (text) throws(NumberError) in
      try wholeNumber(text)
    }
  }

  private func checked<Value>(
    _ text: ByteString, _ complaint: StaticString,
    _ read: (ByteString) throws(NumberError) -> Value
  ) throws(Failure) -> Value {
    do throws(NumberError) {
      return try read(text)
    } catch .outOfRange {
      throw Failure(status: EX_USAGE, "\(complaint): '\(raw: text)': \(Errno.outOfRange.text)")
    } catch {
      throw Failure(status: EX_USAGE, "\(complaint): '\(raw: text)'")
    }
  }

  private func size(_ text: ByteString, _ complaint: StaticString) throws(Failure) -> UInt64 {
    do throws(NumberError) {
      return try byteCount(text)
    } catch {
      let reason: Errno = error == .outOfRange ? .outOfRange : .invalid
      throw Failure(status: EX_USAGE, "\(complaint): '\(raw: text)': \(reason.text)")
    }
  }
}

extension Failure {
  /// With flock's pointer to its help.
  fileprivate static func hinting(_ message: Message) -> Failure {
    Failure(status: EX_USAGE, "\(message)\nTry 'flock --help' for more information.")
  }
}
