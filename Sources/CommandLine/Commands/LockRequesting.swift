internal import CSystem
internal import Launching
internal import Locking
internal import SystemInterface

// From lock options to a lock: what every command that takes a lock does.

extension LockOptions {
  /// The path that is locked for `path`.
  func lockPath(_ path: ByteString) throws(Failure) -> ByteString {
    guard let sidecar else { return path }
    if let beside = path.sidecar(sidecar) { return beside }
    throw .usage("'\(path)' has no name that a lock file beside it could have", of: subcommand)
  }

  func request(for path: ByteString) throws(Failure) -> LockRequest {
    var request = LockRequest(path: try lockPath(path))
    request.mode = mode
    request.sharing = sharing
    request.range = range
    request.removesFile = unlink
    request.hardlink = hardlink
    if mustExist {
      request.creation = .never
    } else {
      var number: UInt32?
      if let group { number = try Accounts.group(group, of: subcommand) }
      request.creation = .ifMissing(permissions: permissions, group: number)
    }
    return request
  }

  /// Has the mode `auto` become one that works there.
  func chooseMode(for request: inout LockRequest) {
    if request.mode != nil { return }
    request.mode = .flock
    if case .hardlink(let reason) = automaticMode(for: request) {
      mode = .hardlink
      request.mode = .hardlink
      say("mode hardlink, since \(Failure.reason(reason, self))")
    }
  }

  /// Takes the lock, and waits for it as the options say. While it waits, a signal that ends
  /// processes ends this one.
  ///
  /// In hardlink mode these signals are blocked afterwards: whoever holds a claim has something to
  /// clean up.
  func acquire(_ request: LockRequest) throws(Failure) -> HeldLock {
    if request.mode == .hardlink { return try acquireClaim(request) }
    return try take(request) { (request) throws(LockError) in try Locking.acquire(request) }
  }

  /// The same of any way to take a lock of the kernel's, with and without patience.
  func take(
    _ request: LockRequest, _ take: (LockRequest) throws(LockError) -> HeldLock
  ) throws(Failure) -> HeldLock {
    var request = request
    let patience = patience
    request.patience = .never
    do throws(LockError) {
      return try announced(try take(request))
    } catch .busy where patience != .never || reentrant {
    } catch {
      throw .locking(error, request, self)
    }
    if expectsLockAbove(request), let above = try lockAbove(request) {
      return above
    }
    if patience == .never { throw .locking(.busy, request, self) }
    say("waiting for \(request.path)")
    exitOnTerminationSignals()
    return try wait(request, patience, take)
  }

  /// Waits in the kernel, first for a second: most waits are over by then. Only then it is looked whether
  /// the wait can end at all, and, where it is to be seen, a companion tells of it as long as it takes.
  /// The place in the kernel's queue is lost each time.
  ///
  /// Whoever has another lock looks three times: two that close a circle at the same moment may both
  /// look while the other one does, instead of waiting. They do not look again at the same time.
  private func wait(
    _ request: LockRequest, _ patience: Patience,
    _ take: (LockRequest) throws(LockError) -> HeldLock
  ) throws(Failure) -> HeldLock {
    var request = request
    var line: WaitingLine?
    var looks = 3
    var pause = Span.seconds(1)
    var spread = UInt32(bitPattern: getpid())
    while true {
      request.patience = patience
      if looks > 0 { request.patience = patience.cut(at: .after(pause)) }
      do throws(LockError) {
        let lock = try take(request)
        line?.end()
        return try announced(lock)
      } catch .timedOut where request.patience != patience {
      } catch {
        line?.end()
        throw .locking(error, request, self)
      }
      // All processes are looked at for this, so once a look.
      let keepers = KeptLock.keepers()
      let isAwaited = mayBeWaitedFor(keepers)
      do throws(Failure) {
        if let above = try lockAbove(request, amongKeepers: keepers) {
          line?.end()
          return above
        }
        if isAwaited { try checkForCircle(request) }
      } catch {
        line?.end()
        throw error
      }
      if line == nil, showsWaiting { line = WaitingLine(request, self, from: .now) }
      looks = isAwaited ? looks - 1 : 0
      // Numbers that are close to each other are far apart afterwards.
      spread &*= 2_654_435_761
      pause = .seconds(1) + .milliseconds(Int64(spread >> 22))
    }
  }

