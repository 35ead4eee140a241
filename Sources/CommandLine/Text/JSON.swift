internal import Launching
internal import Locking
internal import SystemInterface

/// JSON (RFC 8259), one object a line.
///
/// Names on Unix are bytes and JSON strings are text: a byte that is not part of well-formed UTF-8
/// becomes `\udcXX`, XX being the byte in hexadecimal, as Python's surrogateescape has it
/// (`os.fsencode` makes the bytes again). What a terminal might obey is escaped as well.
enum JSON {
  /// An object that is being written.
  private struct Object {
    private var text: Message = "{"

    @inline(never)
    mutating func add(_ key: Literal, _ value: Message) {
      text.append(text.count > 1 ? ",\"" : "\"")
      text.append(text: key)
      text.append("\":")
      text.append(value)
    }

    /// Null without a value.
    @inline(never)
    mutating func add(_ key: Literal, _ value: Message?) { add(key, value ?? "null") }
    @inline(never)
    mutating func add(_ key: Literal, _ value: Bool?) {
      add(key, value.map { Message(literal: truth($0)) })
    }
    @inline(never)
    mutating func add(_ key: Literal, _ value: Int64?) { add(key, value.map { "\($0)" }) }
    @inline(never)
    mutating func add(_ key: Literal, text: ByteString?) { add(key, text.map { string($0) }) }
    mutating func add(_ key: Literal, name: Literal) {
      add(key, text: ByteString(literal: name))
    }
    mutating func add(_ key: Literal, _ values: [Message]) { add(key, array(values)) }
    /// In seconds since the epoch.
    mutating func add(_ key: Literal, _ time: WallTime?) {
      add(key, time?.sinceZero.wholeSeconds)
    }

    var count: Int { text.count }

    consuming func closed() -> Message {
      text.append("}")
      return text
    }
  }

  /// What is said of one lock, or of a path without one, in every mode and by every kind of look.
  private struct Row {
    var path: ByteString?
    var mode: ByteString?
    /// Of a claim; otherwise as `isHeld` says.
    var state: Literal?
    var isHeld = false
    var since: WallTime?
    var holders: [Message] = []
    var waiters: [Message] = []
    /// The claim that holds a lock of mode `hardlink`.
    var claim: Message?
    /// Those of the kernel.
    var locks: [Message] = []
    /// The processes that have a file open which may be a lock by being there.
    var openers: [Message] = []

    func line(_ found: LockInspection?) -> Message {
      var object = Object()
      object.add("path", text: path)
      object.add("mode", text: mode)
      object.add("state", name: state ?? (isHeld ? "held" : "unlocked"))
      object.add("held", isHeld)
      object.add("since", since)
      object.add("holders", holders)
      object.add("waiters", waiters)
      object.add("holder", claim)
      object.add("locks", locks)
      object.add("open", openers)
      object.add("unreadable", (found?.unreadable ?? []).map { "\($0)" })
      object.add("elsewhere", name: found?.elsewhere.name ?? "none")
      object.add("complete", found?.isPartial != true)
      return "\(object.closed())\n"
    }

    mutating func add(_ lock: ObservedLock, at path: ByteString?) {
      if locks.isEmpty { mode = ByteString(literal: lock.mode.name) }
      let held = LockUser(of: lock, at: path ?? "")?.since
      if since == nil { since = held }
      holders += lock.holders.map { holder($0) }
      waiters += lock.waiters.flatMap { $0.processes.map { party($0) } }
      locks.append(JSON.lock(lock, held))
    }
  }

  static func report(_ report: PathReport) -> Message {
    var row = Row()
    row.path = report.path
    for lock in report.kernel?.locks ?? [] { row.add(lock, at: report.path) }
    row.isHeld = report.isHeld
    row.openers = report.presence?.openers.map { party($0) } ?? []
    if let hardlink = report.hardlink {
      row.mode = LockMode.hardlink.name
      row.state = hardlink.state.name
      row.waiters = hardlink.waiters.map { claim($0) }
      if let holder = hardlink.holder {
        row.since = LockUser(of: holder, at: report.path)?.since
        let claim = claim(holder)
        row.claim = claim
        row.holders = [claim]
      }
    }
    return row.line(report.kernel)
  }

