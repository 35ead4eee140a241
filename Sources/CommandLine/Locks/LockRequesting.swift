internal import CSystem
internal import Launching
internal import Locking
internal import SystemInterface

// From lock options to a lock: what every command that takes a lock does.

extension LockOptions {
  /// The path that is locked for `path`.
  func lockPath(_ path: ByteString) throws(Failure) -> ByteString {
    guard let sidecar else { return path }
    // `.` and `..` have the folder's own name.
    if let beside = path.sidecar(sidecar) ?? path.resolved?.sidecar(sidecar) { return beside }
    throw .usage("'\(path)' has no name that a lock file beside it could have", of: subcommand)
  }

  func request(for path: ByteString) throws(Failure) -> LockRequest {
    var request = LockRequest(path: try lockPath(path))
    request.kind = kind
    if mode == nil { request.fallback = claimKind }
    request.sharing = sharing
    request.queue = queue
    request.slots = slots
    request.removesFile = unlink
    if mustExist {
      request.creation = .never
    } else {
      var number: UInt32?
      if let group { number = try Accounts.group(group, of: subcommand) }
      request.creation = .ifMissing(permissions: permissions, group: number)
    }
    return request
  }

  /// Those for what `--also` names. The range is that of the first one.
  func otherRequests() throws(Failure) -> [LockRequest] {
    var requests: [LockRequest] = []
    for file in also {
      var request = try request(for: file.path)
      request.kind = (mode ?? .flock).kind()
      request.sharing = file.sharing
      requests.append(request)
    }
    return requests
  }

  /// Has the mode `auto` become one that works there.
  func chooseKind(for request: inout LockRequest) {
    guard let fallback = request.fallback else { return }
    request.fallback = nil
    if let reason = reasonForFallback(of: request) {
      request.kind = fallback
      say("mode \(fallback.mode.name), since \(Failure.reason(reason, self))")
    }
  }

  /// Takes the lock, and waits for it as the options say. While it waits, a signal that ends
  /// processes ends this one.
  ///
  /// For a lock with a claim these signals are blocked afterwards: whoever holds it has something to clean up.
  ///
  /// - Parameter owners: for whom it is, of `acquire`.
  /// - Parameter more: requests for what `--also` names; then all are taken, or none.
  func takeLock(
    _ request: LockRequest, and more: [LockRequest] = [], for owners: Owners? = nil,
    replacing takeover: Takeover? = nil
  ) throws(Failure) -> HeldLock {
    if request.kind.engine != nil { return try acquireByEngine(request) }
    if request.kind.hasClaim { return try acquireClaim(request, owners) }
    let wanted = WantedLocks([request] + more)
    let patience = patience
    do throws(LockError) {
      return announced(try wanted.take(.never), wanted)
    } catch .busy where patience != .never || reentrant || owners != nil {
    } catch {
      throw .locking(error, wanted.current, self)
    }
    let outlook = Outlook(wanted, self, owners)
    if patience == .never, !reentrant {
      // Only how it is said depends on that.
      if !quiet { _ = try? outlook.look(hasWaited: false) }
      throw .locking(.busy, wanted.current, self, because: outlook.ownHold)
    }
    if outlook.isDoubtful, let above = try outlook.look(hasWaited: false) { return above }
    if patience == .never { throw .locking(.busy, wanted.current, self, because: outlook.ownHold) }
    say("waiting for \(wanted.current.path)")
    exitOnTerminationSignals()
    return try wait(wanted, patience, outlook, owners, takeover)
  }

  /// Waits in the kernel. Meanwhile another process tells of it, where it is to be seen, and looks whether the
  /// wait can end at all: this one would lose its place in the queue with each look.
  private func wait(
    _ wanted: WantedLocks, _ patience: Patience, _ outlook: Outlook, _ owners: Owners?,
    _ takeover: Takeover?
  ) throws(Failure) -> HeldLock {
    let wait = KernelWait(wanted, self, owners)
    while true {
      wait.begin()
      do throws(LockError) {
        let lock = try wanted.take(patience)
        wait.end()
        return announced(lock, wanted)
      } catch .interrupted {
        if let failure = takeover?.failure {
          wait.end()
          throw failure
        }
        if let failure = wait.endCalledOff() { throw failure }
      } catch {
        wait.end()
        throw .locking(error, wanted.current, self)
      }
      if let above = try outlook.look() { return above }
    }
  }

