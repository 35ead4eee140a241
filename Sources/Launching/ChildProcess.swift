internal import CSystem

/// A process that was started, until its end is known: `wait`, `poll` or `cancel` may say that once, and
/// then its number may belong to another. A command in a pid namespace of its own has ended when all
/// that is in it has.
public struct ChildProcess: Equatable, Sendable {
  public let identifier: Int32
  /// The command itself; the same, but in a pid namespace of its own, whose init `identifier` is.
  public let command: Int32
  /// Where that init reports.
  let link: Int32?

  init(identifier: Int32) {
    self.init(identifier, command: identifier, link: nil)
  }

  init(_ identifier: Int32, command: Int32, link: Int32?) {
    self.identifier = identifier
    self.command = command
    self.link = link
  }

  /// Waits until it ends (waitpid(2)).
  public func wait() throws(Errno) -> Termination {
    var status: Int32 = 0
    try retryingOnInterrupt { waitpid(identifier, &status, 0) }
    return Termination(commandStatus(status))
  }

  /// How it ended, if it has (waitpid(2), WNOHANG); nil while it runs.
  public func poll() throws(Errno) -> Termination? {
    var status: Int32 = 0
    let ended = try retryingOnInterrupt { waitpid(identifier, &status, WNOHANG) }
    return ended == 0 ? nil : Termination(commandStatus(status))
  }

  /// Waits until it ends, but no longer than `deadline`; nil once that has passed (pidfd_open(2)).
  public func wait(by deadline: Deadline) throws(Errno) -> Termination? {
    // Until it is waited for, nobody else can have its number.
    let handle = try ProcessHandle(identifier)
    return try handle.waitForEnd(by: deadline) ? try wait() : nil
  }

  /// Ends it: with SIGTERM, and if that has not helped after `grace`, with SIGKILL. One that
  /// has ended already is left as it is.
  ///
  /// - Returns: how it ended, by itself or so.
  public func cancel(grace: Span) throws(Errno) -> Termination {
    send(SIGTERM)
    // A stopped process takes SIGTERM only when it goes on.
    send(SIGCONT)
    if let termination = try wait(by: Deadline.after(grace)) { return termination }
    send(SIGKILL)
    return try wait()
  }
}

/// Gives SIGCHLD its default disposition: with SIG_IGN, which may be inherited, the kernel reaps
/// children itself, and nobody learns their status (wait(2)).
public func makeChildrenWaitable() throws(LaunchError) {
  try step(.sigaction) { () throws(Errno) in
    _ = try retryingOnInterrupt { csystem_set_handler(SIGCHLD, csystem_signal_default()) }
  }
}

extension Termination {
  init(_ status: Int32) {
    self =
      csystem_exited(status) != 0
      ? .exited(code: csystem_exit_code(status))
      : .signalled(
        number: csystem_termination_signal(status),
        coreDumped: csystem_dumped_core(status) != 0)
  }
}
