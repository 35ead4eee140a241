internal import CSystem
internal import Launching
internal import SystemInterface

/// The values of launch options.
extension GivenOption {
  /// Anything that is not empty.
  func name(_ expected: Literal) throws(Failure) -> ByteString {
    if value.isEmpty { throw invalid("expected \(expected)") }
    return value
  }

  func yesOrNo() throws(Failure) -> Bool {
    switch value {
    case "yes": return true
    case "no": return false
    default: throw invalid("yes or no")
    }
  }

  /// NAME=VALUE
  func variable() throws(Failure) -> EnvironmentChange {
    guard let (name, rest) = split(value, at: "=") else { throw invalid("expected NAME=VALUE") }
    return .set(EnvironmentVariable(try variableName(name), rest))
  }

  func variableName(_ name: ByteString) throws(Failure) -> ByteString {
    if name.isEmpty || name.contains(ascii("=")) {
      throw invalid("expected the name of a variable")
    }
    return name
  }

  /// N=M, N=-, N=FILE, N=<FILE, N=>FILE, N=>>FILE
  func descriptorRequest() throws(Failure) -> DescriptorRequest {
    let expected: Literal = "N=M, N=FILE, N=<FILE, N=>FILE, N=>>FILE, or N=- to close it"
    guard let (left, right) = split(value, at: "="), let number = parseNumber(left.bytes),
      number <= Int64(Int32.max), !right.isEmpty
    else { throw invalid("expected \(expected)") }
    return DescriptorRequest(number: Int32(number), source: try source(right, expected))
  }

  /// The one file that standard input can be by a name of its own.
  func nullInput() throws(Failure) -> DescriptorRequest {
    if value != "null" { throw invalid("only null; --fd 0=FILE takes a file") }
    return DescriptorRequest(number: 0, source: .file("/dev/null", O_RDONLY))
  }

  private func source(
    _ text: ByteString, _ expected: Literal
  ) throws(Failure) -> DescriptorRequest.Source {
    if text == "-" { return .closed }
    if let number = parseNumber(text.bytes) {
      if number > Int64(Int32.max) { throw invalid("expected \(expected)") }
      return .descriptor(Int32(number))
    }
    var file = text.bytes
    var flags = O_RDONLY
    if file.first == ascii("<") {
      file = file.dropFirst()
    } else if file.first == ascii(">") {
      file = file.dropFirst()
      flags = O_WRONLY | O_CREAT | O_TRUNC
      if file.first == ascii(">") {
        file = file.dropFirst()
        flags = O_WRONLY | O_CREAT | O_APPEND
      }
    }
    if file.isEmpty { throw invalid("expected \(expected)") }
    return .file(ByteString(file), flags)
  }

  /// Names of namespaces between commas.
  func namespaceList() throws(Failure) -> [Namespaces.Kind] {
    var list: [Namespaces.Kind] = []
    for word in value.bytes.split(separator: ascii(","), omittingEmptySubsequences: false) {
      guard let kind = Namespaces.Kind.allCases.first(where: { word == $0.name })
      else { throw invalid("expected net, ipc, mount, pid, uts, user, with commas between") }
      list.append(kind)
    }
    return list
  }

  func propagation() throws(Failure) -> Bool {
    switch value {
    case "slave": return false
    case "private": return true
    default: throw invalid("slave or private")
    }
  }

  /// A name in a folder; empty for none.
  func fileName() throws(Failure) -> ByteString {
    if value.contains(ascii("/")) || value == "." || value == ".." {
      throw invalid("expected a name, without a slash")
    }
    return value
  }

  func niceness() throws(Failure) -> Int32 {
    let isNegative = value.bytes.first == ascii("-")
    guard let number = parseNumber(isNegative ? value.bytes.dropFirst() : value.bytes),
      number <= 39
    else { throw invalid("expected -39 to 39, which is added to the nice value") }
    return isNegative ? -Int32(number) : Int32(number)
  }

