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
    let start = Deadline.now
    var last = Message()
    var incumbent: Incumbent?
    // There may be many who wait: the longer it takes, the more rarely they look who has it, or when that one
    // has ended.
    var pause = Span.seconds(1)
    var nextLook = Deadline.now
    while true {
      if options.message == nil, nextLook.hasPassed || incumbent?.hasEnded ?? true {
        incumbent = Incumbent(of: request)
        nextLook = .after(pause)
        pause = min(pause * 2, .seconds(60))
      }
      let seconds = (Deadline.now - start).wholeSeconds + 1
      if isInPlace {
        // In the background it would write over what is done in the foreground.
        let group = tcgetpgrp(STDERR_FILENO)
        if group < 0 || group == getpgrp() {
          let text = line(request, options, incumbent, seconds)
          try? Output.write("\r\(text)\u{1b}[K", to: STDERR_FILENO)
        }
      } else {
        let key = incumbent?.phrase(commandUpTo: 500, withTime: false) ?? "nobody"
        if key.bytes != last.bytes {
          let text = text(request, options, incumbent)
          try? Output.write("\(text)\n", to: STDERR_FILENO)
          last = key
        }
      }
      Deadline.seconds(1).sleep()
    }
  }

  private static func text(
    _ request: LockRequest, _ options: LockOptions, _ incumbent: Incumbent?
  ) -> Message {
    if let message = options.message { return "\(message)" }
    let holder = Message.phrase(", ", incumbent?.phrase(commandUpTo: 500))
    return "swlock: waiting for \(request.path)\(holder)"
  }

  /// Not wider than the terminal.
  private static func line(
    _ request: LockRequest, _ options: LockOptions, _ incumbent: Incumbent?, _ seconds: Int64
  ) -> Message {
    let width = Output.width(of: STDERR_FILENO) - 1
    if let message = options.message { return Message(message, upTo: width) }
    let time = spanText(.seconds(seconds))
    func text(_ path: Message, _ width: Int) -> Message {
      let holder = Message.phrase(", ", incumbent?.phrase(commandUpTo: width))
      return "swlock: waiting \(time) for \(path)\(holder)"
    }
    let whole = text("\(request.path)", .max)
    if whole.columns <= width { return whole }
    let path = Message(request.path, upTo: max(28, width / 3))
    // The command has the columns that all the rest leaves.
    return text(path, max(4, width - (text(path, 1).columns - 1)))
  }
}
