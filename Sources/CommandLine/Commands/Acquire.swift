internal import CSystem
internal import Locking

/// `swlock acquire`: a lock that is still held when swlock has ended, on behalf of another process.
struct Acquire {
  private let options: HolderOptions

  init(_ options: HolderOptions) {
    self.options = options
  }

  func perform() throws(Failure) -> Int32 {
    var request = try options.lock.request(for: options.path)
    let owner = try options.owner.resolved(for: .acquire)
    try checkExists(owner, "lock", request.path)
    if options.takesOver { return try takeOver(request, owner) }
    request.owner = owner ?? .nobody
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
}
