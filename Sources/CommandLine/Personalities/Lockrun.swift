internal import CSystem
internal import Launching
internal import Locking

/// lockrun, from its arguments to its exit status.
func runLockrun(_ arguments: ArgumentVector, count: Int) -> Int32 {
  do throws(Failure) {
    var parser = LockrunParser(arguments, count: count)
    switch try parser.parse() {
    case .help: return try show(help)
    case .version: return try show("lockrun 1.1.3 (swlock \(version))")
    case .run(let options): return try Lockrun(options).perform()
    }
  } catch {
    if error.message.count > 0 { try? Output.write("\(error.message)\n", to: STDERR_FILENO) }
    return error.status
  }
}

/// What was asked for.
private func show(_ text: Message) throws(Failure) -> Int32 {
  do throws(Failure) {
    try Results.write("\(text)\n")
  } catch {
    throw .lockrun(error.message)
  }
  return EXIT_SUCCESS
}

/// One line beside that. What cannot be written there is nobody's concern, as in lockrun.
private func say(_ line: Message) {
  try? Output.write("\(line)\n", to: STDOUT_FILENO)
}

private let help: Message = """
  Usage: lockrun --lockfile=F [OPTION...] -- COMMAND [ARG...]

    -L F, --lockfile=F   lock this file; it is created, and stays
    -W, --wait           wait for the lock; without, fail at once if it is busy
    -S N, --sleep=N      seconds between two attempts; default 10
    -R N, --retries=N    number of attempts; without, any
    -T N, --maxtime=N    report a command that took longer than N seconds
    -V, --verbose        with --wait, say before each pause that the lock is busy
    -q, --quiet          fail in silence if the lock is busy
    -I, --idempotent     exit with 0, in silence, if the lock is busy
        --version        show the version
        --help           show this help

  This is swlock in the place of lockrun: see swlock(1).
  """

/// lockrun, once its command line is understood.
///
/// The lockruns there are lock in two ways, which do not exclude each other: by lockf(3) and by
/// flock(2). So both locks are taken. The command does not inherit them; they are held by two
/// processes, so that killing lockrun does not leave the command running unlocked.
private struct Lockrun {
  private let options: LockrunOptions

  init(_ options: LockrunOptions) {
    self.options = options
  }

  func perform() throws(Failure) -> Int32 {
    do throws(LaunchError) {
      if case .ended(let termination) = try leaveEarlierChildren() {
        return termination.exitStatus
      }
    } catch {
      throw failure(error)
    }
    let file = try open()
    defer { file.keepOpen() }
    do throws(LaunchError) {
      if let front = try forkHolder() { return front.outcome.termination.exitStatus }
    } catch {
      throw failure(error)
    }
    try lock(file.number)
    return try runCommand()
  }

  private func open() throws(Failure) -> FileDescriptor {
    do throws(Errno) {
      return try FileDescriptor.open(options.path, O_RDWR | O_CREAT, permissions: 0o666)
    } catch {
      throw .lockrun("cannot open(\(raw: options.path)) [err=\(error.text)]")
    }
  }

  private func failure(_ error: LaunchError) -> Failure {
    guard error.step == .exec else {
      return .lockrun(
        "cannot run \(raw: options.command.name): \(error.step.name) [err=\(error.errno.text)]")
    }
    return .lockrun("cannot exec(\(raw: options.command.name)) [err=\(error.errno.text)]")
  }
}

// MARK: - The lock

extension Lockrun {
  private func lock(_ descriptor: Int32) throws(Failure) {
    var attempts: Int64 = 0
    while true {
      do throws(LockError) {
        return try takeBoth(descriptor)
      } catch .busy {
        attempts += 1
        try mayGoOn(after: attempts)
      } catch {
        throw .lockrun(
          "cannot lock(\(raw: options.path)) [err=\(Failure.reason(error))]")
      }
      wait(after: attempts)
    }
  }

  /// Both locks or none.
  private func takeBoth(_ descriptor: Int32) throws(LockError) {
    let record = KernelLock(mode: .posix)
    try record.take(descriptor, .never)
    if try SharedFileSystem(of: descriptor)?.hasOneKindOfLock() == true { return }
    do throws(LockError) {
      try KernelLock(mode: .flock).take(descriptor, .never)
    } catch {
      try record.drop(descriptor)
      throw error
    }
  }

  private func mayGoOn(after attempts: Int64) throws(Failure) {
    if options.waits, options.maximumAttempts == 0 || attempts < options.maximumAttempts { return }
    if options.idempotent { throw Failure(status: EXIT_SUCCESS, "") }
    if options.quiet { throw Failure(status: EXIT_FAILURE, "") }
    let name = options.command.name
    if options.waits {
      throw .lockrun("cannot launch \(raw: name) - run is locked (after \(attempts) attempts)")
    }
    throw .lockrun("cannot launch \(raw: name) - run is locked")
  }

  /// Instead of no sleep at all, which would be a busy loop.
  private static let shortestSleep: Int64 = 10

  private func wait(after attempts: Int64) {
    if options.verbose {
      say("(locked: sleeping \(options.sleep) secs, after attempt #\(attempts))")
    }
    let end =
      options.sleep == 0 ? Deadline.milliseconds(Self.shortestSleep) : .seconds(options.sleep)
    end.sleep()
  }
}

// MARK: - The command

extension Lockrun {
  private func runCommand() throws(Failure) -> Int32 {
    var command = Command(options.command.vector)
    command.signals = .inherited
    command.parentDeathSignal = SIGKILL
    let start = Deadline.now
    do throws(LaunchError) {
      var limits = Supervisor.Limits()
      limits.mustNotOutlive = true
      let supervisor = try Supervisor(limits)
      try becomeIndependent()
      let child = try supervisor.start(command)
      let termination = try supervisor.wait(for: child).termination
      let seconds = (Deadline.now - start).wholeSeconds
      if let limit = options.maximumTime, seconds > limit {
        report(child, termination, seconds)
      }
      return termination.exitStatus
    } catch {
      throw failure(error)
    }
  }

  private func report(_ child: ChildProcess, _ termination: Termination, _ seconds: Int64) {
    let code = termination.exitStatus
    say(
      "pid \(child.identifier) exited with status \(termination.waitStatus), exit code: \(code) (time=\(seconds) sec)"
    )
  }
}
