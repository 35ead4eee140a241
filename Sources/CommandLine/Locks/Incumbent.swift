internal import Locking
internal import SystemInterface

/// Who has a lock that is wanted, as far as that can be seen.
struct Incumbent {
  private enum Who {
    case user(LockUser)
    case claim(HardlinkClaim)
    case otherHost
    case thisProcess
  }

  private let who: Who
  private var others: Int64 = 0
  private var expiry: Message = ""

  /// Nil where nobody is seen.
  init?(of request: LockRequest) {
    if request.kind.hasClaim {
      guard let claim = claimHolding(request) else { return nil }
      self.init(claim, at: request.path)
    } else {
      guard let inspection = try? inspectLockers(at: request.path) else { return nil }
      self.init(inspection, at: request.path) { $0.excludes(request) }
    }
  }

  /// Of what a look has found; nil where nobody is seen.
  init?(_ found: Occupancy) {
    switch found.cause {
    case .locks(let inspection): self.init(inspection, at: found.path) { _ in true }
    case .claim(let claim): self.init(claim, at: found.path)
    case .file: return nil
    }
  }

  private init(_ claim: HardlinkClaim, at path: ByteString) {
    who = LockUser(of: claim, at: path).map { .user($0) } ?? .claim(claim)
    expiry = claim.expiryInBrackets
  }

  private init?(
    _ inspection: LockInspection, at path: ByteString, where counts: (ObservedLock) -> Bool
  ) {
    var first: LockUser?
    for lock in inspection.locks where counts(lock) {
      guard let user = LockUser(of: lock, at: path) else { continue }
      if first == nil { first = user } else { others += Int64(lock.count) }
    }
    if let first {
      who = .user(first)
    } else if inspection.elsewhere.isHeld {
      who = .otherHost
    } else if inspection.locks.contains(where: { counts($0) && !$0.holders.isEmpty }) {
      who = .thisProcess
    } else {
      return nil
    }
  }

  /// Whether the process that is seen to have it has ended.
  var hasEnded: Bool {
    guard case .user(let user) = who else { return false }
    return processHasEnded(user.process.identifier)
  }

  /// Since when it has the lock is asked of it.
  private var time: Span? { if case .user(let user) = who { user.time } else { nil } }

  /// ` for 12s`, or nothing where it is not known.
  private var timePhrase: Message {
    .phrase(" for ", time.flatMap { $0 > .zero ? spanText($0) : nil })
  }

  private var othersPhrase: Message {
    others == 0 ? "" : others == 1 ? " and another one" : " and \(others) others"
  }

  /// `held for 12s by rsync -a /srv/ backup:/srv/ (pid 4711, root)`, the command cut to a width. Without the
  /// time it stays the same as long as this one has the lock.
  func phrase(commandUpTo width: Int, withTime: Bool = true) -> Message {
    let time = withTime ? timePhrase : ""
    switch who {
    case .user(let user):
      let process = user.process
      return
        "held\(time) by \(process.commandText(upTo: width)) (pid \(process.identifier), \(userName(process.user))\(process.stopRemark))\(othersPhrase)"
    case .claim(let claim): return "held \(claim.ownerPhrase)"
    case .otherHost: return "held on another host"
    case .thisProcess: return "held by this process"
    }
  }

  /// `it is held by pid 4711 (rsync -a /srv/ backup:/srv/, root), for 12s`
  var reason: Message {
    let time: Message = timePhrase.count == 0 ? "" : ",\(timePhrase)"
    switch who {
    case .user(let user):
      return "it is held by \(user.process.phrase(commandUpTo: 40))\(othersPhrase)\(time)\(expiry)"
    case .claim(let claim): return "it is held \(claim.ownerPhrase)\(expiry)"
    case .otherHost: return "it is held on another host"
    case .thisProcess: return Self.inherited
    }
  }

  static var inherited: Message { "this process has inherited it itself, and nobody else has it" }
}
