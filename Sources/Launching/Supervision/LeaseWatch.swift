internal import CSystem

/// Looks after a lease with a timer, whose signal comes when there is something to do.
final class LeaseWatch {
  private var times: LeaseTimes
  private let timer: Int32
  /// A fork(2) does not take the timer along.
  private let owner = getpid()

  init(_ lease: Lease, _ renewer: Lease.Renewer) throws(LaunchError) {
    times = LeaseTimes(lease, renewer, at: .now)
    var created: Int32 = 0
    timer = try launchStep(.timer) { () throws(Errno) in
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

  func due() -> LeaseTimes.Due { times.due(at: .now) }

  func renewed(_ renewal: Lease.Renewal) { times.renewed(renewal, at: .now) }

  /// There is news of it.
  func woken() { times.woken(at: .now) }

  func warned() { times.warned() }

  func ended() { times.ended() }

  /// Sets the timer to the next time of interest.
  func arm() {
    var wait = itimerspec()
    let time = times.next(at: .now).sinceZero.timeSpecification
    wait.it_value = timespec(tv_sec: time.seconds, tv_nsec: time.nanoseconds)
    csystem_set_timer(timer, TIMER_ABSTIME, &wait)
  }
}
