internal import CSystem

/// A process that was started, until its end is known: `wait`, `poll` or `cancel` may say that once, and
/// then its number may belong to another. A command in a pid namespace of its own has ended when all
/// that is in it has.
package struct ChildProcess: Equatable, Sendable {
  package let identifier: Int32
  /// The command itself; the same, but in a pid namespace of its own, whose init `identifier` is.
  package let command: Int32
  /// Where that init reports.
  let link: InitReports?

  init(identifier: Int32) {
    self.init(identifier, command: identifier, link: nil)
  }

  init(_ identifier: Int32, command: Int32, link: InitReports?) {
    self.identifier = identifier
    self.command = command
    self.link = link
  }

  package static func == (one: ChildProcess, other: ChildProcess) -> Bool {
    one.identifier == other.identifier && one.command == other.command
  }

  /// Waits until it ends (waitpid(2)).
  package func wait() throws(Errno) -> Termination {
    var status: Int32 = 0
    try retryingOnInterrupt { waitpid(identifier, &status, __WALL) }
    return Termination(commandStatus(status))
  }

  /// Waits until it ends, and leaves it unreaped (waitid(2), WNOWAIT): nobody else can have its number yet.
  func waitForEnd() throws(Errno) {
    var information = siginfo_t()
    try retryingOnInterrupt {
      waitid(P_PID, id_t(identifier), &information, WEXITED | WNOWAIT)
    }
  }

  /// How it ended, if it has (waitpid(2), WNOHANG); nil while it runs.
  package func poll() throws(Errno) -> Termination? {
    var status: Int32 = 0
    let ended = try retryingOnInterrupt { waitpid(identifier, &status, WNOHANG | __WALL) }
    return ended == 0 ? nil : Termination(commandStatus(status))
  }

  /// Waits until it ends, but no longer than `deadline`; nil once that has passed (pidfd_open(2), and
  /// without that by looking again and again).
  package func wait(by deadline: Deadline) throws(Errno) -> Termination? {
    do throws(Errno) {
      // Until it is waited for, nobody else can have its number.
      let handle = try ProcessHandle(identifier)
      return try handle.waitForEnd(by: deadline) ? try wait() : nil
    } catch .notImplemented {
      while true {
        if let termination = try poll() { return termination }
        if deadline.hasPassed { return nil }
        Deadline.after(min(.milliseconds(5), deadline.remaining)).sleep()
      }
    }
  }

  /// Ends it: with SIGTERM, and if that has not helped after `grace`, with SIGKILL. One that
  /// has ended already is left as it is.
  ///
  /// - Returns: how it ended, by itself or so.
  package func cancel(grace: Span) throws(Errno) -> Termination {
    send(SIGTERM)
    // A stopped process takes SIGTERM only when it goes on.
    send(SIGCONT)
    if let termination = try wait(by: Deadline.after(grace)) { return termination }
    send(SIGKILL)
    return try wait()
  }
}

package enum ChildState {
  case running
  /// And not reaped.
  case ended
  /// No child that waitpid(2) sees, or reaped.
  case none
}

/// What the process of that number is to this one (waitid(2), WNOWAIT). A child's number is its own until
/// this process reaps it.
package func childState(_ process: Int32) -> ChildState {
  childState(P_PID, process)
}

/// The same of any child in a process group: one that has ended, if there is such.
package func childState(inGroup group: Int32) -> ChildState {
  childState(P_PGID, group)
}

private func childState(_ type: idtype_t, _ number: Int32) -> ChildState {
  var information = siginfo_t()
  if waitid(type, id_t(number), &information, WEXITED | WNOHANG | WNOWAIT) != 0 { return .none }
  return withUnsafePointer(to: information) { csystem_signal_sender($0) } == 0 ? .running : .ended
}

/// Gives SIGCHLD its default disposition: with SIG_IGN, which may be inherited, the kernel reaps
/// children itself, and nobody learns their status (wait(2)).
package func makeChildrenWaitable() throws(LaunchError) {
  try launchStep(.sigaction) { () throws(Errno) in
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
