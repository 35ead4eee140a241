import CSystem
import SystemInterface
import TestSupport
import Testing

@testable import Launching

@Suite(.takingTurns) struct FamilyTests {
  @Test func allDescendantsAreFoundAndNobodyElse() throws {
    try inForkedProcess { findings in
      let child = try shell("sleep 1000 & sh -c 'sleep 1000 & wait' & wait")
      let family = Family(nil)
      try findings.wait { try family.members().count == 4 }
      let members = try family.members()
      findings.expect(members[0].identifier, child.identifier)
      findings.expect(members[0].parent, getpid())
      findings.expect(members.filter { $0.parent == child.identifier }.count, 2)
      findings.expect(!members.contains { $0.identifier == getpid() || $0.identifier == getppid() })
      findings.expect(try family.children().map { $0.identifier }, [child.identifier])
    }
  }

  @Test func aSignalReachesTheDeepestOnesButForThoseLeftOut() throws {
    try inForkedProcess { findings in
      let child = try shell("sh -c 'sleep 1000; exit 3'; exit $?")
      let family = Family(nil)
      try findings.wait { try family.members().count == 3 }
      let members = try family.members().map { $0.identifier }
      let reach = family.send([SIGTERM], besides: Array(members[..<2]))
      findings.expect(reach.reached, [members[2]])
      findings.expect(reach.blindness, nil)
      findings.expect(try child.wait(), .exited(code: 3))
    }
  }

  @Test func onlyChildrenAreReachedWhereThatIsAskedFor() throws {
    try inForkedProcess { findings in
      let child = try shell("sleep 1000; exit 3")
      let family = Family(nil)
      try findings.wait { try family.members().count == 2 }
      findings.expect(family.send([0], isDeep: false).reached, [child.identifier])
      findings.expect(family.send([0]).reached.count, 2)
    }
  }

  @Test func oneThatHasEndedIsNotReached() throws {
    try inForkedProcess { findings in
      let child = try shell("exit 3")
      try child.waitForEnd()
      let family = Family(nil)
      findings.expect(family.send([SIGKILL]).reached, [])
      findings.expect(try family.children(), [])
      findings.expect(try child.wait(), .exited(code: 3))
    }
  }

  @Test func aRelayIsNotOfTheFamily() throws {
    try inForkedProcess { findings in
      let relay = try start(Command(["sleep", "1000"]))
      let processes = try RelayProcesses()
      processes.setRelay(relay.identifier)
      let family = Family(processes)
      findings.expect(family.isOnlyRelay)
      findings.expect(family.send([SIGKILL]).reached, [])
      let child = try start(Command(["sleep", "1000"]))
      findings.expect(!family.isOnlyRelay)
      findings.expect(try family.members().map { $0.identifier }, [child.identifier])
    }
  }

  // MARK: - The command's group

  @Test func membersOfTheGroupAreFoundAfterTheCommandHasEnded() throws {
    try inForkedProcess { findings in
      let child = try shell("sleep 1000 & sleep 1000 & exit 3", .new)
      let other = try start(Command(["sleep", "1000"]))
      findings.expect(try child.wait(), .exited(code: 3))
      let family = Family(nil)
      let group = CommandGroup(of: child, .new, family)
      findings.expect(try group.living().count, 2)
      findings.expect(group.hasChild && !group.isGone)
      findings.expect(group.sendToRest(SIGKILL).reached.count, 2)
      var status: Int32 = 0
      for _ in 0..<2 { findings.expect(waitpid(-child.identifier, &status, 0) > 0) }
      findings.expect(group.isGone && !group.hasChild)
      findings.expect(try other.poll(), nil)
    }
  }

  /// Its number may be another group's, as soon as nobody keeps it.
  @Test func theGroupIsSignalledByNumberOnlyWhileAZombieOfOursKeepsThat() throws {
    try inForkedProcess { findings in
      let child = try readyShell("sh -c 'trap \"\" HUP; while :; do sleep 0.01; done' &", .new)
      let group = CommandGroup(of: child, .new, Family(nil))
      group.sendIfPinned(SIGKILL)
      findings.expect(childState(child.identifier) == .running)
      kill(child.identifier, SIGKILL)
      try child.waitForEnd()
      group.sendIfPinned(SIGKILL)
      findings.expect(try child.wait(), .signalled(number: SIGKILL, coreDumped: false))
      var status: Int32 = 0
      findings.wait {
        while waitpid(-1, &status, WNOHANG) > 0 {}
        return group.isGone
      }
    }
  }
}