  /// The signals end the wait and not the process, since the claim of a waiter is to be removed.
  private func acquireClaim(_ request: LockRequest) throws(Failure) -> HeldLock {
    let signals = terminationSignals()
    let interruption = try blockedDescriptor(of: signals)
    var request = request
    request.interruption = interruption.number
    defer { interruption.keepOpen() }
    let patience = patience
    var line: WaitingLine?
    // Where nothing stands there is no lock, and most likely no wait.
    if patience != .never || reentrant,
      (try? FileStatus(at: request.path, followingLinks: false)) != nil
    {
      if let above = try claimAbove(request) { return above }
      if verbose, let holder = claimHolding(request, thatLives: true) {
        say("waiting for \(request.path), held \(holder.ownerPhrase)")
      }
      if showsWaiting, patience != .never {
        line = WaitingLine(request, self, from: .seconds(1), endsAtSignals: false)
      }
    }
    request.patience = patience
    do throws(LockError) {
      let lock = try Locking.acquire(request)
      line?.end()
      return try announced(lock)
    } catch {
      line?.end()
      // Of several, the first one that the kernel gives; any of them is the reason.
      if error == .interrupted {
        throw Failure(status: 128 + (signals.takePending() ?? SIGTERM), "")
      }
      throw .locking(error, request, self)
    }
  }

  private var patience: Patience {
    if nonblock || timeout == .zero { return .never }
    return timeout.map { .until(.after($0)) } ?? .forever
  }

  private func announced(_ lock: consuming HeldLock) throws(LockError) -> HeldLock {
    if verbose {
      let chosen: StaticString = mode == nil ? ", chosen because it excludes there" : ""
      let kind: StaticString = sharing == .shared ? "shared" : "exclusive"
      say("locked \(lock.path) (\(lock.mode.name), \(kind)\(chosen))")
    }
    return lock
  }

  /// Under -v only.
  func say(_ message: @autoclosure () -> Message) {
    if verbose { Output.say(message()) }
  }

  /// Releases the lock. What goes wrong then is said, and changes no exit status, since the lock is
  /// free; unless it was lost before: then this says so, and returns the status for that.
  @discardableResult
  func release(_ lock: consuming HeldLock) -> ExitStatus? {
    let path = lock.path
    let verb: StaticString = lock.mode == .hardlink ? "release" : "remove"
    do throws(LockError) {
      try lock.release()
      say("released \(path)")
    } catch {
      let reason = Failure.reason(error, self)
      Output.say("unable to \(verb) \(path): \(reason)")
      if error == .lost || error == .notHeld { return .notHeld }
    }
    return nil
  }
}

/// Blocks `signals`, and makes a descriptor of them.
func blockedDescriptor(of signals: SignalSet) throws(Failure) -> FileDescriptor {
  do throws(Errno) {
    try signals.block()
    return try signals.makeDescriptor()
  } catch {
    throw Failure(.systemCall, "unable to wait for signals: signalfd: \(error.text)")
  }
}

/// The signals that end a wait: SIGTERM, SIGINT, SIGQUIT, and SIGHUP, unless that is ignored
/// (nohup(1)). Also those that a shell has a background job ignore: they are blocked, and a blocked
/// signal becomes pending even where it is ignored.
func terminationSignals() -> SignalSet {
  var signals = [SIGTERM, SIGINT, SIGQUIT]
  if !isIgnored(SIGHUP) { signals.append(SIGHUP) }
  return SignalSet(signals)
}

/// Who holds the lock that `request` is for, in hardlink mode; with `thatLives`, only somebody who is
/// to be waited for.
func claimHolding(_ request: LockRequest, thatLives: Bool = false) -> HardlinkClaim? {
  guard request.mode == .hardlink,
    let location = try? HardlinkLocation(request.path, request.hardlink),
    let report = try? location.report()
  else { return nil }
  return thatLives && !report.isHeld ? nil : report.holder
}

/// `by pid 4711 (rsync -a /srv/ backup:/srv/, root)`: who has the lock that `request` is for, as far as
/// that can be seen. The command is cut to a width.
func holderPhrase(of request: LockRequest, commandUpTo width: Int = 40) -> Message? {
  if request.mode == .hardlink {
    return claimHolding(request).map { "\($0.ownerPhrase)\($0.expiryInBrackets)" }
  }
  guard let inspection = try? inspectLocks(at: request.path) else { return nil }
  var phrase: Message?
  var others: Int64 = 0
  for lock in inspection.locks where lock.excludes(request) {
    for holder in lock.holders {
      if phrase == nil {
        phrase = "by \(holder.process.phrase(commandUpTo: width))"
      } else {
        others += 1
      }
    }
  }
  guard let phrase, others > 0 else { return phrase }
  return others == 1 ? "\(phrase) and another one" : "\(phrase) and \(others) others"
}

extension LockMode {
  var name: StaticString {
    switch self {
    case .flock: "flock"
    case .posix: "posix"
    case .ofd: "ofd"
    case .hardlink: "hardlink"
    }
  }
}
