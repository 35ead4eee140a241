internal import CSystem

/// The state of one wait for a command: what has been seen, and what is due next.
struct Watch: ~Copyable {
  private enum Phase {
    case running
    /// SIGTERM was sent; SIGKILL follows.
    case ending
    case killing
  }

  private let child: ChildProcess
  private let limits: Supervisor.Limits
  private let group: Command.ProcessGroup
  private let terminal: Terminal?
  private let earlierChildren: [Int32]
  private var phase = Phase.running
  private var graceEnds: Deadline?
  private var ranOutOfTime = false
  private var lostLease = false
  private var termination: Termination?
  private var childIsStopped = false
  /// The child is an init that has nothing left to wait for.
  private var initIsEnding = false
  /// How often this process has stopped itself.
  private var stops = 0
  /// Until when a stop of the command is taken for that of the whole job.
  private var stopIsExpected: Deadline?
  /// The terminal has told all of our group to stop: once more, a pager would stop again when it goes on.
  private var ourGroupIsTold = false
  private var passedKeySignalOn = false
  /// Until when a stop of the command keeps it from taking a signal that should end it.
  private var endIsExpected: Deadline?
  private(set) var nextDeadline: Deadline?
  private(set) var outcome: Supervisor.Outcome?

  private static let lookAgainAfter: Int64 = 50
  private static let endingSignals = SignalSet([SIGTERM, SIGINT, SIGHUP, SIGQUIT])
  private static let continuation = SignalSet([SIGCONT])
  private static let stopSignals = SignalSet([SIGTSTP, SIGTTIN, SIGTTOU])
  private static let terminalSignals = SignalSet([SIGTTIN, SIGTTOU])

  init(
    _ child: ChildProcess, _ limits: Supervisor.Limits, _ group: Command.ProcessGroup,
    _ earlierChildren: [Int32]
  ) {
    self.child = child
    self.earlierChildren = earlierChildren
    self.limits = limits
    self.group = group
    terminal = group.isNew ? Terminal.ofThisSession() : nil
    nextDeadline = limits.runtime.map { .after($0) }
  }

  private var strangers: [Int32] { earlierChildren + limits.relayNumber }
}

// MARK: - Ends

extension Watch {
  /// Collects every child that has changed, and sees whether there is anything left to wait for.
  mutating func reap() throws(LaunchError) {
    while outcome == nil {
      takeReports()
      if outcome != nil { return }
      var status: Int32 = 0
      let reaped: Int32
      do throws(Errno) {
        reaped = try retryingOnInterrupt {
          waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)
        }
      } catch {
        guard error == .noChild, let termination else {
          throw LaunchError(step: .waitpid, errno: error)
        }
        return finish(termination)
      }
      if reaped == 0 { return settle() }
      if reaped == child.identifier {
        if child.link == nil { childChanged(status) } else { initChanged(status) }
      }
    }
  }

  /// What an init says of the command.
  private mutating func takeReports() {
    while outcome == nil, let report = child.nextReport() {
      initIsEnding = report.isLast
      childChanged(report.status)
    }
  }

  private mutating func initChanged(_ status: Int32) {
    if csystem_stopped(status) != 0 || csystem_continued(status) != 0 { return }
    // Its last word was there before its end.
    takeReports()
    initIsEnding = false
    if termination == nil { childChanged(status) }
  }

  private mutating func childChanged(_ status: Int32) {
    if csystem_stopped(status) != 0 {
      childIsStopped = true
      followStop(csystem_stop_signal(status))
    } else if csystem_continued(status) != 0 {
      childIsStopped = false
      stopIsExpected = nil
    } else {
      let ended = Termination(status)
      termination = ended
      childIsStopped = false
      reclaimTerminal(after: ended)
      if !initIsEnding, awaited(after: ended) == .nothing { finish(ended) }
    }
  }

  private mutating func finish(_ termination: Termination) {
    child.closeLink()
    outcome = Supervisor.Outcome(
      termination: termination, ranOutOfTime: ranOutOfTime, lostLease: lostLease)
  }

  private enum Awaited {
    case nothing
    /// What is left of the command's group.
    case group
    case allChildren
  }

  private func awaited(after ended: Termination) -> Awaited {
    switch (limits.leftovers, ended) {
    case (.wait, _), (.kill, _), (.waitIfKilled, .signalled), (.killIfKilled, .signalled):
      .allChildren
    case (.leave, _), (.waitIfKilled, .exited), (.killIfKilled, .exited):
      lostLease ? .allChildren : ranOutOfTime ? .group : .nothing
    }
  }

  /// The command may have ended, and some child of ours has not: what now?
  private mutating func settle() {
    guard let termination, outcome == nil, !initIsEnding else { return }
    switch awaited(after: termination) {
    case .nothing:
      finish(termination)
    case .group:
      let isEmpty = Descendants.find(inGroup: groupNumber).allSatisfy {
        $0.identifier == spared
      }
      if isEmpty { return finish(termination) }
      lookAgain()
    case .allChildren:
      if limits.leftovers == .kill, phase == .running { startEnding() }
      if killsAll { killAll() }
      if !strangers.isEmpty, Descendants.areVisible, Descendants.find(besides: strangers).isEmpty {
        return finish(termination)
      }
      if phase == .running, strangers.isEmpty { nextDeadline = nil } else { lookAgain() }
    }
  }

  /// Not every end is reported to us: a leftover may have a parent that reaps it.
  private mutating func lookAgain() {
    nextDeadline = .milliseconds(Self.lookAgainAfter)
  }
}

