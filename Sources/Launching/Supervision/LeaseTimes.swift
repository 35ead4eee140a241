/// The times of a lease, as one supervisor sees to them: when to renew it, when to warn the command,
/// and when to kill it. On CLOCK_BOOTTIME, since others go on counting while this machine is suspended.
/// Whoever asks says what time it is.
struct LeaseTimes {
  enum Due: Equatable {
    case nothing
    case renewal
    case warning
    case end
  }

  let lease: Lease
  private let renewer: Lease.Renewer
  /// In the distant future once there will be none.
  private var nextRenewal: BootTime
  private var hasWarned = false
  private var isLost = false
  private var isHopeless = false
  /// When somebody was to look again.
  private var expected: BootTime
  private var pauseEnds = BootTime.distantPast

  /// A look that is so late was kept from being in time by a stop or a suspension.
  private static let suspicious = Span.seconds(1)
  /// After one.
  private static let pause = Span.seconds(1)
  /// Until the next look at the earliest, and at the latest: there is nothing to see.
  private static let shortestWait = Span.milliseconds(10)
  private static let longestWait = Span.seconds(3600)

  init(_ lease: Lease, _ renewer: Lease.Renewer, at now: BootTime) {
    self.lease = lease
    self.renewer = renewer
    nextRenewal = now + lease.renewalInterval
    expected = .distantFuture
  }

  /// What has to be done now. Whoever does it says what came of it.
  mutating func due(at now: BootTime) -> Due {
    guard let deadline = lease.deadline, !isLost else { return .nothing }
    // After a stop or a suspension of all of us the other may still renew the lease, or find it to be its
    // own, and gets a moment for that.
    if renewer == .child, now - expected > Self.suspicious { pauseEnds = now + Self.pause }
    if now < pauseEnds { return .nothing }
    if now >= deadline {
      return renews && nextRenewal != .distantFuture ? .renewal : .end
    }
    if renews, now >= nextRenewal { return .renewal }
    return !hasWarned && (isHopeless || now >= deadline - warning) ? .warning : .nothing
  }

  private var renews: Bool { renewer == .supervisor }
  private var warning: Span { renewer == .child ? lease.warning / 2 : lease.warning }

  mutating func renewed(_ renewal: Lease.Renewal, at now: BootTime) {
    switch renewal {
    case .renewed(let deadline):
      lease.deadline = deadline
      nextRenewal = now + lease.renewalInterval
      hasWarned = false
    case .failed:
      let hasPassed = lease.deadline.map { now >= $0 } ?? true
      nextRenewal = hasPassed ? .distantFuture : now + lease.retryInterval
    case .hopeless:
      isHopeless = true
      nextRenewal = .distantFuture
    case .lost:
      lease.deadline = now
      nextRenewal = .distantFuture
    }
  }

  /// Whoever grants the lease may have said something: it is looked at, unless nothing more can come.
  mutating func woken(at now: BootTime) {
    if renews, nextRenewal != .distantFuture { nextRenewal = now }
  }

  mutating func warned() { hasWarned = true }

  mutating func ended() { isLost = true }

  /// When to look again.
  mutating func next(at now: BootTime) -> BootTime {
    var next = now + max(Lease.shortestInterval, lease.warning)
    if let deadline = lease.deadline {
      next = max(hasWarned ? deadline : deadline - warning, pauseEnds)
      if renews { next = min(next, nextRenewal) }
      if isLost { next = now + Self.longestWait }
    }
    expected = max(next, now + Self.shortestWait)
    return expected
  }
}
