internal import CSystem

/// What a stop of the command means for this process; it opens nothing and signals nobody.
///
/// When the command is stopped by the terminal, we stop as well: the shell has to see its whole job
/// stopped, and the command has to have put the terminal in order before. When somebody stops the
/// command alone, we go on: they will continue it alone too, and nobody would wake us. The stop
/// signal that reaches us and the report that the command has stopped come in either order.
///
/// Two things cannot be told (docs/decisions). After a stop signal that the command has caught, a stop that
/// follows soon is taken for its answer. And nothing tells a process that is stopped that somebody has
/// continued its command alone.
struct JobControl {
  /// What is to be done about a stop of the command.
  enum Answer: Equatable {
    /// It is somebody else's, or over, or about to be.
    case nothing
    /// A signal that is to end the command waits behind the stop.
    case continueCommand
    /// The command may have the terminal that it has stopped for.
    case lendTerminal
    case stop
    /// Our shell does not know the command's group: what the terminal would have done to it we do to our own;
    /// `telling` it, unless the terminal has.
    case stopWithGroup(telling: Bool)
  }

  /// Which process group is in the foreground of the terminal that the command's job is on.
  enum Foreground: Equatable {
    case none, ours, command, other
  }

  /// What is seen when the command has stopped.
  struct Sight {
    var foreground = Foreground.none
    /// One of `sentEnds` waits behind the stop.
    var endIsKept = false
    /// A signal that is to end the command has come to this process.
    var endIsPending = false
    /// It was continued again, which is not reported yet.
    var commandHasGoneOn = false
    var now = Deadline.now
  }

  private let group: Command.ProcessGroup
  /// As far as is known.
  private(set) var commandIsStopped = false
  private(set) var commandHasEnded = false
  /// How often this process has stopped itself.
  private(set) var stops = 0
  /// Until when a stop of the command is taken for that of the whole job.
  private var stopIsExpected: Deadline?
  /// The terminal has told all of our group to stop: once more, a pager would stop again when it goes on.
  private var ourGroupIsTold = false
  /// A signal that is to end the command is on its way: we could not send it if we were stopped.
  var isPassingEnd = false
  /// Those that it was sent.
  private(set) var sentEnds: [Int32] = []

  /// So long a command may take to put the terminal in order.
  static let longestAnswer = Span.seconds(5)

  init(_ group: Command.ProcessGroup) {
    self.group = group
  }

  // MARK: - What happens

  /// A stop signal has come to this process.
  mutating func expectStop(isFromTerminal: Bool, at now: Deadline = .now) {
    stopIsExpected = now + Self.longestAnswer
    ourGroupIsTold = isFromTerminal
  }

  /// Whether a stop of the command is taken for that of the whole job.
  var expectsStop: Bool { stopIsExpected.map { !$0.hasPassed } ?? false }

  /// Somebody continues the job, or it has been stopped.
  mutating func forgetStop() {
    stopIsExpected = nil
    ourGroupIsTold = false
  }

  mutating func commandWasStopped() { commandIsStopped = true }

  mutating func commandWasContinued() {
    commandIsStopped = false
    stopIsExpected = nil
  }

  mutating func commandEnded() {
    commandHasEnded = true
    commandIsStopped = false
  }

  mutating func endWasSent(_ signal: Int32) {
    if !sentEnds.contains(signal) { sentEnds.append(signal) }
  }

  /// This process is about to stop.
  mutating func stop() {
    forgetStop()
    stops += 1
  }

  // MARK: - What it means

  /// Whether the command does, whatever stopped it: stop signals that wait are not taken with the stop.
  func goesOn(_ sight: Sight) -> Bool {
    sight.endIsKept || isPassingEnd || sight.endIsPending || sight.commandHasGoneOn
  }

  /// A program may answer SIGTSTP with SIGSTOP. Off the terminal that is rather somebody who stops programs,
  /// and no shell is there that would continue us.
  func answer(toStopBy signal: Int32, _ sight: Sight) -> Answer {
    if sight.endIsKept { return .continueCommand }
    if goesOn(sight) { return .nothing }
    let isAboutTerminal = signal == SIGTTIN || signal == SIGTTOU
    let isJobControl = isAboutTerminal || signal == SIGTSTP
    let isInForeground = sight.foreground == .ours || sight.foreground == .command
    let isTimely = stopIsExpected.map { sight.now < $0 } ?? false
    let isExpected = isTimely && (isJobControl || isInForeground)
    switch group {
    case .inherited:
      return isExpected || (isJobControl && isInForeground) ? .stop : .nothing
    case .new, .newInBackground:
      if sight.foreground == .none { return .nothing }
      // It is our group's, or the shell has given it to that: it is lent, or passed on.
      if isAboutTerminal, sight.foreground == .ours { return .lendTerminal }
      let isTerminals = isAboutTerminal || (signal == SIGTSTP && sight.foreground == .command)
      if !isExpected, !isTerminals { return .nothing }
      return .stopWithGroup(telling: !ourGroupIsTold || !isTimely)
    case .ofNewSession: return .nothing
    }
  }

  /// Who has yet to get a signal.
  enum Target {
    case nobody, command, group
  }

  /// The terminal sends to the whole foreground group: a command in ours has the signal already, and
  /// one with a group of its own would have it with all of that. Only when the terminal hangs up, it
  /// tells the session's leader alone. A command that signals its own group means to reach us too, not
  /// to get it back.
  func target(
    of signal: Int32, isTheTerminals: Bool, isTheCommands: Bool, isLeader: Bool
  ) -> Target {
    if !isTheTerminals { return isTheCommands ? .nobody : .command }
    if group.isNew { return .group }
    return group == .inherited && !(signal == SIGHUP && isLeader) ? .nobody : .command
  }
}