// MARK: - Time

extension Watch {
  mutating func deadlinePassed() throws(LaunchError) {
    switch phase {
    // It is time to look for leftovers again.
    case .running where termination != nil: break
    case .running:
      ranOutOfTime = true
      startEnding()
    case .ending where graceEnds?.hasPassed == false:
      break
    case .ending where killsAll, .killing where killsAll:
      killAll()
    case .ending, .killing:
      phase = .killing
      let reached = sendToAll(SIGKILL)
      // Whoever may not be killed, under another user, is not waited for.
      if let termination, !reached, awaited(after: termination) == .group {
        return finish(termination)
      }
      // Again and again: what is killed may have children that are ours only now.
      lookAgain()
    }
    try reap()
  }

  private mutating func startEnding() {
    phase = .ending
    sendToAll(SIGTERM)
    // A stopped process takes its SIGTERM only when it goes on.
    sendToAll(SIGCONT)
    graceEnds = Deadline.after(limits.grace)
    nextDeadline = graceEnds
  }

  /// To all that is to be ended: whatever comes from the command, or its group. The group's number
  /// is sure to be the command's only until the command is reaped; then its members are looked for.
  ///
  /// False when nobody got it.
  @discardableResult
  private func sendToAll(_ signal: Int32) -> Bool {
    if limits.leftovers == .kill {
      return Descendants.send(
        signal, besides: strangers, sparing: signal == SIGKILL ? nil : spared)
    }
    if termination != nil {
      return Descendants.send(signal, inGroup: groupNumber, sparing: spared)
    }
    if groupNumber != child.identifier, signal != SIGKILL {
      // Its init may have reaped the command, and its number be another's: not kill(2).
      return Descendants.send(signal, inGroup: groupNumber)
    }
    let leads = getpgid(child.command) == child.identifier
    let group = kill(-child.identifier, signal) == 0
    return leads ? group : child.send(signal)
  }

  private var groupNumber: Int32 {
    group == .ofNewSession ? child.command : child.identifier
  }

  /// The init, with which everything in its namespace would end.
  private var spared: Int32? { child.link == nil ? nil : child.identifier }
}

// MARK: - The lease

