internal import CLibrary

/// `/etc/swlock/etcd.env`: lines of NAME=VALUE, as systemd's EnvironmentFile= has them.
enum SettingsFile {
  enum Content {
    case lines(Bytes, othersMayRead: Bool)
    case missing
    case unreadable(String)
  }

  private static let longest = 1 << 16

  static func read(_ path: String) -> Content {
    let descriptor = clibrary_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    if descriptor < 0 {
      return clibrary_errno() == ENOENT || clibrary_errno() == ENOTDIR
        ? .missing : .unreadable(reason())
    }
    defer { close(descriptor) }
    var attributes = stat()
    if fstat(descriptor, &attributes) != 0 { return .unreadable(reason()) }
    var text = Bytes()
    var buffer = Bytes(repeating: 0, count: 4096)
    while text.count < longest {
      let count = CLibrary.read(descriptor, &buffer, buffer.count)
      if count < 0 && clibrary_errno() == EINTR { continue }
      if count < 0 { return .unreadable(reason()) }
      if count == 0 { break }
      text += buffer[..<count]
    }
    return .lines(text, othersMayRead: attributes.st_mode & 0o006 != 0)
  }

  /// Empty lines and those that begin with `#` are skipped, `export ` before a name too, and quotes
  /// around a value are not part of it. Of two lines with one name the last one counts.
  static func variables(in text: Bytes) -> [Bytes: Bytes] {
    var result: [Bytes: Bytes] = [:]
    for line in text.split(separator: 0x0a) {
      var rest = trimmed(line)
      if rest.first == 0x23 { continue }
      if let named = Bytes(rest).after("export ") { rest = trimmed(named[...]) }
      guard let equals = rest.firstIndex(of: 0x3d), equals > rest.startIndex else { continue }
      var value = trimmed(rest[(equals + 1)...])
      if value.count >= 2, let quote = value.first, quote == value.last,
        [0x22, 0x27].contains(quote)
      {
        value = value.dropFirst().dropLast()
      }
      result[Bytes(trimmed(rest[..<equals]))] = value.isEmpty ? nil : Bytes(value)
    }
    return result
  }

  private static func trimmed(_ text: Bytes.SubSequence) -> Bytes.SubSequence {
    var text = text.drop { $0 <= 0x20 }
    while let last = text.last, last <= 0x20 { text.removeLast() }
    return text
  }

  private static func reason() -> String { String(cString: strerror(clibrary_errno())) }
}
