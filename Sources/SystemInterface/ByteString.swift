internal import CSystem

/// A string of bytes for the C library: a path, an argument, an environment entry.
///
/// Names on Unix are bytes, not text: turning one that is not UTF-8 into a `String` and back makes
/// another name of it, and so another lock. A zero byte ends the string, as in C.
public struct ByteString: Equatable, Sendable, ExpressibleByStringLiteral {
  /// The bytes, and one zero byte after them.
  private var storage: [UInt8]

  /// Those bytes, up to a zero byte.
  public init<Bytes: Sequence>(_ bytes: Bytes) where Bytes.Element == UInt8 {
    let storage = bytes.withContiguousStorageIfAvailable { ByteString($0).storage }
    self.init(storage: storage ?? ByteString(Array(bytes)[...]).storage)
  }

  /// The same, without a generic function's detours.
  package init(_ bytes: ArraySlice<UInt8>) {
    self = bytes.withUnsafeBufferPointer { ByteString($0) }
  }

  /// Copies the bytes as C does, not one by one.
  package init(_ bytes: UnsafeBufferPointer<UInt8>) {
    var count = bytes.count
    if let start = bytes.baseAddress, let zero = memchr(start, 0, count) {
      count = UnsafeRawPointer(zero) - UnsafeRawPointer(start)
    }
    self.init(bytes, count)
  }

  /// The first so many bytes of one part, and all of another.
  private init(
    _ bytes: UnsafeBufferPointer<UInt8>, _ count: Int,
    _ others: UnsafeBufferPointer<UInt8> = UnsafeBufferPointer(start: nil, count: 0)
  ) {
    storage = Array(unsafeUninitializedCapacity: count + others.count + 1) { storage, initialized in
      let start = storage.baseAddress!
      if count > 0 { memcpy(start, bytes.baseAddress!, count) }
      if others.count > 0 { memcpy(start + count, others.baseAddress!, others.count) }
      start[count + others.count] = 0
      initialized = count + others.count + 1
    }
  }

  private init(storage: [UInt8]) {
    self.storage = storage
  }

  /// The text in UTF-8, up to a zero character.
  public init(_ string: String) {
    self.init(string.utf8)
  }

  /// The literal, which has no zero character.
  @inline(__always)
  public init(stringLiteral value: StaticString) {
    self.init(cString: value.cString)
  }

  package init(literal: Literal) {
    self.init(cString: literal.cString)
  }

  /// `number` in base 10.
  package init(decimal number: some FixedWidthInteger) {
    self.init(decimalDigits(UInt64(number.magnitude)))
    if number < 0 { storage.insert(ascii("-"), at: 0) }
  }

  @inline(never)
  package init(cString: UnsafePointer<CChar>) {
    let length = strlen(cString)
    self = cString.withMemoryRebound(to: UInt8.self, capacity: length) { bytes in
      ByteString(UnsafeBufferPointer(start: bytes, count: length), length)
    }
  }

  /// Without the zero byte.
  public var bytes: ArraySlice<UInt8> { storage[..<count] }
  package var count: Int { storage.count - 1 }
  package var isEmpty: Bool { count == 0 }

  /// For `switch`: compares the bytes, and makes no ByteString of the pattern.
  @inline(__always)
  package static func ~= (pattern: Literal, string: ByteString) -> Bool {
    string == pattern
  }

  @inline(never)
  package static func == (string: ByteString, literal: Literal) -> Bool {
    string.withCString { strcmp($0, literal.cString) == 0 }
  }

  @inline(__always)
  package static func != (string: ByteString, literal: Literal) -> Bool { !(string == literal) }

