internal import CSystem
internal import Launching
internal import Locking
internal import SystemInterface

// From lock options to a lock that an engine takes.

extension LockOptions {
  /// Starts the engine that is to take a lock; nil where `--reentrant` needs none.
  ///
  /// - Parameters:
  ///   - process: for whom the lock is.
  ///   - outlivesCaller: nobody is to wait for the end of a standard error that the engine has.
  /// - Throws: also where the lock is held above this process, which would wait for itself.
  func startEngine(
    for request: LockRequest, process: Int32, command: ByteString, outlivesCaller: Bool = false
  ) throws(Failure) -> EngineLink? {
    if let above = engineLockAbove(request) {
      if reentrant { return nil }
      let holder = ObservedProcess(above.holder)?.phrase ?? "pid \(above.holder)"
      throw .locking(
        .busy, request, self,
        because: "\(holder) above this process has it, which would wait for itself (--reentrant)")
    }
    var asked = request
    asked.patience = patience
    let information = engineInformation(
      process: process, user: userName(geteuid()), command: command)
    let lifetime = request.kind.lifetime ?? .zero
    let link = try start(
      asked.engineArguments(lifetime: lifetime, information),
      sharingErrors: verbose && !outlivesCaller)
    // Whatever this process starts after that is none that is to see them.
    for name in secretEngineVariables { forgetVariable(ByteString(literal: name)) }
    return link
  }

  /// Starts an engine that is only asked something.
  func askEngine(_ verb: ByteString, _ name: ByteString) throws(Failure) -> EngineLink {
    try start([verb, name], sharingErrors: verbose)
  }

  private func start(
    _ arguments: [ByteString], sharingErrors: Bool
  ) throws(Failure) -> EngineLink {
    guard let engine else { throw .usage("no engine", of: subcommand) }
    let program = try EngineProgram(engine.name, of: subcommand)
    let socket: FileDescriptor
    do throws(LaunchError) {
      socket = try startHelper(program.path, arguments, sharingErrors: sharingErrors)
    } catch {
      let status: ExitStatus = error.step == .exec ? .unsupported : Failure.status(error)
      throw Failure(status, .unable(to: "run engine", program.path, error.text))
    }
    return EngineLink(socket)
  }

  /// Waits until the engine of `request` has the lock. The signals that end processes are blocked afterwards:
  /// whoever holds it has something to give back.
  func acquireByEngine(_ request: LockRequest) throws(Failure) -> HeldLock {
    guard let link = request.engine else {
      guard let above = engineLockAbove(request) else {
        throw .locking(.notHeld, request, self)
      }
      say("\(request.path) is held above this process already")
      return HeldLock(relyingOn: above)
    }
    let signals = terminationSignals()
    let interruption = try blockedDescriptor(of: signals)
    defer { interruption.keepOpen() }
    var request = request
    request.interruption = interruption.number
    request.patience = patience
    let tells = showsWaiting && patience != .never
    let begin = Deadline.now
    var notice = WaitingNotice(self, since: begin)
    var isShown = false
    let path = request.path
    // Most waits are over before anything is said.
    let silence = Deadline.seconds(1)
    if tells || verbose {
      var lastSaid: ByteString?
      link.whileWaiting = { [self] text in
        let holder = text.map { EngineEntry(saidOfHolder: $0).phrase }
        if verbose, text != lastSaid, let holder {
          say("waiting for \(path), behind \(holder)")
          lastSaid = text
        } else if tells, !verbose || Output.isInteractive(STDERR_FILENO), silence.hasPassed {
          isShown = true
          notice.tell(path, key: holder ?? "nobody") { _ in holder.map { "behind \($0)" } }
        }
      }
    }
    defer { link.whileWaiting = nil }
    do throws(LockError) {
      let lock = try acquire(request)
      if isShown { WaitingNotice.erase() }
      return announced(lock, WantedLocks([request]))
    } catch .interrupted {
      if isShown { WaitingNotice.erase() }
      throw Failure(status: 128 + (signals.takePending() ?? SIGTERM), "")
    } catch {
      if isShown { WaitingNotice.erase() }
      throw .locking(error, request, self)
    }
  }

  /// The lock of `request`, where a process above this one has it, or one that keeps it for such a process.
  ///
  /// SWLOCK_HELD says so, which anybody can set: whoever has got it from a swlock counts, that is, the first
  /// process above that has the entry is a child of one.
  private func engineLockAbove(_ request: LockRequest) -> Reliance? {
    let mode = request.kind.mode
    let chain = ancestry(of: getpid())
    if let own = CStringVector.environmentValue("SWLOCK_HELD"),
      HeldList.names(request.path, of: mode, in: own)
    {
      let bearers = chain.prefix { process in
        guard let list = process.variable("SWLOCK_HELD") else { return false }
        return HeldList.names(request.path, of: mode, in: list)
      }
      if bearers.count < chain.count, !bearers.isEmpty {
        let holder = chain[bearers.count]
        if !holder.isOtherProgram {
          return reliance(on: holder, request)
        }
      }
    }
    for number in (try? KeptLock.allKeepers()) ?? [] {
      guard let keeper = ObservedProcess(number), let kept = KeptLock(claimedBy: keeper),
        kept.lease != nil, kept.mode == mode, kept.path == request.path, kept.isTrusted(keeper),
        chain.contains(where: { kept.isOwned(by: $0) })
      else { continue }
      return reliance(on: keeper, request)
    }
    return nil
  }

  private func reliance(on holder: ObservedProcess, _ request: LockRequest) -> Reliance? {
    Reliance(
      onProcess: holder.identifier, start: holder.startTicks, at: request.path, request.kind)
  }
}
