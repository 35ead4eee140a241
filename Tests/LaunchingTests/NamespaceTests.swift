import CSystem
import Launching
import SystemInterface
import TestSupport
import Testing

/// As root with the pid namespace alone, as anybody else in a user namespace.
private func isolated(_ words: ByteString...) -> Command {
  var command = Command(words)
  let setup = ProcessSetup()
  if geteuid() != 0 { setup.namespaces.insert(.user) }
  setup.namespaces.insert(.pid)
  command.setup = setup
  return command
}

private let canIsolate = ProcessSetup().failure(of: isolated("true").setup!.namespaces) == nil

@Suite(.takingTurns, .enabled(if: canIsolate, "needs pid namespaces")) struct NamespaceTests {
  @Test func theCommandsTerminationComesBackThroughItsInit() throws {
    #expect(try start(isolated("sh", "-c", "exit 7")).wait() == .exited(code: 7))
    #expect(
      try start(isolated("sh", "-c", "kill -TERM $$")).wait()
        == .signalled(number: SIGTERM, coreDumped: false))
  }

  @Test func theCommandIsNotTheFirstProcess() throws {
    #expect(try start(isolated("sh", "-c", "test $$ -eq 2")).wait() == .exited(code: 0))
    let child = try start(isolated("sleep", "60"))
    #expect(child.command != child.identifier)
    #expect(kill(child.command, 0) == 0)
    #expect(try child.cancel(grace: .seconds(10)).exitStatus == 128 + SIGTERM)
  }

  @Test func itsEndIsWaitedForWithThatOfAllInTheNamespace() throws {
    let child = try start(isolated("sh", "-c", "sleep 60 & exit 3"))
    while kill(child.command, 0) == 0 { Deadline.milliseconds(1).sleep() }
    #expect(try child.wait(by: .milliseconds(200)) == nil)
    #expect(try child.cancel(grace: .zero) == .exited(code: 3))
  }

  @Test func aMissingProgramIsAnErrorAndLeavesNoProcess() {
    #expect(throws: LaunchError(step: .exec, errno: .missing)) {
      _ = try start(isolated("swlock-no-such-program"))
    }
    var status: Int32 = 0
    #expect(waitpid(-1, &status, WNOHANG) <= 0)
  }

  @Test func noDescriptorIsLeftOpen() throws {
    let before = try openDescriptors()
    for _ in 0..<50 { _ = try start(isolated("true")).wait() }
    for _ in 0..<50 { _ = try? start(isolated("swlock-no-such-program")) }
    // Others open some meanwhile.
    #expect(try openDescriptors().count < before.count + 40)
  }

  @Test func thisProcessCannotBecomeOneInAPidNamespace() {
    #expect(
      replaceProcess(with: isolated("true")) == LaunchError(step: .unsharePID, errno: .invalid))
  }
}
