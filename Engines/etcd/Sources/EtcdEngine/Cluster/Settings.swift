import Glibc

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

  /// Of the environment and `/etc/swlock/etcd.env`.
  static func current() throws(Failure) -> Settings {
    var variables: [String: String] = [:]
    for name in names {
      if let value = getenv(name), value.pointee != 0 { variables[name] = String(cString: value) }
    }
    switch SettingsFile.read(file) {
    case .lines(let text, let othersMayRead):
      let found = SettingsFile.variables(in: text)
      let hasPassword =
        found["ETCDCTL_PASSWORD"] != nil || found["ETCDCTL_USER"]?.utf8.contains(0x3a) == true
      if hasPassword, othersMayRead {
        throw Failure(
          .notPermitted,
          "\(file) has a password and may be read by everybody: chmod o-rwx \(file)")
      }
      variables.merge(found.filter { names.contains($0.key) }) { own, _ in own }
    case .missing: break
    case .unreadable(let reason):
      // Whoever says where etcd is does not need the file.
      if variables["ETCDCTL_ENDPOINTS"] == nil {
        throw Failure(.notPermitted, "cannot read \(file): \(reason)")
      }
    }
    return try Settings(variables)
  }

  private static let names = [
    "ETCDCTL_ENDPOINTS", "ETCDCTL_CACERT", "ETCDCTL_CERT", "ETCDCTL_KEY", "ETCDCTL_USER",
    "ETCDCTL_PASSWORD", "ETCDCTL_INSECURE_SKIP_TLS_VERIFY",
  ]

  init(_ variables: [String: String]) throws(Failure) {
    authorities = variables["ETCDCTL_CACERT"]
    certificate = variables["ETCDCTL_CERT"]
    key = variables["ETCDCTL_KEY"]
    skipsVerification = ["true", "1", "t", "T", "TRUE", "True"]
      .contains(variables["ETCDCTL_INSECURE_SKIP_TLS_VERIFY"])
    password = Bytes(text: variables["ETCDCTL_PASSWORD"] ?? "")
    if let named = variables["ETCDCTL_USER"] {
      let bytes = Bytes(text: named)
      let colon = bytes.firstIndex(of: 0x3a)
      user = Bytes(bytes[..<(colon ?? bytes.endIndex)])
      if let colon { password = Bytes(bytes[(colon + 1)...]) }
    }
    let secure = authorities != nil || certificate != nil || key != nil || skipsVerification
    endpoints = []
    for part in Bytes(text: variables["ETCDCTL_ENDPOINTS"] ?? "127.0.0.1:2379")
      .split(separator: 0x2c)
    {
      let trimmed = part.filter { $0 > 0x20 && $0 != 0x7f }
      if !trimmed.isEmpty { endpoints.append(try Self.url(of: trimmed, secure: secure)) }
    }
    if endpoints.isEmpty { throw Failure(.usage, "ETCDCTL_ENDPOINTS names no endpoint") }
    for (name, path) in [
      ("ETCDCTL_CACERT", authorities), ("ETCDCTL_CERT", certificate), ("ETCDCTL_KEY", key),
    ] {
      if let path, access(path, R_OK) != 0 {
        throw Failure(
          .notPermitted, "cannot read \(name), \(path): \(String(cString: strerror(errno)))")
      }
    }
  }

  /// Without a scheme it is TLS if there is anything to do TLS with, as for etcdctl.
  private static func url(of endpoint: Bytes, secure: Bool) throws(Failure) -> String {
    var address = endpoint
    var scheme = secure ? "https" : "http"
    if let colon = endpoint.firstIndex(of: 0x3a), endpoint[colon...].starts(with: "://".utf8) {
      scheme = Bytes(endpoint[..<colon]).text
      address = Bytes(endpoint[(colon + 3)...])
    }
    while address.last == 0x2f { address.removeLast() }
    guard scheme == "http" || scheme == "https" else {
      throw Failure(.usage, "ETCDCTL_ENDPOINTS: \(scheme):// is not http:// or https://")
    }
    // A password would be in messages, and a path would be somebody else's.
    guard !address.isEmpty, !address.contains(where: { [0x40, 0x2f, 0x3f, 0x23].contains($0) })
    else { throw Failure(.usage, "ETCDCTL_ENDPOINTS: an endpoint is HOST:PORT") }
    return "\(scheme)://\(address.text)"
  }
}
