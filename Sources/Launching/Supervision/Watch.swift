internal import CSystem

/// The state of one wait for a command: what has been seen, and what is due next.
struct Watch: ~Copyable {
  private let child: ChildProcess
  private let limits: Supervisor.Limits
  private let family: Family
  private var reaper: Reaper
  private var jobs: JobControl
  private var ending: Ending
  private let runtimeEnds: Deadline?
  private var ranOutOfTime = false
  private var lostLease = false
  private var termination: Termination?
  private(set) var outcome: Supervisor.Outcome?
  /// More may have ended than were collected.
  private var isBehind = false

  /// So many are collected at a time: there may be new ones for ever, and other things to do.
  private static let handful = 128

  init(
    _ child: ChildProcess, _ limits: Supervisor.Limits, _ group: Command.ProcessGroup,
    _ family: Family
  ) {
    self.child = child
    self.limits = limits
    self.family = family
    reaper = Reaper(of: child, limits.relay)
    jobs = JobControl(of: child, group)
    ending = Ending(
      of: child, family, CommandGroup(of: child, group, family),
      sparingChild: limits.leftovers == .killIfKilled, grace: limits.grace)
    runtimeEnds = limits.runtime.map { .after($0) }
  }

  var nextDeadline: Deadline? {
    if isBehind { return .now }
    if ending.hasBegun { return ending.nextRound }
    return termination == nil ? runtimeEnds : nil
  }

  mutating func takeObstacle() -> Supervisor.Obstacle? { ending.takeObstacle() }

  mutating func deadlinePassed() throws(LaunchError) {
    if !ending.hasBegun, termination == nil, runtimeEnds?.hasPassed == true {
      ranOutOfTime = true
      ending.begin(limits.leftovers == .kill ? .family : .group, runs: true)
    }
    try reap()
  }
}

// MARK: - Ends

extension Watch {
  /// Collects every child that has changed, and sees whether there is anything left to wait for.
  mutating func reap() throws(LaunchError) {
    isBehind = false
    if termination != nil { ending.killGroupBeforeReaping() }
    var others = 0
    while outcome == nil {
      switch try reaper.next() {
      case .stopped(let signal): jobs.commandWasStopped(by: signal)
      case .continued: jobs.commandWasContinued()
      case .otherEnded(let process):
        ending.somebodyEnded(process)
        others += 1
        if others == Self.handful {
          isBehind = true
          return settle()
        }
      case .ended(let termination): commandEnded(termination)
      case .nothing: return settle()
      case .nobodyLeft:
        guard let termination else { throw LaunchError(step: .waitpid, errno: .noChild) }
        return finish(termination)
      }
    }
  }

  private mutating func commandEnded(_ ended: Termination) {
    termination = ended
    jobs.commandEnded(ended)
    ending.somebodyEnded(child.identifier)
    if !reaper.initIsEnding, awaited(after: ended) == .nothing { finish(ended) }
  }

  private mutating func finish(_ termination: Termination) {
    child.closeLink()
    outcome = Supervisor.Outcome(
      termination: termination, ranOutOfTime: ranOutOfTime, lostLease: lostLease)
  }

  private enum Awaited {
    case nothing
    /// What is left of the command's group.
    case group
    case allChildren
  }

  private func awaited(after ended: Termination) -> Awaited {
    switch (limits.leftovers, ended) {
    case (.wait, _), (.kill, _), (.waitIfKilled, .signalled), (.killIfKilled, .signalled):
      .allChildren
    case (.leave, _), (.waitIfKilled, .exited), (.killIfKilled, .exited):
      lostLease ? .allChildren : ranOutOfTime ? .group : .nothing
    }
  }

  /// The command may have ended, and some child of ours has not: what now?
  private mutating func settle() {
    guard let termination, !reaper.initIsEnding else {
      return ending.round(runs: termination == nil, isBehind: isBehind)
    }
    let awaited = awaited(after: termination)
    if awaited == .nothing { return finish(termination) }
    if awaited == .allChildren, family.isOnlyRelay { return finish(termination) }
    if awaited == .allChildren, killsAll {
      ending.kill(runs: false, isBehind: isBehind)
    } else if limits.leftovers == .kill, !ending.hasBegun {
      ending.begin(.family, runs: false)
    } else {
      ending.round(runs: false, isBehind: isBehind)
    }
    if awaited == .group, !ending.groupIsLeft() { finish(termination) }
  }
}

