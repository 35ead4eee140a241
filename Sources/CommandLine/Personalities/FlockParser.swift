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
  var timeout: Seconds?
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
  let long: Literal
  let placeholder: Literal
  /// For help; empty for a synonym.
  let summary: Literal

  /// Inlined, so that the compiler makes the table: there is nothing to do at start-up.
  @inline(__always)
  fileprivate init(
    _ identity: Identity, _ short: Unicode.Scalar?, _ long: Literal,
    _ placeholder: Literal = "", _ summary: Literal = ""
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
      valueRule: placeholder.isEmpty ? .none : .required)
  }

  /// In the order in which help shows them.
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
  /// `-c` or `--command` among the options: then the command is the one operand.
  private var shellOption: ByteString?

  init(_ arguments: ArgumentVector, count: Int) {
    self.arguments = arguments
    self.count = count
  }

  mutating func parse() throws(Failure) -> FlockInvocation {
    if count < 2 { throw .hinting("not enough arguments") }
    var cursor = ArgumentCursor(
      arguments, count: count, from: 1, rows: FlockOption.all.count, allowsAbbreviations: true
    ) { FlockOption.all[$0].form }
    while true {
      let word: ArgumentCursor.Word
      do throws(ArgumentError) {
        word = try cursor.next()
      } catch {
        let written = cursor.optionWord
        if case .missingValue(let option) = error {
          let named = written.hasPrefix("--") ? option : written
          throw .hinting("option '\(raw: named)' requires an argument")
        }
        // It is in no table of options: it is not to be shortened, nor part of a cluster.
        guard isShellOption(written) else {
          throw .hinting("unrecognized option '\(raw: written)'")
        }
        shellOption = written
        continue
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

  private mutating func take(_ option: FlockOption.Identity, _ value: ByteString) throws(Failure) {
    switch option {
    case .shared: options.operation = .shared
    case .exclusive: options.operation = .exclusive
    case .unlock: options.operation = .unlock
    case .nonblock: options.nonblock = true
    case .timeout:
      options.timeout = try checked(value, "invalid timeout") { (text) throws(NumberError) in
        try Seconds(text)
      }
    case .conflictExitCode:
      let code = try checked(value, "invalid exit code (allowed values: 0-255)") {
        (text) throws(NumberError) in
        let code = try wholeNumber(text)
        guard (0...255).contains(code) else { throw .outOfRange }
        return code
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
    if let shellOption { options.command = try shellCommand(shellOption, from: index) }
    if let descriptor {
      try take(descriptor: descriptor)
      if options.command != nil { return }
      if index == count { throw Failure(status: EX_USAGE, "missing command") }
      options.command = .process(arguments + index, count: count - index)
    } else if index == count || shellOption != nil {
      throw Self.withoutTarget
    } else if index + 1 == count {
      try take(descriptor: try descriptorNumber(word(index)))
    } else {
      options.target = .file(word(index))
      let first = word(index + 1)
      options.command =
        isShellOption(first)
        ? try shellCommand(first, from: index + 2)
        : .process(arguments + index + 1, count: count - index - 1)
    }
  }

  private static var withoutTarget: Failure {
    Failure(status: EX_USAGE, "missing file descriptor, file or directory")
  }

  /// One below zero is none.
  private func take(descriptor number: Int32) throws(Failure) {
    if number < 0 { throw Self.withoutTarget }
    options.target = .descriptor(number)
  }

  private func word(_ index: Int) -> ByteString {
    ByteString(cString: arguments[index]!)
  }

  private func isShellOption(_ word: ByteString) -> Bool {
    switch word {
    case "-c", "--command": true
    default: false
    }
  }

  private func shellCommand(_ option: ByteString, from index: Int) throws(Failure) -> CommandWords {
    guard count == index + 1 else {
      throw Failure(status: EX_USAGE, "\(option) requires exactly one command argument")
    }
    return .shell(word(index))
  }

  private func descriptorNumber(_ text: ByteString) throws(Failure) -> Int32 {
    try checked(text, "invalid file descriptor") { (text) throws(NumberError) in
      try wholeNumber(text)
    }
  }

  private func checked<Value>(
    _ text: ByteString, _ complaint: Literal,
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

  private func size(_ text: ByteString, _ complaint: Literal) throws(Failure) -> UInt64 {
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
