/// Reads the fields of a line that the kernel wrote (proc(5)).
///
/// Nothing here traps, whatever the bytes are: what does not fit is nil.
struct ByteScanner {
  private let bytes: ArraySlice<UInt8>
  private var position: Int

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    position = bytes.startIndex
  }

  var isAtEnd: Bool { position == bytes.endIndex }

  /// How many spaces and tabs were skipped.
  @discardableResult
  mutating func skipSpaces() -> Int {
    let start = position
    while position < bytes.endIndex, Self.isSpace(bytes[position]) { position += 1 }
    return position - start
  }

  mutating func skip(_ byte: UInt8) -> Bool {
    guard position < bytes.endIndex, bytes[position] == byte else { return false }
    position += 1
    return true
  }

  /// All up to the next space, tab or end; empty at the end.
  mutating func word() -> ArraySlice<UInt8> {
    skipSpaces()
    let start = position
    while position < bytes.endIndex, !Self.isSpace(bytes[position]) { position += 1 }
    return bytes[start..<position]
  }

  /// Digits in base 10 or 16, without a prefix; nil where there are none or they do not fit.
  mutating func unsigned(radix: UInt64 = 10) -> UInt64? {
    let digits = bytes[position...].prefix { (digitValue($0) ?? radix) < radix }
    position = digits.endIndex
    return digits.number(radix: radix)
  }

  mutating func int32() -> Int32? {
    let isNegative = skip(ascii("-"))
    guard let magnitude = unsigned().flatMap({ Int32(exactly: $0) }) else { return nil }
    return isNegative ? -magnitude : magnitude
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == ascii(" ") || byte == ascii("\t") }
}
