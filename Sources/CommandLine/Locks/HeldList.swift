internal import Launching
internal import SystemInterface

/// SWLOCK_HELD: the locks under which a command runs, as MODE=PATH, separated by colons; a colon within
/// one is `%3A`, a percent sign `%25`.
enum HeldList {
  static func escaped(_ path: ByteString) -> ByteString {
    guard path.contains(ascii(":")) || path.contains(ascii("%")) else { return path }
    var escaped: [UInt8] = []
    for byte in path.bytes {
      switch byte {
      case ascii(":"): escaped += ("%3A" as Literal).utf8
      case ascii("%"): escaped += ("%25" as Literal).utf8
      default: escaped.append(byte)
      }
    }
    return ByteString(escaped)
  }

  /// Whether this process runs under no lock. Anybody can set that.
  static var isEmpty: Bool { CStringVector.environmentValue("SWLOCK_HELD")?.isEmpty ?? true }

  /// Whether this process's environment has a lock of the file at `path` in it. Anybody can set that.
  static func names(_ path: ByteString) -> Bool {
    CStringVector.environmentValue("SWLOCK_HELD").map { names(path, in: $0) } ?? false
  }

  /// The same of another process's list.
  static func names(_ path: ByteString, in list: ByteString) -> Bool {
    guard !list.isEmpty, let file = try? FileStatus(at: path, followingLinks: true).identity else {
      return false
    }
    for entry in list.bytes.split(separator: ascii(":")) {
      let path = unescaped(entry.drop { $0 != ascii("=") }.dropFirst())
      if let other = try? FileStatus(at: path, followingLinks: true).identity, other == file {
        return true
      }
    }
    return false
  }

  /// Whether that list has a lock in it which is only a name, of an engine's.
  static func names(_ name: ByteString, of mode: LockMode, in list: ByteString) -> Bool {
    let entry = (mode.name + "=" + escaped(name)).bytes
    return list.bytes.split(separator: ascii(":")).contains { $0.elementsEqual(entry) }
  }

  private static func unescaped(_ path: ArraySlice<UInt8>) -> ByteString {
    var bytes: [UInt8] = []
    var rest = path
    while let byte = rest.popFirst() {
      if byte == ascii("%") {
        bytes.append(rest.hasPrefix("3A") ? ascii(":") : byte)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return ByteString(bytes)
  }
}
