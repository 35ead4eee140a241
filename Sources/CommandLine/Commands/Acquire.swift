internal import CSystem
internal import Launching
internal import Locking
internal import SystemInterface

/// `swlock acquire`: a lock that is still held when swlock has ended, on behalf of another process.
///
/// A `hardlink` lock names its owner. The kernel's locks end with the last process that has them, so one
/// stays and keeps it: see `KeptLock`.
struct Acquire {
  private let options: HolderOptions
  /// Who waits for the exit status. If it ends before, nobody learns that there is a lock.
  private let caller = getppid()

  init(_ options: HolderOptions) {
    self.options = options
  }

  func perform() throws(Failure) -> Int32 {
    if let descriptor = options.descriptor { return try lockDescriptor(descriptor) }
    var request = try options.lock.request(for: options.path)
    let owners = try options.owner.resolved(for: .acquire)
    try checkExists(owners, "lock", request.path)
    if options.takesOver { return try takeOver(request, owners) }
    request.owner = owners.first ?? .nobody
    request.partner = owners.partner
    options.lock.chooseKind(for: &request)
    // Of a lock that an ancestor has, a process remains in every mode.
    if !request.kind.hasClaim || options.lock.reentrant { return try keep(request, owners) }
    let lock = try options.lock.takeLock(request, for: owners)
    // One that came after the lock was won; until here it had to wait.
    if let signal = terminationSignals().takePending() {
      options.lock.release(lock)
      return 128 + signal
    }
    if getppid() != caller {
      options.lock.release(lock)
      throw unable(request, "the process that called has ended")
    }
    lock.leaveBehind()
    return ExitStatus.done.rawValue
  }

  /// The lock is the owner's already; it becomes the owner's own, with a whole lifetime, by being
  /// refreshed.
  private func takeOver(_ request: LockRequest, _ owners: Owners) throws(Failure) -> Int32 {
    try options.lock.act("take over", request.path, as: owners) {
      (location, owner) throws(LockError) in
      try location.refresh(of: owner, lifetime: options.lifetime)
    }
    options.lock.say("took over \(request.path)")
    return ExitStatus.done.rawValue
  }

  // MARK: - Locks of the kernel

  /// The keeper takes the lock itself, also for this process's sake: so the kernel names it as the one
  /// that has it, in every mode, and nobody has it for a moment too long.
  private func keep(_ request: LockRequest, _ owners: Owners) throws(Failure) -> Int32 {
    var processes: [ObservedProcess] = []
    if case .processes(let numbers) = owners {
      try checkProcessNumbers("lock", request.path)
      processes = numbers.compactMap { ObservedProcess($0) }
      if processes.isEmpty {
        throw unable(request, "/proc does not show process \(numbers[0])", .unsupported)
      }
    }
    // The keeper watches its owner by one, and `release` ends the keeper by one: to be known before there
    // is anything to wait for.
    do throws(Errno) {
      _ = try ProcessHandle(getpid())
    } catch {
      let status: ExitStatus = error == .notImplemented ? .unsupported : .systemCall
      throw unable(request, "pidfd_open: \(error.text)", status)
    }
    let keeping: Keeping
    do throws(LaunchError) {
      keeping = try Keeping.begin()
    } catch {
      throw unable(request, error)
    }
    guard keeping.isFront else {
      let error = try become(keeper: keeping, of: request, for: owners, processes)
      throw unable(request, error)
    }
    var results = Results()
    let status = keeping.wait(for: caller) { results.write("\(Int64($0))\n") }
    try results.finish()
    return status
  }

