internal import CSystem

/// The lines of a text, without their ends; the last one may lack its end.
struct Lines: Sequence, IteratorProtocol {
  private var rest: ArraySlice<UInt8>

  init(_ text: [UInt8]) {
    rest = text[...]
  }

  mutating func next() -> ArraySlice<UInt8>? {
    if rest.isEmpty { return nil }
    guard let end = rest.lineEnd else {
      defer { rest = [] }
      return rest
    }
    defer { rest = rest[(end + 1)...] }
    return rest[..<end]
  }
}

extension ArraySlice where Element == UInt8 {
  /// Where the first line ends; nil where that is not seen. The table of locks has long ones (memchr(3)).
  var lineEnd: Int? {
    withUnsafeBytes { text in
      guard let start = text.baseAddress,
        let place = memchr(start, Int32(ascii("\n")), text.count)
      else { return nil }
      return startIndex + (UnsafeRawPointer(place) - start)
    }
  }

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
    let end = self[place...].lineEnd ?? endIndex
    defer { self = self[end...] }
    return self[start..<end]
  }

  /// What follows `key` at the start of the line and the spaces behind it; nil without the key.
  func value(of key: Literal) -> ArraySlice<UInt8>? {
    dropping(prefix: key)?.drop { $0 == ascii(" ") || $0 == ascii("\t") }
  }
}
