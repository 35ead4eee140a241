import CSystem
import Launching
import SystemInterface
import TestSupport
import Testing

@Suite(.takingTurns) struct ChildProcessTests {
  @Test func pollSaysNothingUntilTheEnd() throws {
    let child = try start(Command(["cat", "/dev/zero"]).discardingOutput)
    #expect(try child.poll() == nil)
    kill(child.identifier, SIGKILL)
    var ended: Termination?
    while ended == nil { ended = try child.poll() }
    #expect(ended == .signalled(number: SIGKILL, coreDumped: false))
    #expect(throws: Errno.noChild) { _ = try child.poll() }
  }

  @Test func aDeadlineEndsTheWaitAndNotTheProcess() throws {
    let child = try readyShell(":")
    #expect(try child.wait(by: .milliseconds(1)) == nil)
    #expect(kill(child.identifier, 0) == 0)
    #expect(
      try child.cancel(grace: .seconds(10)) == .signalled(number: SIGTERM, coreDumped: false))
  }

  @Test func cancelIsGracefulFirst() throws {
    let child = try readyShell("trap 'exit 7' TERM")
    #expect(try child.cancel(grace: .seconds(10)) == .exited(code: 7))
  }

  @Test func cancelKillsWhatIgnoresIt() throws {
    let child = try readyShell("trap '' TERM")
    #expect(
      try child.cancel(grace: .milliseconds(20)) == .signalled(number: SIGKILL, coreDumped: false))
  }

  @Test func cancelReachesAStoppedProcess() throws {
    let child = try readyShell(":")
    kill(child.identifier, SIGSTOP)
    #expect(
      try child.cancel(grace: .seconds(10)) == .signalled(number: SIGTERM, coreDumped: false))
  }

  @Test func whatHasEndedKeepsItsStatus() throws {
    let child = try shell("exit 3")
    var information = siginfo_t()
    #expect(waitid(P_PID, id_t(child.identifier), &information, WEXITED | WNOWAIT) == 0)
    #expect(try child.cancel(grace: .zero) == .exited(code: 3))
  }
}

extension Command {
  fileprivate var discardingOutput: Command {
    var command = self
    let setup = ProcessSetup()
    setup.descriptors = [DescriptorMapping(1, nil)]
    command.setup = setup
    command.arguments = CStringVector(["sleep", "1000"])
    return command
  }
}
