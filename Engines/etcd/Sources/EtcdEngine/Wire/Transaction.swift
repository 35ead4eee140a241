internal import CMessages

/// Which keys, and in which order.
struct RangeQuery: Sendable {
  /// By create revision, which is the order of arrival.
  enum Order: Sendable { case none, oldestFirst, newestFirst }

  var key: Bytes
  /// nil: this one key.
  var end: Bytes?
  var limit: Int64 = 0
  var order = Order.none
  /// Only keys that were made at this revision or before; 0 for all.
  var newest: Int64 = 0

  fileprivate typealias Message = UnsafeMutablePointer<Wire__RangeRequest>

  func message(in arena: inout Arena) -> UnsafeMutablePointer<Wire__RangeRequest> {
    let first = arena.bytes(key)
    let last = end.map { arena.bytes($0) }
    return arena.make(wire__range_request__init) {
      $0.key = first
      if let last { $0.range_end = last }
      $0.limit = limit
      $0.max_create_revision = newest
      if order == .none { return }
      $0.target = WIRE__RANGE_REQUEST__TARGET__BY_CREATE
      $0.order =
        order == .oldestFirst
        ? WIRE__RANGE_REQUEST__ORDER__ASCENDING : WIRE__RANGE_REQUEST__ORDER__DESCENDING
    }
  }
}

/// If all conditions hold `then` is done, otherwise `otherwise`, and all of it at one revision.
struct Transaction: Sendable {
  enum Condition: Sendable {
    /// The key was made at this revision; 0: it is not there. With an end, of every key in the range.
    case created(key: Bytes, end: Bytes? = nil, at: Int64)
    /// The key was written last at this revision.
    case modified(key: Bytes, at: Int64)
  }

  enum Operation: Sendable {
    case put(key: Bytes, value: Bytes, lease: Int64)
    case get(RangeQuery)
    case delete(key: Bytes)
  }

  var conditions: [Condition]
  var then: [Operation]
  var otherwise: [Operation] = []

  func message(in arena: inout Arena) -> UnsafeMutablePointer<Wire__TxnRequest> {
    var compared: [UnsafeMutablePointer<Wire__Compare>] = []
    for condition in conditions { compared.append(condition.message(in: &arena)) }
    var first: [UnsafeMutablePointer<Wire__Request>] = []
    for operation in then { first.append(operation.message(in: &arena)) }
    var second: [UnsafeMutablePointer<Wire__Request>] = []
    for operation in otherwise { second.append(operation.message(in: &arena)) }
    let (compare, success, failure) = (arena.list(compared), arena.list(first), arena.list(second))
    return arena.make(wire__txn_request__init) {
      $0.n_compare = compared.count
      $0.compare = compare
      $0.n_success = first.count
      $0.success = success
      $0.n_failure = second.count
      $0.failure = failure
    }
  }
}

extension Transaction.Condition {
  fileprivate func message(in arena: inout Arena) -> UnsafeMutablePointer<Wire__Compare> {
    switch self {
    case .created(let key, let end, let revision):
      let first = arena.bytes(key)
      let last = end.map { arena.bytes($0) }
      return arena.make(wire__compare__init) {
        $0.target = WIRE__COMPARE__TARGET__CREATE
        $0.key = first
        if let last { $0.range_end = last }
        $0.against_case = WIRE__COMPARE__AGAINST_CREATE_REVISION
        $0.create_revision = revision
      }
    case .modified(let key, let revision):
      let name = arena.bytes(key)
      return arena.make(wire__compare__init) {
        $0.target = WIRE__COMPARE__TARGET__MOD
        $0.key = name
        $0.against_case = WIRE__COMPARE__AGAINST_MOD_REVISION
        $0.mod_revision = revision
      }
    }
  }
}

extension Transaction.Operation {
  fileprivate func message(in arena: inout Arena) -> UnsafeMutablePointer<Wire__Request> {
    switch self {
    case .put(let key, let value, let lease):
      let (name, content) = (arena.bytes(key), arena.bytes(value))
      let put = arena.make(wire__put_request__init) {
        $0.key = name
        $0.value = content
        $0.lease = lease
      }
      return arena.make(wire__request__init) {
        $0.of_case = WIRE__REQUEST__OF_PUT
        $0.put = put
      }
    case .get(let query):
      let range = query.message(in: &arena)
      return arena.make(wire__request__init) {
        $0.of_case = WIRE__REQUEST__OF_RANGE
        $0.range = range
      }
    case .delete(let key):
      let name = arena.bytes(key)
      let delete = arena.make(wire__delete_request__init) { $0.key = name }
      return arena.make(wire__request__init) {
        $0.of_case = WIRE__REQUEST__OF_DELETE
        $0.delete_ = delete
      }
    }
  }
}
