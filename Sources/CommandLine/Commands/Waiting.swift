internal import CSystem
internal import Launching
internal import Locking
internal import SystemInterface

// What is looked at before a wait, and shown during it.

extension LockOptions {
  /// Throws where the wait for the lock would never end; with `--reentrant`, the lock is the one that an
  /// ancestor has. Nil where it is worth to wait.
  ///
  /// An ancestor that has the lock to itself may well give it back while this process waits. It will not
  /// where this process has inherited the lock, where it was acquired for the ancestor, or where it is
  /// a `swlock run` that waits for us: that is what SWLOCK_HELD says.
  func lockAbove(_ request: LockRequest) throws(Failure) -> HeldLock? {
    let owner = subcommand == .acquire ? request.owner : nil
    guard owner != nil || reentrant || mayBeHeldAbove(request) else { return nil }
    func keeps(_ process: ObservedProcess, _ chain: [ObservedProcess]) -> Bool {
      guard let kept = KeptLock(of: process) else { return false }
      return owner != nil && owner != .nobody && kept.isFor(owner)
        || chain.contains { kept.isOwned(by: $0) }
    }
    var above = try? ancestorHolding(request, orKeeping: keeps)
    if above == nil, request.mode == .ofd, owner != nil {
      // The table does not name those who took such a lock, and to ask all processes is too much for
      // every wait of `run`.
      above = try? ancestorHolding(request, amongAll: true, orKeeping: keeps)
    }
    if let above, reentrant || isCertain(above, request) {
      if reentrant, above.holder.isVerified, above.lock.covers(request) {
        say("\(request.path) is held by \(above.process.phrase) already")
        return HeldLock(ofAncestor: request.path, mode: above.lock.mode)
      }
      if let owner, let kept = KeptLock(of: above.process), kept.isFor(owner) {
        throw .locking(.alreadyHeld, request, self)
      }
      let hint: StaticString =
        reentrant
        ? "and not as it is wanted" : "which waits for this process (--reentrant goes on without)"
      throw Failure(
        .busy,
        "unable to lock \(request.path): it is held by \(above.process.phrase), \(hint)")
    }
    // Whoever waits for us waits for a lock that we have: of `run`, the environment tells.
    if CStringVector.environmentValue("SWLOCK_HELD")?.isEmpty == false {
      try checkForCircle(request)
    }
    return nil
  }

  /// Whether it is worth to look closely: where many take turns, each of them comes here each time.
  private func mayBeHeldAbove(_ request: LockRequest) -> Bool {
    if CStringVector.environmentValue("SWLOCK_HELD")?.isEmpty == false { return true }
    if let file = try? FileStatus(at: request.path, followingLinks: true).identity {
      // The lock file is closed now: what is open of it was inherited.
      for number: Int32 in 0..<32 where (try? FileStatus(of: number))?.identity == file {
        return true
      }
    }
    return ((try? lockers(at: request.path)) ?? []).contains { process in
      let name = "/proc/" + ByteString(decimal: process) + "/cmdline"
      guard let text = try? FileDescriptor.open(name, O_RDONLY).readAll(limit: 12) else {
        return false
      }
      return text.starts(with: ("swlock\0hold\0" as StaticString).utf8)
    }
  }

  private func isCertain(_ above: LockAbove, _ request: LockRequest) -> Bool {
    above.process.identifier == getpid() || KeptLock(of: above.process) != nil
      || HeldList.names(request.path)
  }

  private func checkForCircle(_ request: LockRequest) throws(Failure) {
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

  /// Nil where it cannot be told.
  init?(_ request: LockRequest, _ options: LockOptions) {
    isInPlace = Output.isInteractive(STDERR_FILENO)
    if isInPlace { exitOnTerminationSignals(erasingLine: true) }
    do throws(LaunchError) {
      guard let companion = try forkCompanion() else {
        WaitingLine.tell(request, options, isInPlace)
      }
      self.companion = companion
    } catch {
      return nil
    }
  }

  func end() {
    companion.end()
    if isInPlace { try? Output.write("\r\u{1b}[K", to: STDERR_FILENO) }
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
      let holder = Message.phrase(", held ", holderPhrase(of: request, commandUpTo: width))
      return "swlock: waiting for \(path)\(holder)\(time)"
    }
    let whole = text("\(request.path)", 40)
    if !isInPlace || whole.columns < 80 { return whole }
    let path = Message(request.path, upTo: 28)
    let short = text(path, 40)
    if short.columns < 80 { return short }
    return text(path, max(4, 40 - (short.columns - 79)))
  }

  /// `41s`, `3m12s`
  private static func shortSpan(_ seconds: Int64) -> Message {
    var short = Message()
    for byte in spanText(seconds).bytes where byte != ascii(" ") { short.append(byte: byte) }
    return short
  }
}