  /// The signals end the wait and not the process, since the claim of a waiter is to be removed.
  private func acquireClaim(
    _ request: LockRequest, _ owners: Owners?
  ) throws(Failure) -> HeldLock {
    let signals = terminationSignals()
    let interruption = try blockedDescriptor(of: signals)
    var request = request
    request.interruption = interruption.number
    defer { interruption.keepOpen() }
    let patience = patience
    var line: ClaimWait?
    let wanted = WantedLocks([request])
    let outlook = Outlook(wanted, self, owners)
    // Where nothing stands there is no lock, and most likely no wait.
    let looks =
      (patience != .never || reentrant)
      && (try? FileStatus(at: request.path, followingLinks: false)) != nil
    if looks {
      if let above = try outlook.look() { return above }
      if verbose, let holder = claimHolding(request, thatLives: true) {
        say("waiting for \(request.path), held \(holder.ownerPhrase)")
      }
      if showsWaiting, patience != .never {
        line = ClaimWait(wanted, self)
      }
    }
    do throws(Failure) {
      while true {
        let nextLook = looks && patience != .never ? outlook.nextLook : nil
        request.patience = nextLook.map { patience.cut(at: .after($0)) } ?? patience
        do throws(LockError) {
          let lock = try acquire(request)
          line?.end()
          return announced(lock, wanted)
        } catch .timedOut where request.patience != patience {
        } catch .unsettled where request.patience != patience {
        } catch .interrupted {
          // Of several, the first one that the kernel gives; any of them is the reason.
          throw Failure(status: 128 + (signals.takePending() ?? SIGTERM), "")
        } catch {
          throw Failure.locking(error, request, self)
        }
        if let above = try outlook.look() {
          line?.end()
          return above
        }
      }
    } catch {
      line?.end()
      throw error
    }
  }

  var patience: Patience {
    if nonblock || timeout == .zero { return .never }
    return timeout.map { .until(.after($0)) } ?? .forever
  }

  func announced(_ lock: consuming HeldLock, _ wanted: WantedLocks) -> HeldLock {
    if progress != .never {
      tellOfOtherKinds(lock, wanted.requests)
      for request in wanted.requests { warnOfPermissions(of: request.path) }
      if lock.kind.isOfFile, queue != nil || slots != nil { warnOfProgram(at: lock.path) }
    }
    if verbose {
      let chosen: Literal =
        mode == nil && !lock.kind.hasClaim ? ", chosen because it excludes there" : ""
      let slot = Message.phrase(", slot ", lock.slot.map { "\(Int64($0))" })
      for request in wanted.requests {
        say(
          "locked \(request.path) (\(lock.kind.mode.name), \(request.sharing.name)\(slot)\(chosen))"
        )
      }
    }
    return lock
  }

  private func warnOfPermissions(of path: ByteString) {
    guard let permissions, let status = try? FileStatus(at: path, followingLinks: true),
      status.permissions != permissions
    else { return }
    let digits = [6, 3, 0].map { Message("\(Int64(status.permissions >> $0 & 7))") }
    Output.say(
      "the permissions of \(path) are 0\(digits[0])\(digits[1])\(digits[2]), not those of --perm"
    )
  }

  /// A script that locks itself would keep the next one from being started.
  private func warnOfProgram(at path: ByteString) {
    guard let status = try? FileStatus(at: path, followingLinks: true), status.kind == .regular,
      status.permissions & 0o111 != 0
    else { return }
    Output.say(
      "\(path) cannot be executed meanwhile, since --queue and --slots have it open for writing; --sidecar locks a file beside it"
    )
  }

  /// Under -v only.
  func say(_ message: @autoclosure () -> Message) {
    if verbose { Output.say(message()) }
  }

  /// Releases the lock. What goes wrong then is said, and changes no exit status, since the lock is
  /// free; unless it was lost before: then this says so, and returns the status for that.
  @discardableResult
  func release(_ lock: consuming HeldLock) -> ExitStatus? {
    // It is another process's to release.
    if lock.reliance != nil {
      lock.leaveBehind()
      return nil
    }
    let path = lock.path
    let verb: Literal = lock.kind.isTakenByHolder ? "release" : "remove"
    var status: ExitStatus?
    var isWell = true
    lock.release { path, error in
      isWell = false
      if error.isLoss { status = .notHeld }
      // It was found to be lost, and said so, when it was to be refreshed.
      if error != .notHeld { Output.say(.unable(to: verb, path, Failure.reason(error, self))) }
    }
    if isWell { say("released \(path)") }
    return status
  }
}

/// Blocks `signals`, and makes a descriptor of them.
func blockedDescriptor(of signals: SignalSet) throws(Failure) -> FileDescriptor {
  do throws(Errno) {
    try signals.block()
    return try signals.makeDescriptor()
  } catch {
    throw Failure(.systemCall, .unable(to: "wait for signals", "signalfd: \(error.text)"))
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

/// Who holds the lock with a claim that `request` is for; with `thatLives`, only somebody who is to be
/// waited for.
func claimHolding(_ request: LockRequest, thatLives: Bool = false) -> HardlinkClaim? {
  guard let report = try? request.kind.location(at: request.path).report() else { return nil }
  return thatLives && !report.isHeld ? nil : report.holder
}
