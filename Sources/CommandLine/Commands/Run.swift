internal import CSystem
internal import Launching
internal import Locking

/// `swlock run`: a command, while a lock is held.
///
/// A command that inherits the lock keeps it, whatever becomes of swlock. One that does not (posix
/// mode, or `--leftovers=release`) would run on unlocked if swlock were killed; so there are two of
/// us then, which share the lock: see `forkHolder`.
struct Run {
  let options: RunOptions
  private let request: LockRequest
  private let takeover: Takeover?
  /// Of what `--also` names.
  private let others: [LockRequest]
  /// The lifetime of a `hardlink` lock, which two processes watch.
  let lease: Lease?
  /// What watches the lease of the server that keeps a lock of the kernel's.
  private(set) var companion: LeaseCompanion?
  let environment: ExecutionEnvironment?
  /// When the lock was won.
  private(set) var since = WallTime.distantPast
  let refusals = Refusals()
  let record: RunRecord?

  /// Runs the command, and writes the record where there is to be one.
  static func perform(_ options: RunOptions) throws(Failure) -> Int32 {
    guard let file = options.record else { return try Run(options, nil).perform() }
    let record = try RunRecord(in: file, of: options)
    do throws(Failure) {
      let status = try Run(options, record).perform()
      record.write(.success(status))
      return status
    } catch {
      record.write(.failure(error))
      throw error
    }
  }

  private init(_ options: RunOptions, _ record: RunRecord?) throws(Failure) {
    self.options = options
    self.record = record
    environment =
      if let chosen = options.launch { try ExecutionEnvironment(chosen) } else { nil }
    var request = try options.lock.request(for: options.path)
    options.lock.chooseKind(for: &request)
    if let replaced = options.replaced {
      takeover = Takeover(
        request, options.lock, killAfter: options.killAfter ?? .seconds(10),
        endsHolders: replaced == .all)
      request.replacement = takeover
    } else {
      takeover = nil
    }
    self.request = request
    record?.mode = request.kind.mode.name
    others = try options.lock.otherRequests()
    // Of a mode that was given, the parser has said so.
    if !request.kind.isInherited, options.lock.kind.isInherited,
      options.noFork || options.keepsLeftovers
    {
      let excluded: Literal = options.noFork ? "--no-fork" : "--leftovers=keep"
      throw Failure(
        .unsupported,
        .unable(
          to: "lock", request.path,
          "here that takes --mode \(request.kind.mode.name), without \(excluded)")
      )
    }
    guard let lifetime = request.kind.lifetime else {
      lease = nil
      return
    }
    do throws(LaunchError) {
      lease = try Lease(lifetime: lifetime)
    } catch {
      throw .launching(error, options.command.name)
    }
  }

  var kind: LockKind { request.kind }

  /// All that is locked, PATH first.
  var paths: [ByteString] { [request.path] + others.map { $0.path } }

  private func perform() throws(Failure) -> Int32 {
    var request = request
    var place = Place.here
    if options.leftovers == .kill { try checkLeftovers() }
    do throws(LaunchError) {
      if supervisesFamily { place = try leaveEarlierChildren() }
    } catch {
      throw .launching(error, name)
    }
    if case .ended(let termination) = place { return status(ofOther: termination) }
    if !inheritsLock, kind.isTakenByHolder {
      if kind.engine != nil {
        request.engine = try options.lock.startEngine(
          for: request, process: getpid(), command: name)
      }
      // A claim names the one that is to hold it.
      if let status = try splitInTwo(request) { return status }
      request.partner = getppid()
    }
    return try lockAndRun(request, hasFront: place == .elsewhere || !inheritsLock)
  }

