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
    case .option(let given):
      return given.identity == .version ? .version : help(nil, reader)
    case .end:
      throw .usage("no command given", of: nil)
    case .operand(let word):
      guard let subcommand = subcommand(word) else { throw unknownSubcommand(word) }
      switch subcommand {
      case .as: return try parseAs(from: reader.index)
      case .help: return try parseHelp(from: reader.index)
      case .run, .acquire, .release, .refresh, .transfer, .wait, .status, .break, .cleanup,
        .version:
        return try parse(subcommand, from: reader.index)
      }
    }
  }

  private func parse(_ subcommand: Subcommand, from index: Int) throws(Failure) -> Invocation {
    var reader = OptionReader(arguments, count: count, from: index, for: subcommand)
    let words = Arguments(subcommand)
    while true {
      switch try reader.next() {
      case .option(let given):
        if given.identity == .help { return help(subcommand, reader) }
        if given.identity == .version { return .version }
        try words.put(given)
      case .operand(let word): try words.put(word, &reader)
      case .end: return try Invocation(words)
      }
    }
  }

  private func help(_ subcommand: Subcommand?, _ reader: OptionReader) -> Invocation {
    reader.sawLetter ? .summary(subcommand) : .help(subcommand)
  }

  private func subcommand(_ word: ByteString) -> Subcommand? {
    Subcommand.allCases.first { word == $0.name }
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
    if let own = ownCommand(for: word) {
      return .usage("unknown command '\(word)', here it is: swlock \(own)", of: nil)
    }
    if word.contains(ascii("/")) || word.contains(ascii(".")) {
      return .usage(
        "unknown command '\(word)'; to lock a file: swlock run \(quoted: word) -- COMMAND", of: nil)
    }
    return .usage("unknown command '\(word)'", of: nil)
  }

  /// What other programs call a command.
  private func ownCommand(for foreign: ByteString) -> Literal? {
    switch foreign {
    case "lock": "acquire for a script, swlock run for a command"
    case "unlock": "release"
    case "list", "ls", "ps", "who", "show": "status"
    case "kill": "break --kill"
    case "exec": "run"
    default: nil
    }
  }

  private func parseHelp(from index: Int) throws(Failure) -> Invocation {
    var reader = OptionReader(arguments, count: count, from: index, for: .help)
    guard case .operand(let word) = try reader.next() else { return help(nil, reader) }
    guard reader.isAtEnd else {
      throw .usage("help takes one word, as in: swlock help run, or: swlock help modes", of: .help)
    }
    if let subcommand = subcommand(word) { return .help(subcommand) }
    if let topic = HelpTopic.allCases.first(where: { word == $0.name }) {
      return .topic(topic)
    }
    let names = Subcommand.allCases.map { $0.name } + HelpTopic.allCases.map { $0.name }
    if let meant = suggestion(for: word, from: names) {
      throw .usage("no help on '\(word)', did you mean 'swlock help \(meant)'?", of: nil)
    }
    throw .usage(
      "no help on '\(word)', but on each command, and on modes, exit, durations and json", of: nil)
  }

  private func parseAs(from index: Int) throws(Failure) -> Invocation {
    var reader = OptionReader(arguments, count: count, from: index, for: .as)
    let word: OptionReader.Word
    do throws(Failure) {
      word = try reader.next()
    } catch {
      throw .usage(
        "the program's name comes first, its options follow: swlock as flock -n ...", of: .as)
    }
    switch word {
    case .option(let given):
      return given.identity == .version ? .version : help(.as, reader)
    case .end: throw .usage("no program given: swlock as flock, or swlock as lockrun", of: .as)
    case .operand(let word):
      guard let personality = Personality(called: word) else {
        throw .usage("unknown program '\(word)': only flock and lockrun", of: .as)
      }
      return .personality(personality, name: reader.index - 1)
    }
  }
}
