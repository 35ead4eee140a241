/// Asks etcd until there is an answer: at the next endpoint if one does not answer, and with a new
/// token if the old one has expired. What is asked must be such that asking twice does no harm.
final class Client {
  let settings: Settings
  let seam: Seam
  /// How long a call may take.
  var limit = Span.seconds(2)
  private(set) var endpoints: Endpoints
  /// The last reason for which there was no answer, with the endpoint.
  private(set) var lastReason = ""
  private let transport: Transport
  private var lanes = [LaneState](repeating: LaneState(), count: Lane.allCases.count)
  private var authentication = LaneState()
  private var token: Bytes?
  /// The cluster has said that it wants no users.
  private var needsNoToken = false

  init(_ settings: Settings, _ seam: Seam) {
    self.settings = settings
    self.seam = seam
    transport = Transport(settings)
    endpoints = Endpoints(count: settings.endpoints.count, start: randomBits())
  }

  /// Replaces what was asked in that lane.
  func request(_ request: Request, in lane: Lane, after delay: Span = .seconds(0)) {
    cancel(lane)
    lanes[lane.rawValue] = LaneState(request, notBefore: Boottime.now() + delay)
  }

  func cancel(_ lane: Lane) {
    if let call = lanes[lane.rawValue].call { transport.stop(call) }
    lanes[lane.rawValue] = LaneState()
  }

  func isAsking(_ lane: Lane) -> Bool { lanes[lane.rawValue].request != nil }
  func isSending(_ lane: Lane) -> Bool { lanes[lane.rawValue].call != nil }

  /// Whether a server may have had what was asked last in that lane.
  func mayHaveArrived(_ lane: Lane) -> Bool {
    lanes[lane.rawValue].mayHaveArrived || isSending(lane)
  }

  /// Since when what is asked in that lane has not been answered.
  func failing(_ lane: Lane) -> Boottime? {
    [lanes[lane.rawValue].failing, authentication.failing].compactMap { $0 }.min()
  }

  /// The endpoint to which the watch goes is the one that answers.
  var watchesCurrentEndpoint: Bool {
    lanes[Lane.watch.rawValue].call?.endpoint == endpoints.current
  }

  /// Sends what is due, and waits until something happens or until `time`; `nextEvent` tells what.
  func step(until time: Boottime) {
    var wake = time
    let now = Boottime.now()
    if settings.user != nil, token == nil, !needsNoToken {
      authenticate(now)
      if authentication.call == nil { wake = min(wake, authentication.notBefore) }
    } else {
      for index in lanes.indices {
        if lanes[index].isDue(now) { send(&lanes[index], isWatch: index == Lane.watch.rawValue) }
        if lanes[index].request != nil, lanes[index].call == nil {
          wake = min(wake, lanes[index].notBefore)
        }
      }
    }
    transport.wait(until: wake, for: seam)
    transport.proceed((lanes + [authentication]).compactMap { $0.call })
  }

  /// One at a time: what it leads to may make those of other lanes void.
  func nextEvent() -> ClientEvent? {
    if let event = takeAuthentication() { return event }
    for lane in Lane.allCases {
      if let event = take(lane) { return event }
    }
    return nil
  }

  private func send(_ lane: inout LaneState, isWatch: Bool) {
    guard let request = lane.request else { return }
    let call = transport.start(
      request, endpoint: endpoints.current, token: token, limit: isWatch ? nil : limit,
      connecting: limit, afresh: endpoints.suspectsConnection(),
      asksInHandshake: endpoints.doubtsCertificates, asksNames: endpoints.doubtsNames)
    lane.first = lane.first ?? call.sent
    lane.call = call
  }

