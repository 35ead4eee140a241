import SystemInterface
import TestSupport
import Testing

@testable import Launching

/// The times of a lease, up to the edges of what fits.
@Suite(.takingTurns) struct LeaseTests {
  private static let spans: [Span] = [
    .nanoseconds(1), .seconds(1), .seconds(60), .seconds(9_000_000_000), .longest - .seconds(1),
    .longest,
  ]

  @Test(arguments: spans)
  func aLeaseThatHasNotBegunIsLeftAlone(_ lifetime: Span) throws {
    let lease = try Lease(lifetime: lifetime)
    #expect(lease.deadline == nil)
    for renews in [true, false] {
      let watch = try LeaseWatch(lease, renews: renews)
      #expect(watch.due() == .nothing)
      watch.arm()
    }
  }

  @Test(arguments: spans)
  func oneThatHasJustBegunNeedsNothingYet(_ lifetime: Span) throws {
    if lifetime < .seconds(60) { return }
    let lease = try Lease(lifetime: lifetime)
    for deadline in [BootTime.now + lifetime, .distantFuture] {
      lease.deadline = deadline
      #expect(lease.deadline == deadline)
      for renews in [true, false] {
        let watch = try LeaseWatch(lease, renews: renews)
        #expect(watch.due() == .nothing)
        watch.arm()
        watch.renewed(.renewed(deadline: .distantFuture))
        watch.arm()
        #expect(watch.due() == .nothing)
        watch.renewed(.failed)
        watch.arm()
        #expect(watch.due() == .nothing)
      }
    }
  }

  @Test(arguments: spans)
  func oneThatHasEndedIsRenewedOnceMoreByItsOwnerAndEndedByAnother(_ lifetime: Span) throws {
    let lease = try Lease(lifetime: lifetime)
    for deadline in [BootTime.now, .now - lifetime, .distantPast] {
      lease.deadline = deadline
      let owner = try LeaseWatch(lease, renews: true)
      #expect(owner.due() == .renewal)
      owner.renewed(.failed)
      owner.arm()
      #expect(owner.due() == .end)
      owner.ended()
      owner.arm()
      #expect(owner.due() == .nothing)
      lease.deadline = deadline
      let watch = try LeaseWatch(lease, renews: false)
      #expect(watch.due() == .end)
      watch.renewed(.lost)
      watch.arm()
      #expect(watch.due() == .end)
    }
  }
}
