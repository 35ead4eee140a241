internal import CSystem
internal import Launching
internal import Locking
internal import SystemInterface

// What is looked at before a wait, and shown during it.

extension LockOptions {
  /// Whether it is likely that an ancestor has the lock, and worth to be looked at before any wait. That
  /// takes longer than most waits: opening /proc/locks stops all locking of the machine for some
  /// milliseconds.
  func expectsLockAbove(_ request: LockRequest) -> Bool {
    reentrant || subcommand == .acquire || HeldList.names(request.path)
  }

  /// Throws where the wait for the lock would never end; with `--reentrant`, the lock is the one that an
  /// ancestor has. Nil where it is worth to wait.
  ///
  /// An ancestor that has the lock to itself may well give it back while this process waits. It will not
  /// where this process has inherited the lock, where it was acquired for the ancestor, or where it is
  /// a `swlock run` that waits for us: that is what SWLOCK_HELD says.
  ///
  /// - Parameter keepers: all processes that keep locks for others; nil: they are looked for where the
  ///   table does not name those who took such a lock.
  func lockAbove(
    _ request: LockRequest, amongKeepers keepers: [Int32]? = nil
  ) throws(Failure) -> HeldLock? {
    let owner = subcommand == .acquire ? request.owner : nil
    func keeps(_ process: ObservedProcess, _ chain: [ObservedProcess]) -> Bool {
      guard let kept = KeptLock(of: process) else { return false }
      return owner != nil && owner != .nobody && kept.isFor(owner)
        || chain.contains { kept.isOwned(by: $0) }
    }
    let keepers = keepers ?? (request.mode == .ofd ? KeptLock.keepers() : [])
    if let above = try? ancestorHolding(request, orAmong: keepers, orKeeping: keeps),
      reentrant || isCertain(above, request)
    {
      if reentrant, above.holder.isVerified, above.lock.covers(request) {
        say("\(request.path) is held by \(above.process.phrase) already")
        return HeldLock(ofAncestor: request.path, mode: above.lock.mode)
      }
      if let owner, let kept = KeptLock(of: above.process), kept.isFor(owner) {
        throw .locking(.alreadyHeld, request, self)
      }
      throw heldAbove(request, above.process)
    }
    return nil
  }

  /// The same in `hardlink` mode, whose locks name their owner.
  func claimAbove(_ request: LockRequest) throws(Failure) -> HeldLock? {
    guard let claim = claimHolding(request, thatLives: true), claim.liveness == .alive,
      let process = Locking.ancestry(of: getpid()).first(where: { $0.identifier == claim.process }),
      // Another program may well give it back.
      !claim.isForeign || HeldList.names(request.path)
    else { return nil }
    if reentrant {
      say("\(request.path) is held by \(process.phrase) already")
      return HeldLock(ofAncestor: request.path, mode: .hardlink)
    }
    // That is `alreadyHeld`.
    if request.owner == .process(claim.process) { return nil }
    throw heldAbove(request, process)
  }

  private func heldAbove(_ request: LockRequest, _ process: ObservedProcess) -> Failure {
    let hint: StaticString =
      reentrant
      ? "and not as it is wanted" : "which waits for this process (--reentrant goes on without)"
    return Failure(
      .busy, "unable to lock \(request.path): it is held by \(process.phrase), \(hint)")
  }

  /// Whether this process runs under a lock that others may wait for.
  func mayBeWaitedFor(_ keepers: [Int32]) -> Bool {
    if !HeldList.isEmpty { return true }
    let chain = Locking.ancestry(of: getpid())
    return keepers.contains { keeper in
      guard let kept = ObservedProcess(keeper).flatMap({ KeptLock(of: $0) }) else { return false }
      return chain.contains { kept.isOwned(by: $0) }
    }
  }

  private func isCertain(_ above: LockAbove, _ request: LockRequest) -> Bool {
    above.process.identifier == getpid() || KeptLock(of: above.process) != nil
      || HeldList.names(request.path)
  }

