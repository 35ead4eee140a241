import CSystem
import Launching
import SystemInterface
import TestSupport
import Testing

@Suite(.takingTurns) struct ChildProcessTests {
  private func shell(_ text: ByteString) throws -> ChildProcess {
    try start(Command(["sh", "-c", text]))
  }

  /// A shell that has said that it is ready.
  private func ready(_ text: ByteString) throws -> ChildProcess {
    var ends: (Int32, Int32) = (-1, -1)
    #expect(csystem_pipe(&ends.0, &ends.1) == 0)
    let reader = FileDescriptor(taking: ends.0)
    let writer = FileDescriptor(taking: ends.1)
    var command = Command(["sh", "-c", text + "; echo; while :; do :; done"])
    command.standardOutput = writer.number
    let child = try start(command)
    try writer.close()
    var byte: UInt8 = 0
    let number = reader.number
    #expect(read(number, &byte, 1) == 1)
    reader.keepOpen()
    return child
  }

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
    let child = try ready(":")
    #expect(try child.wait(by: .milliseconds(1)) == nil)
    #expect(kill(child.identifier, 0) == 0)
    #expect(
      try child.cancel(grace: .seconds(10)) == .signalled(number: SIGTERM, coreDumped: false))
  }

  @Test func cancelIsGracefulFirst() throws {
    let child = try ready("trap 'exit 7' TERM")
    #expect(try child.cancel(grace: .seconds(10)) == .exited(code: 7))
  }

  @Test func cancelKillsWhatIgnoresIt() throws {
    let child = try ready("trap '' TERM")
    #expect(
      try child.cancel(grace: .milliseconds(20)) == .signalled(number: SIGKILL, coreDumped: false))
  }

  @Test func cancelReachesAStoppedProcess() throws {
    let child = try ready(":")
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
