internal import CSystem

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

/// The lines of a text, without their ends; the last one may lack its end.
struct Lines: Sequence, IteratorProtocol {
  private var rest: ArraySlice<UInt8>

  init(_ text: [UInt8]) {
    rest = text[...]
  }

  mutating func next() -> ArraySlice<UInt8>? {
    if rest.isEmpty { return nil }
    guard let end = rest.firstIndex(of: ascii("\n")) else {
      defer { rest = [] }
      return rest
    }
    defer { rest = rest[(end + 1)...] }
    return rest[..<end]
  }
}

extension ArraySlice where Element == UInt8 {
  /// The next line that has `part` in it (memmem(3)); it and all before it are removed.
  mutating func popLine(with part: ByteString) -> ArraySlice<UInt8>? {
    let found: Int? = withUnsafeBytes { text in
      part.bytes.withUnsafeBytes { part in
        guard let start = text.baseAddress, let sought = part.baseAddress,
          let place = memmem(start, text.count, sought, part.count)
        else { return nil }
        return UnsafeRawPointer(place) - start
      }
    }
    guard let found else { return nil }
    let place = startIndex + found
    let start = self[..<place].lastIndex(of: ascii("\n")).map { $0 + 1 } ?? startIndex
    let end = self[place...].firstIndex(of: ascii("\n")) ?? endIndex
    defer { self = self[end...] }
    return self[start..<end]
  }

  /// What follows `key` at the start of the line and the spaces behind it; nil without the key.
  func value(of key: StaticString) -> ArraySlice<UInt8>? {
    guard starts(with: key.utf8) else { return nil }
    return dropFirst(key.utf8CodeUnitCount).drop { $0 == ascii(" ") || $0 == ascii("\t") }
  }
}
