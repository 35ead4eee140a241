/// Calls that do not wait for each other; each lane has at most one on its way.
enum Lane: Int, CaseIterable, Sendable {
  case operation, renewal, watch
}

/// What is to be asked in a lane, until it is answered.
struct LaneState {
  var request: Request?
  var call: Call?
  var notBefore = Boottime(nanoseconds: 0)
  /// When the request was sent first.
  var first: Boottime?
  /// Since when it has not been answered, and why not.
  var failing: Boottime?
  /// Whether a server may have had it.
  var mayHaveArrived = false

  init() {}

  init(_ request: Request, notBefore: Boottime) {
    self.request = request
    self.notBefore = notBefore
  }

  func isDue(_ now: Boottime) -> Bool { request != nil && call == nil && now >= notBefore }
}

/// What the session is told.
enum ClientEvent {
  /// - Parameters:
  ///   - sent: when the call that was answered was sent.
  ///   - first: when the first call with the same request was.
  case answered(Lane, Bytes, sent: Boottime, first: Boottime)
  /// For good: asking again would be in vain.
  case refused(Lane, GRPCStatus, first: Boottime)
  case watched(WatchAnswer)
  /// The watch says no more, whatever the reason.
  case watchEnded
  /// User and password are wrong.
  case refusedUser(GRPCStatus)
}
