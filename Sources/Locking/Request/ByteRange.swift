/// A range of bytes of the lock file, for the fcntl modes. It may lie beyond the file's end.
package struct ByteRange: Equatable, Sendable {
  package let start: Int64
  /// Number of bytes; 0 means all from `start` on, however far the file grows.
  package let length: Int64

  package static var wholeFile: ByteRange { ByteRange(uncheckedStart: 0, length: 0) }

  /// Nil when a number is negative or the range ends beyond the largest file offset.
  package init?(start: Int64, length: Int64) {
    guard start >= 0, length >= 0, length == 0 || length - 1 <= Int64.max - start else {
      return nil
    }
    self.init(uncheckedStart: start, length: length)
  }

  /// One that fcntl(2) calls invalid.
  static var refused: ByteRange { ByteRange(uncheckedStart: -1, length: 0) }

  private init(uncheckedStart start: Int64, length: Int64) {
    self.start = start
    self.length = length
  }

  private var last: Int64 { length == 0 ? Int64.max : start + (length - 1) }

  func contains(_ other: ByteRange) -> Bool {
    start <= other.start && other.last <= last
  }

  func overlaps(_ other: ByteRange) -> Bool {
    start <= other.last && other.start <= last
  }
}