  /// Of a lock that an engine keeps.
  static func report(
    _ report: EngineReport, _ name: ByteString, _ engine: ByteString
  ) -> Message {
    var row = Row()
    row.path = name
    row.mode = engine
    row.isHeld = !report.holders.isEmpty
    row.since = report.holders.first?.since.map { WallTime(sinceZero: .seconds($0)) }
    row.holders = report.holders.map { party($0) }
    row.waiters = report.waiters.map { party($0) }
    return row.line(nil)
  }

  /// With the fields of every other one.
  private static func party(_ entry: EngineEntry) -> Message {
    var object = Object()
    object.add("pid", entry.process)
    object.add("host", text: entry.host)
    object.add("user", text: entry.user)
    object.add("command", text: entry.isForeign ? entry.text : entry.command)
    for name in ["started", "stopped", "alive", "keeps_for", "verified", "took"] as [Literal] {
      object.add(name, nil as Message?)
    }
    object.add("expiry", entry.secondsLeft.map { WallTime.now.sinceZero.wholeSeconds + $0 })
    object.add("foreign", entry.isForeign)
    object.add("file", nil as Message?)
    return object.closed()
  }

  /// An object a lock of the kernel's, on a line of its own.
  static func locks(_ found: LockInspection) -> Message {
    var text = Message()
    for lock in found.locks {
      var row = Row()
      row.path = lock.path
      row.isHeld = true
      row.add(lock, at: lock.path)
      text.append(row.line(found))
    }
    return text
  }

  private static func lock(_ lock: ObservedLock, _ since: WallTime?) -> Message {
    var object = kind(lock.mode, lock.sharing, lock.range)
    object.add("count", Int64(lock.count))
    object.add("certain", lock.isCertain)
    object.add("since", since)
    object.add("holders", lock.holders.map { holder($0) })
    object.add("waiters", lock.waiters.map { waiter($0) })
    return object.closed()
  }

  private static func waiter(_ waiter: LockWaiter) -> Message {
    var object = kind(waiter.mode, waiter.sharing, waiter.range)
    object.add("depth", Int64(waiter.depth))
    object.add("processes", waiter.processes.map { party($0) })
    return object.closed()
  }

  private static func kind(_ mode: KernelMode, _ sharing: Sharing, _ range: ByteRange) -> Object {
    var object = Object()
    object.add("mode", name: mode.name)
    object.add("shared", sharing == .shared)
    object.add("start", range.start)
    object.add("length", range.length)
    return object
  }

  /// One that has a lock, waits for it, or has its file open: of every kind of lock with the same fields, null
  /// where one means nothing.
  private static func party(
    _ process: ObservedProcess?, _ claim: HardlinkClaim? = nil, _ holder: LockHolder? = nil
  ) -> Message {
    var object = Object()
    let number = process?.identifier ?? claim?.process ?? 0
    object.add("pid", number == 0 ? nil : Int64(number))
    object.add("host", text: claim?.host)
    object.add("user", text: process.map { userName($0.user) })
    object.add("command", text: process?.command)
    object.add("started", process?.startTime)
    object.add("stopped", process?.isStopped)
    object.add("alive", claim.map { $0.liveness == .unknown ? nil : $0.liveness == .alive } ?? true)
    object.add(
      "keeps_for", process.flatMap { KeptLock(of: $0) }.map { array($0.livingOwners.map(owner)) })
    object.add("verified", holder?.isVerified)
    object.add("took", holder?.isLocker)
    object.add("expiry", claim?.expiry)
    object.add("foreign", claim?.isForeign)
    object.add("file", text: claim?.fileName)
    return object.closed()
  }

  /// For whom a lock is kept.
  private static func owner(_ process: ObservedProcess) -> Message {
    var object = Object()
    object.add("pid", Int64(process.identifier))
    object.add("user", text: userName(process.user))
    object.add("command", text: process.command)
    object.add("started", process.startTime)
    return object.closed()
  }

