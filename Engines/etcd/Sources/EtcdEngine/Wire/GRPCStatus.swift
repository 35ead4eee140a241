/// How a call ended: the headers `grpc-status` and `grpc-message`, which come after the body, or
/// instead of it.
struct GRPCStatus: Sendable {
  /// gRPC's statuses that are looked at by number.
  enum Code {
    static let ok: Int64 = 0
    static let invalidArgument: Int64 = 3
    static let notFound: Int64 = 5
    static let permissionDenied: Int64 = 7
    static let resourceExhausted: Int64 = 8
    static let failedPrecondition: Int64 = 9
    static let unimplemented: Int64 = 12
    static let unauthenticated: Int64 = 16
  }

  private static let longestMessage = 400
  /// nil: the server has not said how the call ended.
  private(set) var code: Int64?
  private(set) var message = ""

  init() {}

  /// Reads a header line as libcurl passes it, in whatever case its name is.
  mutating func read(header line: Bytes) {
    guard let colon = line.firstIndex(of: 0x3a) else { return }
    let name = line[..<colon].map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }
    let space: [UInt8] = [0x20, 0x09, 0x0d, 0x0a]
    var value = line[(colon + 1)...].drop { space.contains($0) }
    while let last = value.last, space.contains(last) { value.removeLast() }
    if name.elementsEqual("grpc-status".utf8) {
      // One that cannot be read is a failure whose kind is not known.
      code = number(value, upTo: 1_000) ?? 2
    } else if name.elementsEqual("grpc-message".utf8) {
      message = unescape(Bytes(value.prefix(Self.longestMessage))).text
    }
  }

  /// What etcd says, without the prefix that all its messages have.
  var reason: String {
    let text = Bytes(text: message)
    return (text.after("etcdserver: ") ?? text).text
  }

  func says(_ part: String) -> Bool {
    let text = Array(message.utf8)
    let part = Array(part.utf8)
    guard text.count >= part.count else { return false }
    return (0...text.count - part.count).contains { text[$0..<$0 + part.count] == part[...] }
  }
}
