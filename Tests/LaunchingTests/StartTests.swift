import CSystem
import Launching
import SystemInterface
import TestSupport
import Testing

@Suite(.takingTurns) struct StartTests {
  private func run(_ words: ByteString...) throws -> Termination {
    try start(Command(words)).wait()
  }

  @Test func everyExitCodeComesBack() throws {
    for code in [0, 1, 77, 255] as [Int32] {
      #expect(try run("sh", "-c", "exit \"$0\"", ByteString(decimal: code)) == .exited(code: code))
    }
  }

  @Test func signalComesBack() throws {
    #expect(
      try run("sh", "-c", "kill -TERM $$") == .signalled(number: SIGTERM, coreDumped: false))
  }

  @Test func missingProgramIsAnErrorAndStartsNothing() {
    #expect(throws: LaunchError(step: .exec, errno: .missing)) {
      _ = try run("swlock-no-such-program")
    }
    #expect(throws: LaunchError(step: .exec, errno: .accessDenied)) { _ = try run("/dev/null") }
    var status: Int32 = 0
    #expect(waitpid(-1, &status, WNOHANG) <= 0)
  }

  @Test func commandSeesTheVariablesSetForIt() throws {
    let command = Command(
      CStringVector(["sh", "-c", "test \"$SWLOCK_TEST\" = 'a b' && test -n \"$PATH\""]),
      environment: .environment(setting: [EnvironmentVariable("SWLOCK_TEST", "a b")]))
    #expect(try start(command).wait() == .exited(code: 0))
  }

  @Test func onlyNamedDescriptorsAreInherited() throws {
    let kept = try FileDescriptor.open("/dev/null", O_RDONLY)
    let other = try FileDescriptor.open("/dev/null", O_RDONLY)
    var command = Command([
      "sh", "-c", "test -e /proc/self/fd/$0 && ! test -e /proc/self/fd/$1",
      ByteString(decimal: kept.number), ByteString(decimal: other.number),
    ])
    command.inheritedDescriptors = [kept.number]
    #expect(try start(command).wait() == .exited(code: 0))
  }

  @Test func commandStartsWithDefaultSignalsAndAnEmptyMask() throws {
    var blocked = sigset_t()
    var before = sigset_t()
    sigemptyset(&blocked)
    sigaddset(&blocked, SIGUSR1)
    pthread_sigmask(SIG_BLOCK, &blocked, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    #expect(
      try run("sh", "-c", "kill -USR1 $$; exit 0")
        == .signalled(number: SIGUSR1, coreDumped: false))
  }

  @Test func commandCanInheritTheMaskInstead() throws {
    var blocked = sigset_t()
    var before = sigset_t()
    sigemptyset(&blocked)
    sigaddset(&blocked, SIGUSR1)
    pthread_sigmask(SIG_BLOCK, &blocked, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    var command = Command(["sh", "-c", "kill -USR1 $$; exit 3"])
    command.signals = .inherited
    #expect(try start(command).wait() == .exited(code: 3))
  }

  @Test(arguments: [
    (Termination.exited(code: 3), 3, 0x300),
    (.signalled(number: SIGTERM, coreDumped: false), 143, 15),
    (.signalled(number: SIGSEGV, coreDumped: true), 139, 139),
  ])
  func terminationHasTheStatusOfAShellAndOfTheKernel(
    _ termination: Termination, _ shell: Int32, _ kernel: Int32
  ) {
    #expect(termination.exitStatus == shell)
    #expect(termination.waitStatus == kernel)
  }

  @Test func commandCanHaveAGroupOfItsOwn() throws {
    var command = Command(["sh", "-c", "test $(ps -o pgid= -p $$) -eq $$"])
    command.group = .new
    #expect(try start(command).wait() == .exited(code: 0))
  }

  @Test func outputIsCaptured() {
    #expect(captureOutput(of: ["printf", "a\\nb"], limit: 100) == Array("a\nb".utf8))
    #expect(captureOutput(of: ["yes"], limit: 4) == nil)
    #expect(captureOutput(of: ["false"], limit: 100) == nil)
  }
}
