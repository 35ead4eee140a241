import SystemInterface
import TestSupport
import Testing

@testable import Launching

/// The times of a lease, up to the edges of what fits.
@Suite(.takingTurns) struct LeaseTests {
  private static let renewers: [Lease.Renewer] = [.supervisor, .child, .companion]
  private static let spans: [Span] = [
    .nanoseconds(1), .seconds(1), .seconds(60), .seconds(9_000_000_000), .longest - .seconds(1),
    .longest,
  ]

  @Test(arguments: spans)
  func aLeaseThatHasNotBegunIsLeftAlone(_ lifetime: Span) throws {
    let lease = try Lease(lifetime: lifetime)
    #expect(lease.deadline == nil)
    for renewer in Self.renewers {
      let watch = try LeaseWatch(lease, renewer)
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
      for renewer in Self.renewers {
        let watch = try LeaseWatch(lease, renewer)
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
      let owner = try LeaseWatch(lease, .supervisor)
      #expect(owner.due() == .renewal)
      owner.renewed(.failed)
      owner.arm()
      #expect(owner.due() == .end)
      owner.ended()
      owner.arm()
      #expect(owner.due() == .nothing)
      lease.deadline = deadline
      let watch = try LeaseWatch(lease, .child)
      #expect(watch.due() == .end)
      watch.renewed(.lost)
      watch.arm()
      #expect(watch.due() == .end)
    }
  }

  @Test func aCompanionRenewsFromTheSendingOfTheQuestion() throws {
    let begin = BootTime.now
    let asked = try SharedNumber()
    let companion = try LeaseCompanion(lifetime: .seconds(60)) {
      asked.value = BootTime.now.sinceZero.nanoseconds
      return true
    }
    let first = companion.lease.deadline
    while companion.lease.deadline == first { Deadline.milliseconds(1).sleep() }
    let deadline = try #require(companion.lease.deadline)
    #expect(deadline >= begin + .seconds(60))
    #expect(deadline <= BootTime(sinceZero: .nanoseconds(asked.value)) + .seconds(60))
    #expect(!companion.isEnding && !companion.isLost)
    companion.end()
  }

  @Test(arguments: [true, false])
  func withoutAnAnswerALeaseEndsAndALateOneDoesNotRenewIt(_ hangs: Bool) throws {
    let answered = try SharedNumber()
    let companion = try LeaseCompanion(lifetime: .milliseconds(300)) {
      if hangs { Deadline.milliseconds(600).sleep() }
      answered.value += 1
      return hangs
    }
    while !companion.isEnding || answered.value == 0 { Deadline.milliseconds(1).sleep() }
    while !companion.isLost { Deadline.milliseconds(1).sleep() }
    Deadline.milliseconds(100).sleep()
    #expect(companion.isLost)
    companion.end()
  }
}