  /// Calls `body` with the string as C reads it, zero byte included.
  @inline(__always)
  package func withCString<Result, Failure: Error>(
    _ body: (UnsafePointer<CChar>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try storage.withUnsafeBufferPointer { (buffer) throws(Failure) -> Result in
      let address = UnsafeRawPointer(buffer.baseAddress!)
      return try body(address.assumingMemoryBound(to: CChar.self))
    }
  }
}

extension ByteString? {
  @inline(never)
  package static func == (string: ByteString?, literal: Literal) -> Bool {
    if let string { string == literal } else { false }
  }
}

extension ByteString {
  package static func + (left: ByteString, right: ByteString) -> ByteString {
    left.storage.withUnsafeBufferPointer { former in
      right.storage.withUnsafeBufferPointer { latter in
        ByteString(former, left.count, UnsafeBufferPointer(rebasing: latter[..<right.count]))
      }
    }
  }

  package func hasPrefix(_ prefix: ByteString) -> Bool {
    count >= prefix.count
      && withCString { start in prefix.withCString { memcmp(start, $0, prefix.count) == 0 } }
  }

  package func contains(_ byte: UInt8) -> Bool {
    bytes.contains(byte)
  }

  /// Whether the path starts at the root, and not at the working folder.
  package var isAbsolute: Bool { bytes.first == ascii("/") }

  /// The path cut into folder and last component, trailing slashes ignored; the folder of a bare
  /// name is `.`. `name` is empty for the root.
  package var splitPath: (folder: ByteString, name: ByteString) {
    var end = bytes.endIndex
    while end > 0, storage[end - 1] == ascii("/") { end -= 1 }
    var start = end
    while start > 0, storage[start - 1] != ascii("/") { start -= 1 }
    let name = ByteString(storage[start..<end])
    guard start > 0 else { return (isAbsolute ? "/" : ".", name) }
    var folderEnd = start
    while folderEnd > 1, storage[folderEnd - 1] == ascii("/") { folderEnd -= 1 }
    return (ByteString(storage[0..<folderEnd]), name)
  }

  /// The path without slashes at its end. With one, lstat(2) follows a link.
  package var withoutTrailingSlashes: ByteString {
    var end = bytes.endIndex
    while end > 1, storage[end - 1] == ascii("/") { end -= 1 }
    return ByteString(storage[..<end])
  }

  /// Where the path leads, all links followed (realpath(3)); nil where it leads nowhere.
  package var resolved: ByteString? {
    withCString { path in
      guard let resolved = realpath(path, nil) else { return nil }
      defer { free(resolved) }
      return ByteString(cString: resolved)
    }
  }

  /// This path made absolute with the working folder (getcwd(3)); unchanged where there is none.
  package var absolutePath: ByteString {
    if isAbsolute { return self }
    guard let folder = getcwd(nil, 0) else { return self }
    defer { free(folder) }
    let working = ByteString(cString: folder)
    return working.bytes.last == ascii("/") ? working + self : working + "/" + self
  }
}

#if !hasFeature(Embedded)
  extension ByteString: Hashable, CustomStringConvertible {
    /// As text; what is not UTF-8 is replaced.
    public var description: String { String(decoding: bytes, as: UTF8.self) }
  }
#endif

/// The bytes of a C string, without its zero byte.
package struct CStringBytes: Sequence, IteratorProtocol {
  private var position: UnsafePointer<CChar>

  package init(_ cString: UnsafePointer<CChar>) {
    position = cString
  }

  package mutating func next() -> UInt8? {
    let byte = UInt8(bitPattern: position.pointee)
    if byte == 0 { return nil }
    position += 1
    return byte
  }

  package var underestimatedCount: Int { strlen(position) }
}

/// The code of one ASCII character.
@inline(__always)
package func ascii(_ character: Unicode.Scalar) -> UInt8 {
  UInt8(truncatingIfNeeded: character.value)
}

extension StaticString {
  /// The bytes of the literal.
  package var utf8: UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount)
  }

  /// The literal as C reads it, which has no zero byte in it then. It takes one register of a call, and a
  /// StaticString three.
  @inline(__always)
  package var cString: UnsafePointer<CChar> {
    assert(!utf8.contains(0))
    return UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
  }
}
