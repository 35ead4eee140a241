/// How a lock is shared (etcd.md 3).
enum Kind: Equatable, Sendable {
  case exclusive
  case shared
  case slots(Int64)

  /// `exclusive`, `shared` or `slots:N`; nil if it is none of them.
  init?(_ word: Bytes) {
    if word == Bytes(text: "exclusive") {
      self = .exclusive
    } else if word == Bytes(text: "shared") {
      self = .shared
    } else if let digits = word.after("slots:"), let count = number(digits, upTo: 1_000_000),
      count > 0
    {
      self = .slots(count)
    } else {
      return nil
    }
  }

  var text: String {
    switch self {
    case .exclusive: "exclusive"
    case .shared: "shared"
    case .slots(let count): "slots:\(count)"
    }
  }

  /// Whether it may enter with these ahead of it, in any order: nil stands for a foreign client, whose
  /// lock is exclusive.
  func mayEnter(behind ahead: [Kind?]) -> Bool {
    switch self {
    case .exclusive: ahead.isEmpty
    case .shared: ahead.allSatisfy { $0 == .shared }
    case .slots(let count): ahead.count < count && ahead.allSatisfy { $0 == self }
    }
  }
}

/// The value of a key in the queue: `[ending ]KIND host=H pid=P user=U since=UNIX command=WORD`, or
/// that of another client, which is what is left then.
struct ClaimValue: Sendable {
  /// Its holder has been asked to end (`break --force`).
  let isEnding: Bool
  /// nil: another client's.
  let kind: Kind?
  /// What the swlock that made it says of itself, as it was given.
  let information: Bytes

  init(_ value: Bytes) {
    let rest = value.after(Self.ending)
    isEnding = rest != nil
    let claim = rest ?? value
    let first = Bytes(claim.prefix { $0 != 0x20 })
    kind = Kind(first)
    information = kind == nil ? claim : Bytes(claim.dropFirst(first.count + 1))
  }

  private static let ending = "ending "

  static func value(_ kind: Kind, _ information: Bytes) -> Bytes {
    Bytes(text: kind.text) + (information.isEmpty ? [] : [0x20] + information)
  }

  static func asksToEnd(_ value: Bytes) -> Bytes { Bytes(text: ending) + value }

  /// A phrase for people: `backup.sh (pid 4711, root) on web-3`, or `another client, lease 1f2e`.
  func phrase(lease: Int64) -> Bytes {
    guard kind != nil else { return Self.foreign(lease: lease) }
    func field(_ name: String) -> Bytes? {
      information.words.lazy.compactMap { $0.after("\(name)=") }.first.map(unescape)
    }
    guard let host = field("host") else { return Bytes(text: "lease \(hex(lease))") }
    var phrase = field("command") ?? Bytes(text: "a command")
    let process = field("pid").map { Bytes(text: "pid ") + $0 }
    let details = [process, field("user")].compactMap { $0 }
    if !details.isEmpty {
      phrase += Bytes(text: " (") + details.joined(separator: [0x2c, 0x20]) + [0x29]
    }
    return phrase + Bytes(text: " on ") + host
  }

  static func foreign(lease: Int64) -> Bytes {
    Bytes(
      text: lease == 0 ? "another client, without a lease" : "another client, lease \(hex(lease))")
  }
}
