internal import CSystem
internal import SystemInterface

/// What a command line of lockrun asks for.
final class LockrunOptions {
  var path: ByteString = ""
  var waits = false
  /// Seconds between two attempts.
  var sleep: Int64 = 10
  /// 0 tries for ever.
  var maximumAttempts: Int64 = 0
  /// Seconds after which the command's time is reported.
  var maximumTime: Int64?
  var verbose = false
  var quiet = false
  var idempotent = false
  var command: CommandWords = .shell("")
}

enum LockrunInvocation {
  case help, version
  case run(LockrunOptions)
}

/// Reads the command line of lockrun 1.1.3, with the options of its descendants.
struct LockrunParser {
  private let arguments: ArgumentVector
  private let count: Int
  private let options = LockrunOptions()
  private var path: ByteString?
  private var index = 1

  init(_ arguments: ArgumentVector, count: Int) {
    self.arguments = arguments
    self.count = count
  }

  mutating func parse() throws(Failure) -> LockrunInvocation {
    reading: while index < count {
      let word = ByteString(cString: arguments[index]!)
      index += 1
      switch word {
      case "--": break reading
      case "--help": return .help
      case "--version": return .version
      default: try take(word)
      }
    }
    if index >= count {
      let name = ByteString(cString: arguments[0]!)
      throw .lockrun("missing command to \(raw: name) (must follow \"--\" marker) ")
    }
    guard let path else { throw .lockrun("missing --lockfile=F parameter") }
    options.path = path
    options.command = .process(arguments + index, count: count - index)
    return .run(options)
  }

  private mutating func take(_ word: ByteString) throws(Failure) {
    switch word {
    case "-W", "--wait": options.waits = true
    case "-V", "--verbose": options.verbose = true
    case "-q", "--quiet": options.quiet = true
    case "-I", "--idempotent": options.idempotent = true
    default: try takeWithValue(word)
    }
  }

  /// `-X V`, `-X=V`, `--long V` or `--long=V`.
  private mutating func takeWithValue(_ word: ByteString) throws(Failure) {
    let name = ByteString(word.bytes.prefix { $0 != ascii("=") })
    switch name {
    case "-L", "--lockfile": path = try value(of: name, in: word)
    case "-S", "--sleep": options.sleep = try number(of: name, in: word)
    case "-R", "--retries": options.maximumAttempts = try number(of: name, in: word)
    case "-T", "--maxtime": options.maximumTime = try number(of: name, in: word)
    default: throw .lockrun("\"\(raw: word)\" is an invalid cmdline param")
    }
  }

  private mutating func value(
    of name: ByteString, in word: ByteString
  ) throws(Failure) -> ByteString {
    if name.count < word.count { return ByteString(word.bytes.dropFirst(name.count + 1)) }
    guard index < count, strcmp(arguments[index]!, "--") != 0 else {
      throw .lockrun("option \(name) requires a parameter")
    }
    index += 1
    return ByteString(cString: arguments[index - 1]!)
  }

  private mutating func number(of name: ByteString, in word: ByteString) throws(Failure) -> Int64 {
    let text = try value(of: name, in: word)
    guard let number = parseNumber(text.bytes) else {
      throw .lockrun("option \(name) requires a number, not \"\(raw: text)\"")
    }
    return number
  }
}

extension Failure {
  /// lockrun has one exit status for all that goes wrong.
  static func lockrun(_ message: Message) -> Failure {
    Failure(status: EXIT_FAILURE, "ERROR: \(message)")
  }
}
