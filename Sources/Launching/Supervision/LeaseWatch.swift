internal import CSystem

/// Looks after a lease with a timer, whose signal comes when there is something to do.
///
/// Where there can be no timer, since this user's processes have no more room for signals (RLIMIT_SIGPENDING), whoever
/// waits for signals looks again at `nextLook` at the latest.
final class LeaseWatch {
  private var times: LeaseTimes
  private let timer: Int32?
  private(set) var nextLook: Deadline?
  /// A fork(2) does not take the timer along.
  private let owner = getpid()

  /// Without a timer: the clock of a wait stands still while the machine is suspended.
  private static let longestWait = Span.seconds(1)

  init(_ lease: Lease, _ renewer: Lease.Renewer) {
    times = LeaseTimes(lease, renewer, at: .now)
    var created: Int32 = 0
    let isCreated = csystem_create_boot_timer(csystem_wakeup_signal(), &created) == 0
    timer = isCreated ? created : nil
    arm()
  }

  deinit {
    if let timer, owner == getpid() { csystem_delete_timer(timer) }
  }

  func due() -> LeaseTimes.Due { times.due(at: .now) }

  func renewed(_ renewal: Lease.Renewal) { times.renewed(renewal, at: .now) }

  /// There is news of it.
  func woken() { times.woken(at: .now) }

  func warned() { times.warned() }

  func ended() { times.ended() }

  /// Sets the timer to the next time of interest.
  func arm() {
    let now = BootTime.now
    let next = times.next(at: now)
    guard let timer else {
      nextLook = .after(min(next - now, Self.longestWait))
      return
    }
    var wait = itimerspec()
    let time = next.sinceZero.timeSpecification
    wait.it_value = timespec(tv_sec: time.seconds, tv_nsec: time.nanoseconds)
    csystem_set_timer(timer, TIMER_ABSTIME, &wait)
  }
}
