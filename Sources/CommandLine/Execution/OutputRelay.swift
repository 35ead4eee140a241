internal import CSystem
internal import Launching
internal import SystemInterface

/// The way of the command's output through a relay, or a pseudo-terminal, or both.
final class OutputRelay {
  private let options: OutputOptions
  /// The relay's processes, also for a process that does not start them.
  let processes: RelayProcesses
  private var relay: Relay?
  /// Whether some of the output could not be written to where the command wrote it.
  private(set) var isIncomplete = false

  /// Nil where there is nothing to do. Opens nothing: the lock is not held yet.
  init?(_ options: OutputOptions) throws(Failure) {
    if options.isPlain { return nil }
    self.options = options
    do throws(LaunchError) {
      processes = try RelayProcesses()
    } catch {
      throw Self.failure(error)
    }
  }

  /// Opens the log, starts the relay, and gives `command` its descriptors.
  func begin(_ command: inout Command, _ setup: ProcessSetup) throws(Failure) {
    let plan = RelayPlan()
    plan.processes = processes
    if let path = options.log {
      plan.log = try open(path)
      plan.programs = options.programs
      plan.isStamped = options.isStamped
    }
    do throws(LaunchError) {
      if options.usesPseudoTerminal { addTerminal(plan, &command, setup) }
      if plan.log != nil { try addPipes(plan, setup) }
    } catch {
      throw Self.failure(error)
    }
    if !plan.isEmpty { try start(plan) }
  }

  private func start(_ plan: RelayPlan) throws(Failure) {
    do throws(RelayError) {
      switch try Relay.begin(plan) {
      case .starter(let relay): self.relay = relay
      case .relay(let loop): work(loop, plan)
      }
    } catch {
      guard let program = error.program else { throw Self.failure(error.error) }
      throw .launching(error.error, program)
    }
  }

  func commandHasStarted() {
    relay?.commandHasStarted()
  }

  /// Once the command has ended.
  ///
  /// - Returns: false if its output is not through after `pause`, and a signal has not said
  ///   that there has been enough waiting.
  func finish(within pause: Span?) -> Bool {
    guard let relay else { return true }
    let signals = terminationSignals()
    _ = try? signals.block()
    let deadline = pause.map { Deadline.after($0) }
    switch relay.finish(by: deadline, orUntil: signals) {
    case .tooEarly: return false
    case .through: isIncomplete = relay.hasLostOutput
    case .signal: break
    case .lost:
      Output.say("some output may be lost, the process that copies it was killed")
    }
    self.relay = nil
    return true
  }

  /// Leaves the rest to the relay.
  func abandon() {
    relay = nil
  }

  private static func failure(_ error: LaunchError) -> Failure {
    Failure(
      .systemCall, .unable(to: "copy the command's output", error.text))
  }

  private func open(_ path: ByteString) throws(Failure) -> FileDescriptor {
    // A FIFO that nobody reads is an error: to wait for its reader would keep others waiting for the lock.
    let flags = O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | O_NONBLOCK
    do throws(Errno) {
      let log = try FileDescriptor.open(path, flags, permissions: 0o666)
      _ = csystem_fcntl(log.number, F_SETFL, O_APPEND)
      return log
    } catch {
      throw .opening(path, error)
    }
  }
}

// MARK: - What is connected

extension OutputRelay {
  /// A terminal is shown where standard output is. Standard error goes there too, unless --fd says where
  /// to; and so does standard input come from there, if it would from a terminal.
  private func addTerminal(_ plan: RelayPlan, _ command: inout Command, _ setup: ProcessSetup) {
    let hasKeyboard = setup.isOurs(STDIN_FILENO) && isatty(STDIN_FILENO) == 1
    let keyboard: Keyboard?
    let terminal: PseudoTerminal
    do throws(LaunchError) {
      keyboard = hasKeyboard ? try Keyboard(STDIN_FILENO) : nil
      terminal = try PseudoTerminal(for: keyboard, owner: setup.credentials.user)
    } catch {
      return Output.say("no terminal for the command: \(error.text)")
    }
    plan.add(terminal, to: options.isShown ? setup.source(STDOUT_FILENO) : nil)
    plan.keyboard = keyboard
    for number in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where isatty(number) == 1 {
      plan.sizeModel = number
      plan.copySize()
      break
    }
    if hasKeyboard { setup.connect(STDIN_FILENO, terminal.terminal) }
    if setup.isOurs(STDERR_FILENO) { setup.connect(STDERR_FILENO, terminal.terminal) }
    if setup.source(STDOUT_FILENO) != nil { setup.connect(STDOUT_FILENO, terminal.terminal) }
    setup.terminal = terminal.terminal
    command.group = .ofNewSession
  }

  /// What is not the terminal already. Where both go to one place, they share a pipe: so they stay in the
  /// order in which they were written.
  private func addPipes(_ plan: RelayPlan, _ setup: ProcessSetup) throws(LaunchError) {
    var shared: (source: Int32, pipe: Int32)?
    for number in [STDOUT_FILENO, STDERR_FILENO] {
      guard let source = setup.source(number), setup.terminal == nil || source != setup.terminal
      else { continue }
      if let shared, !options.isShown || areOne(source, shared.source) {
        setup.connect(number, shared.pipe)
      } else {
        let pipe = try plan.addPipe(to: options.isShown ? source : nil)
        setup.connect(number, pipe)
        shared = (source, pipe)
      }
    }
  }

  /// Whether it makes no difference to which of two descriptors something is written.
  private func areOne(_ one: Int32, _ other: Int32) -> Bool {
    guard let first = try? FileStatus(of: one), let second = try? FileStatus(of: other),
      first.identity == second.identity
    else { return false }
    switch first.kind {
    case .fifo, .characterDevice, .socket: return true
    default: return bothAppend(one, other) || areOneOpenFile(one, other)
    }
  }

  private func bothAppend(_ one: Int32, _ other: Int32) -> Bool {
    let flags = csystem_fcntl(one, F_GETFL, 0)
    return flags >= 0 && flags & O_APPEND != 0 && flags == csystem_fcntl(other, F_GETFL, 0)
  }
}

extension ProcessSetup {
  /// Whether the command has this process's descriptor of that number.
  fileprivate func isOurs(_ number: Int32) -> Bool {
    !descriptors.contains { $0.number == number }
  }

  /// The descriptor here that the command gets by that number; nil if it is closed there.
  fileprivate func source(_ number: Int32) -> Int32? {
    for mapping in descriptors where mapping.number == number { return mapping.source }
    return number
  }

  fileprivate func connect(_ number: Int32, _ source: Int32) {
    descriptors.removeAll { $0.number == number }
    descriptors.append(DescriptorMapping(number, source))
  }
}

// MARK: - In the relay

extension OutputRelay {
  private func work(_ loop: RelayLoop, _ plan: RelayPlan) -> Never {
    let log = options.log ?? ""
    while let problem = loop.next() {
      switch problem {
      case .log(.brokenPipe) where !plan.programs.isEmpty:
        Output.say("nothing more goes to the log \(log), \(options.filter ?? "gzip") has ended")
      case .log(let error): Output.say(.unable(to: "write to the log", log, "\(error.text)"))
      case .output(let error): Output.say(.unable(to: "show the command's output", "\(error.text)"))
      case .program(let index, let termination):
        let program = index == 0 ? options.filter ?? "gzip" : "gzip"
        Output.say(
          "the log \(log) may be incomplete: \(program) ended with status \(termination.exitStatus)"
        )
      }
    }
    _exit(0)
  }
}
