/// A line of the seam: words with a space between them, at most 4096 bytes with its end (etcd.md 4).
struct SeamLine {
  static let longest = 4096
  private(set) var bytes: Bytes

  init(_ verb: String) { bytes = Bytes(text: verb) }

  /// With one more word. One that does not fit is cut, between its characters.
  func with(_ word: Bytes) -> SeamLine {
    var line = self
    if bytes.count + 1 >= Self.longest { return line }
    line.bytes.append(0x20)
    for byte in word {
      let escaped = escape(byte)
      if line.bytes.count + escaped.count >= Self.longest { break }
      line.bytes += escaped
    }
    return line
  }

  func with(_ word: String) -> SeamLine { with(Bytes(text: word)) }
  func with(_ number: Int64) -> SeamLine { with(String(number)) }

  var terminated: Bytes { bytes + [0x0a] }
}

/// %XX for what would end a word or a line, for control characters and for `%`.
private func escape(_ byte: UInt8) -> Bytes {
  guard byte <= 0x20 || byte == 0x25 || byte == 0x7f else { return [byte] }
  let digits = Bytes(text: "0123456789ABCDEF")
  return [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
}

/// The bytes that a word stands for. A `%` that no two hex digits follow stands for itself.
func unescape(_ word: Bytes) -> Bytes {
  var result = Bytes()
  var index = 0
  while index < word.count {
    if word[index] == 0x25, index + 2 < word.count, let high = hexDigit(word[index + 1]),
      let low = hexDigit(word[index + 2])
    {
      result.append(high << 4 | low)
      index += 3
    } else {
      result.append(word[index])
      index += 1
    }
  }
  return result
}

private func hexDigit(_ byte: UInt8) -> UInt8? {
  switch byte {
  case 0x30...0x39: byte - 0x30
  case 0x41...0x46: byte - 0x41 + 10
  case 0x61...0x66: byte - 0x61 + 10
  default: nil
  }
}
