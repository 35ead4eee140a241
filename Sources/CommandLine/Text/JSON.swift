internal import Locking
internal import SystemInterface

/// JSON (RFC 8259), one object a line.
///
/// Names on Unix are bytes and JSON strings are text: a byte that is not part of well-formed UTF-8
/// becomes `\udcXX`, XX being the byte in hexadecimal, as Python's surrogateescape has it
/// (`os.fsencode` makes the bytes again). What a terminal might obey is escaped as well.
enum JSON {
  /// What is said of one lock, or of a path without one, in every mode and by every kind of look.
  private struct Row {
    var path: Message = "null"
    var mode: Message = "null"
    var state: StaticString = "unlocked"
    var isHeld = false
    var since: WallTime?
    var holders: [Message] = []
    var waiters: [Message] = []
    /// The claim that holds a lock of mode `hardlink`.
    var claim: Message = "null"
    /// Those of the kernel.
    var locks: [Message] = []
    /// The processes that have a file open which may be a lock by being there.
    var openers: [Message] = []

    func text(_ limits: Message) -> Message {
      let since = seconds(since)
      let (holders, waiters) = (array(holders), array(waiters))
      let (locks, openers) = (array(locks), array(openers))
      return
        "{\"path\":\(path),\"held\":\(truth(isHeld)),\"state\":\"\(state)\",\"mode\":\(mode),\"since\":\(since),\"holders\":\(holders),\"waiters\":\(waiters),\"holder\":\(claim),\"locks\":\(locks),\"open\":\(openers),\(limits)}\n"
    }

    mutating func add(_ lock: ObservedLock, at path: ByteString?) {
      if locks.isEmpty { mode = "\"\(lock.mode.name)\"" }
      let held = Job(of: lock.holders.map { $0.process }, at: path ?? "")?.since
      if since == nil { since = held }
      isHeld = true
      state = "held"
      holders += lock.holders.map { JSON.holder($0) }
      waiters += lock.waiters.flatMap { $0.processes.map { JSON.process($0) } }
      locks.append(JSON.lock(lock, held))
    }
  }

  static func report(_ report: PathReport) -> Message {
    var row = Row()
    row.path = string(report.path)
    for lock in report.kernel?.locks ?? [] { row.add(lock, at: report.path) }
    row.isHeld = report.isHeld
    row.openers = report.presence?.openers.map { process($0) } ?? []
    if let hardlink = report.hardlink {
      row.mode = "\"\(LockMode.hardlink.name)\""
      row.state = hardlink.state.name
      row.waiters = hardlink.waiters.map { claim($0) }
      if let holder = hardlink.holder {
        if holder.liveness == .alive { row.since = Job(of: holder, at: report.path)?.since }
        row.claim = claim(holder)
        row.holders = [row.claim]
      }
    }
    return row.text(limits(report.kernel))
  }

  /// An object a lock of the kernel's, on a line of its own.
  static func locks(_ found: LockInspection) -> Message {
    var text = Message()
    for lock in found.locks {
      var row = Row()
      if let path = lock.path { row.path = string(path) }
      row.add(lock, at: lock.path)
      text.append(row.text(limits(found)))
    }
    return text
  }

  /// Since the epoch.
  private static func seconds(_ time: WallTime?) -> Message {
    time.map { "\($0.sinceZero.wholeSeconds)" } ?? "null"
  }

  private static func limits(_ found: LockInspection?) -> Message {
    let unreadable = array((found?.unreadable ?? []).map { "\($0)" })
    let isComplete: StaticString = found?.isPartial == true ? "false" : "true"
    let elsewhere = found?.elsewhere.name ?? "none"
    return "\"unreadable\":\(unreadable),\"elsewhere\":\"\(elsewhere)\",\"complete\":\(isComplete)"
  }

  private static func lock(_ lock: ObservedLock, _ since: WallTime?) -> Message {
    let holders = array(lock.holders.map { holder($0) })
    let waiters = array(
      lock.waiters.map { waiter in
        let processes = array(waiter.processes.map { process($0) })
        return
          "{\(kind(waiter.mode, waiter.sharing, waiter.range)),\"depth\":\(Int64(waiter.depth)),\"processes\":\(processes)}"
      })
    return
      "{\(kind(lock.mode, lock.sharing, lock.range)),\"count\":\(Int64(lock.count)),\"certain\":\(truth(lock.isCertain)),\"since\":\(seconds(since)),\"holders\":\(holders),\"waiters\":\(waiters)}"
  }

  private static func kind(_ mode: KernelMode, _ sharing: Sharing, _ range: ByteRange) -> Message {
    "\"mode\":\"\(mode.name)\",\"shared\":\(truth(sharing == .shared)),\"start\":\(range.start),\"length\":\(range.length)"
  }

