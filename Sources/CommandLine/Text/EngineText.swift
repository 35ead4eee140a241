internal import Locking
internal import SystemInterface

// What is said of engines, and of the locks that they keep.

extension EngineEntry {
  /// `pid 4711 (make, root) on HOST`, or what its program says.
  var phrase: Message {
    if isForeign { return text.isEmpty ? "another client" : "\(text)" }
    let program = command.map { Message($0, upTo: 40) } ?? "?"
    return "pid \(process ?? 0) (\(program), \(user ?? "?")) on \(host ?? "?")"
  }

  /// As a row of `status`.
  fileprivate func append(_ role: Literal, to text: inout Message) {
    let age = since.map { max(0, WallTime.now.sinceZero.wholeSeconds - $0) }
    let name: Message =
      switch kind {
      case .exclusive: "exclusive"
      case .shared: "shared"
      case .slots(let number): "slots:\(number)"
      }
    let time = Message.phrase(", asked ", age.map { "\(spanText(.seconds($0))) ago" })
    let left = Message.phrase(
      ", ",
      secondsLeft.map {
        $0 > 0 ? "\(spanText(.seconds($0))) left" : "does not answer: its lifetime has passed"
      })
    text.append("    \(role)\(phrase)\n             \(name), token \(token)\(time)\(left)\n")
  }
}

extension EngineReport {
  func text(_ name: ByteString) -> Message {
    var text: Message = "\(name)  \(holders.isEmpty ? "free" : "held" as Literal)\n"
    for holder in holders { holder.append("held by  ", to: &text) }
    for waiter in waiters { waiter.append("waiting  ", to: &text) }
    return text
  }
}

extension Failure {
  static func status(_ trouble: EngineTrouble) -> ExitStatus {
    switch trouble {
    case .busy, .timedOut: .busy
    case .failed(_, let status):
      ExitStatus(rawValue: status).flatMap { $0.isFailure ? $0 : nil } ?? .engineDied
    case .died: .engineDied
    case .silent, .unreleased: .unsupported
    case .lost, .ended: .notHeld
    }
  }

  static func text(_ trouble: EngineTrouble, _ options: LockOptions?) -> Message {
    switch trouble {
    case .busy(let text): return "it is held by \(EngineEntry(saidOfHolder: text).phrase)"
    case .timedOut(let text):
      let holder = Message.phrase(
        ", behind ", text.map { EngineEntry(saidOfHolder: $0).phrase })
      return "timed out\(Message.phrase(" after ", options?.timeout.map { spanText($0) }))\(holder)"
    case .failed(let text, _): return text.isEmpty ? "its engine has failed" : "\(text)"
    case .died: return "its engine has ended"
    case .silent: return "its engine does not answer"
    case .unreleased: return "its engine does not answer; the lock ends with its lifetime"
    case .lost(let text): return "\(text.isEmpty ? "it was lost" : text)"
    case .ended(let text): return "\(text.isEmpty ? "somebody has asked for it" : text)"
    }
  }
}

extension ExitStatus {
  /// Whether an engine may fail with it: those that are of sysexits(3).
  fileprivate var isFailure: Bool { (64...78).contains(rawValue) }
}
