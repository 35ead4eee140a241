internal import CSystem
internal import SystemInterface

/// The words of a command line, as C handed them over.
typealias ArgumentVector = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

/// What has to be known of an option to read it.
struct OptionForm {
  /// The same for all names of one option.
  let identity: UInt8
  /// The letter; 0 for an option without one.
  let short: UInt8
  /// The name without its dashes; empty for an option without one.
  let long: Literal
  let valueRule: ValueRule
}

enum ValueRule {
  case none
  /// Only in the form `--option=value`.
  case optional
  case required
}

/// Why a word is no option, with the option as it was written.
enum ArgumentError: Error {
  /// Or it is short for several.
  case unknown(ByteString)
  /// With the option's full name.
  case missingValue(ByteString)
  case unexpectedValue(Literal)
}

/// Reads a command line word by word, as getopt_long(3) does: options out of a table, and operands.
struct ArgumentCursor {
  enum Word {
    /// The option in that row of the table.
    case option(row: Int, value: ByteString?)
    case operand(ByteString)
    case end
  }

  private let arguments: ArgumentVector
  private let count: Int
  /// The next word that was not read yet.
  private(set) var index: Int
  /// Where the last option read begins.
  private var optionIndex: Int
  private let rows: Int
  /// The option in a row of the table; nil where that is not taken. Asked only once a word is an option: most
  /// command lines have few.
  private let option: (_ row: Int) -> OptionForm?
  private let allowsAbbreviations: Bool
  /// What is left of a cluster such as `-nx`.
  private var cluster: ArraySlice<UInt8> = []
  private var optionsHaveEnded = false

  init(
    _ arguments: ArgumentVector, count: Int, from index: Int, rows: Int,
    allowsAbbreviations: Bool = false, option: @escaping (_ row: Int) -> OptionForm?
  ) {
    self.arguments = arguments
    self.count = count
    self.index = index
    optionIndex = index
    self.rows = rows
    self.option = option
    self.allowsAbbreviations = allowsAbbreviations
  }

  var isAtEnd: Bool { cluster.isEmpty && index >= count }

  /// The whole word in which the last option stands, or what is none.
  var optionWord: ByteString { ByteString(cString: arguments[optionIndex]!) }

  mutating func next() throws(ArgumentError) -> Word {
    if !cluster.isEmpty { return try nextInCluster() }
    guard index < count else { return .end }
    optionIndex = index
    let word = takeWord()
    if optionsHaveEnded || word.count < 2 || word.bytes.first != ascii("-") {
      return .operand(word)
    }
    if word == "--" {
      optionsHaveEnded = true
      return try next()
    }
    if word.hasPrefix("--") { return try longOption(word) }
    cluster = word.bytes.dropFirst()
    return try nextInCluster()
  }

  /// Passes over one `--`, if that is the next word.
  mutating func skipSeparator() {
    if index < count, strcmp(arguments[index]!, "--") == 0 { index += 1 }
  }

  /// All words from `index` on, which are then read.
  mutating func takeCommand(from index: Int) -> CommandWords {
    self.index = count
    return .process(arguments + index, count: count - index)
  }

  /// Whether the last word read was the one that ended the options.
  var sawSeparator: Bool { optionsHaveEnded }

  private mutating func takeWord() -> ByteString {
    let word = ByteString(cString: arguments[index]!)
    index += 1
    return word
  }

  private mutating func longOption(_ word: ByteString) throws(ArgumentError) -> Word {
    let text = word.bytes.dropFirst(2)
    let name = text.prefix { $0 != ascii("=") }
    let value = name.count < text.count ? ByteString(text.dropFirst(name.count + 1)) : nil
    let (row, option) = try row(named: name, in: word)
    switch (option.valueRule, value) {
    case (.none, .some): throw .unexpectedValue(option.long)
    case (.required, nil):
      return .option(row: row, value: try valueInNextWord("--" + ByteString(option.long.utf8)))
    case (.none, nil), (.optional, _), (.required, .some): return .option(row: row, value: value)
    }
  }

  private func row(
    named name: ArraySlice<UInt8>, in word: ByteString
  ) throws(ArgumentError) -> (Int, OptionForm) {
    var first: (row: Int, option: OptionForm)?
    var isAmbiguous = false
    for row in 0..<rows {
      guard let option = option(row) else { continue }
      let long = option.long.utf8
      guard !long.isEmpty, long.starts(with: name) else { continue }
      if long.count == name.count { return (row, option) }
      if let first, option.identity != first.option.identity { isAmbiguous = true }
      if first == nil { first = (row, option) }
    }
    guard allowsAbbreviations, !isAmbiguous, let first else { throw .unknown(word) }
    return first
  }

  private func row(ofLetter letter: UInt8) -> (Int, OptionForm)? {
    guard letter != 0 else { return nil }
    for row in 0..<rows {
      if let option = option(row), option.short == letter { return (row, option) }
    }
    return nil
  }

  private mutating func nextInCluster() throws(ArgumentError) -> Word {
    let letter = cluster.removeFirst()
    let written = ByteString([ascii("-"), letter])
    guard let (row, option) = row(ofLetter: letter) else {
      cluster = []
      throw .unknown(written)
    }
    if option.valueRule == .none {
      if cluster.first == ascii("="), !allowsAbbreviations {
        throw .unexpectedValue(option.long)
      }
      return .option(row: row, value: nil)
    }
    if cluster.isEmpty { return .option(row: row, value: try valueInNextWord(written)) }
    let value = ByteString(cluster)
    cluster = []
    return .option(row: row, value: value)
  }

  private mutating func valueInNextWord(_ option: ByteString) throws(ArgumentError) -> ByteString {
    guard index < count else { throw .missingValue(option) }
    return takeWord()
  }
}