  private func take(_ lane: Lane) -> ClientEvent? {
    guard let call = lanes[lane.rawValue].call else { return nil }
    if lane == .watch { return takeWatch(call) }
    guard call.result != nil else { return nil }
    transport.stop(call)
    lanes[lane.rawValue].call = nil
    let first = lanes[lane.rawValue].first ?? call.sent
    let outcome = call.outcome
    if outcome.mayHaveArrived { lanes[lane.rawValue].mayHaveArrived = true }
    switch outcome {
    case .answered(let bytes):
      endpoints.answered()
      lanes[lane.rawValue] = LaneState()
      return .answered(lane, bytes, sent: call.sent, first: first)
    case .refused(let status) where status.isAboutToken && settings.user != nil:
      token = nil
      needsNoToken = false
      // At once the first time; a server that refuses its own tokens is not asked without end.
      retry(&lanes[lane.rawValue], call, status.reason, .other)
      return nil
    case .refused(let status) where !status.isPassing:
      endpoints.answered()
      lanes[lane.rawValue] = LaneState()
      lastReason = "\(settings.endpoints[call.endpoint]): \(status.reason)"
      log("\(call.request.method.rawValue) at \(lastReason) (\(status.code ?? -1))")
      return .refused(lane, status, first: first)
    case .refused(let status):
      retry(&lanes[lane.rawValue], call, status.reason, .other)
      return nil
    case .unanswered(let reason, let trouble):
      retry(&lanes[lane.rawValue], call, reason, trouble)
      return nil
    }
  }

  private func retry(
    _ lane: inout LaneState, _ call: Call, _ reason: String, _ trouble: Outcome.Trouble
  ) {
    let place = settings.endpoints[call.endpoint]
    lastReason = "\(place): \(reason)"
    log("\(call.request.method.rawValue) at \(lastReason)")
    let delay = endpoints.failed(call.endpoint, trouble)
    lane.failing = lane.failing ?? call.sent
    lane.notBefore = Boottime.now() + delay
  }

  private func takeWatch(_ call: Call) -> ClientEvent? {
    while let message = call.nextMessage() {
      if let answer = WatchAnswer(message) { return .watched(answer) }
    }
    guard call.result != nil else { return nil }
    if case .unanswered(let reason, let trouble) = call.outcome {
      log("Watch at \(settings.endpoints[call.endpoint]): \(reason)")
      _ = endpoints.failed(call.endpoint, trouble)
    }
    cancel(.watch)
    return .watchEnded
  }
}

extension Client {
  private func authenticate(_ now: Boottime) {
    if authentication.request == nil, let user = settings.user {
      let request = Request.authenticate(user: user, password: settings.password)
      authentication = LaneState(request, notBefore: now)
    }
    if authentication.isDue(now) { send(&authentication, isWatch: false) }
  }

  private func takeAuthentication() -> ClientEvent? {
    guard let call = authentication.call, call.result != nil else { return nil }
    transport.stop(call)
    authentication.call = nil
    switch call.outcome {
    case .answered(let bytes):
      guard let answer = AuthenticateAnswer(bytes) else {
        retry(&authentication, call, "an answer that cannot be read", .other)
        return nil
      }
      token = answer.token
      authentication = LaneState()
    case .refused(let status) where status.says("authentication is not enabled"):
      needsNoToken = true
      authentication = LaneState()
    case .refused(let status) where !status.isPassing:
      endpoints.answered()
      authentication.notBefore = Boottime.now() + .seconds(1)
      return .refusedUser(status)
    case .refused(let status): retry(&authentication, call, status.reason, .other)
    case .unanswered(let reason, let trouble): retry(&authentication, call, reason, trouble)
    }
    return nil
  }
}

extension GRPCStatus {
  /// The token has expired, or the users have changed (etcd.md K8).
  fileprivate var isAboutToken: Bool {
    code == Code.unauthenticated || says("invalid auth token") || says("auth store is old")
  }

  /// Whether the same may be answered elsewhere, or later: no leader, too many requests, a timeout.
  fileprivate var isPassing: Bool {
    switch code {
    case Code.invalidArgument: says("auth store is old")
    case Code.resourceExhausted: !says("space exceeded")
    case Code.failedPrecondition: !says("already exists")
    case Code.notFound, Code.permissionDenied, Code.unimplemented, Code.unauthenticated: false
    default: true
    }
  }
}

/// 64 bits that nobody else has.
func randomBits() -> UInt64 {
  var generator = SystemRandomNumberGenerator()
  return generator.next()
}
