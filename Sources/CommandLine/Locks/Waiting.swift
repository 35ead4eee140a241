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
  static func phrase(_ prefix: Literal, _ rest: Message?) -> Message {
    rest.map { "\(prefix)\($0)" } ?? ""
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

  /// Once the wait is over.
  static func erase() {
    if Output.isInteractive(STDERR_FILENO) { try? Output.write("\r\u{1b}[K", to: STDERR_FILENO) }
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

/// Tells who has the lock of a request, once a second.
struct WaitingLine {
  private let wanted: WantedLocks
  private let options: LockOptions
  private var notice: WaitingNotice
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
    notice = WaitingNotice(options, since: .now)
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
    let incumbent = incumbent
    let holder = incumbent?.phrase(commandUpTo: 500, withTime: false) ?? "nobody"
    let key: Message = "\(request.path) \(holder)"
    notice.tell(request.path, key: key) { incumbent?.phrase(commandUpTo: $0) }
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
    if Sentry.end(), options.showsWaiting { WaitingNotice.erase() }
  }

  /// In the other process: until there is nothing more to be done.
  private func watch(for waiter: Int32) {
    let outlook = Outlook(wanted, options, owners, of: waiter)
    var line = options.showsWaiting ? WaitingLine(wanted, options) : nil
    var nextLook: Deadline? = .now
    while line != nil || nextLook != nil {
      line?.show()
      if let look = nextLook, look.hasPassed {
        judge(outlook)
        nextLook = outlook.nextLook.map { .after($0) }
      }
      var pause: Span? = nextLook?.remaining
      if line != nil { pause = min(pause ?? .seconds(1), .seconds(1)) }
      pause?.pause()
    }
  }

  /// What is found is final: while the other one keeps its place it is seen to wait, and only so are circles
  /// found.
  private func judge(_ outlook: Outlook) {
    do throws(Failure) {
      guard let above = try outlook.look() else { return }
      above.leaveBehind()
      callOff(nil, "")
    } catch {
      callOff(error.status, error.message)
    }
  }

  private func callOff(_ status: Int32?, _ message: Message) -> Never {
    Sentry.callOff(status) {
      if options.showsWaiting { WaitingNotice.erase() }
      if message.count > 0 { Output.say(message) }
    }
  }

  /// Ends it after the wait was called off.
  ///
  /// - Returns: why, which has been said; nil: it is to be looked at once more.
  func endCalledOff() -> Failure? {
    Sentry.endOnceSaid().map { Failure(status: $0, "") }
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
    if silence.hasPassed { WaitingNotice.erase() }
  }
}
