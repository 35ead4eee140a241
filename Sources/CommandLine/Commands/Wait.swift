internal import CSystem
internal import Launching
internal import Locking
internal import SystemInterface

/// `swlock wait`: until nobody has a lock, which is never taken for that.
struct Wait {
  private let options: WaitOptions

  init(_ options: WaitOptions) {
    self.options = options
  }

  func perform() throws(Failure) -> Int32 {
    var paths: [ByteString] = []
    for path in options.paths { paths.append(try options.lock.lockPath(path)) }
    let wait = FreeWait(paths, options.condition)
    let patience = options.lock.patience
    let toldFrom = Deadline.seconds(1)
    let teller = WaitTeller(options.lock, from: toldFrom)
    var prospect: Prospect?
    var waits = false
    defer { teller.end() }
    while let found = try look(wait) {
      if patience.isOver { throw busy(found, patience) }
      if !waits {
        waits = true
        options.lock.say("waiting for \(found.path)")
        exitOnTerminationSignals()
      }
      try refuseOwn(found)
      if toldFrom.hasPassed {
        teller.tell(found)
        if prospect?.path != found.path { prospect = Prospect(found, options.lock) }
        try prospect?.look()
      }
      wait.sleep(patience.bounding(teller.timeToNext))
    }
    for path in paths { sayFree(path, wait.isUncertain) }
    return ExitStatus.done.rawValue
  }

  private func sayFree(_ path: ByteString, _ isUncertain: Bool) {
    let isThere = (try? FileStatus(at: path, followingLinks: true)) != nil
    let remark: Literal =
      !isThere ? " (no such file)" : isUncertain ? ", as far as that is to be seen from here" : ""
    switch options.condition {
    case .absent: options.lock.say("\(path) is gone")
    case .unlocked: options.lock.say("\(path) is free\(remark)")
    }
  }

  private func look(_ wait: FreeWait) throws(Failure) -> Occupancy? {
    do throws(LockError) {
      return try wait.look()
    } catch {
      throw .hardlink("look at", wait.path, error)
    }
  }

  private func busy(_ found: Occupancy, _ patience: Patience) -> Failure {
    var reason = found.reason
    if patience != .never, let timeout = options.lock.timeout {
      reason = "timed out after \(spanText(timeout)), \(reason)"
    }
    let status = options.lock.conflictExitCode ?? ExitStatus.busy.rawValue
    return options.lock.expected(Failure(status: status, .notFree(found, reason)))
  }

  /// As long as this process waits, it has it: the wait would never end, and nobody else would ever get it.
  private func refuseOwn(_ found: Occupancy) throws(Failure) {
    guard case .locks(let inspection) = found.cause else { return }
    for lock in inspection.locks {
      for holder in lock.holders where holder.process.identifier == getpid() {
        let descriptor = holder.descriptors.first ?? -1
        throw Failure(
          .busy,
          .notFree(
            found,
            "this process has inherited it itself and would wait for ever (\(descriptor)>&- leaves it out)"
          ))
      }
    }
  }
}

/// Tells who is waited for, once there is something to tell.
private final class WaitTeller {
  private let options: LockOptions
  private let start: Deadline
  private var notice: WaitingNotice?
  private var told: Occupancy?
  private var incumbent: Incumbent?
  private var presence: Message?
  /// The longer it takes, the more rarely it is looked who that is.
  private var pause = Span.seconds(1)
  private var nextLook = Deadline.now

  init(_ options: LockOptions, from start: Deadline) {
    self.options = options
    self.start = start
  }

  /// Until there is something to be told, or a second more.
  var timeToNext: Span {
    if !start.hasPassed { return start.remaining }
    return (start + .seconds((Deadline.now - start).wholeSeconds + 1)).remaining
  }

  func tell(_ found: Occupancy) {
    guard options.showsWaiting else { return }
    if notice == nil {
      notice = WaitingNotice(options, since: start)
      if Output.isInteractive(STDERR_FILENO) { exitOnTerminationSignals(erasingLine: true) }
    }
    if options.message == nil, nextLook.hasPassed || told.map({ !$0.isSame(as: found) }) ?? true {
      told = found
      incumbent = Incumbent(found)
      presence = found.presence
      nextLook = .after(pause)
      pause = min(pause * 2, .seconds(60))
    }
    let key = incumbent?.phrase(commandUpTo: 500, withTime: false) ?? presence ?? "nobody"
    notice?.tell(found.path, key: key) { width in
      incumbent?.phrase(commandUpTo: width) ?? presence
    }
  }

  func end() {
    if notice != nil { WaitingNotice.erase() }
  }
}

/// Whether the wait for a lock can end, as `Outlook` has it. A claim of another's ends some day.
private final class Prospect {
  let path: ByteString
  private let outlook: Outlook?
  private var nextLook: Deadline?

  init(_ found: Occupancy, _ options: LockOptions) {
    path = found.path
    if case .locks(let inspection) = found.cause, let lock = inspection.locks.first {
      outlook = Outlook(
        WantedLocks([LockRequest(path: path, kind: .kernel(lock.mode, range: lock.range))]),
        options, nil)
      nextLook = .now
    } else {
      outlook = nil
    }
  }

  func look() throws(Failure) {
    guard let outlook, let nextLook, nextLook.hasPassed else { return }
    _ = try outlook.look()
    self.nextLook = outlook.nextLook.map { .after($0) }
  }
}

extension Message {
  static func notFree(_ found: Occupancy, _ reason: Message) -> Message {
    switch found.cause {
    case .file: "\(found.path) is not gone: \(reason)"
    case .locks, .claim: "\(found.path) is not free: \(reason)"
    }
  }
}

extension Occupancy {
  /// Why it is not free.
  fileprivate var reason: Message {
    Incumbent(self)?.reason ?? presence ?? "it is held by somebody who cannot be seen here"
  }

  /// What is known of a file that is a lock by being there; nil for other locks.
  fileprivate var presence: Message? {
    guard case .file = cause else { return nil }
    return FilePresence(of: path)?.phrase ?? "it is there"
  }
}
