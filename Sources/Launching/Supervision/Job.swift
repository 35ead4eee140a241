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
  /// A stop signal that was taken in passing, and is still to be received.
  private var overtaken: siginfo_t?

  private static let endingSignals = SignalSet([SIGTERM, SIGINT, SIGHUP, SIGQUIT])
  private static let continuation = SignalSet([SIGCONT])
  private static let stopSignals = SignalSet([SIGTSTP, SIGTTIN, SIGTTOU])
  private static let terminalSignals = SignalSet([SIGTTIN, SIGTTOU])
  private static let mark = SignalSet([SIGTTOU])
  private static let unlikeMark = SignalSet([SIGTSTP, SIGTTIN])

  init(of child: ChildProcess, _ group: Command.ProcessGroup) {
    self.child = child
    self.group = group
    control = JobControl(group)
    terminal = group.isNew ? Terminal.ofThisSession() : nil
  }

  /// Whether the command is on the same terminal as this process.
  var sharesTerminal: Bool { group != .ofNewSession }

  /// Whether a stop of our group's is the command's as well.
  var isInOurGroup: Bool { group == .inherited }

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
    control.target(
      of: signal, isTheTerminals: information.si_code == SI_KERNEL,
      isTheCommands: sender(of: information) == child.command,
      isLeader: signal == SIGHUP && getsid(0) == getpid())
  }
}

// MARK: - Stops

extension Job {
  mutating func followStop(_ signal: Int32, endIsKept: Bool = false) {
    let wasMarked = isMarked
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
    if !wasMarked { eraseMark() }
  }

  private mutating func look(_ endIsKept: Bool) -> JobControl.Sight {
    var sight = JobControl.Sight(foreground: foreground, endIsKept: endIsKept)
    sight.endIsPending = Self.endingSignals.isPending
    // Nobody would wake us afterwards: so this is looked at last.
    sight.commandHasGoneOn = commandHasGoneOn
    if control.goesOn(sight) { return sight }
    takeStopSignals(&sight)
    return sight
  }

  /// Those that wait belong to the stop that is seen.
  private mutating func takeStopSignals(_ sight: inout JobControl.Sight) {
    var information = siginfo_t()
    if !isMarked, let _ = try? Self.mark.take(&information, by: .now) {
      control.expectStop(isFromTerminal: information.si_code == SI_KERNEL)
    }
    while Self.unlikeMark.isPending {
      // What waits shows that it is not over: so it is marked first.
      markStop()
      if !isMarked { return }
      guard let _ = try? Self.unlikeMark.take(&information, by: .now) else {
        // The job was continued between the two.
        eraseMark()
        control.forgetStop()
        continueCommand()
        sight.commandHasGoneOn = true
        return
      }
      control.expectStop(isFromTerminal: information.si_code == SI_KERNEL)
      // Or continued and stopped once more: it is the later one that was taken.
      if !Self.mark.isPending { markStop() }
    }
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
      && sender(of: information) != 0
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

  /// A stop signal was taken: from here on a continuation leaves a trace.
  ///
  /// The kernel drops a SIGCONT that waits as soon as a stop signal comes, and so also when this process stops itself.
  /// But with a SIGCONT it drops all stop signals that wait (signal(7)): so one waits as a mark until the stop, blocked
  /// and not taken. It is made early, when nobody has seen anything stop that could be continued; and by each stop
  /// signal, since a SIGCONT before that is over.
  mutating func markStop() {
    // To this thread: the mark is not one with a signal of others, who send theirs to the process.
    isMarked = csystem_signal_thread_unless_pending(SIGTTOU, SIGCONT) != 0
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
    csystem_set_handler(SIGTSTP, csystem_signal_default())
    if isContinuedBeforeStop() { return continueCommand() }
    let signal = SignalSet([SIGTSTP])
    _ = try? signal.unblock()
    _ = try? signal.block()
  }

  /// Otherwise a SIGTSTP waits that a continuation takes away.
  private mutating func isContinuedBeforeStop() -> Bool {
    if Self.continuation.takePending() != nil {
      wasContinued()
      return true
    }
    _ = csystem_signal_thread(SIGTSTP)
    if !isMarked { return false }
    isMarked = false
    if Self.mark.takePending() != nil { return false }
    // The continuation came before our SIGTSTP, and that waits; or after it, and what waits has come later yet.
    var information = siginfo_t()
    if let _ = try? SignalSet([SIGTSTP]).take(&information, by: .now),
      sender(of: information) != getpid()
    {
      overtaken = information
    }
    return true
  }

  /// What was taken in passing, once.
  mutating func takeOvertaken(_ information: inout siginfo_t) -> Int32? {
    guard let overtaken else { return nil }
    self.overtaken = nil
    information = overtaken
    return SIGTSTP
  }

  /// A continuation was received: nothing has stopped the job since, and it has taken the mark away.
  mutating func wasContinued() {
    isMarked = false
    control.forgetStop()
  }

  /// Continues the command, unless a stop signal came after the continuation.
  private func continueCommand() {
    if !control.commandHasEnded, !stopIsPending { child.send(SIGCONT) }
  }

  /// Whether a stop signal is to be received yet: then any continuation that was taken came before it.
  var stopIsPending: Bool {
    overtaken != nil || (isMarked ? Self.unlikeMark : Self.stopSignals).isPending
  }
}

// MARK: - The terminal

extension Job {
  /// Whether the terminal has stopped our group because the command has it, and who needs it there can
  /// go on: it is ours again, until the command needs it.
  mutating func terminalWasLent() -> Bool {
    guard let terminal else { return false }
    if terminal.belongs(to: child.identifier) { terminal.give(to: getpgrp()) }
    guard terminal.isOurs else { return false }
    continueOurGroup()
    return true
  }

  private mutating func continueOurGroup() {
    kill(0, SIGCONT)
    // It has taken the mark away.
    isMarked = false
    _ = Self.continuation.takePending()
  }

  /// The shell that waits for us expects the terminal to be its own again; and a key that ended
  /// the command would have reached our group as well, had we not given the terminal away.
  private mutating func reclaimTerminal(after ended: Termination) {
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

private func sender(of information: siginfo_t) -> Int32 {
  withUnsafePointer(to: information) { csystem_signal_sender($0) }
}
