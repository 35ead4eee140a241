internal import Locking

// What `status` shows to people.

extension PathReport {
  private static let width = 80

  /// Lines, with their ends. A line that is longer than a terminal is wide continues, indented, on
  /// the next one.
  var text: Message {
    let locks = kernel?.locks ?? []
    var text = Message()
    if hardlink != nil || kernel?.hasHolder != true {
      appendHardlink(to: &text)
    } else {
      text = "\(path)  held\n"
      if text.columns > Self.width + 1 { text = "\(path)\n  held\n" }
    }
    for lock in locks { lock.append(to: &text, at: path) }
    switch kernel?.elsewhere ?? .none {
    case .held: text.append("    held     on another host, which the server does not name\n")
    case .unknown: text.append("  locks of other hosts are not seen here: there may be more\n")
    case .none: break
    }
    kernel?.appendLimits(to: &text)
    return text
  }

  private func appendHardlink(to text: inout Message) {
    Self.append(["\(path)  \(state.first)"] + state.rest, to: &text)
    if text.count > Self.width + 1, !state.first.bytes.isEmpty {
      text = "\(path)\n"
      Self.append(["  \(state.first)"] + state.rest, to: &text)
    }
    for waiter in hardlink?.waiters ?? [] {
      let dead: Literal = waiter.liveness == .dead ? ", which is dead" : ""
      text.append("  waiting: \(waiter.ownerName)\(dead)\n")
    }
  }

  /// The state of the lock in parts that may stand on lines of their own.
  private var state: (first: Message, rest: [Message]) {
    guard let hardlink, let holder = hardlink.holder else {
      if kernel == nil, hardlink == nil { return ("free (no such file)", []) }
      return presence?.phrase.map { ("free (no kernel lock)", ["but \($0)"]) } ?? ("free", [])
    }
    let expiry = holder.expiryPhrase ?? "until it is released"
    if hardlink.isHeld {
      let time = LockUser(of: holder, at: path)?.time
      let since = Message.phrase(" for ", time.map { spanText($0) })
      return ("held \(holder.ownerPhrase)\(since)", [expiry])
    }
    if hardlink.state == .stale { return ("stale: its owner is dead", [holder.ownerName]) }
    return ("\(expiry) and free to be taken", [holder.ownerName])
  }

  private static func append(_ parts: [Message], to text: inout Message) {
    var line = parts[0]
    for part in parts.dropFirst() {
      if line.count + 2 + part.count > width {
        text.append("\(line),\n")
        line = "    \(part)"
      } else {
        line.append(", \(part)")
      }
    }
    text.append("\(line)\n")
  }
}

// MARK: - Locks of the kernel

extension ObservedLock {
  private var kind: Literal { sharing.name }

  /// ` bytes 4-5`, ` byte 4`, ` bytes 4-`, or nothing.
  fileprivate var rangePhrase: Message {
    if range == .wholeFile { return "" }
    if range.length == 0 { return " bytes \(range.start)-" }
    if range.length == 1 { return " byte \(range.start)" }
    return " bytes \(range.start)-\(range.start + (range.length - 1))"
  }

  /// `, held for 3h 5m`; nothing where nobody has it who could say.
  private func timePhrase(_ path: ByteString) -> Message {
    guard let user = LockUser(of: self, at: path) else { return "" }
    return user.time.map { ", held for \(spanText($0))" } ?? ", held since an unknown time"
  }

  fileprivate func append(to text: inout Message, at path: ByteString) {
    let number: Message = count > 1 ? ", \(Int64(count)) times" : ""
    text.append("  \(mode.name), \(kind)\(rangePhrase)\(number)\(timePhrase(path))\n")
    for holder in holders {
      let unproven: Literal = holder.isVerified ? "held" : "held?"
      holder.process.appendRow(unproven, to: &text)
    }
    if holders.isEmpty {
      switch locker {
      case .process(let number):
        text.append("    held     by nobody to be seen here; pid \(number) took it\n")
      case .openFile, .elsewhere: text.append("    held     by nobody to be seen here\n")
      }
    }
    for waiter in waiters {
      // `waits?` where it is one of several, and not known which.
      let role: Literal = waiter.processes.count > 1 ? "waits?" : "waits"
      for process in waiter.processes { process.appendRow(role, to: &text) }
      if waiter.processes.isEmpty { text.append("    waits    somebody who cannot be seen here\n") }
    }
  }

