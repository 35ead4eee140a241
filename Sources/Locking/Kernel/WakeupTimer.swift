internal import CSystem

/// Interrupts a system call of this thread once a deadline has passed.
///
/// The signal repeats: the first one may arrive after the last look at the clock and before the
/// kernel starts to wait, where it would interrupt nothing. The timer is the thread's own, so that
/// threads do not wake each other, and so is the change of its signal mask. The handler is for the
/// whole process and is never taken back, since another thread may be waiting just then.
struct WakeupTimer: ~Copyable {
  private let timer: Int32
  private let previousMask: SignalSet.Mask

  private static let interval = Span.milliseconds(10)

  static func start(_ deadline: Deadline) throws(Errno) -> WakeupTimer {
    let signal = csystem_wakeup_signal()
    try retryingOnInterrupt { csystem_hear_wakeups() }
    var created: Int32 = 0
    try retryingOnInterrupt { csystem_create_thread_timer(signal, &created) }

    let previousMask: SignalSet.Mask
    do throws(Errno) {
      previousMask = try SignalSet([signal]).unblock()
    } catch {
      csystem_delete_timer(created)
      throw error
    }
    let timer = WakeupTimer(timer: created, previousMask: previousMask)
    // A time of zero would disarm it.
    let first = max(.nanoseconds(1), deadline.sinceZero).timeSpecification
    var times = itimerspec()
    times.it_value = timespec(tv_sec: first.seconds, tv_nsec: first.nanoseconds)
    times.it_interval.tv_nsec = interval.timeSpecification.nanoseconds
    try retryingOnInterrupt { csystem_set_timer(timer.timer, TIMER_ABSTIME, &times) }
    return timer
  }

  /// The timer runs until here at least, whatever the optimizer thinks of its last use.
  func keepAlive() {}

  deinit {
    csystem_delete_timer(timer)
    _ = try? previousMask.becomeMask()
  }
}
