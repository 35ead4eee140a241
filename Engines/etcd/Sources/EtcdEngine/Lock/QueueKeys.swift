/// The keys of a lock: those below `NAME/`, one for each who has it or waits, by create revision. So
/// etcdctl and Go's concurrency.Mutex have it.
struct QueueKeys: Sendable {
  let name: Bytes
  /// The range of all of them.
  var first: Bytes { name + [0x2f] }
  var end: Bytes { name + [0x30] }

  func key(_ lease: Int64) -> Bytes { first + Bytes(text: hex(lease)) }

  var all: RangeQuery { RangeQuery(key: first, end: end, order: .oldestFirst) }

  /// The key, unless it is there already, and in the same breath who is first (etcd.md 3, enter).
  /// A lost answer does no harm: asked again it finds the key, and says since when it is there.
  /// - Parameter alone: only if nobody is there at all.
  func enter(_ key: Bytes, value: Bytes, lease: Int64, alone: Bool) -> Request {
    let oldest = RangeQuery(key: first, end: end, limit: 1, order: .oldestFirst)
    var conditions = [Transaction.Condition.created(key: key, at: 0)]
    if alone { conditions.append(.created(key: first, end: end, at: 0)) }
    return .transaction(
      Transaction(
        conditions: conditions,
        then: [.put(key: key, value: value, lease: lease), .get(oldest)],
        otherwise: [.get(RangeQuery(key: key)), .get(oldest)]))
  }

  /// Who is ahead, newest first, if the own key is still that of `token`; all at one revision.
  func look(_ key: Bytes, token: Int64, onlyNearest: Bool) -> Request {
    .transaction(
      Transaction(
        conditions: [.created(key: key, at: token)],
        then: [
          .get(
            RangeQuery(
              key: first, end: end, limit: onlyNearest ? 1 : 0, order: .newestFirst,
              newest: token - 1))
        ]))
  }
}
