internal import CSystem
internal import Launching
internal import Locking
internal import SystemInterface

// What is shown during a wait.

extension LockOptions {
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
  static func phrase(_ prefix: StaticString, _ rest: Message?) -> Message {
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
    if !request.kind.hasClaim { return holderPhrase(of: request, commandUpTo: width) }
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
