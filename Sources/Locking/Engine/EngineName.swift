/// The name of a program that takes locks for swlock (docs/engines.md): `[a-z0-9]+`, so that it cannot lead
/// out of the folder that engines are in.
package struct EngineName: Equatable, Sendable {
  package let text: ByteString

  private static let longest = 64

  /// Nil for what is no such name.
  package init?(_ text: ByteString) {
    guard !text.isEmpty, text.count <= Self.longest,
      text.bytes.allSatisfy({ isDigit($0) || $0 &- ascii("a") < 26 })
    else { return nil }
    self.text = text
  }
}

/// Which engine takes a lock, and for how long it is to be valid without news from it.
package struct EngineTerms: Sendable {
  package let name: EngineName
  /// Whole seconds. What the engine grants counts, whether that is more or less.
  package var lifetime = Span.seconds(15)
  /// Where it was started for a request.
  fileprivate nonisolated(unsafe) var link: EngineLink?

  /// The shortest that may be asked for: a server needs the time for an election.
  package static let shortestLifetime = Span.seconds(5)
  package static let longestLifetime = Span.seconds(3650 * 86_400)
  /// Of a lock's name, in bytes: so a line that has it, three bytes for each, is not too long.
  package static let longestName = 1024

  package init(_ name: EngineName) {
    self.name = name
  }
}

/// What engines are told by, and commands are not to see.
package let secretEngineVariables: [Literal] = ["ETCDCTL_USER", "ETCDCTL_PASSWORD"]

extension LockRequest {
  /// The engine that was started for a lock which one takes. It is a part of the kind: requests are copied in many
  /// places, and that is on the heap.
  package var engine: EngineLink? {
    get { if case .engine(let terms) = kind { terms.link } else { nil } }
    set {
      guard case .engine(var terms) = kind else { return }
      terms.link = newValue
      kind = .engine(terms)
    }
  }

  /// The arguments of an engine that is to take this lock.
  ///
  /// - Parameters:
  ///   - lifetime: of which whole seconds count.
  ///   - information: who asks, as words `NAME=VALUE` (`engineInformation`).
  package func engineArguments(lifetime: Span, _ information: ByteString) -> [ByteString] {
    let kind: ByteString =
      if let slots { "slots:" + ByteString(decimal: slots) } else {
        sharing == .shared ? "shared" : "exclusive"
      }
    var arguments: [ByteString] = [
      "lock", path, "ttl=" + ByteString(decimal: lifetime.wholeSeconds), "kind=" + kind,
    ]
    if patience == .never { arguments.append("try") }
    arguments.append("info=" + information)
    return arguments
  }
}
