internal import CLibrary

/// When the lease is renewed, and what of that has been seen to count.
struct Renewal {
  /// When to renew it again.
  var next = Boottime(nanoseconds: .max)
  /// When the last one that counts was sent.
  var good = Boottime(nanoseconds: 0)
  /// A keep-alive that the server has answered, and that is not yet seen to count: when it was sent,
  /// the term that the answer was made in, and the lifetime that it names.
  var unproven: (sent: Boottime, term: UInt64, ttl: Span)?
}

/// Keeping the lease (etcd.md K1, K2, K4, K7).
extension LockSession {
  func renewIfDue(_ now: Boottime) {
    if client.isAsking(.renewal) || now < renewal.next { return }
    settle()
    renewal.unproven = nil
    client.request(.keepAlive(lease: lease), in: .renewal)
  }

  /// Most of what starting has taken, for 30 libraries and their tables of symbols, is not needed again.
  /// Once, and not by the many that wait or are held for a moment only.
  private func settle() {
    if hasSettled { return }
    hasSettled = true
    clibrary_give_code_back()
  }

  /// A leader that was deposed may answer a keep-alive that does not count. So the own key is read
  /// afterwards, linearizably, which only the leader of now can do: if its term is that of the
  /// keep-alive's answer, it was the leader then as well, and the renewal counts from its sending.
  func renewed(_ bytes: Bytes, sent: Boottime) {
    if let unproven = renewal.unproven { return proven(bytes, unproven) }
    guard let answer = LeaseAnswer(bytes) else {
      renewal.next = Boottime.now() + .milliseconds(200)
      return
    }
    // Without a lifetime the lease has ended, though the call has not failed (K1).
    if answer.ttl <= 0 { return leaseIsGone("the lease has ended in etcd: expired or revoked") }
    let granted = min(Span.seconds(min(answer.ttl, LockOrder.longest)), ttl)
    renewal.unproven = (sent, answer.header.term, granted)
    client.request(.range(RangeQuery(key: key)), in: .renewal)
  }

  private func proven(
    _ bytes: Bytes, _ unproven: (sent: Boottime, term: UInt64, ttl: Span)
  ) {
    renewal.unproven = nil
    let now = Boottime.now()
    guard let answer = RangeAnswer(bytes) else {
      renewal.next = now + .milliseconds(200)
      return
    }
    if token != 0 {
      guard let own = answer.keys.first, own.created == token else {
        return leaseIsGone("the key was deleted in etcd")
      }
      if case .held = state, ClaimValue(own.value).isEnding { tellEnd() }
    }
    if answer.header.term != unproven.term {
      log("another leader than the one that renewed: again")
      // At once, but a server that lies about its term is not asked without end.
      renewal.next = now + .milliseconds(20)
      return
    }
    let until = unproven.sent + (unproven.ttl - margin)
    deadline = max(deadline ?? until, until)
    renewal.good = unproven.sent
    switch state {
    case .held:
      renewal.next = unproven.sent + ttl / 6
      seam.say(SeamLine("until").with((deadline ?? until).nanoseconds))
    case .waiting:
      renewal.next = unproven.sent + ttl / 3
      // The watch may be dead (K5); and who was first too late is first now (K6).
      if !client.isAsking(.operation) { look() }
    case .granting, .entering, .leaving, .over: renewal.next = unproven.sent + ttl / 3
    }
  }

  func renewalRefused(_ status: GRPCStatus) {
    let wasKeepAlive = renewal.unproven == nil
    renewal.unproven = nil
    renewal.next = Boottime.now() + .milliseconds(200)
    if wasKeepAlive, status.code == GRPCStatus.Code.notFound {
      leaseIsGone("the lease has ended in etcd: expired or revoked")
    } else if case .waiting = state {
      fail(client.failure(status, about: order.name))
    }
  }

  /// So that a lock that is broken is known at once, and not at the next renewal (K7). Not for the
  /// many that are held for a moment only.
  func watchOwnKey(_ now: Boottime) {
    guard let from = watchesFrom, now >= from else { return }
    settle()
    watchesFrom = nil
    watched = key
    client.request(
      .watch(key: key, end: nil, from: revision + 1, deletionsOnly: false), in: .watch)
  }

  func watched(_ answer: WatchAnswer) {
    switch state {
    case .held:
      for event in answer.events {
        if event.isDeletion { return leaseIsGone("the key was deleted in etcd") }
        if ClaimValue(event.value).isEnding { tellEnd() }
      }
      if answer.isOver { watchEnded() }
    case .waiting:
      if answer.isOver || !answer.events.isEmpty {
        stopWatching()
        if !client.isAsking(.operation) { look(after: .milliseconds(answer.isOver ? 100 : 0)) }
      }
    case .granting, .entering, .leaving, .over: break
    }
  }

  func watchEnded() {
    stopWatching()
    switch state {
    case .waiting: if !client.isAsking(.operation) { look(after: .milliseconds(100)) }
    case .held:
      // What happened meanwhile, the renewal's reading tells; a new watch goes on from now.
      let now = Boottime.now()
      watchesFrom = now + .milliseconds(100)
      if !client.isAsking(.renewal) { renewal.next = now }
    case .granting, .entering, .leaving, .over: break
    }
  }

  private func stopWatching() {
    client.cancel(.watch)
    watched = nil
  }

  private func tellEnd() {
    if hasToldEnd { return }
    hasToldEnd = true
    seam.say(SeamLine("end").with("another client asks for the lock (break --force)"))
  }
}
