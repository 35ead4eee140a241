internal import CSystem

/// The state of one wait for a command: what has been seen, and what is due next.
struct Watch: ~Copyable {
  private enum Phase: Equatable {
    case running
    /// SIGTERM was sent; SIGKILL follows.
    case ending
    case killing
  }

  private let child: ChildProcess
  private let limits: Supervisor.Limits
  private let group: Command.ProcessGroup
  private let terminal: Terminal?
  private var phase = Phase.running
  private var ranOutOfTime = false
  private var termination: Termination?
  private var childIsStopped = false
  private var stopSignalCame = false
  private(set) var nextDeadline: Deadline?
  private(set) var outcome: Supervisor.Outcome?

  private static let killAgainAfter: Int64 = 50

  init(
    _ child: ChildProcess, _ limits: Supervisor.Limits, _ group: Command.ProcessGroup
  ) {
    self.child = child
    self.limits = limits
    self.group = group
    terminal = group == .new ? Terminal.ofThisSession() : nil
    nextDeadline = limits.runtime.map { Deadline(nanosecondsFromNow: $0) }
  }
}

// MARK: - Ends

extension Watch {
  /// Collects every child that has changed, and sees whether there is anything left to wait for.
  mutating func reap() throws(Errno) {
    while true {
      var status: Int32 = 0
      let reaped: Int32
      do throws(Errno) {
        reaped = try retryingOnInterrupt {
          waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)
        }
      } catch .noChild {
        return try childrenAreGone()
      }
      if reaped == 0 { break }
      if reaped == child.identifier { try childChanged(status) }
      if outcome != nil { return }
    }
    if termination != nil { try lookForTheRest() }
  }

  private mutating func childChanged(_ status: Int32) throws(Errno) {
    if csystem_stopped(status) != 0 {
      childIsStopped = true
      try childStopped(by: csystem_stop_signal(status))
    } else if csystem_continued(status) != 0 {
      childIsStopped = false
    } else {
      let ended = Termination(status)
      termination = ended
      reclaimTerminal(after: ended)
      if phase == .running, !waitsForLeftovers(after: ended) { finish(ended) }
    }
  }

  private func waitsForLeftovers(after ended: Termination) -> Bool {
    switch (limits.leftovers, ended) {
    case (.wait, _), (.kill, _), (.waitIfKilled, .signalled): true
    case (.leave, _), (.waitIfKilled, .exited): false
    }
  }

  private mutating func childrenAreGone() throws(Errno) {
    guard let termination else { throw .noChild }
    finish(termination)
  }

  private mutating func finish(_ termination: Termination) {
    outcome = Supervisor.Outcome(termination: termination, ranOutOfTime: ranOutOfTime)
  }

  /// The command has ended, and some child of ours has not.
  private mutating func lookForTheRest() throws(Errno) {
    switch limits.leftovers {
    case .wait where phase == .running, .waitIfKilled where phase == .running:
      nextDeadline = nil
    case .kill where phase == .running:
      startEnding()
    case .leave where kill(-child.identifier, 0) != 0 && Errno.current == .noSuchProcess:
      // Out of time: only the command's group was to be ended.
      if let termination { finish(termination) }
    default:
      if phase == .killing { killEverything() }
    }
  }
}

// MARK: - Time

extension Watch {
  mutating func deadlinePassed() {
    switch phase {
    case .running:
      ranOutOfTime = true
      startEnding()
    case .ending, .killing:
      phase = .killing
      killEverything()
    }
  }

  private mutating func startEnding() {
    phase = .ending
    sendToAll(SIGTERM)
    // A stopped process takes its SIGTERM only when it goes on.
    sendToAll(SIGCONT)
    nextDeadline = Deadline(nanosecondsFromNow: limits.grace)
  }

  /// To all that is to be ended: the command's group, or whatever comes from the command.
  private func sendToAll(_ signal: Int32) {
    if limits.leftovers == .kill {
      Descendants.send(signal)
    } else {
      kill(-child.identifier, signal)
    }
  }

  /// Again and again: what is killed may have children that are ours only now.
  private mutating func killEverything() {
    sendToAll(SIGKILL)
    nextDeadline = .milliseconds(Self.killAgainAfter)
  }
}

// MARK: - Signals

extension Watch {
  mutating func received(_ signal: Int32, _ information: siginfo_t) throws(Errno) {
    switch signal {
    case SIGTSTP, SIGTTIN, SIGTTOU: stopSignalCame = true
    case SIGCONT:
      // Whoever continues a job does so with its whole group, command included.
      let wasStopped = childIsStopped
      try reap()
      if outcome != nil || (wasStopped && !childIsStopped) { return }
    default: break
    }
    if termination != nil {
      if limits.leftovers != .leave { Descendants.send(signal) }
    } else if group == .new || !reachedCommand(signal, information) {
      kill(child.identifier, signal)
    }
  }

  /// The terminal sends to the whole foreground group, and the command has the signal already;
  /// only when it hangs up it tells the session's leader alone.
  private func reachedCommand(_ signal: Int32, _ information: siginfo_t) -> Bool {
    information.si_code == SI_KERNEL && !(signal == SIGHUP && getsid(0) == getpid())
  }
}

// MARK: - Job control

extension Watch {
  /// The command was stopped. When that is the terminal's doing we stop as well, and only then:
  /// the shell has to see its whole job stopped, and the command has to have put the terminal in
  /// order before. Somebody who stops the command alone will also continue it alone.
  private mutating func childStopped(by signal: Int32) throws(Errno) {
    guard group == .inherited else { return childGroupStopped(by: signal) }
    let isJobControl = signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU
    if stopSignalCame || (isJobControl && Terminal.inForeground() != nil) {
      stopSignalCame = false
      kill(getpid(), SIGSTOP)
    }
  }

  /// The command has a group of its own, and our shell does not know it: take the terminal, stop
  /// our own group as the terminal would have, and hand everything back when we go on.
  private mutating func childGroupStopped(by signal: Int32) {
    guard let terminal, signal != SIGSTOP || stopSignalCame else { return }
    stopSignalCame = false
    terminal.give(to: getpgrp())
    kill(0, SIGTSTP)
    discard(SIGTSTP)
    kill(getpid(), SIGSTOP)
    discard(SIGCONT)
    if terminal.isOurs { terminal.give(to: child.identifier) }
    kill(-child.identifier, SIGCONT)
  }

  /// The shell that waits for us expects the terminal to be its own again; and a key that ended
  /// the command would have reached our group as well, had we not given the terminal away.
  private func reclaimTerminal(after ended: Termination) {
    guard let terminal, terminal.belongs(to: child.identifier) else { return }
    terminal.give(to: getpgrp())
    if case .signalled(let signal, _) = ended, signal == SIGINT || signal == SIGQUIT {
      kill(0, signal)
      discard(signal)
    }
  }

  /// Forgets a blocked signal that we sent to our own group.
  private func discard(_ signal: Int32) {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, signal)
    var none = timespec()
    sigtimedwait(&set, nil, &none)
  }
}
