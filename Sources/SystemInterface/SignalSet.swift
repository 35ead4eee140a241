package import CSystem

/// A set of signals, and what this thread does with them (sigsetops(3), sigprocmask(2)).
package struct SignalSet: Sendable {
  private var set = sigset_t()

  package init(_ signals: [Int32] = []) {
    sigemptyset(&set)
    for signal in signals { sigaddset(&set, signal) }
  }

  package static var all: SignalSet {
    var all = SignalSet()
    sigfillset(&all.set)
    return all
  }

  /// These but for the others.
  package func without(_ others: SignalSet) -> SignalSet {
    var rest = self
    var others = others
    for signal in 1..<csystem_signal_count() where sigismember(&others.set, signal) == 1 {
      sigdelset(&rest.set, signal)
    }
    return rest
  }

  /// The signals that this thread blocks now.
  package static var current: SignalSet {
    var current = SignalSet()
    pthread_sigmask(SIG_BLOCK, nil, &current.set)
    return current
  }

  /// What one of the calls below replaced.
  package typealias Mask = SignalSet

  @discardableResult
  package func block() throws(Errno) -> Mask { try change(SIG_BLOCK) }

  @discardableResult
  package func unblock() throws(Errno) -> Mask { try change(SIG_UNBLOCK) }

  /// Makes this the whole mask.
  @discardableResult
  package func becomeMask() throws(Errno) -> Mask { try change(SIG_SETMASK) }

  private func change(_ how: Int32) throws(Errno) -> Mask {
    var set = set
    var previous = SignalSet()
    let error = pthread_sigmask(how, &set, &previous.set)
    if error != 0 { throw Errno(error) }
    return previous
  }

  /// Takes one of these signals, which must be blocked, as soon as one is pending
  /// (sigtimedwait(2)); nil once `deadline` has passed.
  package func take(
    _ information: inout siginfo_t, by deadline: Deadline? = nil
  ) throws(Errno) -> Int32? {
    while true {
      var set = set
      let signal: Int32
      if let deadline {
        let remaining = deadline.remaining.timeSpecification
        var time = timespec(tv_sec: remaining.seconds, tv_nsec: remaining.nanoseconds)
        signal = sigtimedwait(&set, &information, &time)
      } else {
        signal = sigwaitinfo(&set, &information)
      }
      if signal > 0 { return signal }
      switch Errno.current {
      case .interrupted: continue
      case .wouldBlock where deadline != nil: return nil
      default: throw Errno.current
      }
    }
  }

  /// Whether one of these signals, which must be blocked, is waiting to be taken (sigpending(2)).
  package var isPending: Bool {
    var pending = sigset_t()
    sigpending(&pending)
    var set = set
    var both = sigset_t()
    sigandset(&both, &set, &pending)
    return sigisemptyset(&both) == 0
  }

  /// A descriptor that can be read while one of these signals, which must be blocked, is pending
  /// (signalfd(2)); for poll(2).
  package func makeDescriptor() throws(Errno) -> FileDescriptor {
    var set = set
    return FileDescriptor(taking: try retryingOnInterrupt { csystem_signal_descriptor(&set) })
  }

  /// Takes one of these signals if one is pending now.
  package func takePending() -> Int32? {
    var information = siginfo_t()
    return try? take(&information, by: .now)
  }
}
