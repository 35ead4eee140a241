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

/// Tells on standard error who is waited for, once a second.
struct WaitingLine {
  private let wanted: WantedLocks
  private let options: LockOptions
  private let isInPlace = Output.isInteractive(STDERR_FILENO)
  private let start = Deadline.now
  private var last = Message()
  private var incumbent: Incumbent?
  private var index = 0
  // There may be many who wait: the longer it takes, the more rarely they look who has it, or when that one
  // has ended.
  private var pause = Span.seconds(1)
  private var nextLook = Deadline.now

  /// To be made when the wait has lasted for a second.
  init(_ wanted: WantedLocks, _ options: LockOptions) {
    self.wanted = wanted
    self.options = options
  }

  private var request: LockRequest { wanted.requests[index] }

  mutating func show() {
    let isNext = wanted.index != index
    index = wanted.index
    if options.message == nil, isNext || nextLook.hasPassed || incumbent?.hasEnded ?? true {
      incumbent = Incumbent(of: request)
      nextLook = .after(pause)
      pause = min(pause * 2, .seconds(60))
    }
    if isInPlace {
      // In the background it would write over what is done in the foreground.
      let group = tcgetpgrp(STDERR_FILENO)
      if group < 0 || group == getpgrp() {
        let text = line((Deadline.now - start).wholeSeconds + 1)
        try? Output.write("\r\(text)\u{1b}[K", to: STDERR_FILENO)
      }
    } else {
      let key = incumbent?.phrase(commandUpTo: 500, withTime: false) ?? "nobody"
      if isNext || key.bytes != last.bytes {
        try? Output.write("\(text)\n", to: STDERR_FILENO)
        last = key
      }
    }
  }

  /// Once the wait is over.
  static func erase() {
    if Output.isInteractive(STDERR_FILENO) { try? Output.write("\r\u{1b}[K", to: STDERR_FILENO) }
  }

  private var text: Message {
    if let message = options.message { return "\(message)" }
    let holder = Message.phrase(", ", incumbent?.phrase(commandUpTo: 500))
    return "swlock: waiting for \(request.path)\(holder)"
  }

  /// Not wider than the terminal.
  private func line(_ seconds: Int64) -> Message {
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

/// What is done beside a wait that has become long: it is told of, and looked at whether it can end.
///
/// - A wait in the kernel keeps its place: another process does it (`KernelWait`).
/// - A wait for a claim looks for itself, and another process only tells (`ClaimWait`).
final class KernelWait {
  private let wanted: WantedLocks
  private let options: LockOptions
  private let owners: Owners?

  /// Most waits are over before anything is done.
  private static let silence = Span.seconds(1)

  init(_ wanted: WantedLocks, _ options: LockOptions, _ owners: Owners?) {
    self.wanted = wanted
    self.options = options
    self.owners = owners
  }

  /// Where it cannot be, nobody is told of the wait, and it may not end.
  func begin() {
    let waiter = getpid()
    if options.showsWaiting, Output.isInteractive(STDERR_FILENO) {
      exitOnTerminationSignals(erasingLine: true)
    }
    try? Sentry.begin(after: Self.silence) { [self] in watch(for: waiter) }
  }

  func end() {
    if Sentry.end(), options.showsWaiting { WaitingLine.erase() }
  }

  /// In the other process: until there is nothing more to be done.
  private func watch(for waiter: Int32) {
    let outlook = Outlook(wanted, options, owners, of: waiter)
    var line = options.showsWaiting ? WaitingLine(wanted, options) : nil
    var nextLook: Deadline? = .now
    while line != nil || nextLook != nil {
      line?.show()
      if let look = nextLook, look.hasPassed {
        if !canEnd(outlook) { Sentry.callOff() }
        nextLook = outlook.nextLook.map { .after($0) }
      }
      var pause: Span? = nextLook?.remaining
      if line != nil { pause = min(pause ?? .seconds(1), .seconds(1)) }
      pause?.pause()
    }
  }

  private func canEnd(_ outlook: Outlook) -> Bool {
    do throws(Failure) {
      guard let above = try outlook.look() else { return true }
      above.leaveBehind()
      return false
    } catch {
      return false
    }
  }
}

final class ClaimWait {
  private let companion: ChildProcess
  private let silence = Deadline.seconds(1)

  /// Nil where it cannot be told.
  init?(_ wanted: WantedLocks, _ options: LockOptions) {
    do throws(LaunchError) {
      guard let companion = try forkCompanion() else {
        silence.sleep()
        var line = WaitingLine(wanted, options)
        while true {
          line.show()
          Deadline.seconds(1).sleep()
        }
      }
      self.companion = companion
    } catch {
      return nil
    }
  }

  func end() {
    companion.end()
    if silence.hasPassed { WaitingLine.erase() }
  }
}
