internal import CSystem
internal import SystemInterface

/// The words of a command line, as C handed them over.
typealias ArgumentVector = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

/// Reads a command line word by word: options of one subcommand, and operands.
struct ArgumentCursor {
  enum Word {
    case option(OptionSpecification, value: ByteString?)
    case operand(ByteString)
    case end
  }

  let arguments: ArgumentVector
  let count: Int
  /// The next word that was not read yet.
  private(set) var index: Int
  private let subcommand: Subcommand?
  /// What is left of a cluster such as `-nx`.
  private var cluster: ArraySlice<UInt8> = []
  private var optionsHaveEnded = false

  init(_ arguments: ArgumentVector, count: Int, from index: Int, for subcommand: Subcommand?) {
    self.arguments = arguments
    self.count = count
    self.index = index
    self.subcommand = subcommand
  }

  var isAtEnd: Bool { cluster.isEmpty && index >= count }

  mutating func next() throws(Failure) -> Word {
    if !cluster.isEmpty { return try nextInCluster() }
    guard index < count else { return .end }
    let word = takeWord()
    if optionsHaveEnded || word.count < 2 || word.bytes.first != ascii("-") {
      return .operand(word)
    }
    if word == "--" {
      optionsHaveEnded = true
      return try next()
    }
    if word.hasPrefix("--") { return try longOption(word.bytes.dropFirst(2)) }
    cluster = word.bytes.dropFirst()
    return try nextInCluster()
  }

  /// Passes over one `--`, if that is the next word.
  mutating func skipSeparator() {
    if index < count, strcmp(arguments[index]!, "--") == 0 { index += 1 }
  }

  /// Whether the last word read was the one that ended the options.
  var sawSeparator: Bool { optionsHaveEnded }

  private mutating func takeWord() -> ByteString {
    let word = ByteString(cString: arguments[index]!)
    index += 1
    return word
  }

  private mutating func longOption(_ text: ArraySlice<UInt8>) throws(Failure) -> Word {
    let name = ByteString(text.prefix { $0 != ascii("=") })
    let value = name.count < text.count ? ByteString(text.dropFirst(name.count + 1)) : nil
    guard
      let option = find({ name.bytes.elementsEqual($0.long.utf8) })
    else { throw unknownLongOption(name) }
    switch (option.value, value) {
    case (.none, .some):
      throw .usage("option --\(option.long) takes no value", of: subcommand)
    case (.none, nil):
      return .option(option, value: nil)
    case (_, nil) where !option.value.isOptional:
      return .option(option, value: try valueInNextWord("--\(option.long)"))
    default:
      return .option(option, value: value)
    }
  }

  private mutating func nextInCluster() throws(Failure) -> Word {
    let letter = cluster.removeFirst()
    guard letter != 0, let option = find({ $0.short == letter }) else {
      cluster = []
      throw .usage("unknown option '-\(ByteString([letter]))'", of: subcommand)
    }
    if case .none = option.value { return .option(option, value: nil) }
    if cluster.isEmpty {
      return .option(option, value: try valueInNextWord("-\(ByteString([letter]))"))
    }
    let value = ByteString(cluster)
    cluster = []
    return .option(option, value: value)
  }

  private mutating func valueInNextWord(_ option: Message) throws(Failure) -> ByteString {
    guard index < count else { throw .usage("option \(option) needs a value", of: subcommand) }
    return takeWord()
  }

  private func find(_ matches: (OptionSpecification) -> Bool) -> OptionSpecification? {
    optionTable.first { isTaken($0) && matches($0) }
  }

  private func isTaken(_ option: OptionSpecification) -> Bool {
    if let subcommand { subcommand.takes(option.section) } else { option.section == .general }
  }

  private func unknownLongOption(_ name: ByteString) -> Failure {
    let known = optionTable.filter { isTaken($0) }.map { $0.long }
    if let meant = suggestion(for: name, from: known) {
      return .usage("unknown option '--\(name)', did you mean --\(meant)?", of: subcommand)
    }
    return .usage("unknown option '--\(name)'", of: subcommand)
  }
}
