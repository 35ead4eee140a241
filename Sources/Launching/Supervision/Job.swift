internal import CSystem

/// This process and its command as one job of a shell: does what `JobControl` says, to the two, to their
/// process groups and to the terminal.
struct Job {
  private let child: ChildProcess
  private let group: Command.ProcessGroup
  private let terminal: Terminal?
  var control: JobControl
  private var passedKeySignalOn = false
  /// Whether the mark of a stop was made, and nobody has taken it away but a continuation.
  private var isMarked = false

  private static let endingSignals = SignalSet([SIGTERM, SIGINT, SIGHUP, SIGQUIT])
  private static let continuation = SignalSet([SIGCONT])
  private static let stopSignals = SignalSet([SIGTSTP, SIGTTIN, SIGTTOU])
  private static let terminalSignals = SignalSet([SIGTTIN, SIGTTOU])
  private static let mark = SignalSet([SIGTTOU])

  init(of child: ChildProcess, _ group: Command.ProcessGroup) {
    self.child = child
    self.group = group
    control = JobControl(group)
    terminal = group.isNew ? Terminal.ofThisSession() : nil
  }

  /// Whether the command is on the same terminal as this process.
  var sharesTerminal: Bool { group != .ofNewSession }

  mutating func keySignalPassedOn() { passedKeySignalOn = true }

  mutating func commandWasStopped(by signal: Int32) {
    control.commandWasStopped()
    let ends = control.sentEnds
    // It may have stopped just before such a signal was sent.
    followStop(signal, endIsKept: !ends.isEmpty && isKept(child.command, from: ends) == true)
  }

  mutating func commandEnded(_ ended: Termination) {
    eraseMark()
    control.commandEnded()
    reclaimTerminal(after: ended)
  }

  /// A signal that is to end the command was sent to it. The terminal may have done so some time ago: then
  /// only the signal that still waits says that a stop was there first.
  mutating func endWasSent(_ signal: Int32, byUs: Bool) {
    if control.commandHasEnded { return }
    control.endWasSent(signal)
    if control.commandIsStopped, byUs || isKept(child.command, from: [signal]) ?? true {
      child.send(SIGCONT)
    }
  }

  func target(of signal: Int32, _ information: siginfo_t) -> JobControl.Target {
    let sender = withUnsafePointer(to: information) { csystem_signal_sender($0) }
    return control.target(
      of: signal, isTheTerminals: information.si_code == SI_KERNEL,
      isTheCommands: sender == child.command,
      isLeader: signal == SIGHUP && getsid(0) == getpid())
  }
}

// MARK: - Stops

extension Job {
  mutating func followStop(_ signal: Int32, endIsKept: Bool = false) {
    let sight = look(endIsKept)
    switch control.answer(toStopBy: signal, sight) {
    case .nothing: break
    case .continueCommand: child.send(SIGCONT)
    case .lendTerminal:
      terminal?.give(to: child.identifier)
      kill(-child.identifier, SIGCONT)
    case .stop: stop()
    case .stopWithGroup(let isTelling):
      if let terminal { stopWithOurGroup(terminal, isTelling) }
    }
  }

  private mutating func look(_ endIsKept: Bool) -> JobControl.Sight {
    var sight = JobControl.Sight(foreground: foreground, endIsKept: endIsKept)
    sight.endIsPending = Self.endingSignals.isPending
    // Nobody would wake us afterwards: so this is looked at last.
    sight.commandHasGoneOn = commandHasGoneOn
    if control.goesOn(sight) { return sight }
    var information = siginfo_t()
    let stopSignals = isMarked ? SignalSet([SIGTSTP, SIGTTIN]) : Self.stopSignals
    while let _ = try? stopSignals.take(&information, by: .now) {
      control.expectStop(isFromTerminal: information.si_code == SI_KERNEL)
    }
    return sight
  }

  private var foreground: JobControl.Foreground {
    guard let terminal = terminal ?? (group == .inherited ? .ofThisSession() : nil) else {
      return .none
    }
    if terminal.isOurs { return .ours }
    // A command that has made a group of its own is not ours to follow.
    if group == .inherited { return .other }
    return terminal.belongs(to: child.identifier) ? .command : .other
  }

  private var commandHasGoneOn: Bool {
    if !control.commandIsStopped || child.link != nil { return false }
    var information = siginfo_t()
    let flags = WCONTINUED | WNOHANG | WNOWAIT
    return waitid(P_PID, id_t(child.identifier), &information, flags) == 0
      && withUnsafePointer(to: information) { csystem_signal_sender($0) } != 0
  }

  /// And hands everything on when we continue.
  private mutating func stopWithOurGroup(_ terminal: Terminal, _ isTelling: Bool) {
    let hadTerminal = terminal.belongs(to: child.identifier)
    if hadTerminal { terminal.give(to: getpgrp()) }
    if isTelling { kill(0, SIGTSTP) }
    stop()
    _ = Self.continuation.takePending()
    if terminal.isOurs, hadTerminal || group == .new { terminal.give(to: child.identifier) }
    kill(-child.identifier, SIGCONT)
  }

  /// A stop signal has come: from here on a continuation leaves a trace.
  ///
  /// The kernel drops a SIGCONT that waits as soon as a stop signal comes, and so also when this process stops itself.
  /// But with a SIGCONT it drops all stop signals that wait (signal(7)): so one waits as a mark until the stop, blocked
  /// and not taken. It is made early, when nobody has seen anything stop that could be continued.
  mutating func markStop() {
    if isMarked || Self.continuation.isPending { return }
    isMarked = true
    kill(getpid(), SIGTTOU)
  }

  /// The signals that are not to be taken now.
  var keptBack: SignalSet? {
    mutating get {
      if isMarked, !control.expectsStop { eraseMark() }
      return isMarked ? Self.mark : nil
    }
  }

  private mutating func eraseMark() {
    if !isMarked { return }
    isMarked = false
    _ = Self.mark.takePending()
  }

  /// Stops this process until somebody continues it. By SIGTSTP: in an orphaned group, where nobody
  /// would, the kernel ignores that.
  mutating func stop() {
    control.stop()
    let wasMarked = isMarked
    csystem_set_handler(SIGTSTP, csystem_signal_default())
    // A stop would discard it (signal(7)).
    var goesOn = Self.continuation.takePending() != nil
    if !goesOn {
      kill(getpid(), SIGTSTP)
      isMarked = false
      if wasMarked, Self.mark.takePending() == nil {
        goesOn = true
        _ = SignalSet([SIGTSTP]).takePending()
      }
    }
    eraseMark()
    if goesOn {
      if !control.commandHasEnded { child.send(SIGCONT) }
      return
    }
    let signal = SignalSet([SIGTSTP])
    _ = try? signal.unblock()
    _ = try? signal.block()
  }
}

// MARK: - The terminal

extension Job {
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