// MARK: - The lease

extension Watch {
  /// Ends the command where the lease was not renewed.
  ///
  /// - Returns: whether it is to be renewed now.
  mutating func attend(to lease: LeaseWatch?) -> Bool {
    while true {
      switch lease?.due() {
      case .renewal?: return true
      case .warning?:
        lease?.warned()
        lostLease = true
        warn()
        continue
      case .end?:
        lease?.ended()
        lostLease = true
        ending.kill(runs: termination == nil)
      case .nothing?, nil: break
      }
      lease?.arm()
      return false
    }
  }

  /// Once it was warned, what the command leaves is not given any more time.
  private var killsAll: Bool { lostLease || limits.leftovers == .killIfKilled }

  private func warn() {
    let child = child.identifier
    let spares = limits.leftovers == .killIfKilled
    let reach = family.send([SIGTERM, SIGCONT], besides: spares ? [child] : [])
    if !spares, termination == nil, !reach.reached.contains(child) {
      self.child.send(SIGTERM)
      self.child.send(SIGCONT)
    }
  }
}

// MARK: - Signals

extension Watch {
  mutating func received(_ signal: Int32, _ information: siginfo_t) throws(LaunchError) {
    let target = jobs.target(of: signal, information)
    switch signal {
    case SIGTSTP, SIGTTIN, SIGTTOU:
      try stopSignalCame(signal, for: target)
    case SIGCONT:
      jobs.forgetStop()
      // A shell continues the whole job, command included; kill(1) perhaps just us.
      let wasStopped = jobs.commandIsStopped
      try reap()
      if outcome == nil, !(wasStopped && !jobs.commandIsStopped) {
        passOn(signal, to: target)
      }
    case SIGTERM, SIGINT, SIGHUP, SIGQUIT:
      if signal == SIGINT || signal == SIGQUIT { jobs.keySignalPassedOn() }
      try endSignalCame(signal, for: target)
    // Its terminal is another one, and tells it.
    case SIGWINCH where !jobs.sharesTerminal: break
    default:
      passOn(signal, to: target)
    }
  }

  private func passOn(_ signal: Int32, to target: JobControl.Target) {
    if target == .nobody { return }
    if termination != nil {
      if limits.leftovers != .leave { _ = family.send([signal]) }
    } else if target == .group {
      kill(-child.identifier, signal)
    } else {
      child.send(signal)
    }
  }

  /// A stopped process takes such a signal only when it goes on. So a stop from before is undone, and one
  /// that comes later is somebody's will. The kernel is asked just before the signal is sent; a stop that
  /// comes between the two is told from a later one by the signal that still waits (`JobControl`).
  ///
  /// A stop signal that was sent before, but is taken later, has the higher number, and is taken after
  /// this one: then a handler of the command's runs only when somebody continues it.
  private mutating func endSignalCame(
    _ signal: Int32, for target: JobControl.Target
  ) throws(LaunchError) {
    jobs.isPassingEnd = true
    defer { jobs.isPassingEnd = false }
    try reap()
    if outcome != nil { return }
    passOn(signal, to: target)
    // An init does all that itself, and knows sooner.
    if child.link == nil || target == .nobody {
      jobs.endWasSent(signal, byUs: target != .nobody)
    }
  }

  private mutating func stopSignalCame(
    _ signal: Int32, for target: JobControl.Target
  ) throws(LaunchError) {
    if signal != SIGTSTP, target == .group, jobs.terminalWasLent() { return }
    // The command may have been continued since it was last heard of, or have stopped already.
    let before = jobs.stops
    jobs.expectStop(isFromTerminal: target == .group)
    try reap()
    if outcome != nil || jobs.stops != before { return }
    jobs.expectStop(isFromTerminal: target == .group)
    if termination != nil {
      passOn(signal, to: target)
      return jobs.stop()
    }
    if jobs.commandIsStopped { return jobs.followStop(signal) }
    passOn(signal, to: target)
    try reap()
  }
}
