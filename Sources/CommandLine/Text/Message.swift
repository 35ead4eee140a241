internal import CSystem
internal import SystemInterface

/// Text for people, as bytes. Whatever comes from outside (a `ByteString`) is escaped on its way
/// in, so that no file name can move a terminal's cursor or begin a new line.
struct Message: ExpressibleByStringInterpolation, Sendable {
  fileprivate(set) var bytes: [UInt8]

  init() {
    bytes = []
  }

  @inline(__always)
  init(stringLiteral value: StaticString) {
    self.init(literal: Literal(stringLiteral: value))
  }

  @inline(never)
  init(literal: Literal) {
    self.init()
    append(text: literal)
  }

  init(stringInterpolation: Interpolation) {
    bytes = stringInterpolation.message.bytes
  }

  /// How every message begins that says what could not be done: `unable to VERB SUBJECT: REASON`.
  @inline(never)
  static func unable(to verb: Literal, _ subject: Message, _ reason: Message) -> Message {
    "unable to \(verb) \(subject): \(reason)"
  }

  @inline(never)
  static func unable(to verb: Literal, _ subject: ByteString, _ reason: Message) -> Message {
    unable(to: verb, "\(subject)", reason)
  }

  @inline(never)
  static func unable(to verb: Literal, _ reason: Message) -> Message {
    "unable to \(verb): \(reason)"
  }

  /// Messages are made in many places, and none of them is in a hurry: inlined, these functions would
  /// be a tenth of the binary. But then the compiler sees that there is nothing to append between two values.
  struct Interpolation: StringInterpolationProtocol {
    var message = Message()

    init(literalCapacity: Int, interpolationCount: Int) {}

    @inline(__always)
    mutating func appendLiteral(_ literal: StaticString) {
      if literal.utf8CodeUnitCount > 0 { message.append(text: Literal(stringLiteral: literal)) }
    }
    @inline(never)
    mutating func appendInterpolation(_ text: Literal) { message.append(text: text) }
    @inline(never)
    mutating func appendInterpolation(_ text: ByteString) { message.append(escaping: text) }
    /// Without escaping, for programs that print what they were given.
    @inline(never)
    mutating func appendInterpolation(raw text: ByteString) {
      message.bytes += text.bytes
    }
    /// As a word of a command line that somebody may paste.
    @inline(never)
    mutating func appendInterpolation(quoted text: ByteString) { message.append(quoting: text) }
    @inline(never)
    mutating func appendInterpolation(_ text: Message) { message.append(text) }
    @inline(never)
    mutating func appendInterpolation(_ number: Int32) { appendInterpolation(Int64(number)) }
    @inline(never)
    mutating func appendInterpolation(_ number: Int64) {
      message.bytes += ByteString(decimal: number).bytes
    }
  }

  @inline(never)
  mutating func append(text: Literal) { bytes += text.utf8 }

  @inline(never)
  mutating func append(_ other: Message) {
    bytes += other.bytes
  }

  mutating func append(byte: UInt8) {
    bytes.append(byte)
  }

  mutating func append(spaces count: Int) {
    if count > 0 { bytes += [UInt8](repeating: ascii(" "), count: count) }
  }

  /// Removes the spaces at the end.
  mutating func trim() {
    while bytes.last == ascii(" ") { bytes.removeLast() }
  }

  mutating func removeLast() { bytes.removeLast() }

  var count: Int { bytes.count }
}

// MARK: - Escaping

extension Message {
  /// `text` as the shell reads it again: plain, in single quotes, or as `$'...'` where it has bytes that are not
  /// shown as they are (bash(1), QUOTING).
  @inline(never)
  fileprivate mutating func append(quoting text: ByteString) {
    let plain: Literal = "%+,-./:=@_"
    let isPlain = text.bytes.allSatisfy { byte in
      isDigit(byte) || UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20
        || plain.utf8.contains(byte)
    }
    if isPlain, !text.isEmpty { return append(escaping: text) }
    let isShown = Message("\(text)").bytes[...] == text.bytes
    append(text: isShown ? "'" : "$'")
    for byte in text.bytes {
      if byte == ascii("'") {
        append(text: isShown ? "'\\''" : "\\'")
      } else if isShown {
        append(byte: byte)
      } else if byte == ascii("\\") {
        append(text: "\\\\")
      } else if 0x20..<0x7F ~= byte {
        append(byte: byte)
      } else {
        append(text: "\\x")
        for digit in [byte >> 4, byte & 15] {
          append(byte: digit < 10 ? ascii("0") + digit : ascii("a") + digit - 10)
        }
      }
    }
    append(text: "'")
  }

  @inline(never)
  mutating func append(escaping text: ByteString) {
    var rest = text.bytes
    while let byte = rest.first {
      let length = Self.lengthOfPrintable(rest)
      if length > 0 {
        bytes += rest.prefix(length)
        rest = rest.dropFirst(length)
      } else {
        append(escape: byte)
        rest = rest.dropFirst()
      }
    }
  }

  private mutating func append(escape byte: UInt8) {
    switch byte {
    case ascii("\n"): append("\\n")
    case ascii("\t"): append("\\t")
    case ascii("\r"): append("\\r")
    case ascii("\\"): append("\\\\")
    default:
      append("\\x")
      bytes.append(Self.hexDigit(byte >> 4))
      bytes.append(Self.hexDigit(byte & 15))
    }
  }

  static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? ascii("0") + value : ascii("a") + value - 10
  }

  /// The length of the well-formed UTF-8 sequence at the start, if a terminal shows it and does
  /// nothing else; otherwise 0.
  static func lengthOfPrintable(_ text: ArraySlice<UInt8>) -> Int {
    guard let (scalar, length) = firstScalar(text) else { return 0 }
    return scalar >= 0x20 && scalar != 0x7f && scalar != 0x5c && !isControl(scalar) ? length : 0
  }

  /// The code point at the start, and how many bytes it takes; nil if there is no well-formed UTF-8.
  static func firstScalar(_ text: ArraySlice<UInt8>) -> (scalar: UInt32, length: Int)? {
    guard let first = text.first else { return nil }
    if first < 0x80 { return (UInt32(first), 1) }
    let length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0
    guard length > 0, first <= 0xf4, text.count >= length else { return nil }
    var scalar = UInt32(first) & (0x7f >> UInt32(length))
    for byte in text.prefix(length).dropFirst() {
      guard byte & 0xc0 == 0x80 else { return nil }
      scalar = scalar << 6 | UInt32(byte & 0x3f)
    }
    let smallest: UInt32 = length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80
    let isScalar = scalar >= smallest && scalar <= 0x10ffff && !(0xd800...0xdfff).contains(scalar)
    return isScalar ? (scalar, length) : nil
  }

  /// C1 controls, and the characters that reorder text or break lines.
  private static func isControl(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x80...0x9f, 0x61c, 0x180e, 0x200b...0x200f, 0x2028...0x202e, 0x2060...0x206f, 0xfeff,
      0xfff9...0xfffb, 0xe0000...0xe007f:
      true
    default:
      false
    }
  }
}
