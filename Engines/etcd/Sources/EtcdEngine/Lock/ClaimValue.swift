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

  /// What is told of it, which swlock makes a phrase of: what its swlock said of itself and ` lease=HEX`,
  /// or `another client, lease HEX`.
  func text(lease: Int64) -> Bytes {
    if kind == nil { return Self.foreign(lease: lease) }
    return information + (information.isEmpty ? [] : [0x20]) + Bytes(text: "lease=\(hex(lease))")
      + Bytes(text: isEnding ? " ending=1" : "")
  }

  private static func foreign(lease: Int64) -> Bytes {
    Bytes(
      text: lease == 0 ? "another client, without a lease" : "another client, lease \(hex(lease))")
  }
}
