internal import CSystem

/// A process that is held by a descriptor (pidfd_open(2)): it stays that very process, also when it has
/// ended and another one has got its number.
package final class ProcessHandle: Sendable {
  /// For poll(2): it can be read once the process has ended.
  package let number: Int32

  /// The process that has this number now. Whether that is the one that is meant has to be looked up
  /// afterwards.
  ///
  /// Throws ENOSYS where there is no such call (before Linux 5.3), and where it is forbidden: then the
  /// error is the filter's own, as the call knows no EPERM.
  package init(_ process: Int32) throws(Errno) {
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
  package func send(_ signal: Int32) throws(Errno) {
    try retryingOnInterrupt { csystem_signal_process(number, signal) }
  }

  /// Waits until the process has ended, and with it all that it had open; false once `deadline` has
  /// passed.
  package func waitForEnd(by deadline: Deadline? = nil) throws(Errno) -> Bool {
    try waitUntilReadable([number], by: deadline) != nil
  }
}

/// Whether there is no process of that number, not even one that only waits to be reaped (kill(2), signal 0).
package func processHasEnded(_ process: Int32) -> Bool {
  kill(process, 0) != 0 && Errno.current == .noProcess
}
