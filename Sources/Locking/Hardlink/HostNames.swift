internal import CSystem

/// What this host is called.
struct HostNames {
  /// uname(2)'s, which portage writes.
  let node: ByteString
  /// The one that the host's own name resolves to, which flufl.lock writes (Python's getfqdn). Only
  /// /etc/hosts is asked: a static program cannot ask the other sources.
  let canonical: ByteString

  static func current() -> HostNames {
    // uname(2)'s nodename, which is 64 bytes at most.
    var name = [CChar](repeating: 0, count: 65)
    gethostname(&name, name.count - 1)
    let node = ByteString(cString: name)
    let file = try? FileDescriptor.open("/etc/hosts", O_RDONLY)
    let hosts = (try? file?.readAll(limit: 1 << 20)) ?? []
    return HostNames(node: node, canonical: canonicalName(of: node, in: hosts))
  }

  init(node: ByteString, canonical: ByteString) {
    self.node = node
    self.canonical = canonical
  }

  func contains(_ name: ByteString) -> Bool { name == node || name == canonical }

  /// As getfqdn does it with hosts(5) alone: the name's address is looked up, and the names of that
  /// address; the first of them with a dot is taken, or else the first.
  static func canonicalName(of node: ByteString, in hosts: [UInt8]) -> ByteString {
    var lines: [[ArraySlice<UInt8>]] = []
    for line in hosts.split(separator: ascii("\n")) {
      let text = line.prefix { $0 != ascii("#") }
      let words = text.split { $0 == ascii(" ") || $0 == ascii("\t") || $0 == ascii("\r") }
      if words.count > 1 { lines.append(words) }
    }
    guard
      let own = lines.first(where: { words in
        words.dropFirst().contains { $0.elementsEqual(node.bytes) }
      }),
      let first = lines.first(where: { $0[0].elementsEqual(own[0]) })
    else { return node }
    let names = first.dropFirst()
    let dotted = names.first { $0.contains(ascii(".")) }
    return ByteString(dotted ?? names.first ?? node.bytes)
  }
}