  private static func holder(_ holder: LockHolder) -> Message { party(holder.process, nil, holder) }

  private static func claim(_ claim: HardlinkClaim) -> Message {
    party(claim.liveness == .alive ? ObservedProcess(claim.process) : nil, claim)
  }

  static func truth(_ value: Bool) -> Literal { value ? "true" : "false" }

  static func array(_ values: [Message]) -> Message {
    var array: Message = "["
    for index in values.indices {
      if index > 0 { array.append(",") }
      array.append(values[index])
    }
    array.append("]")
    return array
  }

  static func removal(_ path: ByteString, _ kind: Literal, isDryRun: Bool) -> Message {
    var object = Object()
    object.add("path", text: path)
    object.add("kind", name: kind)
    object.add("removed", !isDryRun)
    return "\(object.closed())\n"
  }

  /// Null without a value.
  static func seconds(_ span: Span?) -> Message {
    guard let span else { return "null" }
    var digits = [UInt8](repeating: 0, count: 24)
    let count = digits.withUnsafeMutableBufferPointer { span.writeSeconds(to: $0.baseAddress!) }
    return "\(raw: ByteString(digits[..<count]))"
  }

  /// A line of `run --record`, which is not longer than `RunRecord.longestLine`: then its command is cut, and its
  /// path if that alone is too long.
  static func line(
    _ record: RunRecord, _ outcome: RunOutcome, status: Message, waited: Message
  ) -> Message {
    var object = Object()
    object.add("start", seconds(record.start.sinceZero))
    object.add("path", string(record.path, upTo: RunRecord.longestLine * 3 / 4))
    object.add("mode", text: record.mode)
    object.add("slot", record.slot)
    object.add("outcome", name: outcome.name)
    object.add("status", status)
    object.add("waited", waited)
    object.add("ran", seconds(record.runtime))
    object.add("user_cpu", seconds(record.usage?.userTime))
    object.add("system_cpu", seconds(record.usage?.systemTime))
    object.add("max_rss", record.usage?.residentKibibytes)
    object.add("pid", record.process)
    let rest =
      RunRecord.longestLine - object.count - (",\"command\":}\n" as Literal).utf8.count
    object.add("command", array(record.command.arguments, upTo: rest))
    return "\(object.closed())\n"
  }

  /// As many of the strings as there is room for, and of the next one the beginning, with an ellipsis.
  private static func array(_ texts: [ByteString], upTo limit: Int) -> Message {
    var strings: [Message] = []
    // Without the brackets, and what only says that there are more.
    var rest = limit - 2 - (",\"…\"" as Literal).utf8.count
    for (index, text) in texts.enumerated() {
      let string = string(text)
      let isLast = index == texts.count - 1
      if string.count + 1 > rest, !isLast || string.count > rest + lengthOfMark {
        strings.append(cut(text, upTo: rest + lengthOfMark))
        break
      }
      strings.append(string)
      rest -= string.count + 1
    }
    return array(strings)
  }

  /// Cut, with an ellipsis, where it would have more bytes.
  private static func string(_ text: ByteString, upTo limit: Int) -> Message {
    let whole = string(text)
    return whole.count <= limit ? whole : cut(text, upTo: limit)
  }

  private static var lengthOfMark: Int { ("\"…\"" as Literal).utf8.count }

  private static func cut(_ text: ByteString, upTo limit: Int) -> Message {
    var rest = limit - lengthOfMark
    var end = text.bytes.startIndex
    while end < text.bytes.endIndex {
      // Of one character, or a byte that is of none: what is written for it is there as a whole, or not at all.
      let length = Message.firstScalar(text.bytes[end...])?.length ?? 1
      rest -= string(ByteString(text.bytes[end..<end + length])).count - 2
      if rest < 0 { break }
      end += length
    }
    var cut = string(ByteString(text.bytes[..<end]))
    cut.removeLast()
    cut.append(text: "…\"")
    return cut
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
  var name: Literal {
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
  var name: Literal {
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