  /// Throws if the wait for the lock would close a circle.
  func checkForCircle(_ request: LockRequest) throws(Failure) {
    let circle = try? waitCycle(closingWith: request) { process in
      ObservedProcess(process)?.beneficiary?.identifier
    }
    guard let circle else { return }
    var reason: Message = "waiting would never end"
    for edge in circle.dropFirst() {
      guard let waiter = ObservedProcess(edge.waiter) else { continue }
      let path = edge.path ?? "a lock"
      reason.append(": \(waiter.phrase) waits for \(path)")
    }
    let holder = Message.phrase(", and this is held ", holderPhrase(of: request))
    throw Failure(.busy, "unable to lock \(request.path): \(reason)\(holder)")
  }

  /// Whether a wait is told of.
  var showsWaiting: Bool {
    switch progress {
    case .never: false
    case .always: true
    case .onTerminal: isatty(STDERR_FILENO) == 1
    }
  }
}

extension Message {
  /// `prefix` and `rest`; nothing without a rest.
  fileprivate static func phrase(_ prefix: StaticString, _ rest: Message?) -> Message {
    rest.map { "\(prefix)\($0)" } ?? ""
  }
}

/// Tells on standard error who is waited for, from another process: this one waits in the kernel.
final class WaitingLine {
  private let companion: ChildProcess
  private let isInPlace: Bool
  /// Until then nothing is shown.
  private let silence: Deadline

  /// Nil where it cannot be told.
  ///
  /// - Parameter endsAtSignals: whether a signal is to erase the line and to end this process;
  ///   otherwise it ends the wait.
  init?(
    _ request: LockRequest, _ options: LockOptions, from silence: Deadline,
    endsAtSignals: Bool = true
  ) {
    isInPlace = Output.isInteractive(STDERR_FILENO)
    self.silence = silence
    if isInPlace, endsAtSignals { exitOnTerminationSignals(erasingLine: true) }
    do throws(LaunchError) {
      guard let companion = try forkCompanion() else {
        silence.sleep()
        WaitingLine.tell(request, options, isInPlace)
      }
      self.companion = companion
    } catch {
      return nil
    }
  }

  func end() {
    companion.end()
    if isInPlace, silence.hasPassed { try? Output.write("\r\u{1b}[K", to: STDERR_FILENO) }
  }

  private static func tell(
    _ request: LockRequest, _ options: LockOptions, _ isInPlace: Bool
  ) -> Never {
    var seconds: Int64 = 1
    var last = Message()
    while true {
      let text = line(request, options, seconds, isInPlace)
      if isInPlace {
        // In the background it would write over what is done in the foreground.
        let group = tcgetpgrp(STDERR_FILENO)
        if group < 0 || group == getpgrp() {
          try? Output.write("\r\(text)\u{1b}[K", to: STDERR_FILENO)
        }
      } else if text.bytes != last.bytes {
        try? Output.write("\(text)\n", to: STDERR_FILENO)
        last = text
      }
      Deadline.seconds(1).sleep()
      seconds += 1
    }
  }

  /// In place, with the time, and not wider than a terminal; otherwise what stays the same as long as
  /// the holder does.
  private static func line(
    _ request: LockRequest, _ options: LockOptions, _ seconds: Int64, _ isInPlace: Bool
  ) -> Message {
    if let message = options.message {
      return isInPlace ? Message(message, upTo: 79) : "\(message)"
    }
    let time: Message = isInPlace ? " for \(shortSpan(seconds))" : ""
    func text(_ path: Message, _ width: Int) -> Message {
      let holder = Message.phrase(", held ", Self.holder(request, width))
      return "swlock: waiting for \(path)\(holder)\(time)"
    }
    let whole = text("\(request.path)", 40)
    if !isInPlace || whole.columns < 80 { return whole }
    let path = Message(request.path, upTo: 28)
    // The command has the columns that all the rest leaves.
    return text(path, max(4, 79 - (text(path, 1).columns - 1)))
  }

  /// Of a `hardlink` lock without its expiry, which would change all the time.
  private static func holder(_ request: LockRequest, _ width: Int) -> Message? {
    if request.mode != .hardlink { return holderPhrase(of: request, commandUpTo: width) }
    guard let claim = claimHolding(request) else { return nil }
    if claim.liveness == .alive, let process = ObservedProcess(claim.process) {
      return "by \(process.phrase(commandUpTo: width))"
    }
    return claim.ownerPhrase
  }

  /// `41s`, `3m12s`
  private static func shortSpan(_ seconds: Int64) -> Message {
    var short = Message()
    for byte in spanText(seconds).bytes where byte != ascii(" ") { short.append(byte: byte) }
    return short
  }
}
