internal import CLibrary

/// How etcd is reached: the variables that etcdctl has, and what of them is missing from a file.
struct Settings: Sendable {
  static let file = "/etc/swlock/etcd.env"

  /// `http://HOST:PORT` or `https://HOST:PORT`; at least one.
  var endpoints: [String]
  var authorities: String?
  var certificate: String?
  var key: String?
  var skipsVerification: Bool
  var user: Bytes?
  var password: Bytes

  static func isSecure(_ endpoint: String) -> Bool { endpoint.utf8.starts(with: "https:".utf8) }

  /// Whether any endpoint wants TLS.
  var usesTLS: Bool { endpoints.contains { Self.isSecure($0) } }

  /// Of the environment and `/etc/swlock/etcd.env`.
  static func current() throws(Failure) -> Settings {
    var variables: [Bytes: Bytes] = [:]
    for name in names {
      if let value = getenv(name), value.pointee != 0 {
        variables[Bytes(text: name)] = Bytes(text: String(cString: value))
      }
    }
    switch SettingsFile.read(file) {
    case .lines(let text, let othersMayRead):
      let found = SettingsFile.variables(in: text)
      let hasPassword =
        found[Bytes(text: "ETCDCTL_PASSWORD")] != nil
        || found[Bytes(text: "ETCDCTL_USER")]?.contains(0x3a) == true
      if hasPassword, othersMayRead {
        throw Failure(
          .notPermitted,
          "\(file) has a password and may be read by everybody: chmod o-rwx \(file)")
      }
      for (name, value) in found where variables[name] == nil { variables[name] = value }
    case .missing: break
    case .unreadable(let reason):
      // Whoever says where etcd is does not need the file.
      if variables[Bytes(text: "ETCDCTL_ENDPOINTS")] == nil {
        throw Failure(.notPermitted, "cannot read \(file): \(reason)")
      }
    }
    return try Settings(variables)
  }

  private static let names = [
    "ETCDCTL_ENDPOINTS", "ETCDCTL_CACERT", "ETCDCTL_CERT", "ETCDCTL_KEY", "ETCDCTL_USER",
    "ETCDCTL_PASSWORD", "ETCDCTL_INSECURE_SKIP_TLS_VERIFY",
  ]

  init(_ variables: [Bytes: Bytes]) throws(Failure) {
    func variable(_ name: String) -> Bytes? { variables[Bytes(text: name)] }
    func path(_ name: String) -> String? {
      variable(name).map { String(decoding: $0, as: UTF8.self) }
    }
    authorities = path("ETCDCTL_CACERT")
    certificate = path("ETCDCTL_CERT")
    key = path("ETCDCTL_KEY")
    let skip = variable("ETCDCTL_INSECURE_SKIP_TLS_VERIFY") ?? []
    skipsVerification = ["true", "TRUE", "True", "t", "T", "1"].contains { Bytes(text: $0) == skip }
    password = variable("ETCDCTL_PASSWORD") ?? []
    if let named = variable("ETCDCTL_USER") {
      let colon = named.firstIndex(of: 0x3a)
      user = Bytes(named[..<(colon ?? named.endIndex)])
      if let colon { password = Bytes(named[(colon + 1)...]) }
    }
    let secure = authorities != nil || certificate != nil || key != nil
    endpoints = []
    let named = variable("ETCDCTL_ENDPOINTS") ?? Bytes(text: "127.0.0.1:2379")
    for part in named.split(separator: 0x2c) {
      let trimmed = part.filter { $0 > 0x20 && $0 != 0x7f }
      if !trimmed.isEmpty { endpoints.append(try Self.url(of: trimmed, secure: secure)) }
    }
    if endpoints.isEmpty { throw Failure(.usage, "ETCDCTL_ENDPOINTS names no endpoint") }
    for (name, path) in [
      ("ETCDCTL_CACERT", authorities), ("ETCDCTL_CERT", certificate), ("ETCDCTL_KEY", key),
    ] {
      if let path, access(path, R_OK) != 0 {
        throw Failure(
          .notPermitted,
          "cannot read \(name), \(path): \(String(cString: strerror(clibrary_errno())))")
      }
    }
  }

  /// Without a scheme it is TLS if there is a certificate or an authority, as for etcdctl; without a port, which
  /// etcdctl does not take, it is etcd's.
  private static func url(of endpoint: Bytes, secure: Bool) throws(Failure) -> String {
    var address = endpoint
    var scheme = secure ? "https" : "http"
    if let rest = endpoint.after("http://") {
      (scheme, address) = ("http", rest)
    } else if let rest = endpoint.after("https://") {
      (scheme, address) = ("https", rest)
    }
    while address.last == 0x2f { address.removeLast() }
    // A password would be in messages, and a path would be somebody else's.
    guard let end = endOfHost(address), let port = port(address[end...]) else {
      throw Failure(
        .usage,
        "ETCDCTL_ENDPOINTS: an endpoint is [http://|https://]HOST[:PORT], and HOST is a name, an IPv4 address or an IPv6 address in brackets"
      )
    }
    return "\(scheme)://\(Bytes(address[..<end]).text):\(port)"
  }

  /// Of a name, an address, or one of IPv6 in brackets; nil if it is none of these.
  private static func endOfHost(_ address: Bytes) -> Int? {
    let isBracketed = address.first == 0x5b
    let end = address.firstIndex(of: isBracketed ? 0x5d : 0x3a) ?? address.endIndex
    let host = address[..<end].dropFirst(isBracketed ? 1 : 0)
    let marks: [UInt8] = isBracketed ? [0x3a, 0x2e, 0x25, 0x2d, 0x5f] : [0x2e, 0x2d, 0x5f]
    let isHost = host.allSatisfy {
      (0x30...0x39).contains($0) || (0x61...0x7a).contains($0 | 0x20) || $0 >= 0x80
        || marks.contains($0)
    }
    if host.isEmpty || !isHost { return nil }
    if isBracketed { return end < address.endIndex && host.contains(0x3a) ? end + 1 : nil }
    return end
  }

  private static func port(_ rest: Bytes.SubSequence) -> Int64? {
    if rest.isEmpty { return 2379 }
    guard rest.first == 0x3a, let port = number(rest.dropFirst(), upTo: 65_535), port > 0 else {
      return nil
    }
    return port
  }
}