extension Watch {
  /// Ends the command where the lease was not renewed.
  ///
  /// - Returns: whether it is to be renewed now.
  mutating func attend(to lease: inout LeaseWatch?) -> Bool {
    while true {
      switch lease?.due() {
      case .renewal?: return true
      case .warning?:
        lease?.warned()
        lostLease = true
        sendToWholeCommand(SIGTERM)
        sendToWholeCommand(SIGCONT)
        continue
      case .end?:
        lease?.ended()
        lostLease = true
        killAll()
      case .nothing?, nil: break
      }
      lease?.arm()
      return false
    }
  }

  private var killsAll: Bool { lostLease || limits.leftovers == .killIfKilled }

  /// Whatever comes from the command; where the child is a supervisor itself, not that.
  private func sendToWholeCommand(_ signal: Int32) {
    let isHolder = limits.leftovers == .killIfKilled
    Descendants.send(
      signal, besides: strangers, sparing: isHolder ? child.identifier : nil)
    if !isHolder, termination == nil { child.send(signal) }
  }

  private mutating func killAll() {
    phase = .killing
    sendToWholeCommand(SIGKILL)
    // What is killed may have children that are ours only now.
    lookAgain()
  }
}

// MARK: - Signals

extension Watch {
  mutating func received(_ signal: Int32, _ information: siginfo_t) throws(LaunchError) {
    let target = target(of: signal, information)
    switch signal {
    case SIGTSTP, SIGTTIN, SIGTTOU:
      try stopSignalCame(signal, for: target)
    case SIGCONT:
      stopIsExpected = nil
      ourGroupIsTold = false
      // A shell continues the whole job, command included; kill(1) perhaps just us.
      let wasStopped = childIsStopped
      try reap()
      if outcome == nil, !(wasStopped && !childIsStopped) { passOn(signal, to: target) }
    case SIGTERM, SIGINT, SIGHUP, SIGQUIT:
      if signal == SIGINT || signal == SIGQUIT { passedKeySignalOn = true }
      passOn(signal, to: target)
      if target != .nobody { endIsExpected = .seconds(1) }
      // A stopped process takes it only when it goes on; its stop may be about to be reported.
      if childIsStopped { child.send(SIGCONT) }
    // Its terminal is another one, and tells it.
    case SIGWINCH where group == .ofNewSession: break
    default:
      passOn(signal, to: target)
    }
  }

  /// Who has yet to get a signal.
  private enum Target {
    case nobody, command, group
  }

  private func passOn(_ signal: Int32, to target: Target) {
    if target == .nobody { return }
    if termination != nil {
      if limits.leftovers != .leave { Descendants.send(signal, besides: strangers) }
    } else if target == .group {
      kill(-child.identifier, signal)
    } else {
      child.send(signal)
    }
  }

  /// The terminal sends to the whole foreground group: a command in ours has the signal already, and
  /// one with a group of its own would have it with all of that. Only when the terminal hangs up, it
  /// tells the session's leader alone. A command that signals its own group means to reach us too, not
  /// to get it back.
  private func target(of signal: Int32, _ information: siginfo_t) -> Target {
    if information.si_code == SI_KERNEL {
      if group.isNew { return .group }
      let isHangUp = signal == SIGHUP && getsid(0) == getpid()
      return group == .inherited && !isHangUp ? .nobody : .command
    }
    let sender = withUnsafePointer(to: information) { csystem_signal_sender($0) }
    return sender == child.command ? .nobody : .command
  }
}

// MARK: - Job control

// When the command is stopped by the terminal, we stop as well: the shell has to see its whole job
// stopped, and the command has to have put the terminal in order before. When somebody stops the
// command alone, we go on: they will continue it alone too, and nobody would wake us. The stop
// signal that reaches us and the report that the command has stopped come in either order.

extension Watch {
  private mutating func stopSignalCame(_ signal: Int32, for target: Target) throws(LaunchError) {
    if signal != SIGTSTP, target == .group, terminalWasLent() { return }
    // The command may have been continued since it was last heard of, or have stopped already.
    let before = stops
    expectStop(isFromTerminal: target == .group)
    try reap()
    if outcome != nil || stops != before { return }
    expectStop(isFromTerminal: target == .group)
    if termination != nil {
      passOn(signal, to: target)
      return stop()
    }
    if childIsStopped { return followStop(signal) }
    passOn(signal, to: target)
    try reap()
  }

