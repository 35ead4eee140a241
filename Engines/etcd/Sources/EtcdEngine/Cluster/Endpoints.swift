/// Which endpoint is asked, and which one next when it does not answer (etcd.md K4).
struct Endpoints {
  let count: Int
  private(set) var current: Int
  /// Calls without an answer since the last answer.
  private(set) var failures = 0
  /// Endpoints with which no handshake was possible, over a certificate, since the last answer.
  private(set) var distrusted: Set<Int> = []
  /// Endpoints to which the last connection may be dead.
  private var suspected: Set<Int> = []
  private(set) var everAnswered = false

  /// - Parameter start: any number; the first endpoint is to be a random one.
  init(count: Int, start: UInt64) {
    self.count = count
    current = Int(start % UInt64(count))
  }

  /// Whether each of them has been asked in vain.
  var allFailed: Bool { failures >= count }

  /// With TLS 1.3 a client learns after the handshake that its certificate is refused, and not even then
  /// if the connection is reset first: with 1.2 it is part of the handshake. Every other turn, since a
  /// server may not have 1.2; and not once one has answered.
  var doubtsCertificates: Bool { !everAnswered && doubtsNames }

  /// The addresses of names are asked for anew every other turn: they may have changed, but where names
  /// are not answered the old ones may be right.
  var doubtsNames: Bool { failures / count % 2 == 1 }

  mutating func answered() {
    failures = 0
    distrusted = []
    everAnswered = true
  }

  /// The next one, after this span: a full turn takes longer.
  mutating func failed(_ endpoint: Int, _ trouble: Outcome.Trouble) -> Span {
    failures += 1
    suspected.insert(endpoint)
    if trouble == .certificate { distrusted.insert(endpoint) }
    // Calls of several lanes may have failed at the same one.
    if endpoint == current { current = (current + 1) % count }
    return .milliseconds(failures % count == 0 ? 200 : 20)
  }

  /// Whether the call that is about to be sent there needs a connection of its own.
  mutating func suspectsConnection() -> Bool { suspected.remove(current) != nil }
}
