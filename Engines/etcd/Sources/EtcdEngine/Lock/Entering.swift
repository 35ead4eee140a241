/// From the lease to `held`: grant, enter, look, and watch who is ahead (etcd.md 3).
extension LockSession {
  /// A lease of our own choice, so that granting it twice is granting it once.
  func begin(after delay: Span = .seconds(0)) {
    for lane in Lane.allCases { client.cancel(lane) }
    lease = Int64(randomBits() >> 1) | 1
    key = keys.key(lease)
    (token, deadline, watched, watchesFrom) = (0, nil, nil, nil)
    renewal = Renewal()
    state = .granting
    client.request(.grant(lease: lease, ttl: order.ttl), in: .operation, after: delay)
  }

  func answered(_ bytes: Bytes, first: Boottime) {
    switch state {
    case .granting:
      granted(LeaseAnswer(bytes)?.ttl ?? 0, first: first)
    case .entering:
      guard let answer = TransactionAnswer(bytes), answer.ranges.count == 2 else {
        return enter(after: .milliseconds(200))
      }
      entered(answer)
    case .waiting:
      guard let answer = TransactionAnswer(bytes) else { return look(after: .milliseconds(200)) }
      looked(answer)
    case .leaving(let line): leavingAnswered(line)
    case .held, .over: break
    }
  }

  func refused(_ status: GRPCStatus, first: Boottime) {
    switch state {
    case .granting where status.says("already exists"):
      // An answer that was lost: it is ours.
      granted(order.ttl, first: first)
    case .entering where status.code == GRPCStatus.Code.notFound:
      leaseIsGone("the lease has ended")
    case .leaving(let line): leavingRefused(line, status)
    case .granting, .entering, .waiting: fail(client.failure(status, about: order.name))
    case .held, .over: break
    }
  }

  /// - Parameter first: when the lease was asked for first: it runs from then on, if not from later.
  private func granted(_ seconds: Int64, first: Boottime) {
    if seconds > 0 { ttl = .seconds(min(seconds, LockOrder.longest)) }
    deadline = first + (ttl - margin)
    renewal.next = first + ttl / 3
    renewal.good = first
    state = .entering
    enter()
  }

  private func enter(after delay: Span = .seconds(0)) {
    let request = keys.enter(
      key, value: ClaimValue.value(order.kind, order.information), lease: lease,
      alone: order.isTry && order.kind == .exclusive)
    client.request(request, in: .operation, after: delay)
  }

  private func entered(_ answer: TransactionAnswer) {
    revision = max(revision, answer.header.revision)
    let oldest = answer.ranges[1].first
    if answer.succeeded {
      token = answer.header.revision
    } else if let own = answer.ranges[0].first {
      token = own.created
    } else {
      return busy(oldest)
    }
    state = .waiting
    if let oldest, oldest.created == token {
      becomeHolder()
    } else {
      look()
    }
  }

  func look(after delay: Span = .seconds(0)) {
    client.request(
      keys.look(key, token: token, onlyNearest: order.kind == .exclusive), in: .operation,
      after: delay)
  }

  private func looked(_ answer: TransactionAnswer) {
    revision = max(revision, answer.header.revision)
    guard answer.succeeded else { return leaseIsGone("the key is gone") }
    let ahead = answer.ranges.first ?? []
    let kinds = ahead.map { ClaimValue($0.value).kind }
    if order.kind.mayEnter(behind: kinds) { return becomeHolder() }
    // The nearest one of another kind has to go in any case. Where all are of the same kind, as many
    // slots are taken: whichever goes, one more may enter.
    let nearest = zip(ahead, kinds).first { order.kind == .exclusive || $0.1 != order.kind }?.0
    if order.isTry { return busy(nearest ?? ahead.last) }
    wait(for: nearest, or: ahead)
  }

  private func wait(for nearest: KeyValue?, or ahead: [KeyValue]) {
    hasWaited = true
    guard let named = nearest ?? ahead.last else { return look(after: .milliseconds(100)) }
    if announced != named.created {
      announced = named.created
      seam.say(SeamLine("waiting").with(ClaimValue(named.value).text(lease: named.lease)))
    }
    let target = nearest?.key ?? keys.first
    // A watch that is still there has missed nothing.
    if target == watched, client.watchesCurrentEndpoint { return }
    watched = target
    client.request(
      .watch(
        key: target, end: nearest == nil ? keys.end : nil, from: revision + 1, deletionsOnly: true),
      in: .watch)
  }

  /// First in the queue; but only if the lease is sure to last (K6).
  private func becomeHolder() {
    // A swlock that has gone meanwhile is not told, and the lock is not left to its lease.
    listen()
    guard case .waiting = state else { return }
    let now = Boottime.now()
    guard let deadline, now < deadline else {
      renewal.next = now
      return
    }
    state = .held
    client.cancel(.operation)
    client.cancel(.watch)
    watched = nil
    watchesFrom = now + .milliseconds(500)
    if !client.isAsking(.renewal) { renewal.next = min(renewal.next, renewal.good + ttl / 6) }
    seam.say(
      SeamLine("held").with(token).with(deadline.nanoseconds)
        .with(Bytes(text: "ETCD_LOCK_KEY=") + key).with("ETCD_LOCK_REV=\(token)"))
  }

  /// Of `try`: nothing is left when it is said.
  private func busy(_ holder: KeyValue?) {
    let who = holder.map { ClaimValue($0.value).text(lease: $0.lease) }
    leave(SeamLine("busy").with(who ?? Bytes(text: "another client")), within: .seconds(1))
  }
}