  private mutating func expectStop(isFromTerminal: Bool) {
    stopIsExpected = .seconds(5)
    ourGroupIsTold = isFromTerminal
  }

  /// Whether the terminal has stopped our group because the command has it, and who needs it there can
  /// go on: it is ours again, until the command needs it.
  private func terminalWasLent() -> Bool {
    guard let terminal else { return false }
    if terminal.belongs(to: child.identifier) { terminal.give(to: getpgrp()) }
    guard terminal.isOurs else { return false }
    continueOurGroup()
    return true
  }

  private func continueOurGroup() {
    kill(0, SIGCONT)
    _ = Self.continuation.takePending()
  }

  private mutating func followStop(_ signal: Int32) {
    if endIsExpected?.hasPassed == false {
      child.send(SIGCONT)
      return
    }
    // That is to be passed on first, and we could not if we were stopped.
    if Self.endingSignals.isPending { return }
    var information = siginfo_t()
    while let _ = try? Self.stopSignals.take(&information, by: .now) {
      expectStop(isFromTerminal: information.si_code == SI_KERNEL)
    }
    let isExpected = stopIsExpected?.hasPassed == false
    switch group {
    case .inherited:
      let isJobControl = signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU
      if isExpected || (isJobControl && Terminal.inForeground() != nil) { stop() }
    case .new, .newInBackground:
      guard let terminal else { return }
      let isAboutTerminal = signal == SIGTTIN || signal == SIGTTOU
      if isAboutTerminal, terminal.isOurs {
        // It is our group's, or the shell has given it to that: it is lent, or passed on.
        terminal.give(to: child.identifier)
        kill(-child.identifier, SIGCONT)
      } else if isExpected || isAboutTerminal
        || (signal == SIGTSTP && terminal.belongs(to: child.identifier))
      {
        stopWithOurGroup(terminal)
      }
    case .ofNewSession: break
    }
  }

  /// Our shell does not know the command's group: do to our own what the terminal would have done,
  /// and hand everything on when we continue.
  private mutating func stopWithOurGroup(_ terminal: Terminal) {
    let hadTerminal = terminal.belongs(to: child.identifier)
    if hadTerminal { terminal.give(to: getpgrp()) }
    if !ourGroupIsTold || stopIsExpected?.hasPassed != false { kill(0, SIGTSTP) }
    stop()
    _ = Self.continuation.takePending()
    if terminal.isOurs, hadTerminal || group == .new { terminal.give(to: child.identifier) }
    kill(-child.identifier, SIGCONT)
  }

  /// Stops this process until somebody continues it. By SIGTSTP: in an orphaned group, where nobody
  /// would, the kernel ignores that.
  private mutating func stop() {
    stopIsExpected = nil
    ourGroupIsTold = false
    stops += 1
    // A stop would discard it (signal(7)).
    if Self.continuation.takePending() != nil {
      if termination == nil { child.send(SIGCONT) }
      return
    }
    let signal = SignalSet([SIGTSTP])
    csystem_set_handler(SIGTSTP, csystem_signal_default())
    kill(getpid(), SIGTSTP)
    _ = try? signal.unblock()
    _ = try? signal.block()
  }

  /// The shell that waits for us expects the terminal to be its own again; and a key that ended
  /// the command would have reached our group as well, had we not given the terminal away.
  private func reclaimTerminal(after ended: Termination) {
    guard let terminal, terminal.belongs(to: child.identifier) else { return }
    terminal.give(to: getpgrp())
    // Others of our job may have been stopped for want of it.
    if Self.terminalSignals.takePending() != nil { continueOurGroup() }
    if case .signalled(let signal, _) = ended, signal == SIGINT || signal == SIGQUIT,
      !passedKeySignalOn
    {
      kill(0, signal)
      _ = SignalSet([signal]).takePending()
    }
  }
}
