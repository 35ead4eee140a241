import CSystem
import Launching
import SystemInterface
import TestSupport
import Testing

@Suite(.takingTurns) struct SupervisionTests {
  private func sleeper(_ group: Command.ProcessGroup = .inherited) throws -> ChildProcess {
    var command = Command(["sleep", "1000"])
    command.group = group
    return try start(command)
  }

  private func waitUntil(_ options: Int32, _ child: ChildProcess) {
    var information = siginfo_t()
    #expect(waitid(P_PID, id_t(child.identifier), &information, options | WNOWAIT) == 0)
  }

  @Test func aChildThatIsForkedApartIsNoneToWaitFor() {
    let relay = csystem_fork_apart(false)
    if relay == 0 {
      while true { pause() }
    }
    var status: Int32 = 0
    #expect(waitpid(-1, &status, WNOHANG) == -1)
    #expect(Errno.current == .noChild)
    #expect(childState(relay) == .none)
    kill(relay, SIGKILL)
    #expect(waitpid(relay, &status, __WALL) == relay)
  }

  @Test func aChildIsThereUntilItIsReaped() throws {
    let child = try sleeper(.new)
    #expect(childState(child.identifier) == .running)
    #expect(childState(inGroup: child.identifier) == .running)
    kill(child.identifier, SIGKILL)
    waitUntil(WEXITED, child)
    #expect(childState(child.identifier) == .ended)
    #expect(childState(inGroup: child.identifier) == .ended)
    #expect(try child.wait() == .signalled(number: SIGKILL, coreDumped: false))
    #expect(childState(child.identifier) == .none)
    #expect(childState(inGroup: child.identifier) == .none)
  }

  @Test func onlyAStopFromBeforeKeepsASignal() throws {
    let child = try sleeper()
    #expect(isKept(child.identifier, from: [SIGTERM]) == false)
    kill(child.identifier, SIGSTOP)
    waitUntil(WSTOPPED, child)
    #expect(isKept(child.identifier, from: [SIGTERM, SIGHUP]) == false)
    kill(child.identifier, SIGTERM)
    #expect(isKept(child.identifier, from: [SIGTERM, SIGHUP]) == true)
    #expect(isKept(child.identifier, from: [SIGINT]) == false)
    kill(child.identifier, SIGCONT)
    #expect(try child.wait() == .signalled(number: SIGTERM, coreDumped: false))
    #expect(isKept(child.identifier, from: [SIGTERM]) == nil)
  }

  @Test func aSignalThatIsBlockedIsNotKeptByAStop() throws {
    var command = Command(["sh", "-c", "kill -STOP $$"])
    command.signals = .inherited
    let mask = try SignalSet([SIGTERM]).block()
    let child = try start(command)
    _ = try mask.becomeMask()
    waitUntil(WSTOPPED, child)
    kill(child.identifier, SIGTERM)
    #expect(isKept(child.identifier, from: [SIGTERM]) == false)
    kill(child.identifier, SIGKILL)
    _ = try child.wait()
  }
}
