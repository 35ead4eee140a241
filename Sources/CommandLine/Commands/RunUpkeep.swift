internal import Launching
internal import Locking

// What keeps the lock while the command, or what comes after it, goes on: it is refreshed in time, and
// whoever relies on it is ended where that cannot be done.

/// Why the lock could not be refreshed when that was said last.
final class Refusals {
  var last: LockError?
}

extension Run {
  var limits: Supervisor.Limits {
    var limits = Supervisor.Limits()
    limit(&limits)
    limits.runtime = options.maximumRuntime
    if let grace = options.killAfter { limits.grace = grace }
    limits.mustNotOutlive = !inheritsLock
    limits.isMeasured = record != nil
    limits.relay = environment?.output?.processes
    switch options.leftovers {
    case .keep, .release: limits.leftovers = .leave
    case .wait: limits.leftovers = .wait
    case .kill: limits.leftovers = .kill
    }
    return limits
  }

  /// To the time for which the lock is held.
  func limit(_ limits: inout Supervisor.Limits) {
    limits.lease = lease ?? companion?.lease
    limits.leaseRenewer = lease == nil ? .companion : .supervisor
  }

  func wait(
    for child: ChildProcess, _ group: Command.ProcessGroup, _ supervisor: Supervisor,
    _ lock: borrowing HeldLock
  ) throws(LaunchError) -> Supervisor.Outcome {
    let vigil = supervisor.begin(child, group: group)
    // What came before its signal was blocked.
    if lock.announcesNews { attend(to: lock, vigil) }
    while true {
      switch try vigil.next() {
      case .ended(let outcome): return outcome
      case .renewalIsDue: attend(to: lock, vigil)
      case .hindered(let obstacle): sayHindered(obstacle)
      case .interrupted: break
      }
    }
  }

  private func attend(to lock: borrowing HeldLock, _ vigil: Vigil) {
    vigil.renewed(renew(lock))
    guard let text = lock.requestToEnd else { return }
    refusals.last = .engine(.ended(text))
    vigil.giveUp()
  }

  /// - Returns: the status for that.
  @discardableResult
  func sayEnded(_ subject: Message, _ path: ByteString) -> Int32 {
    record?.outcome = .lost
    Output.say("\(subject) was ended, the lock at \(path) could not be kept\(lossReason)")
    return ExitStatus.notHeld.rawValue
  }

  func sayLost(_ lock: borrowing HeldLock) {
    record?.outcome = .lost
    Output.say("the lock at \(lock.path) could not be kept\(lossReason)")
  }

  private var lossReason: Message {
    if companion != nil { return ": its server did not answer" }
    return refusals.last.map { ": \(Failure.reason($0, options.lock))" } ?? ""
  }

  /// A loss is not said here: what follows from it is.
  func renew(_ lock: borrowing HeldLock) -> Lease.Renewal {
    do throws(LockError) {
      try lock.refresh()
      options.lock.say("refreshed \(lock.path)")
      refusals.last = nil
      return .renewed(deadline: lock.deadline ?? .distantFuture)
    } catch {
      let isNew = error != refusals.last
      refusals.last = error
      if error.isLoss { return .lost }
      if error.endsLock { return .hopeless }
      if error.isNoNews { return .failed }
      // Tried again and again until the lifetime ends, and said once.
      if isNew {
        Output.say(.unable(to: "refresh", lock.path, Failure.reason(error, options.lock)))
      }
      return .failed
    }
  }

  /// Waits until what the command wrote is shown and logged, and keeps the lock meanwhile; with a
  /// `limit`, no longer than that.
  func finishOutput(_ lock: borrowing HeldLock, within limit: Span? = nil) {
    guard let output = environment?.output else { return }
    let end = limit.map { Deadline.after($0) }
    var pause = (lease ?? companion?.lease).map { $0.lifetime / 3 }
    if let limit { pause = min(limit, pause ?? limit) }
    while !output.finish(within: pause) {
      if let end, end.hasPassed { return output.abandon() }
      if companion?.isLost == true { return output.abandon() }
      if lease == nil { continue }
      var isLost = false
      switch renew(lock) {
      case .renewed(let deadline): lease?.deadline = deadline
      // Nobody else tells that it has ended.
      case .failed, .hopeless:
        isLost = lock.announcesNews && lock.deadline.map { .now >= $0 } ?? false
      case .lost: isLost = true
      }
      if isLost {
        sayLost(lock)
        return output.abandon()
      }
    }
  }

  /// Also from the front.
  func sayHindered(_ obstacle: Supervisor.Obstacle) {
    switch obstacle {
    case .refused(let number, let errno):
      let process = ObservedProcess(number)?.phrase ?? "pid \(number)"
      let step: Message = errno == .notImplemented ? "pidfd_open: " : ""
      Output.say(.unable(to: "end", process, "\(step)\(errno.text)"))
    case .unseen(let errno):
      Output.say(.unable(to: "find all that is to be ended", "\(errno.text)"))
    }
  }
}