  /// CLASS[:LEVEL]
  func ioPriority() throws(Failure) -> IOPriority {
    let (name, level) = split(value, at: ":") ?? (value, nil)
    let kind: IOPriority.Class
    switch name {
    case "realtime", "1": kind = .realTime
    case "best-effort", "2": kind = .bestEffort
    case "idle", "3": kind = .idle
    default: throw invalid("realtime, best-effort or idle, and a level 0 to 7 as in best-effort:7")
    }
    guard let level else { return IOPriority(kind, level: kind == .idle ? 0 : 4) }
    guard let number = parseNumber(level.bytes), number <= 7, kind != .idle || number == 0 else {
      throw invalid("a level is 0, the highest, to 7; idle has none")
    }
    return IOPriority(kind, level: Int32(number))
  }

  /// NAME=SOFT[:HARD]
  func limit() throws(Failure) -> ResourceLimit {
    guard let (name, amounts) = split(value, at: "=") else {
      throw invalid("expected NAME=SOFT[:HARD], as in nofile=1024")
    }
    var resource: Int32?
    for (known, number) in resourceNames where name == known {
      resource = number
    }
    guard let resource else {
      if let meant = suggestion(for: name, from: resourceNames.map { $0.name }) {
        throw invalid("unknown limit, did you mean \(meant)?")
      }
      throw invalid(
        "unknown limit; as, core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack"
      )
    }
    let (soft, hard) = split(amounts, at: ":") ?? (amounts, nil)
    let least = try amount(soft)
    let most = try hard.map(amount)
    if let most, most < least { throw invalid("the soft limit is above the hard one") }
    return ResourceLimit(resource, soft: least, hard: most)
  }

  private func amount(_ text: ByteString) throws(Failure) -> UInt64 {
    if text == "unlimited" { return ResourceLimit.unlimited }
    let shift: Int64 =
      switch text.bytes.last {
      case ascii("K")?: 10
      case ascii("M")?: 20
      case ascii("G")?: 30
      default: 0
      }
    let digits = shift > 0 ? text.bytes.dropLast() : text.bytes
    guard let number = parseNumber(digits), number <= Int64.max >> shift else {
      throw invalid("expected a number, also with K, M or G, or unlimited")
    }
    return UInt64(number << shift)
  }
}

/// `text` before and after the first `separator`; nil if there is none.
func split(_ text: ByteString, at separator: Unicode.Scalar) -> (ByteString, ByteString)? {
  guard let place = text.bytes.firstIndex(of: ascii(separator)) else { return nil }
  return (ByteString(text.bytes[..<place]), ByteString(text.bytes[(place + 1)...]))
}

extension ResourceLimit {
  var name: ByteString {
    for (name, number) in resourceNames where number == resource {
      return ByteString(literal: name)
    }
    return ByteString(decimal: resource)
  }

  /// Whether setrlimit(2) would take it: the soft limit is not above the hard one, and only root raises that.
  var canBeSet: Bool {
    var current = (soft: rlim_t(0), hard: rlim_t(0))
    guard csystem_get_limit(resource, &current.soft, &current.hard) == 0 else { return false }
    let (soft, hard) = (soft ?? UInt64(current.soft), hard ?? UInt64(current.hard))
    return soft <= hard && (hard <= UInt64(current.hard) || geteuid() == 0)
  }
}

/// The resources of setrlimit(2) by their numbers, as prlimit(1) calls them.
let resourceNames: [(name: Literal, number: Int32)] = [
  ("cpu", 0), ("fsize", 1), ("data", 2), ("stack", 3), ("core", 4), ("rss", 5), ("nproc", 6),
  ("nofile", 7), ("memlock", 8), ("as", 9), ("locks", 10), ("sigpending", 11), ("msgqueue", 12),
  ("nice", 13), ("rtprio", 14), ("rttime", 15),
]
