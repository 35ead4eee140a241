internal import CSystem

/// A process that is held by a descriptor (pidfd_open(2)): it stays that very process, also when it has
/// ended and another one has got its number.
public final class ProcessHandle: Sendable {
  /// For poll(2): it can be read once the process has ended.
  public let number: Int32

  /// The process that has this number now. Whether that is the one that is meant has to be looked up
  /// afterwards.
  ///
  /// Throws ENOSYS where there is no such call (before Linux 5.3), and where it is forbidden: then the
  /// error is the filter's own, as the call knows no EPERM.
  public init(_ process: Int32) throws(Errno) {
    do throws(Errno) {
      number = try retryingOnInterrupt { csystem_open_process(process) }
    } catch .permissionNotGranted {
      throw .notImplemented
    }
  }

  deinit {
    close(number)
  }

  /// pidfd_send_signal(2)
  public func send(_ signal: Int32) throws(Errno) {
    try retryingOnInterrupt { csystem_signal_process(number, signal) }
  }

  /// Waits until the process has ended, and with it all that it had open; false once `deadline` has
  /// passed.
  public func waitForEnd(by deadline: Deadline? = nil) throws(Errno) -> Bool {
    try waitUntilReadable([number], by: deadline) != nil
  }
}

/// Waits until one of these descriptors can be read, or is at its end (poll(2)).
///
/// - Returns: the place of the first one that can; nil once `deadline` has passed.
public func waitUntilReadable(
  _ descriptors: [Int32], by deadline: Deadline? = nil
) throws(Errno) -> Int? {
  try wait(for: POLLIN, of: descriptors, by: deadline)
}

/// Waits until nobody is left who reads what is written to `descriptor`, or hangs up; false once
/// `deadline` has passed.
public func waitUntilBroken(
  _ descriptor: Int32, by deadline: Deadline
) throws(Errno) -> Bool {
  try wait(for: 0, of: [descriptor], by: deadline) != nil
}

private func wait(
  for events: Int32, of descriptors: [Int32], by deadline: Deadline?
) throws(Errno) -> Int? {
  var polled = descriptors.map { pollfd(fd: $0, events: Int16(events), revents: 0) }
  while true {
    var pause: Int32 = -1
    if let deadline {
      // Rounded up, not to be awake before it has passed.
      let span = deadline.remaining + .nanoseconds(999_999)
      pause = Int32(clamping: span.wholeMilliseconds)
    }
    do throws(Errno) {
      // Not again with the same pause after a signal: that would begin it anew.
      let count = poll(&polled, nfds_t(polled.count), pause)
      if count < 0 { throw .current }
      if count > 0 { return polled.firstIndex { $0.revents != 0 } }
      if let deadline, deadline.hasPassed { return nil }
    } catch .interrupted {
      continue
    }
  }
}

/// Whether there is no process of that number, not even one that only waits to be reaped (kill(2), signal 0).
package func processHasEnded(_ process: Int32) -> Bool {
  kill(process, 0) != 0 && Errno.current == .noProcess
}