  /// Returns only if the keeper could not be made.
  private func become(
    keeper keeping: borrowing Keeping, of request: LockRequest, for owners: Owners,
    _ processes: [ObservedProcess]
  ) throws(Failure) -> LaunchError {
    var request = request
    if request.kind.engine != nil {
      let owner = processes.first
      request.engine = try options.lock.startEngine(
        for: request, process: owner?.identifier ?? getpid(),
        command: owner?.arguments().first ?? "swlock", outlivesCaller: true)
    }
    let lock = try options.lock.takeLock(request, for: owners)
    let kept: KeptLock
    if let reliance = lock.reliance {
      kept = KeptLock(relyingOn: reliance, owners: processes)
    } else if let descriptor = lock.descriptor {
      if let slot = lock.slot { keeping.tell(slot) }
      kept = KeptLock(
        path: request.path.absolutePath, owners: processes, mode: lock.kind.mode,
        descriptor: descriptor,
        unlinks: options.lock.unlink)
    } else if let socket = lock.socket, let deadline = lock.deadline {
      kept = KeptLock(
        name: request.path, owners: processes, mode: lock.kind.mode, socket: socket,
        KeptLock.Lease(
          deadline: deadline, lifetime: lock.kind.lifetime ?? .zero,
          isSilent: options.isSilentOnLoss))
    } else {
      leaveClaimBehind(lock)
    }
    if let signal = lock.socket.flatMap({ _ in terminationSignals().takePending() }) {
      options.lock.release(lock)
      _exit(128 + signal)
    }
    var command = Command(CStringVector(kept.words), environment: CStringVector([]))
    command.isThisProgram = true
    if let descriptor = lock.descriptor ?? lock.socket {
      command.inheritedDescriptors = [descriptor]
    }
    let error = keeping.become(command)
    // Until here it has the lock.
    options.lock.release(lock)
    return error
  }

  /// A claim names its owner, and needs no keeper: this process was made only for the case that an ancestor
  /// had the lock.
  private func leaveClaimBehind(_ lock: consuming HeldLock) -> Never {
    if let signal = terminationSignals().takePending() {
      options.lock.release(lock)
      _exit(128 + signal)
    }
    guard confirmKeeping() else {
      options.lock.release(lock)
      _exit(ExitStatus.systemCall.rawValue)
    }
    lock.leaveBehind()
    _exit(ExitStatus.done.rawValue)
  }

  private func unable(_ request: LockRequest, _ error: LaunchError) -> Failure {
    unable(request, error.text, Failure.status(error))
  }

  private func unable(
    _ request: LockRequest, _ reason: Message, _ status: ExitStatus = .systemCall
  ) -> Failure {
    Failure(status, .unable(to: "lock", request.path, reason))
  }

  /// The lock stays with the open file, and so with whoever has it open.
  ///
  /// A flock(2) lock that it has there of the other kind is given up by the kernel before it becomes this one,
  /// also if it does not, and nobody is to learn of that by harm alone. Record locks are converted at once or
  /// not at all.
  private func lockDescriptor(_ descriptor: Int32) throws(Failure) -> Int32 {
    let options = options.lock
    var request = LockRequest(path: descriptorPath(descriptor), kind: options.kind)
    request.sharing = options.sharing
    request.descriptor = descriptor
    var former: Sharing?
    if request.kind.kernelMode == .flock, let sharing = sharingOfFlock(on: descriptor),
      sharing != request.sharing
    {
      former = sharing
    }
    do throws(Failure) {
      if let former { try giveUp(former, request) }
      let held = try options.takeLock(request)
      held.leaveBehind()
    } catch {
      guard let former, let note = restore(former, request) else { throw error }
      let message: Message = error.message.count == 0 ? note : "\(error.message); \(note)"
      throw Failure(status: error.status, message)
    }
    return ExitStatus.done.rawValue
  }
}

// MARK: - Converting a lock

extension Acquire {
  /// Says so where the lock cannot be converted at once: whoever waits in the kernel waits without any.
  private func giveUp(_ former: Sharing, _ request: LockRequest) throws(Failure) {
    if options.lock.nonblock || options.lock.timeout == .zero || options.lock.quiet { return }
    do throws(LockError) {
      try KernelLock(mode: .flock, sharing: request.sharing).take(request.descriptor ?? -1, .never)
    } catch .busy {
      Output.say(
        "the \(former.name) lock of descriptor \(request.descriptor ?? -1) is given up while the \(request.sharing.name) one is waited for"
      )
    } catch {
      throw .locking(error, request, options.lock)
    }
  }

  /// Takes what there was before, if that can be had at once.
  ///
  /// - Returns: what is to be said of it; nil where nothing was given up.
  private func restore(_ former: Sharing, _ request: LockRequest) -> Message? {
    guard let descriptor = request.descriptor, sharingOfFlock(on: descriptor) == nil else {
      return nil
    }
    let lock: Message = "the \(former.name) lock of descriptor \(descriptor)"
    do throws(LockError) {
      try KernelLock(mode: .flock, sharing: former).take(descriptor, .never)
    } catch {
      return "\(lock) is lost"
    }
    return "\(lock) is held again, and others may have had it in between"
  }
}

/// A name of the file that a descriptor of this process leads to.
func descriptorPath(_ descriptor: Int32) -> ByteString {
  "/proc/self/fd/" + ByteString(decimal: descriptor)
}
