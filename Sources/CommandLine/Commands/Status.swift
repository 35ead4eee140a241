internal import CSystem
internal import Launching
internal import Locking
internal import SystemInterface

/// What was seen of the lock at a path.
final class PathReport {
  let path: ByteString
  let hardlink: HardlinkReport

  init(path: ByteString, hardlink: HardlinkReport) {
    self.path = path
    self.hardlink = hardlink
  }
}

/// `swlock status`: who holds locks, and who waits for them. Takes no lock, and changes nothing.
struct Status {
  /// What a look at one path gave.
  private typealias Look = Result<PathReport, Failure>

  private let options: ViewerOptions

  init(_ options: ViewerOptions) {
    self.options = options
  }

  func perform() throws(Failure) -> Int32 {
    if let interval = options.watch { try watch(interval) }
    var first = FirstFailure()
    var allAreHeld = true
    for look in try lookAtAll() {
      switch look {
      case .success(let report):
        if !options.quiet { try Output.result(text(report)) }
        allAreHeld = allAreHeld && isHeld(report)
      case .failure(let failure): first.say(failure)
      }
    }
    if options.quiet, !allAreHeld, first.status == ExitStatus.done.rawValue { return 1 }
    return first.status
  }

  private func lookAtAll() throws(Failure) -> [Look] {
    // What "ours" means: held for the shell that asks.
    let owner = try? OwnerChoice.caller.resolved(for: .status)
    var looks: [Look] = []
    for path in options.paths {
      looks.append(look(try options.lock.lockPath(path), owner))
    }
    return looks
  }

  private func look(_ path: ByteString, _ owner: LockOwner?) -> Look {
    do throws(LockError) {
      let location = try HardlinkLocation(path, options.lock.hardlink)
      return .success(PathReport(path: path, hardlink: try location.report(for: owner)))
    } catch {
      return .failure(.hardlink("look at", path, error))
    }
  }

  private func show(_ look: Look) throws(Failure) {
    switch look {
    case .success(let report): try Output.result(text(report))
    case .failure(let failure): Output.say(failure.message)
    }
  }

  private func text(_ report: PathReport) -> Message {
    options.json ? JSON.report(report) : report.text
  }

  /// Whether somebody who wants the lock has to wait for it.
  private func isHeld(_ report: PathReport) -> Bool {
    switch report.hardlink.state {
    case .unlocked, .stale: return false
    case .ours, .theirs: return true
    case .oursExpired, .theirsExpired:
      guard let remaining = report.hardlink.holder?.remaining else { return true }
      return remaining > -options.lock.hardlink.clockSlop
    }
  }
}

// MARK: - Watching

extension Status {
  /// Looks again and again until a signal ends the process.
  private func watch(_ interval: Int64) throws(Failure) -> Never {
    exitOnTerminationSignals()
    let drawsInPlace = !options.json && Output.isInteractive(STDOUT_FILENO)
    var previous: [Look] = []
    if drawsInPlace { try Output.result("\u{1b}[2J") }
    while true {
      let looks = try lookAtAll()
      if drawsInPlace {
        try draw(looks)
      } else {
        try showChanges(looks, since: previous)
      }
      previous = looks
      Deadline(nanosecondsFromNow: interval).sleep()
    }
  }

  /// All from the upper left corner on, each line up to its end, so that nothing flickers.
  private func draw(_ looks: [Look]) throws(Failure) {
    var screen: Message = "\u{1b}[H"
    for look in looks {
      let text: Message =
        switch look {
        case .success(let report): report.text
        case .failure(let failure): "\(failure.message)\n"
        }
      for byte in text.bytes {
        if byte == ascii("\n") { screen.append("\u{1b}[K") }
        screen.append(byte: byte)
      }
    }
    screen.append("\u{1b}[J")
    try Output.result(screen)
  }

  private func showChanges(_ looks: [Look], since previous: [Look]) throws(Failure) {
    for (index, look) in looks.enumerated() {
      if index < previous.count, isLike(look, previous[index]) { continue }
      try show(look)
    }
  }

  private func isLike(_ look: Look, _ old: Look) -> Bool {
    switch (look, old) {
    case (.success(let report), .success(let old)): report.isLike(old)
    case (.failure(let failure), .failure(let old)): failure.message.bytes == old.message.bytes
    default: false
    }
  }
}

extension PathReport {
  /// Whether nothing has happened but that time passed, or that the holder refreshed the lock.
  fileprivate func isLike(_ other: PathReport) -> Bool {
    guard hardlink.state == other.hardlink.state,
      hardlink.holder?.fileName == other.hardlink.holder?.fileName,
      hardlink.waiters.count == other.hardlink.waiters.count
    else { return false }
    return zip(hardlink.waiters, other.hardlink.waiters).allSatisfy {
      $0.fileName == $1.fileName && $0.liveness == $1.liveness
    }
  }
}
