internal import CMessages

/// At which revision of the store the answer was made, and in which term of the raft: a leader that
/// was deposed answers with an older one (etcd.md K2).
struct Header: Sendable {
  var revision: Int64 = 0
  var term: UInt64 = 0

  init() {}

  fileprivate init(_ message: UnsafeMutablePointer<Wire__Header>?) {
    guard let message else { return }
    revision = message.pointee.revision
    term = message.pointee.raft_term
  }
}

/// A key with what is known of it.
struct KeyValue: Sendable {
  var key: Bytes
  var value: Bytes
  /// The revision that made it: its place in the queue, and its token.
  var created: Int64
  var modified: Int64
  /// 0: none.
  var lease: Int64
}

extension KeyValue {
  fileprivate init(_ message: Wire__KeyValue) {
    self.init(
      key: Bytes(message.key), value: Bytes(message.value), created: message.create_revision,
      modified: message.mod_revision, lease: message.lease)
  }
}

struct RangeAnswer: Sendable {
  var header: Header
  var keys: [KeyValue]

  init?(_ bytes: Bytes) {
    guard let message = wire__range_response__unpack(nil, bytes.count, bytes) else { return nil }
    defer { wire__range_response__free_unpacked(message, nil) }
    self.init(message)
  }

  fileprivate init(_ message: UnsafeMutablePointer<Wire__RangeResponse>) {
    header = Header(message.pointee.header)
    keys = elements(message.pointee.kvs, message.pointee.n_kvs).map { KeyValue($0.pointee) }
  }
}

struct TransactionAnswer: Sendable {
  var header: Header
  /// Whether the conditions held.
  var succeeded: Bool
  /// An element for each operation; what was read by a `get`, and nothing for the others.
  var ranges: [[KeyValue]]

  init?(_ bytes: Bytes) {
    guard let message = wire__txn_response__unpack(nil, bytes.count, bytes) else { return nil }
    defer { wire__txn_response__free_unpacked(message, nil) }
    header = Header(message.pointee.header)
    succeeded = message.pointee.succeeded != 0
    ranges = elements(message.pointee.responses, message.pointee.n_responses).map {
      $0.pointee.range.map { RangeAnswer($0).keys } ?? []
    }
  }
}

/// Of LeaseGrant, LeaseKeepAlive and LeaseTimeToLive.
struct LeaseAnswer: Sendable {
  var header: Header
  /// Seconds. None, or 0, from LeaseKeepAlive: the lease has ended (K1); LeaseTimeToLive has -1 then.
  var ttl: Int64

  init?(_ bytes: Bytes) {
    guard let message = wire__lease_response__unpack(nil, bytes.count, bytes) else { return nil }
    defer { wire__lease_response__free_unpacked(message, nil) }
    header = Header(message.pointee.header)
    ttl = message.pointee.ttl
  }
}

struct AuthenticateAnswer: Sendable {
  var token: Bytes

  init?(_ bytes: Bytes) {
    guard let message = wire__authenticate_response__unpack(nil, bytes.count, bytes) else {
      return nil
    }
    defer { wire__authenticate_response__free_unpacked(message, nil) }
    guard let text = message.pointee.token else { return nil }
    token = Bytes(text: String(cString: text))
  }
}

/// One message of a watch.
struct WatchAnswer: Sendable {
  struct Event: Sendable {
    var isDeletion: Bool
    var value: Bytes
  }

  var events: [Event]
  /// The server has ended the watch: by its own decision, or since what was asked for is compacted.
  var isOver: Bool

  init?(_ bytes: Bytes) {
    guard let message = wire__watch_response__unpack(nil, bytes.count, bytes) else { return nil }
    defer { wire__watch_response__free_unpacked(message, nil) }
    isOver = message.pointee.canceled != 0 || message.pointee.compact_revision != 0
    events = elements(message.pointee.events, message.pointee.n_events).map {
      Event(
        isDeletion: $0.pointee.kind == WIRE__EVENT__KIND__DELETE,
        value: $0.pointee.kv.map { Bytes($0.pointee.value) } ?? [])
    }
  }
}

extension Array where Element == UInt8 {
  fileprivate init(_ data: ProtobufCBinaryData) {
    self.init(UnsafeBufferPointer(start: data.data, count: data.data == nil ? 0 : data.len))
  }
}

private func elements<Message>(
  _ list: UnsafeMutablePointer<UnsafeMutablePointer<Message>?>?, _ count: Int
) -> [UnsafeMutablePointer<Message>] {
  UnsafeBufferPointer(start: list, count: list == nil ? 0 : count).compactMap { $0 }
}
