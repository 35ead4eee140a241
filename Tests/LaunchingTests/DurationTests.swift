import CSystem
import Launching
import TestSupport
import Testing

@Suite(.takingTurns) struct DurationTests {
  @Test func childIsWaitedForAndEnded() throws {
    let child = try start(Command(["sleep", "1000"]))
    let (short, grace): (Duration, Duration) = (.milliseconds(1), .seconds(10))
    #expect(try child.wait(for: short) == nil)
    #expect(try child.cancel(grace: grace) == .signalled(number: SIGTERM, coreDumped: false))
  }

  @Test func leaseLastsSoLong() throws {
    let minute: Duration = .seconds(60)
    #expect(try Lease(lifetime: minute).lifetime == .seconds(60))
  }
}
