internal import Locking
internal import SystemInterface

/// A kind of lock, for the table of which kinds exclude which.
struct ProbedKind {
  let mode: LockMode
  let sharing: Sharing

  static let all = [
    ProbedKind(mode: .flock, sharing: .shared), ProbedKind(mode: .flock, sharing: .exclusive),
    ProbedKind(mode: .posix, sharing: .shared), ProbedKind(mode: .posix, sharing: .exclusive),
    ProbedKind(mode: .ofd, sharing: .shared), ProbedKind(mode: .ofd, sharing: .exclusive),
    ProbedKind(mode: .hardlink, sharing: .exclusive),
  ]

  var name: Message {
    if !mode.kind().countsShared { return "\(mode.name)" }
    let letter: Literal = sharing == .shared ? "-s" : "-x"
    return "\(mode.name) \(letter)"
  }
}

/// What became of an attempt to take a lock, as one number: that of an error, or one of these.
struct ProbeOutcome: Equatable {
  let code: Int32

  /// The lock was taken.
  static let taken = ProbeOutcome(code: 0)
  /// Somebody else's lock was in the way.
  static let busy = ProbeOutcome(code: -1)
  /// What stands at the path is in the way, which is the file of another kind of lock.
  static let obstructed = ProbeOutcome(code: -2)
  /// It cannot be, for a reason that is no error of a system call.
  static let unsupported = ProbeOutcome(code: -3)

  init(code: Int32) {
    self.code = code
  }

  init(_ error: LockError) {
    switch error {
    case .busy, .timedOut, .unsettled, .alreadyHeld, .interrupted, .notHeld, .lost: self = .busy
    case .refused: self = .obstructed
    case .unsupported, .engine: self = .unsupported
    case .system(_, let errno): code = errno.code
    }
  }

  var isRefusal: Bool { code > 0 || self == .unsupported }

  /// `ENOLCK`
  var errorName: ByteString {
    self == .unsupported ? "unsupported" : Errno(code).name
  }

  /// How it is called where somebody has a lock already.
  var name: Literal {
    switch self {
    case .taken: "both"
    case .busy: "busy"
    case .obstructed: "file"
    default: "refused"
    }
  }
}

/// Which kinds of lock exclude each other in one folder.
struct ProbeTable {
  let folder: ByteString
  let fileSystem: ByteString?
  /// For each kind, what became of it alone; and then, while it was held, of all kinds in turn.
  private let outcomes: [ProbeOutcome]

  static let count = ProbedKind.all.count * (ProbedKind.all.count + 1)

  init(_ folder: ByteString, _ fileSystem: ByteString?, _ outcomes: [ProbeOutcome]) {
    self.folder = folder
    self.fileSystem = fileSystem
    self.outcomes = outcomes
  }

  private func alone(_ held: Int) -> ProbeOutcome { outcomes[held * (ProbedKind.all.count + 1)] }

  /// Nil where `held` could not be held.
  private func outcome(_ held: Int, _ tried: Int) -> ProbeOutcome? {
    alone(held) == .taken ? outcomes[held * (ProbedKind.all.count + 1) + 1 + tried] : nil
  }

  /// Why no kind of lock works there; nil where one does.
  var reasonForNothing: LockError? {
    if ProbedKind.all.indices.contains(where: { alone($0) == .taken }) { return nil }
    let first = alone(0)
    return first.code > 0 ? .system(.flock, Errno(first.code)) : .unsupported(.locksDoNothing)
  }

  private static let width = 9

  var text: Message {
    let kinds = ProbedKind.all
    var text = Message("\(folder)")
    if let fileSystem { text.append(" (\(fileSystem))") }
    text.append("\nheld/asked")
    for kind in kinds {
      text.append(spaces: Self.width - kind.name.count)
      text.append(kind.name)
    }
    text.append("\n")
    for (row, kind) in kinds.enumerated() {
      text.append(kind.name)
      text.append(spaces: 10 - kind.name.count)
      for column in kinds.indices {
        let outcome = outcome(row, column)
        let word: Message =
          if let outcome, !outcome.isRefusal { "\(outcome.name)" } else { "-" }
        text.append(spaces: Self.width - word.count)
        text.append(word)
      }
      text.append("\n")
    }
    text.append("busy: the second one waits; both: both have the lock at the same time\n")
    appendLegend(to: &text)
    return text
  }

  private func appendLegend(to text: inout Message) {
    let kinds = ProbedKind.all
    if kinds.indices.contains(where: { row in
      kinds.indices.contains { outcome(row, $0) == .obstructed }
    }) {
      text.append("file: the other lock's file is in the way of a hardlink lock\n")
    }
    for (row, kind) in kinds.enumerated() {
      if alone(row) != .taken {
        text.append("refused: \(kind.name): \(alone(row).errorName)\n")
      }
      for (column, second) in kinds.enumerated() {
        if let outcome = outcome(row, column), outcome.isRefusal {
          text.append("refused: \(second.name) beside \(kind.name): \(outcome.errorName)\n")
        }
      }
    }
  }

  var json: Message {
    let kinds = ProbedKind.all
    var refused: [Message] = []
    var pairs: [Message] = []
    for (row, held) in kinds.enumerated() {
      if alone(row) != .taken {
        refused.append("{\(JSON.kind(held)),\"error\":\(JSON.string(alone(row).errorName))}")
      }
      for (column, asked) in kinds.enumerated() {
        guard let outcome = outcome(row, column) else { continue }
        let error = outcome.isRefusal ? JSON.string(outcome.errorName) : "null"
        pairs.append(
          "{\"held\":{\(JSON.kind(held))},\"asked\":{\(JSON.kind(asked))},\"outcome\":\"\(outcome.name)\",\"error\":\(error)}"
        )
      }
    }
    let type = fileSystem.map(JSON.string) ?? "null"
    return
      "{\"path\":\(JSON.string(folder)),\"type\":\(type),\"refused\":\(JSON.array(refused)),\"pairs\":\(JSON.array(pairs))}\n"
  }
}

extension JSON {
  fileprivate static func kind(_ kind: ProbedKind) -> Message {
    "\"mode\":\"\(kind.mode.name)\",\"shared\":\(truth(kind.sharing == .shared))"
  }
}
