internal import Locking

// What `status` shows to people.

extension PathReport {
  private static let width = 80

  /// Lines, with their ends. A line that is longer than a terminal is wide continues, indented, on
  /// the next one.
  var text: Message {
    var text = Message()
    Self.append(["\(path)  \(state.first)"] + state.rest, to: &text)
    if text.count > Self.width + 1, !state.first.bytes.isEmpty {
      text = "\(path)\n"
      Self.append(["  \(state.first)"] + state.rest, to: &text)
    }
    for waiter in hardlink.waiters {
      let dead: StaticString = waiter.liveness == .dead ? ", which is dead" : ""
      text.append("  waiting: \(waiter.ownerName)\(dead)\n")
    }
    return text
  }

  /// The state of the lock in parts that may stand on lines of their own.
  private var state: (first: Message, rest: [Message]) {
    guard let holder = hardlink.holder, hardlink.state != .unlocked else { return ("free", []) }
    if hardlink.state == .stale {
      return holder.liveness == .dead
        ? ("stale: its owner is dead", [holder.ownerName])
        : ("stale: abandoned \(holder.ownerPhrase)", [])
    }
    return ("held \(holder.ownerPhrase)", [holder.expiryPhrase ?? "until it is released"])
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
