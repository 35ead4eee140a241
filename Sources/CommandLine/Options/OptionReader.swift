internal import SystemInterface

extension OptionSpecification {
  fileprivate var form: OptionForm {
    OptionForm(
      identity: identity.rawValue, short: short, long: long,
      valueRule: value == .none ? .none : value.isOptional ? .optional : .required)
  }
}

/// A cursor over the options of one subcommand, or over those of swlock itself. It says what is
/// wrong in swlock's words.
struct OptionReader {
  enum Word {
    case option(GivenOption)
    case operand(ByteString)
    case end
  }

  private var cursor: ArgumentCursor
  private let subcommand: Subcommand?
  private let start: Int

  init(_ arguments: ArgumentVector, count: Int, from index: Int, for subcommand: Subcommand?) {
    self.subcommand = subcommand
    start = index
    cursor = ArgumentCursor(arguments, count: count, from: index, rows: optionTable.count) { row in
      Self.isTaken(optionTable[row], by: subcommand) ? optionTable[row].form : nil
    }
  }

  private static func isTaken(_ row: OptionSpecification, by subcommand: Subcommand?) -> Bool {
    subcommand?.takes(row) ?? (row.section == .general)
  }

  var index: Int { cursor.index }
  var isAtEnd: Bool { cursor.isAtEnd }
  var sawSeparator: Bool { cursor.sawSeparator }
  /// Whether the last option was written as a letter.
  var sawLetter: Bool { cursor.index > start && !cursor.optionWord.hasPrefix("--") }

  mutating func skipSeparator() { cursor.skipSeparator() }

  /// All words from `index` on, which are then read.
  mutating func takeCommand(from index: Int) -> CommandWords { cursor.takeCommand(from: index) }

  mutating func next() throws(Failure) -> Word {
    do throws(ArgumentError) {
      switch try cursor.next() {
      case .option(let row, let value):
        return .option(GivenOption(optionTable[row], value, subcommand))
      case .operand(let word): return .operand(word)
      case .end: return .end
      }
    } catch {
      throw .usage(text(error), of: subcommand)
    }
  }

  private func text(_ error: ArgumentError) -> Message {
    switch error {
    case .unknown(let word): return unknown(word)
    case .missingValue(let option): return "option \(option) needs a value"
    case .unexpectedValue(let name): return "option --\(name) takes no value"
    }
  }

  private func unknown(_ word: ByteString) -> Message {
    let option = ByteString(word.bytes.prefix { $0 != ascii("=") })
    if let own = ownOption(for: option) {
      return "unknown option '\(option)'\(own)"
    }
    if subcommand == nil, let taker = Self.taker(of: option) {
      return "option '\(option)' comes after a command, as in: swlock \(taker.name) \(option) ..."
    }
    if option.hasPrefix("--"),
      let meant = suggestion(
        for: ByteString(option.bytes.dropFirst(2)),
        from: optionTable.filter { Self.isTaken($0, by: subcommand) }.map { $0.long })
    {
      return "unknown option '\(option)', did you mean --\(meant)?"
    }
    if option.hasPrefix("--"), let taker = Self.taker(of: option) {
      return "unknown option '\(option)', which is one of: swlock \(taker.name)"
    }
    return "unknown option '\(option)'"
  }

  /// The first command that takes it.
  private static func taker(of option: ByteString) -> Subcommand? {
    let name = option.bytes.drop { $0 == ascii("-") }
    return Subcommand.allCases.first { subcommand in
      optionTable.contains { row in
        subcommand.takes(row)
          && (name == row.long || name.count == 1 && name.first == row.short)
      }
    }
  }

  /// What flock(1) and lockrun call differently.
  private func ownOption(for foreign: ByteString) -> Literal? {
    if foreign == "--unlock" { return "; 'swlock release' ends what 'swlock acquire' took" }
    guard subcommand == .run || subcommand == .acquire else { return nil }
    switch foreign {
    case "-t": return ", here it is -w (--timeout)"
    case "-e": return ", here it is -x"
    case "--nb", "--nonblocking": return ", here it is --nonblock"
    case "--wait": return ", here it is --timeout"
    case "-W": return ": swlock waits without an option, and -w says how long"
    case "--fcntl": return ", here it is --mode ofd"
    case "--start", "--length": return ", here it is --range"
    case "-u": return ", here it is: swlock release --fd N"
    case "-f", "-l", "-L", "--lockfile": return ", here PATH stands without an option"
    case "-N", "--block": return ": swlock waits without an option"
    case "-j", "--jobs": return ", here it is --slots"
    case "-i", "--idempotent": return ", here it is -n -E 0"
    case "-r", "-R", "-S", "--retries", "--sleep":
      return ": swlock waits in a queue of the kernel's, and -w says how long"
    case _ where subcommand != .run: return nil
    case "-k": return ", here it is --kill-after; a lock file stays without an option"
    case "-T", "-M", "--maxtime": return ", here it is --max-runtime"
    default: return nil
    }
  }
}
