internal import SystemInterface

/// What becomes of the output of `run`'s command, where it does not just go where swlock's own goes.
final class OutputOptions {
  private(set) var log: ByteString?
  private(set) var isShown = true
  private(set) var filter: ByteString?
  private(set) var isStamped = false
  private(set) var usesPseudoTerminal = false

  var isPlain: Bool { log == nil && !usesPseudoTerminal }

  func take(_ given: GivenOption) throws(Failure) {
    switch given.identity {
    case .log: log = try given.name("the name of a file")
    case .logOnly: isShown = false
    case .logFilter: filter = try given.name("a shell command")
    case .logTimestamps: isStamped = true
    case .pseudoTerminal: usesPseudoTerminal = true
    default: break
    }
  }

  func check(noFork: Bool) throws(Failure) {
    if log == nil {
      let needing: StaticString? =
        if !isShown { "--log-only" } else if filter != nil { "--log-filter" } else if isStamped {
          "--log-timestamps"
        } else { nil }
      if let needing { throw .usage("\(needing) needs --log") }
    }
    if noFork, !isPlain {
      throw .notWithoutFork(log == nil ? "--pty" : "--log")
    }
  }

  /// The programs that the log goes through.
  var programs: [[ByteString]] {
    var programs: [[ByteString]] = []
    if let filter { programs.append(["sh", "-c", filter]) }
    if let log, log.bytes.suffix(3).elementsEqual((".gz" as StaticString).utf8) {
      programs.append(["gzip", "-c"])
    }
    return programs
  }
}