  /// One that has a lock, waits for it, or has its file open: of every kind of lock with the same fields, null
  /// where one means nothing.
  private static func party(
    _ process: ObservedProcess?, _ claim: HardlinkClaim? = nil, _ holder: LockHolder? = nil
  ) -> Message {
    let number = process?.identifier ?? claim?.process ?? 0
    let alive: StaticString =
      switch claim?.liveness {
      case .alive, nil: "true"
      case .dead: "false"
      case .unknown: "null"
      }
    func value(_ text: Message?) -> Message { text ?? "null" }
    func truth(_ value: Bool?) -> StaticString { value.map { JSON.truth($0) } ?? "null" }
    let pid = value(number == 0 ? nil : "\(number)")
    let host = value(claim.map { string($0.host) })
    let user = value(process.map { string(userName($0.user)) })
    let command = value(process.map { string($0.command) })
    let started = value(process.map { "\($0.startTime)" })
    let stopped = truth(process?.isStopped)
    let (verified, took) = (truth(holder?.isVerified), truth(holder?.isLocker))
    let expiry = value(claim?.expiry.map { "\($0)" })
    let foreign = truth(claim?.isForeign)
    let file = value(claim.map { string($0.fileName) })
    return
      "{\"pid\":\(pid),\"host\":\(host),\"user\":\(user),\"command\":\(command),\"started\":\(started),\"stopped\":\(stopped),\"alive\":\(alive),\"verified\":\(verified),\"took\":\(took),\"expiry\":\(expiry),\"foreign\":\(foreign),\"file\":\(file)}"
  }

  private static func process(_ process: ObservedProcess) -> Message { party(process) }

  private static func holder(_ holder: LockHolder) -> Message { party(holder.process, nil, holder) }

  private static func claim(_ claim: HardlinkClaim) -> Message {
    party(claim.liveness == .alive ? ObservedProcess(claim.process) : nil, claim)
  }

  static func truth(_ value: Bool) -> StaticString { value ? "true" : "false" }

  static func array(_ values: [Message]) -> Message {
    var array: Message = "["
    for index in values.indices {
      if index > 0 { array.append(",") }
      array.append(values[index])
    }
    array.append("]")
    return array
  }

  static func removal(_ path: ByteString, _ kind: StaticString, isDryRun: Bool) -> Message {
    let removed: StaticString = isDryRun ? "false" : "true"
    let path = string(path)
    return
      "{\"path\":\(path),\"kind\":\"\(kind)\",\"removed\":\(removed)}\n"
  }

  static func string(_ text: ByteString) -> Message {
    var string: Message = "\""
    var rest = text.bytes
    while let byte = rest.first {
      let length = Message.lengthOfPrintable(rest)
      if length > 0, byte != ascii("\"") {
        for byte in rest.prefix(length) { string.append(byte: byte) }
        rest = rest.dropFirst(length)
      } else if byte == ascii("\"") || byte == ascii("\\") {
        string.append(byte: ascii("\\"))
        string.append(byte: byte)
        rest = rest.dropFirst()
      } else if let (scalar, length) = Message.firstScalar(rest) {
        append(scalar, to: &string)
        rest = rest.dropFirst(length)
      } else {
        append(unit: 0xdc00 + UInt32(byte), to: &string)
        rest = rest.dropFirst()
      }
    }
    string.append("\"")
    return string
  }

  /// As one UTF-16 code unit or as two.
  private static func append(_ scalar: UInt32, to string: inout Message) {
    if scalar < 0x10000 {
      append(unit: scalar, to: &string)
    } else {
      append(unit: 0xd800 + ((scalar - 0x10000) >> 10), to: &string)
      append(unit: 0xdc00 + ((scalar - 0x10000) & 0x3ff), to: &string)
    }
  }

  private static func append(unit: UInt32, to string: inout Message) {
    string.append("\\u")
    for shift: UInt32 in [12, 8, 4, 0] {
      string.append(byte: Message.hexDigit(UInt8((unit >> shift) & 15)))
    }
  }
}

extension LocksElsewhere {
  var name: StaticString {
    switch self {
    case .none: "none"
    case .held(.shared): "shared"
    case .held(.exclusive): "exclusive"
    case .unknown: "unknown"
    }
  }
}

extension HardlinkState {
  /// The name that flufl.lock gives it.
  var name: StaticString {
    switch self {
    case .unlocked: "unlocked"
    case .ours: "ours"
    case .oursExpired: "ours-expired"
    case .stale: "stale"
    case .theirsExpired: "theirs-expired"
    case .theirs: "unknown"
    }
  }
}
