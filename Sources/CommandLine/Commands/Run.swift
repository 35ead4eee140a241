internal import CSystem
internal import Launching
internal import Locking

/// `swlock run`: a command, while a lock is held.
///
/// A command that inherits the lock keeps it, whatever becomes of swlock. One that does not (posix
/// mode, or `--leftovers=release`) would run on unlocked if swlock were killed; so there are two of
/// us then, which share the lock: see `forkFront`.
struct Run {
  private let options: RunOptions
  private let arguments: ArgumentVector
  private let argumentCount: Int

  init(_ options: RunOptions, _ arguments: ArgumentVector, argumentCount: Int) {
    self.options = options
    self.arguments = arguments
    self.argumentCount = argumentCount
  }

  func perform() throws(Failure) -> Int32 {
    let request = try options.lock.request(for: options.path)
    if options.leftovers == .kill, !Supervisor.canFindLeftovers {
      throw Failure(.unsupported, "unable to find leftovers: /proc cannot be read")
    }
    if inheritsLock { return try lockAndRun(request) }
    var limits = Supervisor.Limits()
    limits.leftovers = .waitIfKilled
    do throws(LaunchError) {
      let supervisor = try Supervisor(limits)
      if case .front(let holder) = try forkFront() {
        return exitStatus(try supervisor.wait(for: holder))
      }
      try supervisor.restoreMask()
    } catch {
      throw .launching(error, name)
    }
    return try lockAndRun(request)
  }

  private var inheritsLock: Bool {
    options.noFork || ((options.lock.mode ?? .flock).isInherited && options.leftovers != .release)
  }

  private func lockAndRun(_ request: LockRequest) throws(Failure) -> Int32 {
    let lock = try options.lock.acquire(request)
    let result: Result<Int32, Failure>
    do throws(Failure) {
      result = .success(try runCommand(lock))
    } catch {
      result = .failure(error)
    }
    options.lock.release(lock)
    return try result.get()
  }

  private func runCommand(_ lock: borrowing HeldLock) throws(Failure) -> Int32 {
    var command = Command(words(), environment: environment(lock))
    if inheritsLock {
      command.inheritedDescriptors = [lock.descriptor]
    } else {
      command.parentDeathSignal = SIGKILL
    }
    if options.maximumRuntime != nil { command.group = .new }
    if options.noFork { throw .launching(replaceProcess(with: command), name) }

    let outcome: Supervisor.Outcome
    do throws(LaunchError) {
      let supervisor = try Supervisor(limits)
      if !inheritsLock { try becomeIndependent() }
      let child = try start(command)
      options.lock.say("started \(name), pid \(child.identifier)")
      outcome = try supervisor.wait(for: child, group: command.group)
    } catch {
      throw .launching(error, name)
    }
    let status = exitStatus(outcome)
    if outcome.ranOutOfTime {
      Output.say("\(name) was ended, it ran longer than --max-runtime")
    }
    options.lock.say("\(name) ended with status \(status)")
    return status
  }

  private var limits: Supervisor.Limits {
    var limits = Supervisor.Limits()
    limits.runtime = options.maximumRuntime
    if let grace = options.killAfter { limits.grace = grace }
    switch options.leftovers {
    case .keep, .release: limits.leftovers = .leave
    case .wait: limits.leftovers = .wait
    case .kill: limits.leftovers = .kill
    }
    return limits
  }

  private func exitStatus(_ outcome: Supervisor.Outcome) -> Int32 {
    if outcome.ranOutOfTime { return ExitStatus.outOfTime.rawValue }
    switch outcome.termination {
    case .exited(let code): return code
    case .signalled(let number, _): return 128 + number
    }
  }
}

// MARK: - The command

extension Run {
  private func words() -> CStringVector {
    switch options.command {
    case .process(let first):
      CStringVector(processArguments: arguments + first, count: argumentCount - first)
    case .shell(let string):
      CStringVector([shell, "-c", string])
    }
  }

  private var shell: ByteString {
    guard let shell = CStringVector.environmentValue("SHELL"), !shell.isEmpty else {
      return "/bin/sh"
    }
    return shell
  }

  /// What messages call it.
  private var name: ByteString {
    switch options.command {
    case .process(let first): ByteString(cString: arguments[first]!)
    case .shell: shell
    }
  }

  private func environment(_ lock: borrowing HeldLock) -> CStringVector {
    let path = lock.path.absolutePath
    let mode = ByteString(stringLiteral: lock.mode.name)
    var held = mode + "=" + escapedForList(path)
    if let outer = CStringVector.environmentValue("SWLOCK_HELD"), !outer.isEmpty {
      held = outer + ":" + held
    }
    return .environment(setting: [
      EnvironmentVariable("SWLOCK_PATH", path),
      EnvironmentVariable("SWLOCK_MODE", mode),
      EnvironmentVariable("SWLOCK_HELD", held),
    ])
  }

  /// Entries of SWLOCK_HELD are separated by colons; a colon within one is `%3A`, a percent sign
  /// `%25`.
  private func escapedForList(_ path: ByteString) -> ByteString {
    guard path.contains(ascii(":")) || path.contains(ascii("%")) else { return path }
    var escaped: [UInt8] = []
    for byte in path.bytes {
      switch byte {
      case ascii(":"): escaped += ("%3A" as StaticString).utf8
      case ascii("%"): escaped += ("%25" as StaticString).utf8
      default: escaped.append(byte)
      }
    }
    return ByteString(escaped)
  }
}
