internal import CSystem

/// What a relay copies, and to where.
package final class RelayPlan {
  package var routes: [RelayRoute] = []
  /// A file, open here, that the routes are logged to.
  package var log: FileDescriptor?
  /// Programs that the log goes through before it comes to the file, each with its arguments.
  package var programs: [[ByteString]] = []
  /// Whether each line of the log begins with the time.
  package var isStamped = false
  /// The terminal whose keys go to the first route's input, a pseudo-terminal.
  package var keyboard: Keyboard?
  /// A terminal whose size that pseudo-terminal is to have.
  package var sizeModel: Int32?
  /// Tells the numbers of the relay and of the log's programs to other processes.
  package var processes: RelayProcesses?
  /// Of `programs` at most.
  package static var maximumPrograms: Int { 2 }
  /// What this process need not keep once the command is started.
  private var commandEnds: [HeldDescriptor] = []
  private(set) var terminal: PseudoTerminal?

  package init() {}

  /// Adds a pipe from a command to `output`.
  ///
  /// - Returns: the descriptor for the command.
  package func addPipe(to output: Int32?) throws(LaunchError) -> Int32 {
    let pipe = try makeWidePipe()
    routes.append(RelayRoute(pipe.reading, output, isLogged: log != nil))
    let end = HeldDescriptor(pipe.writing)
    commandEnds.append(end)
    return end.number
  }

  package func add(_ terminal: PseudoTerminal, to output: Int32?) {
    self.terminal = terminal
    routes.insert(RelayRoute(nil, output, isLogged: log != nil), at: 0)
  }

  /// Whether there is nothing to do.
  package var isEmpty: Bool { routes.isEmpty }

  /// Gives the pseudo-terminal the size of `sizeModel`.
  package func copySize() {
    if let sizeModel { terminal?.copySize(of: sizeModel) }
  }

  /// In the process that started the command.
  func closeCommandEnds() {
    closeCommandPipes()
    terminal?.close()
  }

  func closeCommandPipes() {
    commandEnds = []
  }

  func closeRelayEnds() {
    for route in routes { _ = route.takeInput() }
    log = nil
  }
}

/// From a command to where it is seen.
package final class RelayRoute {
  /// Nil where that is the pseudo-terminal.
  private var input: FileDescriptor?
  let output: Int32?
  let isLogged: Bool

  init(_ input: consuming FileDescriptor?, _ output: Int32?, isLogged: Bool) {
    self.input = input
    self.output = output
    self.isLogged = isLogged
  }

  func takeInput() -> FileDescriptor? { input.take() }
}

/// Why there is no relay; `program` is the one that could not be started.
package struct RelayError: Error {
  package let program: ByteString?
  package let error: LaunchError
}

