/// Somebody who has a lock of an engine's, or waits for it: a line of `show`.
package struct EngineEntry: Equatable, Sendable {
  package enum Kind: Equatable, Sendable {
    case exclusive, shared
    case slots(Int64)

    init?(_ text: ByteString) {
      switch text {
      case "exclusive": self = .exclusive
      case "shared": self = .shared
      default:
        guard text.hasPrefix("slots:"), let number: Int64 = text.bytes.dropFirst(6).number()
        else { return nil }
        self = .slots(number)
      }
    }
  }

  package let kind: Kind
  package let token: ByteString
  /// Until it is known to be gone, unless it is heard of; nil where that is not known.
  package let secondsLeft: Int64?
  /// All that was said about it; of a swlock its words, see below.
  package let text: ByteString

  // Nil of whoever is no swlock, and does not say so.
  package private(set) var host: ByteString?
  package private(set) var process: Int64?
  package private(set) var user: ByteString?
  package private(set) var since: Int64?
  package private(set) var command: ByteString?

  /// What an engine says of whoever has a lock.
  package init(saidOfHolder text: ByteString) {
    self.init(.exclusive, token: "", secondsLeft: nil, text: text)
  }

  init(_ kind: Kind, token: ByteString, secondsLeft: Int64?, text: ByteString) {
    self.kind = kind
    self.token = token
    self.secondsLeft = secondsLeft
    self.text = text
    var rest: ArraySlice<UInt8>? = text.bytes
    while let word = ArraySlice.takeField(of: &rest, before: ascii(" ")) {
      guard let sign = word.firstIndex(of: ascii("=")) else { continue }
      let value = unescaped(word[(sign + 1)...])
      switch ByteString(word[..<sign]) {
      case "host": host = value
      case "pid": process = value.bytes.number()
      case "user": user = value
      case "since": since = value.bytes.number()
      case "command": command = value
      default: continue
      }
    }
  }

  /// Whether another program than swlock made it.
  package var isForeign: Bool { host == nil || process == nil }
}

/// Who has a lock, in order of arrival, and then who waits for it.
package struct EngineReport: Sendable {
  package let holders: [EngineEntry]
  package let waiters: [EngineEntry]

  /// - Parameter entries: in order of arrival. Nobody is let in before one who is not; alone, or with those
  ///   before of the same kind: any number that share, and of slots less than all.
  init(_ entries: [EngineEntry]) {
    var count = 0
    while count < entries.count {
      let ahead = entries[..<count]
      let mayEnter =
        switch entries[count].kind {
        case .exclusive: count == 0
        case .shared: ahead.allSatisfy { $0.kind == .shared }
        case .slots(let number):
          Int64(count) < number && ahead.allSatisfy { $0.kind == entries[count].kind }
        }
      if !mayEnter { break }
      count += 1
    }
    holders = Array(entries[..<count])
    waiters = Array(entries[count...])
  }
}

/// What an engine is told of who asks for a lock; without arguments, in which there may be secrets.
package func engineInformation(
  process: Int32, user: ByteString, command: ByteString
) -> ByteString {
  var text: [UInt8] = []
  func add(_ name: Literal, _ value: ByteString) {
    text += name.utf8
    text += value.escapedForEngines.bytes
  }
  add("host=", HostNames.current().node)
  add(" pid=", ByteString(decimal: process))
  add(" user=", user)
  add(" since=", ByteString(decimal: WallTime.now.sinceZero.wholeSeconds))
  // Whatever it is called, a line has room for it.
  add(" command=", ByteString(command.bytes.prefix(256)))
  return ByteString(text)
}