  fileprivate func appendTableRows(to table: inout Message) {
    let time = path.flatMap { LockUser(of: self, at: $0)?.time }
    let span = time.map { spanText($0) } ?? "?"
    for holder in holders { appendTableRow(holder.process, kind, span, to: &table) }
    if holders.isEmpty { appendTableRow(nil, kind, "?", to: &table) }
    for waiter in waiters {
      for process in waiter.processes { appendTableRow(process, "waits", "-", to: &table) }
      if waiter.processes.isEmpty { appendTableRow(nil, "waits", "-", to: &table) }
    }
  }

  private func appendTableRow(
    _ process: ObservedProcess?, _ kind: Literal, _ time: Message, to table: inout Message
  ) {
    var row = Message()
    row.append(process.map { "\($0.identifier)" } ?? "-", width: -8)
    row.append("  ")
    row.append(process.map { Message(userName($0.user), upTo: 8) } ?? "-", width: 9)
    row.append("\(mode.name)", width: 6)
    row.append("\(kind)", width: 10)
    row.append(time, width: 8)
    row.append(process.map { $0.work(upTo: 16) } ?? "-", width: 17)
    let path: Message =
      path.map { "\($0)\(rangePhrase)" } ?? "file \(Int64(bitPattern: file.inode))"
    if row.columns + path.columns > 80 {
      row.trim()
      row.append("\n    ")
    }
    table.append("\(row)\(path)\n")
  }
}

extension ObservedProcess {
  /// Its command; or for whom it keeps a lock.
  fileprivate func work(upTo width: Int) -> Message {
    guard let kept = KeptLock(of: self) else { return commandText(upTo: width) }
    guard let owner = kept.livingOwners.first else { return "kept for nobody" }
    let whom: Message = width < 30 ? "for " : "for pid \(owner.identifier), "
    return "\(whom)\(owner.commandText(upTo: max(4, width - whom.columns)))"
  }

  /// `    held      4711  root     up 3h 5m  rsync -a /srv/ backup:/srv/`: the age of the process.
  fileprivate func appendRow(_ role: Literal, to text: inout Message) {
    let age = max(.zero, WallTime.now.sinceZero - .seconds(startTime))
    var row: Message = "    "
    row.append("\(role)", width: 6)
    row.append("\(identifier)", width: -9)
    row.append("  ")
    row.append(Message(userName(user), upTo: 8), width: 9)
    row.append("up \(spanText(.seconds(age.wholeSeconds)))", width: -10)
    text.append("\(row)  \(work(upTo: 38))\(stopRemark)\n")
  }
}

extension LockInspection {
  /// All locks, a line for each process that has one or waits for it.
  var table: Message {
    var table: Message = "     PID  USER     MODE  KIND      HELD    COMMAND          PATH\n"
    for lock in locks { lock.appendTableRows(to: &table) }
    appendLimits(to: &table)
    return table
  }

  /// What could not be looked at.
  fileprivate func appendLimits(to text: inout Message) {
    if unreadable.count == 1 {
      text.append(
        "  pid \(unreadable[0]) cannot be inspected\(rootHint), and may have inherited a lock\n")
    } else if !unreadable.isEmpty {
      text.append(
        "  \(Int64(unreadable.count)) processes cannot be inspected\(rootHint), and may have inherited a lock\n"
      )
    }
    if !seesAllNamespaces { text.append("  seen from inside a pid namespace: there may be more\n") }
  }
}

extension Message {
  /// How wide it is on a terminal, about: two columns for what has more than two bytes, but for `…`.
  var columns: Int {
    var rest = bytes[...]
    var columns = 0
    while let (scalar, length) = Self.firstScalar(rest) {
      columns += length > 2 && scalar != 0x2026 ? 2 : 1
      rest = rest.dropFirst(length)
    }
    return columns + rest.count
  }

  /// Adds a column of a table, filled up with spaces to `width`: behind it, or before it if negative.
  fileprivate mutating func append(_ cell: Message, width: Int) {
    if width < 0 { append(spaces: -width - cell.columns) }
    append(cell)
    append(spaces: width - cell.columns)
  }
}
