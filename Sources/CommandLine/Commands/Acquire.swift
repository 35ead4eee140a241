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

  init(_ options: HolderOptions) {
    self.options = options
  }

  func perform() throws(Failure) -> Int32 {
    if let descriptor = options.descriptor { return try lockDescriptor(descriptor) }
    var request = try options.lock.request(for: options.path)
    let owner = try options.owner.resolved(for: .acquire)
    try checkExists(owner, "lock", request.path)
    if options.takesOver { return try takeOver(request, owner) }
    request.owner = owner ?? .nobody
    options.lock.chooseMode(for: &request)
    if request.mode != .hardlink { return try keep(request) }
    let lock = try options.lock.acquire(request)
    // One that came after the lock was won; until here it had to wait.
    if let signal = terminationSignals().takePending() {
      options.lock.release(lock)
      return 128 + signal
    }
    lock.leaveBehind()
    return ExitStatus.done.rawValue
  }

  /// The lock is the owner's already; it becomes the owner's own, with a whole lifetime, by being
  /// refreshed.
  private func takeOver(_ request: LockRequest, _ owner: LockOwner?) throws(Failure) -> Int32 {
    try options.lock.act("take over", request.path, as: owner, .refresh(lifetime: nil))
    options.lock.say("took over \(request.path)")
    return ExitStatus.done.rawValue
  }

  // MARK: - Locks of the kernel

  /// The keeper takes the lock itself, also for this process's sake: so the kernel names it as the one
  /// that has it, in every mode, and nobody has it for a moment too long.
  private func keep(_ request: LockRequest) throws(Failure) -> Int32 {
    var owner: ObservedProcess?
    if case .process(let number) = request.owner {
      owner = ObservedProcess(number)
      if owner == nil {
        throw unable(request, "/proc does not show process \(number)", .unsupported)
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
      let error = try become(keeper: keeping, of: request, for: owner)
      throw unable(request, error)
    }
    return keeping.wait()
  }

  /// Returns only if the keeper could not be made.
  private func become(
    keeper keeping: borrowing Keeping, of request: LockRequest, for owner: ObservedProcess?
  ) throws(Failure) -> LaunchError {
    let lock = try options.lock.acquire(request)
    guard let descriptor = lock.descriptor else {
      // An ancestor has the lock, and there is nothing to keep.
      lock.leaveBehind()
      _exit(confirmKeeping() ? ExitStatus.done.rawValue : 1)
    }
    let kept = KeptLock(
      path: request.path.absolutePath, owner: owner, mode: lock.mode, descriptor: descriptor,
      unlinks: options.lock.unlink)
    var command = Command(CStringVector(kept.words), environment: CStringVector([]))
    command.isThisProgram = true
    command.inheritedDescriptors = [kept.descriptor]
    let error = keeping.become(command)
    // Until here it has the lock.
    options.lock.release(lock)
    return error
  }

  private func unable(_ request: LockRequest, _ error: LaunchError) -> Failure {
    unable(request, "\(error.step.name): \(error.errno.text)", Failure.status(error))
  }

  private func unable(
    _ request: LockRequest, _ reason: Message, _ status: ExitStatus = .systemCall
  ) -> Failure {
    Failure(status, "unable to lock \(request.path): \(reason)")
  }

  /// The lock stays with the open file, and so with whoever has it open.
  private func lockDescriptor(_ descriptor: Int32) throws(Failure) -> Int32 {
    let options = options.lock
    var request = LockRequest(path: descriptorPath(descriptor), mode: options.mode)
    request.sharing = options.sharing
    request.range = options.range
    let lock = KernelLock(
      mode: options.mode ?? .flock, sharing: options.sharing, range: options.range)
    let held = try options.take(request) { (request) throws(LockError) in
      try lock.take(descriptor, request.patience)
      return try HeldLock(adopting: descriptor, path: request.path, mode: lock.mode)
    }
    held.leaveBehind()
    return ExitStatus.done.rawValue
  }
}

/// A name of the file that a descriptor of this process leads to.
func descriptorPath(_ descriptor: Int32) -> ByteString {
  "/proc/self/fd/" + ByteString(decimal: descriptor)
}
