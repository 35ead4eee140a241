/// `break NAME`: whoever has the lock is asked to end, and after 5 s its lease is revoked, so that there
/// is no overlap with a holder that answers (K7). Another client cannot be asked: its lease is revoked
/// at once, or its key deleted if it has none. Says `released` when all who had the lock are gone.
struct Break {
  let client: Client
  let keys: QueueKeys
  private static let patience = Span.seconds(5)
  private static let pause = Span.milliseconds(50)

  init(_ name: Bytes, _ client: Client) {
    self.client = client
    keys = QueueKeys(name: name)
  }

  func run() throws(Failure) {
    let queue = try client.queue(of: keys)
    var left = Array(queue.prefix(holders(in: queue)))
    for claim in left {
      log("breaks \(ClaimValue(claim.value).text(lease: claim.lease).text)")
      if ClaimValue(claim.value).kind == nil { try end(claim) } else { try askToEnd(claim) }
    }
    let until = Boottime.now() + Self.patience
    while !left.isEmpty, Boottime.now() < until {
      let next = min(until, Boottime.now() + Self.pause)
      while Boottime.now() < next { client.step(until: next) }
      left = try those(of: left)
    }
    for claim in left { try end(claim) }
    client.seam.say(SeamLine("released"))
  }

  /// Those who are still there: by the revision that made them, since a key may be made again. Nobody
  /// can come before them, so they are among the first.
  private func those(of claims: [KeyValue]) throws(Failure) -> [KeyValue] {
    let queue = try client.queue(of: keys, limit: claims.count)
    return claims.filter { claim in queue.contains { $0.created == claim.created } }
  }

  /// Puts `ending` before the value, unless it has changed meanwhile: then it is asked already, or gone.
  private func askToEnd(_ claim: KeyValue) throws(Failure) {
    if ClaimValue(claim.value).isEnding { return }
    _ = try client.ask(
      .transaction(
        Transaction(
          conditions: [.modified(key: claim.key, at: claim.modified)],
          then: [
            .put(key: claim.key, value: ClaimValue.asksToEnd(claim.value), lease: claim.lease)
          ])), about: keys.name)
  }

  private func end(_ claim: KeyValue) throws(Failure) {
    if claim.lease != 0 {
      do {
        _ = try client.ask(.revoke(lease: claim.lease), about: keys.name)
      } catch {
        // Somebody else was faster.
        if try client.queue(of: keys).contains(where: { $0.created == claim.created }) {
          throw error
        }
      }
    } else {
      _ = try client.ask(
        .transaction(
          Transaction(
            conditions: [.created(key: claim.key, at: claim.created)],
            then: [.delete(key: claim.key)])), about: keys.name)
    }
  }
}
