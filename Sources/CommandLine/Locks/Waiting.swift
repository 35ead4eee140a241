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
        WaitingLine.tell(request, options)
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

  private static func tell(_ request: LockRequest, _ options: LockOptions) -> Never {
    var notice = WaitingNotice(options, since: .now)
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
      let key = incumbent?.phrase(commandUpTo: 500, withTime: false) ?? "nobody"
      notice.tell(request.path, key: key) { incumbent?.phrase(commandUpTo: $0) }
      Deadline.seconds(1).sleep()
    }
  }
}

/// What a wait is told with on standard error: a line that is written anew on a terminal, and elsewhere one when
/// somebody else has the lock.
struct WaitingNotice {
  private let options: LockOptions
  private let isInPlace = Output.isInteractive(STDERR_FILENO)
  private let start: Deadline
  private var last = Message()

  init(_ options: LockOptions, since start: Deadline) {
    self.options = options
    self.start = start
  }

  /// - Parameters:
  ///   - key: the same as long as nothing has happened but that time passed.
  ///   - holder: who is waited for, with a command that has so many columns at most.
  mutating func tell(_ path: ByteString, key: Message, _ holder: (Int) -> Message?) {
    if isInPlace {
      // In the background it would write over what is done in the foreground.
      let group = tcgetpgrp(STDERR_FILENO)
      if group < 0 || group == getpgrp() {
        let text = line(path, holder)
        try? Output.write("\r\(text)\u{1b}[K", to: STDERR_FILENO)
      }
    } else if key.bytes != last.bytes {
      let text = text(path, holder)
      try? Output.write("\(text)\n", to: STDERR_FILENO)
      last = key
    }
  }

  /// Erases the line.
  func end() {
    if isInPlace { try? Output.write("\r\u{1b}[K", to: STDERR_FILENO) }
  }

  private func text(_ path: ByteString, _ holder: (Int) -> Message?) -> Message {
    if let message = options.message { return "\(message)" }
    let holder = Message.phrase(", ", holder(500))
    return "swlock: waiting for \(path)\(holder)"
  }

  /// Not wider than the terminal.
  private func line(_ path: ByteString, _ holder: (Int) -> Message?) -> Message {
    let width = Output.width(of: STDERR_FILENO) - 1
    if let message = options.message { return Message(message, upTo: width) }
    let seconds = (Deadline.now - start).wholeSeconds + 1
    let time = spanText(.seconds(seconds))
    func text(_ path: Message, _ width: Int) -> Message {
      let holder = Message.phrase(", ", holder(width))
      return "swlock: waiting \(time) for \(path)\(holder)"
    }
    let whole = text("\(path)", .max)
    if whole.columns <= width { return whole }
    let path = Message(path, upTo: max(28, width / 3))
    // The command has the columns that all the rest leaves.
    return text(path, max(4, width - (text(path, 1).columns - 1)))
  }
}
