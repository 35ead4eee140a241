internal import CSystem
internal import Locking
internal import SystemInterface

/// `run --replace`: the newest that wants the lock ends those who wait for it in a queue, and who has it.
///
/// Only holders that come from no other holder get SIGTERM: a swlock passes it on, and its command is to get
/// it once. Whoever still has the lock after `killAfter` is killed. A keeper is never signalled: the script is
/// for which it keeps the lock, and the lock ends with that.
final class Takeover: Replacement {
  private let request: LockRequest
  private let options: LockOptions
  private let killAfter: Span
  let endsHolders: Bool
  private let ending: HolderEnding
  /// Holders that were seen, and since when.
  private var seen: [(process: ObservedProcess, since: Deadline)] = []
  private var told: [ObservedProcess] = []
  /// How many looks in a row did not show who has the lock, or why.
  private var unclearLooks = 0
  /// Why it was given up.
  private(set) var failure: Failure?

  init(_ request: LockRequest, _ options: LockOptions, killAfter: Span, endsHolders: Bool) {
    self.request = request
    self.options = options
    self.killAfter = killAfter
    self.endsHolders = endsHolders
    ending = HolderEnding(verb: "lock", path: request.path, keepersOfNobody: false)
  }

  func endWaiters(_ waiters: [Int32], stillWaits: (Int32) -> Bool) throws(LockError) {
    try keepingFailure { () throws(Failure) in
      if endsHolders {
        while try lookAtHolders() == nil { Self.unclearPause.pause() }
      }
      var handles: [(process: Int32, handle: ProcessHandle)] = []
      let branch = ownBranch()
      for waiter in waiters {
        if waiter <= 0 { throw ending.busy("a process of another pid namespace waits for it") }
        if branch.contains(waiter) {
          throw ending.busy("pid \(waiter) waits for it, and has called this command")
        }
        // By its handle it is that very process, if it still waits once that is held.
        guard let handle = try self.handle(waiter), stillWaits(waiter) else { continue }
        handles.append((waiter, handle))
      }
      for waiter in handles {
        say(waiter.process, "which waits for")
        try end(waiter.process) { () throws(Errno) in try waiter.handle.tell(SIGTERM) }
      }
      let deadline = Deadline.after(killAfter)
      for waiter in handles {
        try end(waiter.process) { () throws(Errno) in
          try waiter.handle.waitForEnd(killingAt: deadline)
        }
      }
    }
  }

  func endHolders() throws(LockError) {
    try keepingFailure { () throws(Failure) in
      guard let (holders, ended) = try lookAtHolders() else { return }
      for process in ended {
        let comesFromHolder = ancestry(of: process.identifier).dropFirst().contains { above in
          holders.contains { $0.isSame(as: above) }
        }
        let since = firstSeen(process)
        if !comesFromHolder, !told.contains(where: { $0.isSame(as: process) }) {
          told.append(process)
          say(process.identifier, "which has")
          try end(process.identifier) { () throws(Errno) in try send(SIGTERM, to: process) }
        } else if Deadline.now >= since + killAfter {
          try end(process.identifier) { () throws(Errno) in try send(SIGKILL, to: process) }
        }
      }
    }
  }

  private static let unclearPause = Span.milliseconds(50)

  /// Those who have it now, and who is to be ended for that and may be. Nil: it may change hands just now, or one of them may just
  /// begin, or end.
  private func lookAtHolders() throws(Failure) -> (
    holders: [ObservedProcess], ended: [ObservedProcess]
  )? {
    guard let found = try? inspectLocks(at: request.path) else { return ([], []) }
    if found.elsewhere.isHeld { throw ending.busy("it is held on another host") }
    let locks = found.locks.filter { $0.excludes(request) }
    let holders: [ObservedProcess]
    do throws(Failure) {
      holders = try ending.holders(locks)
      unclearLooks = 0
    } catch {
      let isCertain = locks.contains { lock in
        lock.holders.contains { !$0.isVerified || ending.isAbove($0.process) }
      }
      unclearLooks += 1
      if isCertain || unclearLooks >= 10 { throw error }
      return nil
    }
    let ended = try ending.processes(toEnd: holders)
    for process in ended {
      try end(process.identifier) { () throws(Errno) in try checkPermission(toEnd: process) }
    }
    return (holders, ended)
  }

  private func firstSeen(_ process: ObservedProcess) -> Deadline {
    if let known = seen.first(where: { $0.process.isSame(as: process) }) { return known.since }
    seen.append((process, .now))
    return .now
  }

  /// Nil where it has ended; it may be ended.
  private func handle(_ process: Int32) throws(Failure) -> ProcessHandle? {
    var handle: ProcessHandle?
    try end(process) { () throws(Errno) in
      handle = try ProcessHandle(process)
      try handle?.send(0)
    }
    return handle
  }

  private func end(_ process: Int32, _ body: () throws(Errno) -> Void) throws(Failure) {
    do throws(Errno) {
      try body()
    } catch .noProcess {
      return
    } catch {
      let phrase = ObservedProcess(process)?.phrase ?? "pid \(process)"
      throw .ending(phrase, "lock", request.path, error)
    }
  }

  /// Under -v only.
  private func say(_ process: Int32, _ relation: Literal) {
    guard options.verbose, let process = ObservedProcess(process) else { return }
    options.say("ending \(process.phrase), \(relation) \(request.path)")
  }

  private func keepingFailure(_ body: () throws(Failure) -> Void) throws(LockError) {
    do throws(Failure) {
      try body()
    } catch {
      failure = error
      throw .interrupted
    }
  }
}