  /// Has another process go on, with the lock or to take it. Nil in that; here, once it has ended, its status.
  private func splitInTwo(_ request: LockRequest) throws(Failure) -> Int32? {
    let makesControlGroup = environment?.makesControlGroup == true
    let ended: (holder: Int32, outcome: Supervisor.Outcome)?
    do throws(LaunchError) {
      ended = try forkHolder(
        killingLeftovers: kind.isTakenByHolder || makesControlGroup, lease: lease,
        relay: environment?.output?.processes, hindered: sayHindered)
    } catch {
      throw .launching(error, name)
    }
    guard let ended else { return nil }
    if case .signalled = ended.outcome.termination {
      environment?.endControlGroup(ofHolder: ended.holder, options.lock)
      if kind.hasClaim { release(request, of: ended.holder) }
      if let error = request.engine?.releaseForAnother() {
        Output.say(.unable(to: "release", request.path, Failure.reason(error)))
      }
    }
    let result = status(ofOther: ended.outcome.termination)
    // A holder that was stopped may not know why its command has ended.
    if ended.outcome.lostLease, result != ExitStatus.notHeld.rawValue {
      return sayEnded("\(name)", request.path)
    }
    return result
  }

  /// That of the process which did the work. One that lost its lock has left it to a server that may be
  /// silent, and this process is not to wait for that either.
  private func status(ofOther termination: Termination) -> Int32 {
    if termination == .exited(code: ExitStatus.notHeld.rawValue) { leaveDescriptorsOpen() }
    return termination.exitStatus
  }

  /// Whether anything that comes from the command has to be told from other children.
  private var supervisesFamily: Bool {
    !inheritsLock || options.leftovers == .wait || options.leftovers == .kill
  }

  private func checkLeftovers() throws(Failure) {
    do throws(LaunchError) {
      try Supervisor.checkLeftovers()
    } catch {
      let reason: Message =
        error.errno == .noProcess ? "it is that of another pid namespace" : "\(error.errno.text)"
      throw Failure(.unsupported, .unable(to: "find leftovers", "\(error.step.name): \(reason)"))
    }
  }

  /// Releases what a holder left that was killed.
  private func release(_ request: LockRequest, of holder: Int32) {
    try? kind.location(at: request.path).release(of: .process(holder))
  }

  var inheritsLock: Bool {
    options.noFork || (kind.isInherited && options.leftovers != .release)
  }

  private func lockAndRun(_ request: LockRequest, hasFront: Bool) throws(Failure) -> Int32 {
    if !kind.isTakenByHolder { record?.expectSignals() }
    let lock = try options.lock.takeLock(request, and: others, replacing: takeover)
    var run = self
    run.since = .now
    record?.lockWasTaken()
    record?.slot = lock.slot.map { Int64($0) }
    // Those who wait need no second process.
    if !inheritsLock, !kind.isTakenByHolder {
      do throws(Failure) {
        if let status = try splitInTwo(request) {
          // It was the other one's to release.
          lock.leaveOpen()
          return status
        }
      } catch {
        // The other one may be there and have it.
        lock.leaveOpen()
        throw error
      }
    }
    var place = Place.here
    var failure: Failure?
    if !options.noFork, let serverLease = serverLease(of: lock) {
      do throws(LaunchError) {
        // At the lease's end all is ended that comes from the command.
        if !supervisesFamily { place = try leaveEarlierChildren() }
        if case .ended = place {} else { run.companion = try LeaseCompanion(serverLease) }
      } catch {
        failure = .launching(error, name)
      }
    }
    if case .ended(let termination) = place {
      lock.leaveOpen()
      return status(ofOther: termination)
    }
    return try run.run(lock, failure, hasFront: hasFront || place == .elsewhere)
  }

  /// Runs the command, and what comes after it, unless there is a `failure` already; and releases the lock.
  private func run(
    _ lock: consuming HeldLock, _ failure: Failure?, hasFront: Bool
  ) throws(Failure) -> Int32 {
    let result: Result<Int32, Failure>
    do throws(Failure) {
      if let failure { throw failure }
      result = .success(try runCommand(lock, hasFront: hasFront))
    } catch {
      result = .failure(error)
    }
    environment?.endControlGroup(options.lock)
    if let companion {
      // To release it would take as long as the server is silent.
      if companion.isEnding {
        if case .success(let status) = result, status != ExitStatus.notHeld.rawValue {
          sayLost(lock)
        }
        record?.outcome = .lost
        record?.write(result)
        lock.leaveOpen()
        leaveDescriptorsOpen()
        return ExitStatus.notHeld.rawValue
      }
      companion.end()
    }
    let path = lock.path
    if let record {
      if lock.isBroken { record.outcome = .lost }
      record.write(result)
    }
    // Nobody is left who relies on it, however long it takes to give it back.
    lease?.deadline = .distantFuture
    let wasLost = options.lock.release(lock)
    let status = try result.get()
    if status == ExitStatus.outOfTime.rawValue { sayWhoKeeps(path) }
    return wasLost?.rawValue ?? status
  }