/// A process that copies what a command writes to where this process writes, and to a log, so that this
/// one need not. It has nothing open but that, no lock either, and no signal but SIGKILL ends it. It ends
/// when nobody can write to it any more: with the command, or with the last process that the command has
/// left behind. A supervisor is to know it by `Supervisor.Limits.relay`.
///
/// Its end makes no signal for the process that forked it, and waitpid(2) does not see it there: so nobody
/// is left of a command where there is no child. An exec would undo that: so the log's programs are
/// children of the relay, which executes nothing.
package final class Relay {
  private let plan: RelayPlan
  private let process: ChildProcess
  private let link: FileDescriptor
  private var isDone = false
  /// Whether something was lost of what is not just for a terminal; known once `finish` says `through`.
  package private(set) var hasLostOutput = false

  /// In the byte with which a relay answers.
  static let isOver: UInt8 = 2
  static let hasLostOutput: UInt8 = 4

  package enum Role {
    /// This is the process that called.
    case starter(Relay)
    /// This is the relay, which is to do nothing but what `RelayLoop.next` says, and exit.
    case relay(RelayLoop)
  }

  private init(_ plan: RelayPlan, _ process: ChildProcess, _ link: consuming FileDescriptor) {
    self.plan = plan
    self.process = process
    self.link = link
  }

  /// Forks it. What follows is sure only then: it has closed what it does not need, and the log's
  /// programs run.
  package static func begin(_ plan: RelayPlan) throws(RelayError) -> Role {
    let begun: Role
    do throws(LaunchError) {
      begun = try fork(plan)
    } catch {
      throw RelayError(program: nil, error: error)
    }
    guard case .starter(let relay) = begun else { return begun }
    if let error = relay.readReport() {
      relay.reap()
      throw error
    }
    plan.closeRelayEnds()
    return .starter(relay)
  }

  private static func fork(_ plan: RelayPlan) throws(LaunchError) -> Role {
    try makeChildrenWaitable()
    let ends = try launchStep(.socketpair) { () throws(Errno) in try SocketPair() }
    let identifier = try launchStep(.clone) { () throws(Errno) in
      try retryingOnInterrupt { csystem_fork_apart(false) }
    }
    if identifier == 0 {
      try? ends.near.close()
      return .relay(becomeRelay(plan, ends.far))
    }
    try? ends.far.close()
    return .starter(Relay(plan, ChildProcess(identifier: identifier), ends.near))
  }

  /// In the child, out of which nothing is thrown: it would go on as this process.
  private static func becomeRelay(
    _ plan: RelayPlan, _ link: consuming FileDescriptor
  ) -> RelayLoop {
    let number = link.number
    do throws(RelayError) {
      let loop = try RelayLoop(plan, keeping: number)
      report(nil, plan, number)
      loop.listen(to: link)
      return loop
    } catch {
      report(error, plan, number)
      _exit(1)
    }
  }

  /// The number of the program, the step and the error number; of success, the step is -1.
  private static func report(_ error: RelayError?, _ plan: RelayPlan, _ link: Int32) {
    let program = plan.programs.firstIndex { $0[0] == error?.program } ?? -1
    var words: (Int32, Int32, Int32) = (
      Int32(program), error?.error.step.rawValue ?? -1, error?.error.errno.code ?? 0
    )
    _ = send(link, &words, 12, Int32(MSG_NOSIGNAL))
  }

  private func readReport() -> RelayError? {
    var words: (Int32, Int32, Int32) = (-1, 0, 0)
    let number = link.number
    let count = try? retryingOnInterrupt { recv(number, &words, 12, Int32(MSG_WAITALL)) }
    if count == 12, words.1 == -1 { return nil }
    let isComplete = count == 12
    let step = LaunchStep(rawValue: words.1) ?? .clone
    let program = isComplete && words.0 >= 0 ? plan.programs[Int(words.0)][0] : nil
    let errno = isComplete ? Errno(words.2) : .noProcess
    return RelayError(program: program, error: LaunchError(step: step, errno: errno))
  }

  /// Once it has ended, or is about to.
  private func reap() {
    plan.processes?.remove(process.identifier)
    _ = try? process.wait()
  }

  /// Once the command is started, or is not going to be.
  package func commandHasStarted() {
    plan.closeCommandEnds()
  }

  package enum End: Equatable, Sendable {
    /// All that the command wrote is where it belongs, and the terminal is as it was.
    case through
    /// The relay was killed.
    case lost
    /// A signal came, and is still pending.
    case signal
    case tooEarly
  }

  /// Tells the relay that the command has ended, and waits until it is through with what the command
  /// wrote. Whoever else still writes is not waited for. `signals` must be blocked.
  package func finish(by deadline: Deadline?, orUntil signals: SignalSet) -> End {
    plan.closeCommandEnds()
    if isDone { return .through }
    var byte: UInt8 = 1
    let number = link.number
    send(number, &byte, 1, Int32(MSG_NOSIGNAL))
    guard let ready = wait(until: signals, by: deadline) else { return .tooEarly }
    if ready > 0 { return .signal }
    isDone = true
    guard (try? retryingOnInterrupt({ recv(number, &byte, 1, 0) })) == 1 else {
      plan.keyboard?.restore()
      reap()
      return .lost
    }
    hasLostOutput = byte & Self.hasLostOutput != 0
    // It is about to end; with something left to wait for, it is whoever's that is.
    if byte & Self.isOver != 0 { reap() }
    return .through
  }

  /// Which is ready: the relay's answer (0), or a signal; without a descriptor for those nobody but the relay.
  private func wait(until signals: SignalSet, by deadline: Deadline?) -> Int? {
    guard let signals = try? signals.makeDescriptor() else {
      return try? waitUntilReadable([link.number], by: deadline)
    }
    return try? waitUntilReadable([link.number, signals.number], by: deadline)
  }
}
