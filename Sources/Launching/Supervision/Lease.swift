internal import CSystem

/// A right to run that ends unless it is renewed in time, such as a lock with a lifetime. Shared by the
/// processes that are forked after it is made: any of them sees what one has renewed.
public final class Lease: Sendable {
  /// From a renewal to the end.
  public let lifetime: Span
  private let end: SharedNumber

  public init(lifetime: Span) throws(LaunchError) {
    self.lifetime = lifetime
    end = try SharedNumber()
  }

  /// The end; nil before the lease has begun.
  public var deadline: BootTime? {
    get {
      let value = end.value
      return value == 0 ? nil : BootTime(sinceZero: .nanoseconds(value))
    }
    set { end.value = newValue?.sinceZero.nanoseconds ?? 0 }
  }

  /// What became of an attempt to renew it.
  public enum Renewal: Equatable, Sendable {
    /// Until then.
    case renewed(deadline: BootTime)
    /// That may work the next time.
    case failed
    /// Somebody else has the right now.
    case lost
  }

  /// When the first renewal is due, and how often one that failed is tried again.
  var renewalInterval: Span { lifetime / 3 }
  var retryInterval: Span { max(.milliseconds(50), lifetime / 24) }
  /// How long before the end the command is told.
  public var warning: Span { lifetime / 6 }

  /// Who renews a lease that a supervisor watches.
  public enum Renewer: Sendable {
    case supervisor
    /// The child that it waits for. It is left alone when it ends, and has half of the time for the warning.
    case child
    /// A process apart (`LeaseCompanion`).
    case companion
  }
}

/// The times of a lease, as one supervisor sees to them: when to renew it, when to warn the command,
/// and when to kill it. On CLOCK_BOOTTIME, since others go on counting while this machine is suspended.
final class LeaseWatch {
  enum Due: Equatable {
    case nothing
    case renewal
    case warning
    case end
  }

  let lease: Lease
  private let renewer: Lease.Renewer
  private let timer: Int32
  /// A fork(2) does not take the timer along.
  private let owner = getpid()
  /// In the distant future once there will be none.
  private var nextRenewal: BootTime
  private var hasWarned = false
  /// When the timer is to go off.
  private var expected: BootTime?
  private var pauseEnds = BootTime.distantPast
  private(set) var isLost = false

  init(_ lease: Lease, _ renewer: Lease.Renewer) throws(LaunchError) {
    self.lease = lease
    self.renewer = renewer
    nextRenewal = .now + lease.renewalInterval
    var created: Int32 = 0
    timer = try step(.timer) { () throws(Errno) in
      _ = try retryingOnInterrupt {
        csystem_create_boot_timer(csystem_wakeup_signal(), &created)
      }
      return created
    }
    arm()
  }

  deinit {
    if owner == getpid() { csystem_delete_timer(timer) }
  }

  /// What has to be done now. Whoever does it says what came of it.
  func due() -> Due {
    let now = BootTime.now
    guard let deadline = lease.deadline, !isLost else { return .nothing }
    // After a stop or a suspension of all of us the other may still renew the lease, or find it to be its
    // own, and gets a moment for that.
    if renewer == .child, let expected, now - expected > .seconds(1) {
      pauseEnds = now + .seconds(1)
    }
    if now < pauseEnds { return .nothing }
    if now >= deadline {
      return renews && nextRenewal != .distantFuture ? .renewal : .end
    }
    if renews, now >= nextRenewal { return .renewal }
    return !hasWarned && now >= deadline - warning ? .warning : .nothing
  }

  private var renews: Bool { renewer == .supervisor }
  private var warning: Span { renewer == .child ? lease.warning / 2 : lease.warning }

  func renewed(_ renewal: Lease.Renewal) {
    let now = BootTime.now
    switch renewal {
    case .renewed(let deadline):
      lease.deadline = deadline
      nextRenewal = now + lease.renewalInterval
      hasWarned = false
    case .failed:
      nextRenewal = hasPassed(now) ? .distantFuture : now + lease.retryInterval
    case .lost:
      lease.deadline = now
      nextRenewal = .distantFuture
    }
  }

  private func hasPassed(_ now: BootTime) -> Bool { lease.deadline.map { now >= $0 } ?? true }

  func warned() {
    hasWarned = true
  }

  func ended() {
    isLost = true
  }

  /// Sets the timer to the next time of interest.
  func arm() {
    let now = BootTime.now
    var next = now + max(.milliseconds(50), lease.warning)
    if let deadline = lease.deadline {
      next = max(hasWarned ? deadline : deadline - warning, pauseEnds)
      if renews { next = min(next, nextRenewal) }
      if isLost { next = now + .seconds(3600) }
    }
    next = max(next, now + .milliseconds(10))
    expected = next
    var times = itimerspec()
    let time = next.sinceZero.timeSpecification
    times.it_value = timespec(tv_sec: time.seconds, tv_nsec: time.nanoseconds)
    csystem_set_timer(timer, TIMER_ABSTIME, &times)
  }
}
