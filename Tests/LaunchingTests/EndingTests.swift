import CSystem
import SystemInterface
import TestSupport
import Testing

@testable import Launching

@Suite(.takingTurns) struct EndingTests {
  private static let killed = Termination.signalled(number: SIGKILL, coreDumped: false)
  private static let terminated = Termination.signalled(number: SIGTERM, coreDumped: false)

  private func ending(
    _ child: ChildProcess, _ role: Role = .holder, grace: Span = .seconds(100)
  ) -> Ending {
    let family = Family(nil)
    return Ending(
      of: child, family, CommandGroup(of: child, .new, family), role: role, grace: grace)
  }

  /// Does what is due until the child has ended.
  private func end(_ child: ChildProcess, _ ending: inout Ending) throws -> Termination? {
    var ended: Termination?
    _ = try becomesTrue {
      ending.round(runs: true)
      ended = try child.poll()
      return ended != nil
    }
    return ended
  }

  @Test func whatIsNotBegunEndsNobody() throws {
    try inForkedProcess { findings in
      let child = try start(Command(["sleep", "1000"]))
      var ending = ending(child, grace: .zero)
      ending.round(runs: true)
      findings.expect(ending.nextRound == nil)
      findings.expect(try child.poll(), nil)
    }
  }

  @Test(arguments: [Ending.Aim.group, .family])
  func whoIgnoresTermIsKilledAfterTheGraceAndNotBefore(_ aim: Ending.Aim) throws {
    try inForkedProcess { findings in
      let grace = Span.milliseconds(200)
      let child = try readyShell("trap '' TERM", .new)
      var ending = ending(child, grace: grace)
      let begin = Deadline.now
      ending.begin(aim, runs: true)
      findings.expect(try end(child, &ending), Self.killed)
      findings.expect(Deadline.now - begin >= grace)
    }
  }

  @Test(arguments: [Ending.Aim.group, .family])
  func aStoppedCommandGetsTermAndGoesOn(_ aim: Ending.Aim) throws {
    try inForkedProcess { findings in
      let child = try readyShell("trap 'exit 7' TERM", .new)
      kill(child.identifier, SIGSTOP)
      findings.wait { isStopped(child.identifier) }
      var ending = ending(child)
      ending.begin(aim, runs: true)
      findings.expect(try end(child, &ending), .exited(code: 7))
    }
  }

  @Test func aWarningAsksEverybodyAndEndsNobody() throws {
    try inForkedProcess { findings in
      let child = try readyShell("trap 'exit 7' TERM")
      let ending = ending(child, grace: .zero)
      ending.warn(runs: true)
      findings.expect(!ending.hasBegun)
      findings.expect(try child.wait(), .exited(code: 7))
    }
  }

  @Test func aGrandchildWhoseParentHasDiedIsKilled() throws {
    try inForkedProcess { findings in
      let child = try shell("sleep 1000 & exit 3")
      findings.expect(try child.wait(), .exited(code: 3))
      var ending = ending(child)
      ending.kill(runs: false)
      var status: Int32 = 0
      findings.expect(waitpid(-1, &status, 0) > 0)
      findings.expect(Termination(status), Self.killed)
    }
  }

  /// One that is forked when all have been asked becomes a child when its parent ends.
  @Test func whoWasMissedIsAskedOnceItIsAChild() throws {
    try inForkedProcess { findings in
      // A shell that was just forked forgets a signal.
      let child = try readyShell(
        "trap 'sleep 1000 & until grep -q sleep /proc/$!/comm; do :; done; exit 3' TERM")
      var ending = ending(child)
      ending.begin(.family, runs: true)
      findings.expect(try end(child, &ending), .exited(code: 3))
      var status: Int32 = 0
      findings.wait {
        ending.round(runs: false)
        return waitpid(-1, &status, WNOHANG) > 0
      }
      findings.expect(Termination(status), Self.terminated)
    }
  }

  @Test func aFrontLeavesItsHolderAloneAndKillsWhatIsBelow() throws {
    try inForkedProcess { findings in
      let holder = try shell("sleep 1000; exit 3")
      try findings.wait { try Family(nil).members().count == 2 }
      var ending = ending(holder, .front)
      ending.kill(runs: true)
      findings.expect(try holder.wait(), .exited(code: 3))
    }
  }

  @Test func aHolderThatHasEndedIsNobodyToSpare() throws {
    #expect(Role.front.isHeir(after: Self.killed))
    #expect(!Role.front.isHeir(after: .exited(code: 0)))
    #expect(Role.holder.isHeir(after: .exited(code: 0)))
    #expect(Role.front.sparesChild && !Role.holder.sparesChild)
  }

  @Test func theGroupIsThereUntilItsLastMemberIsReaped() throws {
    try inForkedProcess { findings in
      let child = try shell("sleep 1000 & exit 3", .new)
      findings.expect(try child.wait(), .exited(code: 3))
      var ending = ending(child, grace: .zero)
      findings.expect(ending.groupIsLeft())
      ending.begin(.group, runs: false)
      ending.round(runs: false)
      var status: Int32 = 0
      findings.expect(waitpid(-1, &status, 0) > 0)
      findings.expect(!ending.groupIsLeft())
    }
  }

  // MARK: - Obstacles

  @Test func whatCannotBeEndedIsToldOnceAndFiveExamplesAreEnough() {
    var obstacles = Obstacles()
    var reach = Family.Reach()
    for process in Int32(1)...7 {
      reach.refused.append(Family.Refusal(process: process, errno: .permissionNotGranted))
    }
    reach.blindness = .noMemory
    obstacles.note(reach)
    obstacles.note(reach)
    for process in Int32(1)...5 {
      #expect(obstacles.take() == .refused(process: process, .permissionNotGranted))
    }
    #expect(obstacles.take() == .unseen(.noMemory))
    #expect(obstacles.take() == nil)
    #expect(obstacles.contain(7) && !obstacles.contain(8))
  }
}
