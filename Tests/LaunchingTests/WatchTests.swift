import CSystem
import SystemInterface
import TestSupport
import Testing

@testable import Launching

/// Whole waits, each in a process that does nothing else.
@Suite(.takingTurns) struct WatchTests {
  private static let killed = Termination.signalled(number: SIGKILL, coreDumped: false)
  private static let terminated = Termination.signalled(number: SIGTERM, coreDumped: false)

  private func limits(_ change: (inout Supervisor.Limits) -> Void = { _ in }) -> Supervisor.Limits {
    var limits = Supervisor.Limits()
    change(&limits)
    return limits
  }

  @Test func theEndOfTheCommandIsTheEndOfTheWait() throws {
    try inForkedProcess { findings in
      let supervisor = try Supervisor()
      let child = try supervisor.start(Command(["sh", "-c", "sleep 1000 & exit 3"]))
      findings.expect(try supervisor.wait(for: child).termination, .exited(code: 3))
    }
  }

  @Test func aChildThatAnotherHasReapedIsAnErrorAndNoHang() throws {
    try inForkedProcess { findings in
      let supervisor = try Supervisor()
      let child = try supervisor.start(Command(["true"]))
      let vigil = supervisor.begin(child)
      findings.expect(try child.wait(), .exited(code: 0))
      do throws(LaunchError) {
        findings.add("\(try vigil.next())")
      } catch {
        findings.expect(error, LaunchError(step: .waitpid, errno: .noChild))
      }
    }
  }

  @Test func leftoversAreWaitedForIfTheyAreTo() throws {
    try inForkedProcess { findings in
      let supervisor = try Supervisor(limits { $0.leftovers = .wait })
      let child = try supervisor.start(Command(["sh", "-c", "sh -c 'sleep 0.1; exit 1' & exit 3"]))
      findings.expect(try supervisor.wait(for: child).termination, .exited(code: 3))
      findings.expect(try Family(nil).members(), [])
    }
  }

  @Test func leftoversAreAskedAndThenKilledIfTheyAreTo() throws {
    try inForkedProcess { findings in
      let grace = Span.milliseconds(200)
      let supervisor = try Supervisor(
        limits {
          $0.leftovers = .kill
          $0.grace = grace
        })
      let stubborn: ByteString = "trap '' TERM; sleep 1000 & exit 3"
      let begin = Deadline.now
      let child = try supervisor.start(Command(["sh", "-c", stubborn]))
      findings.expect(try supervisor.wait(for: child).termination, .exited(code: 3))
      findings.expect(Deadline.now - begin >= grace)
      findings.expect(try Family(nil).members(), [])
    }
  }

  @Test func aFrontKillsWhatAKilledHolderLeavesAndWaitsForNothingOtherwise() throws {
    for isKilled in [true, false] {
      try inForkedProcess { findings in
        let supervisor = try Supervisor(
          limits {
            $0.role = .front
            $0.leftovers = .kill
          })
        let end: ByteString = isKilled ? "kill -KILL $$" : "exit 3"
        let child = try supervisor.start(Command(["sh", "-c", "sleep 1000 & " + end]))
        let outcome = try supervisor.wait(for: child)
        findings.expect(outcome.termination, isKilled ? Self.killed : .exited(code: 3))
        findings.expect(try Family(nil).members().count, isKilled ? 0 : 1)
      }
    }
  }

  @Test func whenItsTimeIsUpTheCommandIsAskedAndThenKilled() throws {
    for isStubborn in [false, true] {
      try inForkedProcess { findings in
        let runtime = Span.milliseconds(300)
        let grace = isStubborn ? Span.milliseconds(100) : .seconds(30)
        let supervisor = try Supervisor(
          limits {
            $0.runtime = runtime
            $0.grace = grace
          })
        let begin = Deadline.now
        let child = try readyShell(isStubborn ? "trap '' TERM" : "trap 'exit 7' TERM", .new)
        let outcome = try supervisor.wait(for: child, group: .new)
        findings.expect(outcome.ranOutOfTime)
        findings.expect(outcome.termination, isStubborn ? Self.killed : .exited(code: 7))
        findings.expect(Deadline.now - begin >= runtime)
      }
    }
  }

  @Test func manyEndsDoNotKeepATimeFromBeingUp() throws {
    try inForkedProcess { findings in
      let supervisor = try Supervisor(
        limits {
          $0.runtime = .milliseconds(300)
          $0.leftovers = .wait
        })
      let command = Command(["sh", "-c", "while :; do (: & : & : & : &) & wait; done"])
      var grouped = command
      grouped.group = .new
      let child = try supervisor.start(grouped)
      let outcome = try supervisor.wait(for: child, group: .new)
      findings.expect(outcome.ranOutOfTime)
      findings.expect(outcome.termination, Self.terminated)
    }
  }

  // MARK: - Stops

