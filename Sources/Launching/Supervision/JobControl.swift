internal import CSystem

/// Stops this process when its command is stopped, and continues the command with it.
///
/// When the command is stopped by the terminal, we stop as well: the shell has to see its whole job
/// stopped, and the command has to have put the terminal in order before. When somebody stops the
/// command alone, we go on: they will continue it alone too, and nobody would wake us. The stop
/// signal that reaches us and the report that the command has stopped come in either order.
///
/// Two things cannot be told. After a stop signal that the command has caught, a stop that follows within
/// seconds is taken for its answer. And between the last look at the command and our own stop somebody may
/// continue it alone: nothing tells a process that is stopped.
struct JobControl {
  private let child: ChildProcess
  private let group: Command.ProcessGroup
  private let terminal: Terminal?
  /// As far as is known.
  private(set) var commandIsStopped = false
  private var commandHasEnded = false
  /// How often this process has stopped itself.
  private(set) var stops = 0
  /// Until when a stop of the command is taken for that of the whole job.
  private var stopIsExpected: Deadline?
  /// The terminal has told all of our group to stop: once more, a pager would stop again when it goes on.
  private var ourGroupIsTold = false
  private var passedKeySignalOn = false
  /// A signal that is to end the command is on its way: we could not send it if we were stopped.
  var isPassingEnd = false
  /// Those that it was sent.
  private var sentEnds: [Int32] = []

  private static let endingSignals = SignalSet([SIGTERM, SIGINT, SIGHUP, SIGQUIT])
  private static let continuation = SignalSet([SIGCONT])
  private static let stopSignals = SignalSet([SIGTSTP, SIGTTIN, SIGTTOU])
  private static let terminalSignals = SignalSet([SIGTTIN, SIGTTOU])

  init(of child: ChildProcess, _ group: Command.ProcessGroup) {
    self.child = child
    self.group = group
    terminal = group.isNew ? Terminal.ofThisSession() : nil
  }

  /// Whether the command is on the same terminal as this process.
  var sharesTerminal: Bool { group != .ofNewSession }

  /// A stop signal has come to this process.
  mutating func expectStop(isFromTerminal: Bool) {
    stopIsExpected = .seconds(5)
    ourGroupIsTold = isFromTerminal
  }

  /// Somebody continues the job.
  mutating func forgetStop() {
    stopIsExpected = nil
    ourGroupIsTold = false
  }

  mutating func keySignalPassedOn() { passedKeySignalOn = true }

  mutating func commandWasStopped(by signal: Int32) {
    commandIsStopped = true
    // It stopped just before a signal that is to end it was sent.
    if !sentEnds.isEmpty, isKept(child.command, from: sentEnds) == true {
      child.send(SIGCONT)
    } else {
      followStop(signal)
    }
  }

  /// A signal that is to end the command was sent to it. The terminal may have done so some time ago: then
  /// only the signal that still waits says that a stop was there first.
  mutating func endWasSent(_ signal: Int32, byUs: Bool) {
    if commandHasEnded { return }
    if !sentEnds.contains(signal) { sentEnds.append(signal) }
    if commandIsStopped, byUs || isKept(child.command, from: [signal]) ?? true {
      child.send(SIGCONT)
    }
  }

  mutating func commandWasContinued() {
    commandIsStopped = false
    stopIsExpected = nil
  }

  mutating func commandEnded(_ ended: Termination) {
    commandHasEnded = true
    commandIsStopped = false
    reclaimTerminal(after: ended)
  }
}

// MARK: - Stops

extension JobControl {
  mutating func followStop(_ signal: Int32) {
    if isPassingEnd || Self.endingSignals.isPending || commandHasGoneOn { return }
    var information = siginfo_t()
    while let _ = try? Self.stopSignals.take(&information, by: .now) {
      expectStop(isFromTerminal: information.si_code == SI_KERNEL)
    }
    let isJobControl = signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU
    // A program may answer SIGTSTP with SIGSTOP. Off the terminal that is rather somebody who stops
    // programs, and no shell is there that would continue us.
    let isExpected = stopIsExpected?.hasPassed == false && (isJobControl || isInForeground)
    switch group {
    case .inherited:
      if isExpected || (isJobControl && isInForeground) { stop() }
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

  /// Whether the terminal has stopped our group because the command has it, and who needs it there can
  /// go on: it is ours again, until the command needs it.
  func terminalWasLent() -> Bool {
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

  private var isInForeground: Bool {
    guard let terminal else { return Terminal.inForeground() != nil }
    return terminal.isOurs || terminal.belongs(to: child.identifier)
  }

  /// Whether it was continued again, which is not reported yet.
  private var commandHasGoneOn: Bool {
    if !commandIsStopped || child.link != nil { return false }
    var information = siginfo_t()
    let flags = WCONTINUED | WNOHANG | WNOWAIT
    return waitid(P_PID, id_t(child.identifier), &information, flags) == 0
      && withUnsafePointer(to: information) { csystem_signal_sender($0) } != 0
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
  mutating func stop() {
    stopIsExpected = nil
    ourGroupIsTold = false
    stops += 1
    // A stop would discard it (signal(7)).
    if Self.continuation.takePending() != nil {
      if !commandHasEnded { child.send(SIGCONT) }
      return
    }
    let signal = SignalSet([SIGTSTP])
    csystem_set_handler(SIGTSTP, csystem_signal_default())
    kill(getpid(), SIGTSTP)
    _ = try? signal.unblock()
    _ = try? signal.block()
  }
}

// MARK: - The terminal

extension JobControl {
  /// Who has yet to get a signal.
  enum Target {
    case nobody, command, group
  }

  /// The terminal sends to the whole foreground group: a command in ours has the signal already, and
  /// one with a group of its own would have it with all of that. Only when the terminal hangs up, it
  /// tells the session's leader alone. A command that signals its own group means to reach us too, not
  /// to get it back.
  func target(of signal: Int32, _ information: siginfo_t) -> Target {
    if information.si_code == SI_KERNEL {
      if group.isNew { return .group }
      let isHangUp = signal == SIGHUP && getsid(0) == getpid()
      return group == .inherited && !isHangUp ? .nobody : .command
    }
    let sender = withUnsafePointer(to: information) { csystem_signal_sender($0) }
    return sender == child.command ? .nobody : .command
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
