internal import CSystem

/// The state of one wait for a command: what has been seen, and what is due next.
struct Watch: ~Copyable {
  let child: ChildProcess
  let limits: Supervisor.Limits
  let family: Family
  private var reaper: Reaper
  var job: Job
  private var ending: Ending
  private let runtimeEnds: Deadline?
  private var ranOutOfTime = false
  private var lostLease = false
  private(set) var termination: Termination?
  private var end: BootTime?
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
    job = Job(of: child, group)
    ending = Ending(
      of: child, family, CommandGroup(of: child, group, family),
      role: limits.role, grace: limits.grace)
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
      case .stopped(let signal): job.commandWasStopped(by: signal)
      case .continued: job.control.commandWasContinued()
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
    if limits.isMeasured { end = .now }
    job.commandEnded(ended)
    ending.somebodyEnded(child.identifier)
    if !reaper.initIsEnding, awaited(after: ended) == .nothing { finish(ended) }
  }

  private mutating func finish(_ termination: Termination) {
    outcome = Supervisor.Outcome(
      termination: termination, ranOutOfTime: ranOutOfTime, lostLease: lostLease,
      usage: limits.isMeasured ? reaper.usage : nil, end: end)
  }

  private enum Awaited {
    case nothing
    /// What is left of the command's group.
    case group
    case allChildren
  }

  private func awaited(after ended: Termination) -> Awaited {
    if limits.leftovers != .leave, limits.role.isHeir(after: ended) { return .allChildren }
    return lostLease ? .allChildren : ranOutOfTime ? .group : .nothing
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
        ending.warn(runs: termination == nil)
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

  /// Whoever has the right to run is to give it back. Only the first call does something.
  mutating func giveUp() {
    lostLease = true
    if !ending.hasBegun { ending.begin(.family, runs: termination == nil) }
  }

  /// Once it was warned, what the command leaves is not given any more time.
  private var killsAll: Bool {
    lostLease || (limits.leftovers == .kill && !limits.role.asksLeftovers)
  }
}
