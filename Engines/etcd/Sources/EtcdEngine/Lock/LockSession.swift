/// A lock in etcd, from the lease to its end. docs/etcd-protocol.md has what may go wrong at each
/// step; the parts of this type are in files by step.
final class LockSession {
  enum State {
    case granting
    case entering
    /// In the queue, and not known to be first.
    case waiting
    case held
    /// The lease is being revoked; the line is what is said then.
    case leaving(SeamLine)
    case over
  }

  let order: LockOrder
  let client: Client
  let seam: Seam
  let keys: QueueKeys
  var state = State.granting

  var lease: Int64 = 0
  var key = Bytes()
  /// The own key's create revision; 0 while it is not known to be there.
  var token: Int64 = 0
  /// What the server has granted.
  var ttl: Span
  /// From here on the server may have given the lock to another; nil before the grant.
  var deadline: Boottime?
  /// The newest revision that was seen.
  var revision: Int64 = 0

  var renewal = Renewal()
  /// The key that is watched, and its range's end.
  var watched: Bytes?
  /// When the own key is to be watched.
  var watchesFrom: Boottime?
  /// Created at: of the one that `waiting` has named.
  var announced: Int64 = -1
  var announcedTrouble = false
  var hasWaited = false
  var hasToldEnd = false
  /// What starting has needed was given back.
  var hasSettled = false
  /// The revocation was asked for.
  var isRevoking = false
  /// When leaving is given up.
  var leavesUntil: Boottime?

  init(_ order: LockOrder, _ client: Client, _ seam: Seam) {
    self.order = order
    self.client = client
    self.seam = seam
    keys = QueueKeys(name: order.name)
    ttl = .seconds(order.ttl)
    client.limit = max(.milliseconds(500), min(ttl / 6, .seconds(3)))
  }

  /// How much earlier than the server's the own deadline is (K3).
  var margin: Span { max(.milliseconds(250), ttl / 20) }

  func run() {
    begin()
    while true {
      if case .over = state { return }
      client.step(until: nextMoment())
      while let event = client.nextEvent() { handle(event) }
      // What was answered before swlock spoke counts before what swlock says.
      listen()
      tick()
    }
  }

  private func handle(_ event: ClientEvent) {
    switch event {
    case .answered(.operation, let bytes, _, let first): answered(bytes, first: first)
    case .answered(.renewal, let bytes, let sent, _): renewed(bytes, sent: sent)
    case .answered(.watch, _, _, _): break
    case .refused(.operation, let status, let first): refused(status, first: first)
    case .refused(.renewal, let status, _): renewalRefused(status)
    case .refused(.watch, _, _): break
    case .watched(let answer): watched(answer)
    case .watchEnded: watchEnded()
    case .refusedUser(let status):
      if case .held = state { return }
      fail(client.failure(ofUser: status))
    }
  }

  /// What swlock says: `release`, or that it is gone.
  func listen() {
    if seam.hasMore { seam.send() }
    let released = seam.hasRelease()
    if released {
      leave(SeamLine("released"), within: .seconds(5))
    }
    guard seam.ended else { return }
    switch state {
    // The command may be running yet, so the lease is left to run out.
    case .held: state = .over
    case .leaving, .over: break
    case .granting, .entering, .waiting: leave(SeamLine("released"), within: .seconds(5))
    }
  }

  private func tick() {
    let now = Boottime.now()
    switch state {
    case .held:
      if let deadline, now >= deadline {
        lose("not renewed in time, last \(client.lastReason)")
      } else {
        renewIfDue(now)
        watchOwnKey(now)
      }
    case .entering, .waiting:
      renewIfDue(now)
      complain()
    case .granting: complain()
    case .leaving(let line):
      revokeIfDue()
      if let limit = leavesUntil, now >= limit { end(line, isRevoked: false) }
    case .over: break
    }
  }

  private func nextMoment() -> Boottime {
    let now = Boottime.now()
    var moment = now + .seconds(1)
    switch state {
    case .held:
      for next in [deadline, watchesFrom].compactMap({ $0 }) { moment = min(moment, next) }
      if !client.isAsking(.renewal) { moment = min(moment, renewal.next) }
    case .entering, .waiting:
      if !client.isAsking(.renewal) { moment = min(moment, renewal.next) }
    case .leaving: moment = min(moment, leavesUntil ?? moment)
    case .granting, .over: break
    }
    return moment
  }

  /// Nobody answers: the end, unless it is known already that others have the lock.
  private func complain() {
    let limit = Span.seconds(order.isTry ? 5 : 10)
    let lane: Lane = client.isAsking(.operation) ? .operation : .renewal
    guard let failure = client.failure(unanswered: limit, lane) else {
      announcedTrouble = false
      return
    }
    if !hasWaited || order.isTry || failure.status == .notPermitted {
      fail(failure)
    } else if !announcedTrouble {
      announcedTrouble = true
      announced = -1
      seam.say(SeamLine("waiting").with("nobody knows whom: \(failure.text)"))
    }
  }
}
