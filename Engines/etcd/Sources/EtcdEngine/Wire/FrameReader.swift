/// Takes gRPC's messages out of the body of an HTTP/2 answer: each has a byte that tells whether it
/// is compressed (never, since we do not offer it), its length as four bytes, and then itself.
struct FrameReader {
  /// Above what etcd sends: the keys of all who wait for a lock, which are some hundred bytes each.
  static let longest = 16 << 20
  private var bytes = Bytes()
  private var start = 0
  /// Whether what came is no such message; nothing is read any more then.
  private(set) var isBroken = false

  init() {}

  mutating func append(_ more: some Collection<UInt8>) {
    if isBroken { return }
    if start > 0 {
      bytes.removeFirst(start)
      start = 0
    }
    bytes += more
  }

  /// The next whole message; nil if there is none (yet).
  mutating func next() -> Bytes? {
    guard !isBroken, bytes.count - start >= 5 else { return nil }
    let length = bytes[start + 1..<start + 5].reduce(0) { $0 << 8 | Int($1) }
    guard bytes[start] == 0, length <= Self.longest else {
      isBroken = true
      bytes = []
      start = 0
      return nil
    }
    guard bytes.count - start - 5 >= length else { return nil }
    let message = Bytes(bytes[start + 5..<start + 5 + length])
    start += 5 + length
    return message
  }

  static func framed(_ message: Bytes) -> Bytes {
    let count = UInt32(message.count)
    return [0] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> $0) } + message
  }
}