  @Test func aCommandThatIsStoppedAloneDoesNotStopItsSupervisorNorEndTheWait() throws {
    let forked = try Forked.start { findings in
      let supervisor = try Supervisor()
      let child = try supervisor.start(Command(["sh", "-c", "kill -STOP $$; exit 3"]))
      let helper = csystem_fork_apart(false)
      if helper == 0 {
        let parent = getppid()
        _ = becomesTrue { isStopped(child.identifier) && waitsWithoutNews(parent) }
        let isFine = !isStopped(parent)
        kill(child.identifier, SIGCONT)
        _exit(isFine ? 0 : 1)
      }
      findings.expect(try supervisor.wait(for: child).termination, .exited(code: 3))
      var status: Int32 = 0
      findings.expect(waitpid(helper, &status, __WALL), helper)
      findings.expect(Termination(status), .exited(code: 0))
    }
    try forked.finish()
  }

  @Test func anEndThatIsSentToAStoppedCommandReachesIt() throws {
    try inForkedProcess { findings in
      let supervisor = try Supervisor()
      let child = try supervisor.start(Command(["sleep", "1000"]))
      kill(child.identifier, SIGSTOP)
      findings.wait { isStopped(child.identifier) }
      kill(getpid(), SIGTERM)
      findings.expect(try supervisor.wait(for: child).termination, Self.terminated)
    }
  }

  @Test func aStopSignalStopsBothAndAContinuationContinuesBoth() throws {
    let command = try SharedNumber()
    let forked = try Forked.start { findings in
      let supervisor = try Supervisor()
      let child = try supervisor.start(Command(["sleep", "1000"]))
      command.value = Int64(child.identifier)
      findings.expect(try supervisor.wait(for: child).termination, Self.terminated)
    }
    #expect(becomesTrue { command.value != 0 })
    let child = Int32(command.value)
    let supervisor = forked.identifier
    for _ in 0..<3 {
      kill(supervisor, SIGTSTP)
      #expect(becomesTrue { isStopped(child) && isStopped(supervisor) })
      kill(supervisor, SIGCONT)
      #expect(becomesTrue { !isStopped(child) && !isStopped(supervisor) })
    }
    kill(supervisor, SIGTERM)
    try forked.finish()
  }

  @Test func aStopThatIsReportedBeforeItsSignalIsTakenStopsBoth() throws {
    let command = try SharedNumber()
    let forked = try Forked.start { findings in
      let supervisor = try Supervisor()
      let child = try supervisor.start(Command(["sleep", "1000"]))
      kill(child.identifier, SIGTSTP)
      findings.wait { isStopped(child.identifier) }
      kill(getpid(), SIGTSTP)
      command.value = Int64(child.identifier)
      findings.expect(try supervisor.wait(for: child).termination, Self.terminated)
    }
    let supervisor = forked.identifier
    #expect(becomesTrue { command.value != 0 && isStopped(supervisor) })
    let child = Int32(command.value)
    kill(supervisor, SIGCONT)
    #expect(becomesTrue { !isStopped(child) && !isStopped(supervisor) })
    kill(supervisor, SIGTERM)
    try forked.finish()
  }

  // MARK: - Leases

  /// A lease that begins now, and who renews it.
  private func renewing(lifetime: Span) throws -> (Lease, Supervisor) {
    let lease = try Lease(lifetime: lifetime)
    lease.deadline = .now + lifetime
    let supervisor = try Supervisor(
      limits {
        $0.lease = lease
        $0.leaseRenewer = .supervisor
      })
    return (lease, supervisor)
  }

  @Test func whoRenewsInTimeIsNotEnded() throws {
    try inForkedProcess { findings in
      let (lease, supervisor) = try renewing(lifetime: .milliseconds(900))
      let child = try supervisor.start(Command(["sleep", "1000"]))
      let vigil = supervisor.begin(child)
      for _ in 0..<3 {
        findings.expect(try vigil.next(), .renewalIsDue)
        vigil.renewed(.renewed(deadline: .now + lease.lifetime))
      }
      kill(child.identifier, SIGKILL)
      let outcome = Supervisor.Outcome(
        termination: Self.killed, ranOutOfTime: false, lostLease: false)
      var event = try vigil.next()
      while event == .renewalIsDue {
        vigil.renewed(.renewed(deadline: .now + lease.lifetime))
        event = try vigil.next()
      }
      findings.expect(event, .ended(outcome))
    }
  }

  @Test func aLeaseThatIsLostEndsAllThatComesFromTheCommand() throws {
    try inForkedProcess { findings in
      let (_, supervisor) = try renewing(lifetime: .milliseconds(300))
      let child = try supervisor.start(
        Command(["sh", "-c", "trap '' TERM; sleep 1000 & sleep 1000"]))
      let vigil = supervisor.begin(child)
      findings.expect(try vigil.next(), .renewalIsDue)
      vigil.renewed(.lost)
      let outcome = Supervisor.Outcome(
        termination: Self.killed, ranOutOfTime: false, lostLease: true)
      findings.expect(try vigil.next(), .ended(outcome))
      findings.expect(try Family(nil).members(), [])
    }
  }
}
