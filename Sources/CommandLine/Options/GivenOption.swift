internal import CSystem
internal import Locking
internal import SystemInterface

/// An option as it stands on the command line of a subcommand; reads its value.
struct GivenOption {
  let row: OptionSpecification
  /// Empty where none was given.
  let value: ByteString
  /// Nil for swlock itself.
  let subcommand: Subcommand?

  init(_ row: OptionSpecification, _ value: ByteString?, _ subcommand: Subcommand?) {
    self.row = row
    self.value = value ?? ""
    self.subcommand = subcommand
  }

  var identity: OptionIdentity { row.identity }

  func invalid(_ expected: Message) -> Failure {
    .usage("invalid value '\(value)' for --\(row.long): \(expected)", of: subcommand)
  }

  func checked<Value>(_ parsed: Value?, _ expected: Literal) throws(Failure) -> Value {
    if let parsed { return parsed }
    throw invalid("expected \(expected)")
  }

  func duration() throws(Failure) -> Span {
    try checked(parseDuration(value), "a duration such as 10, 1.5, 500ms, 5min, 1h30m, 1d")
  }

  /// Longer than 0; a second where none is given.
  func interval() throws(Failure) -> Span {
    let span = value.isEmpty ? .seconds(1) : try duration()
    if span == .zero { throw invalid("it must be longer than 0") }
    return span
  }

  /// An expiry has whole seconds on disk.
  func lifetime() throws(Failure) -> Span {
    let span = try duration()
    if span > .zero, span < .seconds(1) {
      throw invalid("at least 1s, or 0 for a lock that stays until it is released")
    }
    return span
  }

  /// Nil where none is given.
  func limit() throws(Failure) -> Int? {
    if value.isEmpty { return nil }
    guard let number = parseNumber(value.bytes) else { throw invalid("expected a number, or none") }
    return Int(number)
  }

  func replaced() throws(Failure) -> ReplacedProcesses {
    switch value {
    case "": return .all
    case "waiting": return .waiting
    default: throw invalid("only waiting")
    }
  }

  func slots() throws(Failure) -> Int {
    guard let number = parseNumber(value.bytes), (1...Slots.maximum).contains(Int(number)) else {
      throw invalid("expected 1 to 4096")
    }
    return Int(number)
  }

  func exitCode() throws(Failure) -> Int32 { try checked(parseExitCode(value), "0 to 255") }

  func range() throws(Failure) -> ByteRange {
    try checked(parseRange(value), "START[:LENGTH], in bytes")
  }

  func permissions() throws(Failure) -> UInt32 {
    try checked(parsePermissions(value), "octal, up to 0777")
  }

  func mode() throws(Failure) -> LockMode? {
    if value == "auto" { return nil }
    if let mode = LockMode(named: value) { return mode }
    throw .usage(
      "invalid mode '\(value)': flock, posix, ofd, flock+ofd, hardlink, auto or an engine",
      of: subcommand)
  }

  /// A mode that is no other than that.
  func engine() throws(Failure) -> LockMode {
    if let mode = try mode(), mode.engine != nil { return mode }
    throw .usage(
      "--mode \(value): all kinds of locks on this machine are looked at without it, which is for engines, such as etcd",
      of: subcommand)
  }

  /// Whether it is `none`, and not `other`.
  func isNone(_ other: Literal) throws(Failure) -> Bool {
    if value == "none" { return true }
    if value == other { return false }
    throw invalid("\(other) or none")
  }

  func alsoLocked(_ sharing: Sharing) throws(Failure) -> AlsoLocked {
    if value.isEmpty { throw invalid("expected the name of a file") }
    return AlsoLocked(path: value, sharing: sharing)
  }

  func leftoverPolicy() throws(Failure) -> LeftoverPolicy {
    switch value {
    case "keep": return .keep
    case "wait": return .wait
    case "kill": return .kill
    case "release": return .release
    default: throw invalid("keep, wait, kill or release")
    }
  }

  func sidecar() throws(Failure) -> SidecarNaming {
    switch value {
    case "": return .swlock
    case "portage": return .portage
    default: throw invalid("only portage")
    }
  }

  func style() throws(Failure) -> HardlinkStyle {
    switch value {
    case "flufl": return .flufl
    case "portage": return .portage
    default: throw invalid("flufl or portage")
    }
  }

  /// Nil is `none`.
  func owner() throws(Failure) -> Int32? {
    if value == "none" { return nil }
    guard let number = parseNumber(value.bytes), number > 0, number <= Int64(Int32.max) else {
      throw invalid("expected the number of a process, or none")
    }
    return Int32(number)
  }

  func descriptor() throws(Failure) -> Int32 {
    guard let number = parseNumber(value.bytes), number <= Int64(Int32.max) else {
      throw invalid("expected the number of a descriptor")
    }
    return Int32(number)
  }

  /// A name of kill(1), with or without SIG, or a number.
  func signal() throws(Failure) -> Int32 {
    if let number = parseNumber(value.bytes), number > 0, number < Int64(csystem_signal_count()) {
      return Int32(number)
    }
    let name = value.bytes.dropping(prefix: "SIG") ?? value.bytes
    for known in signalNames where name == known.name { return known.number }
    throw invalid("expected a signal such as TERM, INT, KILL, or its number")
  }

  func errorName() throws(Failure) -> Errno {
    if let error = parseErrorName(value) { return error }
    if let meant = suggestion(for: value, from: errorNames.map { $0.name }) {
      throw invalid("unknown error, did you mean \(meant)?")
    }
    throw invalid("unknown error; names are those of errno(3), such as EIO or ETIMEDOUT")
  }

  func poll() throws(Failure) -> PollBounds {
    let bounds = try checked(
      parsePollBounds(value), "two durations as in 10ms:2s, longer than 0")
    if bounds.shortest > bounds.longest {
      throw .usage("--poll MIN:MAX: \(value) has a MIN that is longer than MAX", of: subcommand)
    }
    return bounds
  }
}
