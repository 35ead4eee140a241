internal import CSystem

/// How the command is ended: SIGTERM, and when the grace is over SIGKILL, again and again until nobody is
/// left. Who is left is for others to say.
struct Ending {
  enum Aim {
    /// The command's process group.
    case group
    /// Whatever comes from the command.
    case family
  }

  private enum Phase {
    case notBegun, asking, killing
  }

  private let child: ChildProcess
  private let family: Family
  private let group: CommandGroup
  private let role: Role
  private let grace: Span
  private var phase = Phase.notBegun
  private var aim = Aim.group
  private var graceEnds = Deadline.now
  /// Those that have had their SIGTERM.
  private var asked: [Int32] = []
  /// Whether those that are no children still have to be asked.
  private var asksAll = false
  /// Nothing is left to be ended, whatever else is waited for.
  private var groupHasGone = false
  /// When a child that ends by itself is one that cannot: it is stopped, or hangs.
  private var childEnds: Deadline?
  private var obstacles = Obstacles()
  private var pause = Self.shortestPause
  private(set) var nextRound: Deadline?

  /// Not every change is told of: a process may become a child in silence. Then a look at all of them costs
  /// more the more there are, so it is taken at longer and longer intervals while nothing happens.
  private static let shortestPause = Span.milliseconds(50)
  private static let longestPause = Span.seconds(2)
  private static let request = [SIGTERM, SIGCONT]
  /// Twice as long as to give a lock back may take.
  private static let longestOwnEnd = Span.seconds(10)

  init(
    of child: ChildProcess, _ family: Family, _ group: CommandGroup, role: Role, grace: Span
  ) {
    self.child = child
    self.family = family
    self.group = group
    self.role = role
    self.grace = grace
  }

  var hasBegun: Bool { phase != .notBegun }

  /// What cannot be ended, each once.
  mutating func takeObstacle() -> Supervisor.Obstacle? { obstacles.take() }

  // A stopped process takes its SIGTERM only when it goes on. `runs`: the command has not been reaped.

  /// Asks whatever comes from the command, and does not end it yet.
  func warn(runs: Bool) {
    let child = child.identifier
    let reach = family.send(Self.request, besides: role.sparesChild ? [child] : [])
    if !role.sparesChild, runs, !reach.reached.contains(child) { askChild() }
  }

  mutating func begin(_ aim: Aim, runs: Bool) {
    self.aim = aim
    phase = .asking
    pause = Self.shortestPause
    graceEnds = Deadline.after(grace)
    switch aim {
    case .family:
      asksAll = true
      if !ask(), runs, !asked.contains(child.identifier) { askChild() }
    case .group:
      var reach = Family.Reach()
      for signal in Self.request { group.send(signal, &reach) }
    }
    schedule(runs)
  }

  /// Kills whatever comes from the command, now.
  mutating func kill(runs: Bool, isBehind: Bool = false) {
    if phase != .killing || aim != .family { pause = Self.shortestPause }
    if childEnds == nil { childEnds = .after(Self.longestOwnEnd) }
    aim = .family
    phase = .killing
    round(runs: runs, isBehind: isBehind)
  }

  /// Goes on with what was begun: something has changed, or it is time. `isBehind`: more have ended than
  /// were reaped, so that most children are zombies.
  mutating func round(runs: Bool, isBehind: Bool = false) {
    let isTime = nextRound?.hasPassed == true
    if phase != .notBegun, aim == .group, !runs, groupHasGone || group.isGone {
      // Its number may be another group's next.
      groupHasGone = true
      nextRound = nil
      return
    }
    switch phase {
    case .notBegun: return
    case .asking where !graceEnds.hasPassed:
      if !isTime { return }
      // Whoever was missed is a child now, and was not asked yet.
      let count = asked.count
      if aim == .family { ask() }
      if asked.count > count { pause = Self.shortestPause }
    case .asking, .killing:
      if phase == .asking { pause = Self.shortestPause }
      if isBehind, !isTime { return }
      phase = .killing
      obstacles.note(killOnce(runs))
    }
    schedule(runs)
  }

  /// Before a child is reaped that has ended: in the group, it keeps the number of that from being
  /// another's, and so all can be killed at once, those too that are just being forked.
  func killGroupBeforeReaping() {
    if phase == .killing, aim == .group { group.sendIfPinned(SIGKILL) }
  }

  /// The next round follows sooner where things are moving.
  mutating func somebodyEnded(_ process: Int32) {
    pause = Self.shortestPause
    asked.removeAll { $0 == process }
    // Its children may be this process's now, and have not been asked.
    if phase == .asking, aim == .family, let next = nextRound, next.remaining > pause {
      nextRound = .after(pause)
    }
  }

  private mutating func schedule(_ runs: Bool) {
    switch phase {
    case .notBegun: break
    case .asking where aim == .group && runs: nextRound = graceEnds
    case .asking, .killing:
      nextRound = .after(phase == .asking ? min(pause, graceEnds.remaining) : pause)
      pause = min(pause * 2, Self.longestPause)
    }
  }

  /// Whether all that are to be asked could be found.
  @discardableResult
  private mutating func ask() -> Bool {
    let reach = family.send(
      Self.request, isDeep: asksAll,
      besides: endsByItself ? asked + [child.identifier] : asked)
    asked += reach.reached
    for refusal in reach.refused where refusal.errno == .permissionNotGranted {
      asked.append(refusal.process)
    }
    asksAll = reach.blindness.map { $0.isShortage } ?? false
    return reach.blindness == nil
  }

  private func killOnce(_ runs: Bool) -> Family.Reach {
    switch aim {
    case .group where runs:
      var reach = Family.Reach()
      group.send(SIGKILL, &reach)
      return reach
    case .group:
      return group.sendToRest(SIGKILL)
    case .family:
      let spares = role.sparesChild && runs && childEnds?.hasPassed != true
      let spared = spares ? [child.identifier] : []
      // Below one that stays.
      var reach = family.send([SIGKILL], isDeep: false, besides: spared)
      if spares || !reach.refused.isEmpty {
        reach = family.send([SIGKILL], besides: spared)
      }
      // What cannot be reached below it then comes to us.
      let isBlind =
        reach.blindness != nil || reach.refused.contains { $0.errno == .notImplemented }
      if isBlind, runs { child.send(SIGKILL) }
      return reach
    }
  }

  private func askChild() {
    for signal in Self.request { child.send(signal) }
  }

  /// What comes from it is asked, and it ends then.
  private var endsByItself: Bool { child.link != nil || role.sparesChild }

  // MARK: - The group

  /// Whether somebody of the group is to be waited for, once the command has been reaped.
  mutating func groupIsLeft() -> Bool {
    if group.isGone { return false }
    do throws(Errno) {
      // Only an init keeps us from asking the kernel.
      if phase != .killing, child.link == nil { return true }
      let living = try group.living()
      if phase != .killing { return !living.isEmpty }
      // Those have to be reaped by others that have ended.
      if living.isEmpty { return child.link == nil && group.hasChild }
      return living.contains { !obstacles.contain($0.identifier) }
    } catch {
      obstacles.note(error)
      return true
    }
  }
}
