internal import CSystem

/// A right to run that ends unless it is renewed in time, such as a lock with a lifetime. Shared by the
/// processes that are forked after it is made: any of them sees what one has renewed.
public final class Lease: Sendable {
  /// Nanoseconds from a renewal to the end.
  public let lifetime: Int64
  private let end: SharedNumber

  public init(lifetime: Int64) throws(LaunchError) {
    self.lifetime = lifetime
    end = try SharedNumber()
  }

  /// The end: boot time in nanoseconds (CLOCK_BOOTTIME); 0 before the lease has begun.
  public var deadline: Int64 {
    get { end.value }
    set { end.value = newValue }
  }

  /// What became of an attempt to renew it.
  public enum Renewal: Equatable, Sendable {
    /// Until then.
    case renewed(deadline: Int64)
    /// That may work the next time.
    case failed
    /// Somebody else has the right now.
    case lost
  }

  /// When the first renewal is due, and how often one that failed is tried again.
  var renewalInterval: Int64 { lifetime / 3 }
  var retryInterval: Int64 { max(50_000_000, lifetime / 24) }
  /// How long before the end the command is told.
  var warning: Int64 { lifetime / 6 }
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
  /// Whether it is for this supervisor to renew it; otherwise it looks after one that does, and gives
  /// it half of the time.
  let renews: Bool
  private let timer: Int32
  /// A fork(2) does not take the timer along.
  private let owner = getpid()
  private var nextRenewal: Int64
  private var hasWarned = false
  /// When the timer is to go off.
  private var expected: Int64 = 0
  private var pauseEnds: Int64 = 0
  private(set) var isLost = false

  private static let second: Int64 = 1_000_000_000

  init(_ lease: Lease, renews: Bool) throws(LaunchError) {
    self.lease = lease
    self.renews = renews
    nextRenewal = bootTime() + lease.renewalInterval
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
    let now = bootTime()
    let deadline = lease.deadline
    if deadline == 0 || isLost { return .nothing }
    // After a stop or a suspension of all of us the other may still renew the lease, or find it to be its
    // own, and gets a moment for that.
    if !renews, expected > 0, now - expected > Self.second { pauseEnds = now + Self.second }
    if now < pauseEnds { return .nothing }
    if now >= deadline {
      return renews && nextRenewal != Int64.max ? .renewal : .end
    }
    if renews, now >= nextRenewal { return .renewal }
    return !hasWarned && now >= deadline - warning ? .warning : .nothing
  }

  private var warning: Int64 { renews ? lease.warning : lease.warning / 2 }

  func renewed(_ renewal: Lease.Renewal) {
    let now = bootTime()
    switch renewal {
    case .renewed(let deadline):
      lease.deadline = deadline
      nextRenewal = now + lease.renewalInterval
      hasWarned = false
    case .failed:
      nextRenewal = now >= lease.deadline ? Int64.max : now + lease.retryInterval
    case .lost:
      lease.deadline = now
      nextRenewal = Int64.max
    }
  }

  func warned() {
    hasWarned = true
  }

  func ended() {
    isLost = true
  }

  /// Sets the timer to the next time of interest.
  func arm() {
    let now = bootTime()
    let deadline = lease.deadline
    var next = now + max(50_000_000, lease.warning)
    if deadline > 0 {
      next = max(hasWarned ? deadline : deadline - warning, pauseEnds)
      if renews { next = min(next, nextRenewal) }
      if isLost { next = now + 3600 * Self.second }
    }
    expected = max(next, now + 10_000_000)
    var times = itimerspec()
    let time = timeSpecification(expected)
    times.it_value = timespec(tv_sec: time.seconds, tv_nsec: time.nanoseconds)
    csystem_set_timer(timer, TIMER_ABSTIME, &times)
  }
}
