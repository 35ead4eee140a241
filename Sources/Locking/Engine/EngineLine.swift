// The lines that an engine and swlock say to each other: words with a space between them, in which a byte up to
// 0x20, `%` and 0x7f is written `%XX`. What comes from an engine is not trusted to be such.

/// What an engine says, or what is to be seen of it.
struct EngineNews {
  enum Event: UInt8 {
    // The words that lines begin with, in the order of `words`.
    case waiting, held, until, end, lost, busy, failed, released, lock, done
    /// It has ended, or closed its end.
    case gone
    // While something was waited for.
    case timeIsUp, interrupted
  }

  let event: Event
  private let rest: ArraySlice<UInt8>

  private static let words: [Literal] = [
    "waiting", "held", "until", "end", "lost", "busy", "failed", "released", "lock", "done",
  ]

  init(_ event: Event) {
    self.event = event
    rest = []
  }

  /// Nil for a line that means nothing here, which is no error.
  init?(line: ArraySlice<UInt8>) {
    var rest: ArraySlice<UInt8>? = line
    let word = ArraySlice.takeField(of: &rest, before: ascii(" ")) ?? []
    guard let place = Self.words.firstIndex(where: { word == $0 }),
      let event = Event(rawValue: UInt8(truncatingIfNeeded: place))
    else { return nil }
    self.event = event
    self.rest = rest ?? []
  }

  /// All behind the first word, for people.
  var text: ByteString { unescaped(rest) }

  // Nil for a line that is not as it should be.

  var until: BootTime? { Self.time(rest) }

  var grant: EngineGrant? {
    let words = fields
    guard words.count >= 2, let until = Self.time(words[1]) else { return nil }
    let token = unescaped(words[0])
    if token.isEmpty { return nil }
    var variables: [ByteString] = []
    for word in words.dropFirst(2) {
      let variable = unescaped(word)
      guard let sign = variable.bytes.firstIndex(of: ascii("=")), variable.isVariable else {
        continue
      }
      // Of two with one name the last one counts: programs differ in which they would take.
      variables.removeAll { $0.hasPrefix(ByteString(variable.bytes[...sign])) }
      variables.append(variable)
    }
    return EngineGrant(
      token: token == "-" ? nil : token, until: until, variables: variables)
  }

  var failure: EngineTrouble? {
    var text: ArraySlice<UInt8>? = rest
    guard let status: Int32 = ArraySlice.takeField(of: &text, before: ascii(" "))?.number() else {
      return nil
    }
    return .failed(unescaped(text ?? []), status: status)
  }

  var entry: EngineEntry? {
    let words = fields
    guard words.count >= 3, let kind = EngineEntry.Kind(unescaped(words[0])) else { return nil }
    return EngineEntry(
      kind, token: unescaped(words[1]),
      secondsLeft: words[2].number().map { min($0, Self.longestTime / 1_000_000_000) },
      text: words.count > 3 ? unescaped(rest[words[3].startIndex...]) : "")
  }

  private var fields: [ArraySlice<UInt8>] {
    rest.split(separator: ascii(" "), omittingEmptySubsequences: false)
  }

  /// In nanoseconds, 146 years: a longer one is cut, so that something can be added.
  private static let longestTime: Int64 = 1 << 62

  private static func time(_ digits: ArraySlice<UInt8>) -> BootTime? {
    guard let number: Int64 = digits.number() else { return nil }
    return BootTime(sinceZero: .nanoseconds(min(number, longestTime)))
  }
}

/// What an engine has granted.
struct EngineGrant {
  /// Nil where the engine has none.
  let token: ByteString?
  let until: BootTime
  /// `NAME=VALUE`, for the command.
  let variables: [ByteString]
}

extension ByteString {
  /// Whether it is `NAME=VALUE`, and NAME none of swlock's own, nor one that says what programs and libraries run.
  fileprivate var isVariable: Bool {
    let name = bytes.prefix { $0 != ascii("=") }
    return !name.isEmpty && name.count < count && !isDigit(name[name.startIndex])
      && !name.hasPrefix("SWLOCK_")
      && !name.hasPrefix("LD_")
      && !Self.decisive.contains { name == $0 }
      && name.allSatisfy {
        isDigit($0) || ($0 | 0x20) &- ascii("a") < 26 || $0 == ascii("_")
      }
  }

  private static let decisive: [Literal] = ["PATH", "IFS", "ENV", "BASH_ENV", "SHELL"]

  /// As a word of a line, or a part of one.
  package var escapedForEngines: ByteString {
    var escaped: [UInt8] = []
    for byte in bytes {
      if byte <= ascii(" ") || byte == ascii("%") || byte == 0x7f {
        escaped += [ascii("%"), Self.digit(byte >> 4), Self.digit(byte & 15)]
      } else {
        escaped.append(byte)
      }
    }
    return ByteString(escaped)
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? ascii("0") + value : ascii("A") + value - 10
  }
}

/// What these bytes stand for. A `%` that is followed by no two digits stands for itself, and a zero byte ends
/// the text.
func unescaped(_ bytes: ArraySlice<UInt8>) -> ByteString {
  var text: [UInt8] = []
  var rest = bytes
  while let byte = rest.popFirst() {
    let digits = rest.prefix(2)
    if byte == ascii("%"), digits.count == 2,
      let value: UInt8 = digits.map({ $0 &- ascii("A") < 6 ? $0 | 0x20 : $0 }).number(radix: 16)
    {
      text.append(value)
      rest = rest.dropFirst(2)
    } else {
      text.append(byte)
    }
  }
  return ByteString(text)
}
