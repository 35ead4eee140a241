internal import SystemInterface

/// The text of `sh -c`, as far as it has to be understood to see what comes after a command in it.
///
/// No more than a guess: what it cannot see is taken for work that follows.
struct ShellText {
  private enum Token {
    case word(ByteString)
    /// `;`, `&`, `&&`, `|`, `||`, `(`, `)` or the end of a line.
    case mark(ByteString)
  }

  private let tokens: [Token]

  init(_ text: ByteString) {
    tokens = Self.tokens(text.bytes)
  }

  /// Whether nothing follows the one command that has `word` in it, but what is done if that fails. Of
  /// several it is not known which one it is that runs.
  func ends(with word: ByteString) -> Bool {
    let places = tokens.indices.filter {
      if case .word(let text) = tokens[$0] { text == word } else { false }
    }
    guard places.count == 1, let last = places.first else { return false }
    /// Within the parentheses and braces of an alternative.
    var depth = 0
    /// The words are of the command itself, or of an alternative to it.
    var isExpected = true
    for token in tokens[(last + 1)...] {
      switch token {
      case .mark("("): depth += 1
      case .mark(")"): depth = max(0, depth - 1)
      case .mark("||"): isExpected = true
      case .mark: if depth == 0 { isExpected = false }
      case .word("{"): depth += 1
      case .word("}") where depth > 0: depth -= 1
      case .word("}"): break
      case .word: if depth == 0, !isExpected { return false }
      }
    }
    return true
  }

  private static func tokens(_ text: ArraySlice<UInt8>) -> [Token] {
    var tokens: [Token] = []
    var word: [UInt8]?
    var rest = text
    func endWord() {
      if let bytes = word { tokens.append(.word(ByteString(bytes))) }
      word = nil
    }
    func append(_ byte: UInt8) { word = (word ?? []) + [byte] }
    while let byte = rest.popFirst() {
      switch byte {
      case ascii(" "), ascii("\t"): endWord()
      case ascii("#") where word == nil:
        rest = rest.drop { $0 != ascii("\n") }
      case ascii("\\"):
        if let next = rest.popFirst(), next != ascii("\n") { append(next) }
      case ascii("'"), ascii("\""):
        word = word ?? []
        while let quoted = rest.popFirst(), quoted != byte {
          if quoted == ascii("\\"), byte == ascii("\""), let next = rest.popFirst() {
            append(next)
          } else {
            append(quoted)
          }
        }
      case ascii("&") where word?.last == ascii(">") || rest.first == ascii(">"):
        // `2>&1`, `&>FILE`
        append(byte)
      case ascii(";"), ascii("&"), ascii("|"), ascii("("), ascii(")"), ascii("\n"):
        endWord()
        let isDouble = rest.first == byte && (byte == ascii("&") || byte == ascii("|"))
        if isDouble { rest = rest.dropFirst() }
        tokens.append(.mark(ByteString(isDouble ? [byte, byte] : [byte])))
      default: append(byte)
      }
    }
    endWord()
    return tokens
  }
}
