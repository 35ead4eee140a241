internal import CMessages

/// A call: what is asked of etcd, as it goes over the wire.
struct Request: Sendable {
  /// The calls of etcd's API v3 that are used, by their paths.
  enum Method: String, Sendable {
    case authenticate = "Auth/Authenticate"
    case grant = "Lease/LeaseGrant"
    case revoke = "Lease/LeaseRevoke"
    case keepAlive = "Lease/LeaseKeepAlive"
    case timeToLive = "Lease/LeaseTimeToLive"
    case range = "KV/Range"
    case transaction = "KV/Txn"
    case watch = "Watch/Watch"
  }

  let method: Method
  let payload: Bytes

  static func authenticate(user: Bytes, password: Bytes) -> Request {
    var arena = Arena()
    let name = arena.text(user)
    let secret = arena.text(password)
    return Request(
      method: .authenticate,
      payload: pack(
        arena.make(wire__authenticate_request__init) {
          $0.name = name
          $0.password = secret
        }))
  }

  /// - Parameter ttl: seconds.
  static func grant(lease: Int64, ttl: Int64) -> Request {
    var arena = Arena()
    return Request(
      method: .grant,
      payload: pack(
        arena.make(wire__grant_request__init) {
          $0.ttl = ttl
          $0.id = lease
        }))
  }

  static func revoke(lease: Int64) -> Request { ofLease(lease, .revoke) }
  static func keepAlive(lease: Int64) -> Request { ofLease(lease, .keepAlive) }
  static func timeToLive(lease: Int64) -> Request { ofLease(lease, .timeToLive) }

  private static func ofLease(_ lease: Int64, _ method: Method) -> Request {
    var arena = Arena()
    return Request(
      method: method, payload: pack(arena.make(wire__lease_request__init) { $0.id = lease }))
  }

  static func range(_ range: RangeQuery) -> Request {
    var arena = Arena()
    return Request(method: .range, payload: pack(range.message(in: &arena)))
  }

  static func transaction(_ transaction: Transaction) -> Request {
    var arena = Arena()
    return Request(method: .transaction, payload: pack(transaction.message(in: &arena)))
  }

  /// - Parameters:
  ///   - end: of a range; nil for the one key.
  ///   - revision: the first one whose events are wanted.
  ///   - deletionsOnly: tells nothing of what is put.
  static func watch(key: Bytes, end: Bytes?, from revision: Int64, deletionsOnly: Bool) -> Request {
    var arena = Arena()
    let first = arena.bytes(key)
    let last = end.map { arena.bytes($0) }
    let filters = UnsafeMutablePointer<Wire__WatchCreateRequest__Filter>.allocate(capacity: 1)
    defer { filters.deallocate() }
    filters.initialize(to: WIRE__WATCH_CREATE_REQUEST__FILTER__NO_PUT)
    let create = arena.make(wire__watch_create_request__init) {
      $0.key = first
      if let last { $0.range_end = last }
      $0.start_revision = revision
      if deletionsOnly {
        $0.n_filters = 1
        $0.filters = filters
      }
    }
    return Request(
      method: .watch, payload: pack(arena.make(wire__watch_request__init) { $0.create = create }))
  }
}
