// The lines that an engine and swlock say to each other: words with a space between them, in which a byte up to
// 0x20, `%` and 0x7f is written `%XX`. What comes from an engine is not trusted to be such.

/// What an engine says.
enum EngineNews: Equatable {
  /// Who has the lock, for people.
  case waiting(ByteString)
  case held(EngineGrant)
  case until(BootTime)
  /// It was asked to have the lock given back.
  case end(ByteString)
  case lost(ByteString)
  case busy(ByteString)
  case failed(status: Int32, ByteString)
  case released
  /// Of `show`.
  case entry(EngineEntry)
  case done
  /// It has ended, or closed its end.
  case gone
}

/// What an engine has granted.
struct EngineGrant: Equatable {
  /// Nil where the engine has none.
  let token: ByteString?
  let until: BootTime
  /// `NAME=VALUE`, for the command.
  let variables: [ByteString]
}

extension EngineNews {
  /// Nil for a line that means nothing here, which is no error.
  init?(line: ArraySlice<UInt8>) {
    var rest: ArraySlice<UInt8>? = line
    func word() -> ArraySlice<UInt8> { ArraySlice.takeField(of: &rest, before: ascii(" ")) ?? [] }
    func text() -> ByteString { unescaped(rest ?? []) }
    switch ByteString(word()) {
    case "waiting": self = .waiting(text())
    case "held":
      let token = unescaped(word())
      guard !token.isEmpty, let until = Self.time(word()) else { return nil }
      var variables: [ByteString] = []
      while let word = ArraySlice.takeField(of: &rest, before: ascii(" ")) {
        let variable = unescaped(word)
        if variable.isVariable { variables.append(variable) }
      }
      self = .held(
        EngineGrant(token: token == "-" ? nil : token, until: until, variables: variables))
    case "until":
      guard let until = Self.time(word()) else { return nil }
      self = .until(until)
    case "end": self = .end(text())
    case "lost": self = .lost(text())
    case "busy": self = .busy(text())
    case "failed":
      guard let status: Int32 = word().number(), (1...255).contains(status) else { return nil }
      self = .failed(status: status, text())
    case "released": self = .released
    case "lock":
      guard let kind = EngineEntry.Kind(unescaped(word())) else { return nil }
      let token = unescaped(word())
      self = .entry(
        EngineEntry(kind, token: token, secondsLeft: word().number(), text: text()))
    case "done": self = .done
    default: return nil
    }
  }

  private static func time(_ digits: ArraySlice<UInt8>) -> BootTime? {
    guard let number: Int64 = digits.number() else { return nil }
    return BootTime(sinceZero: .nanoseconds(number))
  }
}

extension ByteString {
  /// Whether it is `NAME=VALUE`, and NAME none of swlock's own.
  fileprivate var isVariable: Bool {
    let name = bytes.prefix { $0 != ascii("=") }
    return !name.isEmpty && name.count < count && !isDigit(name[name.startIndex])
      && !name.starts(with: ("SWLOCK_" as StaticString).utf8)
      && name.allSatisfy {
        isDigit($0) || ($0 | 0x20) &- ascii("a") < 26 || $0 == ascii("_")
      }
  }

  /// As a word of a line, or a part of one.
  public var escapedForEngines: ByteString {
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
