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

  /// - Returns: nil where there can be none: this user's processes have no more room for signals (RLIMIT_SIGPENDING).
  static func start(_ deadline: Deadline) -> WakeupTimer? {
    let signal = csystem_wakeup_signal()
    var created: Int32 = 0
    if csystem_hear(signal) != 0 || csystem_create_thread_timer(signal, &created) != 0 {
      return nil
    }
    guard let previousMask = try? SignalSet([signal]).unblock() else {
      csystem_delete_timer(created)
      return nil
    }
    let timer = WakeupTimer(timer: created, previousMask: previousMask)
    // A time of zero would disarm it.
    let first = max(.nanoseconds(1), deadline.sinceZero).timeSpecification
    var times = itimerspec()
    times.it_value = timespec(tv_sec: first.seconds, tv_nsec: first.nanoseconds)
    times.it_interval.tv_nsec = interval.timeSpecification.nanoseconds
    return csystem_set_timer(created, TIMER_ABSTIME, &times) == 0 ? consume timer : nil
  }

  /// The timer runs until here at least, whatever the optimizer thinks of its last use.
  func keepAlive() {}

  deinit {
    csystem_delete_timer(timer)
    _ = try? previousMask.becomeMask()
  }
}
