internal import Locking
internal import SystemInterface

/// JSON (RFC 8259), one object a line.
///
/// Names on Unix are bytes and JSON strings are text: a byte that is not part of well-formed UTF-8
/// becomes `\udcXX`, XX being the byte in hexadecimal, as Python's surrogateescape has it
/// (`os.fsencode` makes the bytes again). What a terminal might obey is escaped as well.
enum JSON {
  static func report(_ report: PathReport) -> Message {
    let hardlink = report.hardlink
    let locks = report.kernel?.locks ?? []
    let state: StaticString =
      hardlink?.state.name ?? (report.kernel?.hasHolder == true ? "held" : "unlocked")
    let mode: Message =
      if hardlink != nil { "\"\(LockMode.hardlink.name)\"" } else if let first = locks.first {
        "\"\(first.mode.name)\""
      } else { "null" }
    let waiters = array(hardlink?.waiters.map(claim) ?? [])
    let holder = hardlink?.holder.map(claim) ?? "null"
    let kernel = array(locks.map(lock))
    let openers = array(report.presence?.openers.map { process($0) } ?? [])
    let (path, limits) = (string(report.path), limits(report.kernel))
    return
      "{\"path\":\(path),\"mode\":\(mode),\"state\":\"\(state)\",\"held\":\(truth(report.isHeld)),\"holder\":\(holder),\"waiters\":\(waiters),\"locks\":\(kernel),\"open\":\(openers),\(limits)}\n"
  }

  /// An object a lock of the kernel's, on a line of its own.
  static func locks(_ found: LockInspection) -> Message {
    var text = Message()
    for lock in found.locks {
      let path = lock.path.map(string) ?? "null"
      text.append("{\"path\":\(path),\"locks\":[\(Self.lock(lock))],\(limits(found))}\n")
    }
    return text
  }

  private static func limits(_ found: LockInspection?) -> Message {
    let unreadable = array((found?.unreadable ?? []).map { "\($0)" })
    let isComplete: StaticString = found?.isPartial == true ? "false" : "true"
    let elsewhere = found?.elsewhere.name ?? "none"
    return "\"unreadable\":\(unreadable),\"elsewhere\":\"\(elsewhere)\",\"complete\":\(isComplete)"
  }

  private static func lock(_ lock: ObservedLock) -> Message {
    let holders = array(
      lock.holders.map { holder in
        process(
          holder.process,
          ",\"verified\":\(truth(holder.isVerified)),\"took\":\(truth(holder.isLocker))")
      })
    let waiters = array(
      lock.waiters.map { waiter in
        let processes = array(waiter.processes.map { process($0) })
        return
          "{\(kind(waiter.mode, waiter.sharing, waiter.range)),\"depth\":\(Int64(waiter.depth)),\"processes\":\(processes)}"
      })
    return
      "{\(kind(lock.mode, lock.sharing, lock.range)),\"count\":\(Int64(lock.count)),\"certain\":\(truth(lock.isCertain)),\"holders\":\(holders),\"waiters\":\(waiters)}"
  }

  private static func kind(_ mode: KernelMode, _ sharing: Sharing, _ range: ByteRange) -> Message {
    "\"mode\":\"\(mode.name)\",\"shared\":\(truth(sharing == .shared)),\"start\":\(range.start),\"length\":\(range.length)"
  }

  private static func process(_ process: ObservedProcess, _ more: Message = "") -> Message {
    let (user, command) = (string(userName(process.user)), string(process.command))
    return
      "{\"pid\":\(process.identifier),\"user\":\(user),\"command\":\(command),\"started\":\(process.startTime)\(more)}"
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

  private static func claim(_ claim: HardlinkClaim) -> Message {
    let alive: StaticString =
      switch claim.liveness {
      case .alive: "true"
      case .dead: "false"
      case .unknown: "null"
      }
    let process: Message = claim.process == 0 ? "null" : "\(claim.process)"
    let expiry: Message = claim.expiry.map { "\($0)" } ?? "null"
    let foreign: StaticString = claim.isForeign ? "true" : "false"
    let (host, file) = (string(claim.host), string(claim.fileName))
    return
      "{\"host\":\(host),\"pid\":\(process),\"expiry\":\(expiry),\"alive\":\(alive),\"foreign\":\(foreign),\"file\":\(file)}"
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
