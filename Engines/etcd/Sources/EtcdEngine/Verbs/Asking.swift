extension Client {
  /// Asks one thing, and waits for the answer: for verbs that do one after the other.
  /// - Throws: what is to be told, after 5 s without an answer, or where swlock is gone.
  func ask(_ question: Request, about name: Bytes) throws(Failure) -> Bytes {
    request(question, in: .operation)
    while true {
      step(until: Boottime.now() + .seconds(1))
      _ = seam.hasRelease()
      if seam.ended { throw Failure(.software, "swlock is gone") }
      while let event = nextEvent() {
        switch event {
        case .answered(_, let bytes, _, _): return bytes
        case .refused(_, let status, _): throw failure(status, about: name)
        case .refusedUser(let status): throw failure(ofUser: status)
        case .watched, .watchEnded: break
        }
      }
      if let failure = failure(unanswered: .seconds(5), .operation) { throw failure }
    }
  }

  /// Who is in the queue of `keys`, by arrival.
  /// - Parameter limit: so many of the first; 0 for all.
  func queue(of keys: QueueKeys, limit: Int = 0) throws(Failure) -> [KeyValue] {
    var query = keys.all
    query.limit = Int64(limit)
    guard let answer = RangeAnswer(try ask(.range(query), about: keys.name)) else {
      throw Failure(.unavailable, "an answer of etcd that cannot be read")
    }
    return answer.keys
  }

  /// What a key in the queue is, in a line: `lock KIND TOKEN SECONDS TEXT`. SECONDS are those that
  /// its lease has left, 0 if it has expired, or `-`; TEXT is what its swlock says of itself, with the lease.
  func line(
    of claim: KeyValue, about name: Bytes, asksSeconds: Bool = true
  ) throws(Failure) -> SeamLine {
    let value = ClaimValue(claim.value)
    var seconds = "-"
    if asksSeconds, claim.lease != 0,
      let answer = LeaseAnswer(try ask(.timeToLive(lease: claim.lease), about: name))
    {
      seconds = String(max(0, answer.ttl))
    }
    return SeamLine("lock").with((value.kind ?? .exclusive).text).with(claim.created).with(seconds)
      .with(value.text(lease: claim.lease))
  }
}

/// How many of a queue have the lock: those who may enter, each with those ahead of it.
func holders(in queue: [KeyValue]) -> Int {
  var ahead: [Kind?] = []
  for claim in queue {
    let kind = ClaimValue(claim.value).kind
    if !(kind ?? .exclusive).mayEnter(behind: ahead) { break }
    ahead.append(kind)
  }
  return ahead.count
}