  /// What the command leaves keeps a lock that it has inherited, and --max-runtime was to end it.
  private func sayWhoKeeps(_ path: ByteString) {
    guard options.maximumRuntime != nil, inheritsLock, options.leftovers == .keep,
      let holders = (try? inspectLocks(at: path))?.locks.first?.holders
    else { return }
    if let left = holders.first(where: { $0.process.isUnderLock(at: path) }) {
      Output.say("the lock stays with \(left.process.phrase)")
    }
  }

  /// That which the lock depends on, where it is known how long it lasts.
  private func serverLease(of lock: borrowing HeldLock) -> ServerLease? {
    do throws(LockError) {
      guard let lease = try lock.serverLease() else { return nil }
      let seconds = lease.lifetime.wholeSeconds
      options.lock.say("the server of \(lock.path) has to answer every \(seconds) seconds")
      return lease
    } catch {
      options.lock.say("it is not known how often the server of \(lock.path) has to answer")
      return nil
    }
  }

  private func runCommand(_ lock: borrowing HeldLock, hasFront: Bool) throws(Failure) -> Int32 {
    try checkFiles()
    var command = try command(lock)
    defer { finishOutput(lock) }
    bind(&command, to: lock)
    if options.maximumRuntime != nil, command.group == .inherited {
      let partner = inheritsLock ? nil : getppid()
      command.group = isWholeJob(with: partner) ? .new : .newInBackground
    }
    if options.noFork { throw failure(replaceProcess(with: command), command) }

    let outcome: Supervisor.Outcome
    var startedTooLate = false
    var watch: RelianceWatch?
    defer { watch?.end() }
    do throws(LaunchError) {
      if let reliance = lock.reliance { watch = try RelianceWatch(reliance) }
      let supervisor = try Supervisor(limits)
      if hasFront { try becomeIndependent() }
      // This process may have been stopped since it won the lock.
      if let deadline = lock.deadline, .now >= deadline {
        guard case .renewed = renew(lock) else {
          sayLost(lock)
          return ExitStatus.notHeld.rawValue
        }
      }
      // To enter the command's folder may take longer than the lock lives: then the front kills what has
      // not started yet.
      if let deadline = lock.deadline { lease?.deadline = deadline }
      record?.commandIsStarting()
      let child = try supervisor.start(command)
      if let deadline = lock.deadline { startedTooLate = .now >= deadline }
      if lock.slot != nil { lock.endWait() }
      environment?.output?.commandHasStarted()
      record?.commandHasStarted(child.command)
      options.lock.say("started \(name), pid \(child.command)")
      outcome = try wait(for: child, command.group, supervisor, lock)
      record?.commandHasEnded(outcome)
    } catch {
      throw failure(error, command)
    }
    finishOutput(lock, within: outcome.ranOutOfTime ? limits.grace : nil)
    if outcome.lostLease || startedTooLate { return sayEnded("\(name)", lock.path) }
    if let watch, watch.isLost {
      record?.outcome = .lost
      Output.say("\(name) was ended, the lock at \(lock.path) that it relied on is gone")
      return ExitStatus.notHeld.rawValue
    }
    var status =
      outcome.ranOutOfTime ? ExitStatus.outOfTime.rawValue : outcome.termination.exitStatus
    if outcome.ranOutOfTime {
      Output.say("\(name) was ended, it ran longer than --max-runtime")
    }
    options.lock.say("\(name) ended with status \(status)")
    if status == 0, let output = environment?.output, output.isIncomplete {
      status = ExitStatus.inputOutput.rawValue
    }
    return afterCommand(status, lock)
  }

  /// It is not to run on without the lock: it inherits that, or else it ends with swlock, which has the
  /// lock or watches the one that another process has.
  func bind(_ command: inout Command, to lock: borrowing HeldLock) {
    if inheritsLock, lock.reliance == nil {
      command.inheritedDescriptors = lock.descriptors
    } else {
      command.parentDeathSignal = SIGKILL
    }
  }

  var name: ByteString { options.command.name }

}
