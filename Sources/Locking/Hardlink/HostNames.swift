internal import CSystem

/// What this host is called.
struct HostNames {
  /// uname(2)'s, which portage writes.
  let node: ByteString
  /// The one that the host's own name resolves to, which flufl.lock writes (Python's getfqdn). Only
  /// /etc/hosts is asked: a static program cannot ask the other sources.
  let canonical: ByteString
  /// Whether the canonical name was found beside an address that every host has for itself.
  private let canonicalIsLoopback: Bool

  static func current() -> HostNames {
    // uname(2)'s nodename, which is 64 bytes at most.
    var name = [CChar](repeating: 0, count: 65)
    gethostname(&name, name.count - 1)
    let node = ByteString(cString: name)
    let file = try? FileDescriptor.open("/etc/hosts", O_RDONLY)
    let hosts = (try? file?.readAll(limit: 1 << 20)) ?? []
    return HostNames(node: node, hosts: hosts)
  }

  /// - Parameter hosts: the content of /etc/hosts.
  init(node: ByteString, hosts: [UInt8] = []) {
    self.node = node
    (canonical, canonicalIsLoopback) = Self.canonicalName(of: node, in: hosts)
  }

  func contains(_ name: ByteString) -> Bool { name == node || name == canonical }

  /// Whether it is a name of this host, and of no other one as far as that can be known. `localhost` is
  /// every host's name, and so is one that the loopback address leads to where it is not made of this
  /// host's own.
  func isUnique(_ name: ByteString) -> Bool {
    if !contains(name) || Self.isEverybodys(name) { return false }
    return name == node || !canonicalIsLoopback || name.hasPrefix(node + ".")
  }

  /// Whether it is a name of this host, and may be that of others.
  func isShared(_ name: ByteString) -> Bool { contains(name) && !isUnique(name) }

  /// The names that a host has before it is given one, and those of hosts(5) for the host itself.
  private static func isEverybodys(_ name: ByteString) -> Bool {
    let label = ByteString(name.bytes.prefix { $0 != ascii(".") })
    // localhost4, localhost6; ip6-localhost, ip6-loopback
    return label.hasPrefix("localhost") && label.count < 11 || label.hasPrefix("ip6-lo")
      || label == "loopback" || label == "(none)" || label.isEmpty
  }

  /// As getfqdn does it with hosts(5) alone: the name's address is looked up, and the names of that
  /// address; the first of them with a dot is taken, or else the first.
  private static func canonicalName(
    of node: ByteString, in hosts: [UInt8]
  ) -> (ByteString, isLoopback: Bool) {
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
    else { return (node, false) }
    let names = first.dropFirst()
    let dotted = names.first { $0.contains(ascii(".")) }
    let address = ByteString(own[0])
    return (
      ByteString(dotted ?? names.first ?? node.bytes), address.hasPrefix("127.") || address == "::1"
    )
  }
}
