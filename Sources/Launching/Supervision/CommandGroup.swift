internal import CSystem

/// The process group that a command leads.
///
/// Its number is sure to be the command's only until that is reaped: afterwards it may be another group's
/// as soon as the last member is gone. So from then on signals go to members, one by one; the group is only
/// asked whether it is there.
struct CommandGroup {
  let number: Int32
  private let child: ChildProcess
  private let family: Family

  init(of child: ChildProcess, _ kind: Command.ProcessGroup, _ family: Family) {
    self.child = child
    self.family = family
    number = kind == .ofNewSession ? child.command : child.identifier
  }

  /// Of a command that runs, or at least was not reaped.
  func send(_ signal: Int32, _ reach: inout Family.Reach) {
    if number != child.identifier, signal != SIGKILL {
      // Its init may have reaped the command, and its number be another's: not kill(2).
      reach = sendToRest(signal)
      return
    }
    let leads = getpgid(child.command) == child.identifier
    let wasSent = kill(-child.identifier, signal) == 0
    let error = Errno.current
    if !leads {
      child.send(signal)
    } else if !wasSent {
      reach.refused.append(Family.Refusal(process: child.identifier, errno: error))
    }
  }

  /// To those that are left of it when the command has been reaped.
  func sendToRest(_ signal: Int32) -> Family.Reach {
    family.send([signal], besides: spared, inGroup: number)
  }

  /// To all at once, where a child of this process is a member that has ended and is not reaped: it keeps
  /// the number from being another's. An init is no such child.
  func sendIfPinned(_ signal: Int32) {
    if childState(inGroup: number) == .ended { kill(-number, signal) }
  }

  /// Whether there is no such group any more, zombies included (kill(2)): not to be known where an init is
  /// a member.
  var isGone: Bool {
    child.link == nil && kill(-number, 0) != 0 && Errno.current == .noProcess
  }

  /// Those that have not ended. One whose parent does not reap it stays in the group for ever.
  func living() throws(Errno) -> [Family.Member] {
    try family.members().filter { isMember($0) && !$0.hasEnded }
  }

  /// Whether a child of this process is in it, as the kernel says.
  var hasChild: Bool { childState(inGroup: number) != .none }

  /// The init has to stay: with it everything in its namespace would end.
  private var spared: [Int32] { child.link != nil ? [child.identifier] : [] }

  private func isMember(_ member: Family.Member) -> Bool {
    member.group == number && !spared.contains(member.identifier)
  }
}
