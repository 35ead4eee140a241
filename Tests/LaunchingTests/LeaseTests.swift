import SystemInterface
import TestSupport
import Testing

@testable import Launching

/// The times of a lease, up to the edges of what fits; no clock is asked.
@Suite(.takingTurns) struct LeaseTests {
  private static let renewers: [Lease.Renewer] = [.supervisor, .child, .companion]
  private static let spans: [Span] = [
    .nanoseconds(1), .seconds(1), .seconds(60), .seconds(9_000_000_000), .longest - .seconds(1),
    .longest,
  ]
  private static let begin = BootTime(sinceZero: .seconds(1000))

  @Test(arguments: spans)
  func aLeaseThatHasNotBegunIsLeftAlone(_ lifetime: Span) throws {
    let lease = try Lease(lifetime: lifetime)
    #expect(lease.deadline == nil)
    for renewer in Self.renewers {
      var times = LeaseTimes(lease, renewer, at: Self.begin)
      #expect(times.due(at: Self.begin) == .nothing)
      #expect(times.next(at: Self.begin) > Self.begin)
      #expect(times.due(at: Self.begin) == .nothing)
    }
  }

  @Test(arguments: spans)
  func oneThatHasJustBegunNeedsNothingYet(_ lifetime: Span) throws {
    if lifetime < .seconds(1) { return }
    let lease = try Lease(lifetime: lifetime)
    let begin = Self.begin
    for deadline in [begin + lifetime, .distantFuture] {
      for renewer in Self.renewers {
        lease.deadline = deadline
        var times = LeaseTimes(lease, renewer, at: begin)
        #expect(times.due(at: begin) == .nothing)
        #expect(times.next(at: begin) > begin)
        times.renewed(.renewed(deadline: .distantFuture), at: begin)
        #expect(times.due(at: begin) == .nothing)
        times.renewed(.failed, at: begin)
        #expect(times.next(at: begin) > begin)
        #expect(times.due(at: begin) == .nothing)
      }
    }
  }

  @Test(arguments: spans)
  func oneThatHasEndedIsRenewedOnceMoreByItsOwnerAndEndedByAnother(_ lifetime: Span) throws {
    let lease = try Lease(lifetime: lifetime)
    let now = Self.begin + .seconds(1)
    for deadline in [now, now - lifetime, .distantPast] {
      lease.deadline = deadline
      var owner = LeaseTimes(lease, .supervisor, at: Self.begin)
      #expect(owner.due(at: now) == .renewal)
      owner.renewed(.failed, at: now)
      #expect(owner.due(at: now) == .end)
      owner.ended()
      #expect(owner.due(at: now) == .nothing)
      var watcher = LeaseTimes(lease, .child, at: Self.begin)
      #expect(watcher.due(at: now) == .end)
      watcher.renewed(.lost, at: now)
      #expect(watcher.due(at: now) == .end)
    }
  }

  // MARK: - A minute, second by second

  private static let minute = Span.seconds(60)

  private func second(_ count: Int64) -> BootTime { Self.begin + .seconds(count) }

  private func times(_ renewer: Lease.Renewer) throws -> LeaseTimes {
    let lease = try Lease(lifetime: Self.minute)
    lease.deadline = Self.begin + Self.minute
    var times = LeaseTimes(lease, renewer, at: Self.begin)
    _ = times.next(at: Self.begin)
    return times
  }

  @Test func aLeaseThatIsRenewedInTimeIsNeverWarnedOf() throws {
    var times = try times(.supervisor)
    var now = Self.begin
    for _ in 0..<100 {
      let next = times.next(at: now)
      #expect(next == now + Self.minute / 3)
      #expect(times.due(at: next - .nanoseconds(1)) == .nothing)
      #expect(times.due(at: next) == .renewal)
      times.renewed(.renewed(deadline: next + Self.minute), at: next)
      now = next
    }
  }

  @Test func aLeaseThatCannotBeRenewedIsTriedAgainThenWarnedOfThenEnded() throws {
    var times = try times(.supervisor)
    var now = Self.begin
    var seen: [LeaseTimes.Due] = []
    var tries = 0
    while seen.last != .end {
      now = times.next(at: now)
      while true {
        let due = times.due(at: now)
        if due != .nothing, due != seen.last { seen.append(due) }
        switch due {
        case .renewal:
          tries += 1
          times.renewed(.failed, at: now)
          continue
        case .warning:
          #expect(now >= second(50))
          times.warned()
          continue
        case .end: #expect(now >= second(60) && now < second(61))
        case .nothing: break
        }
        break
      }
    }
    #expect(seen == [.renewal, .warning, .renewal, .end])
    #expect(tries > 10)
    times.ended()
    #expect(times.due(at: .distantFuture) == .nothing)
  }

  @Test func aLeaseThatAnotherHasEndsAtOnce() throws {
    var times = try times(.supervisor)
    #expect(times.due(at: second(20)) == .renewal)
    times.renewed(.lost, at: second(20))
    #expect(times.due(at: second(20)) == .end)
  }

  @Test func aRenewalAfterTheWarningEndsTheAlarm() throws {
    var times = try times(.supervisor)
    times.renewed(.failed, at: second(50))
    #expect(times.due(at: second(51)) == .warning)
    times.warned()
    times.renewed(.renewed(deadline: second(113)), at: second(53))
    #expect(times.due(at: second(60)) == .nothing)
    #expect(times.next(at: second(60)) == second(73))
  }

  @Test func aFrontWarnsLaterThanItsHolder() throws {
    var front = try times(.child)
    var companion = try times(.companion)
    #expect(companion.next(at: second(1)) == second(50))
    #expect(companion.due(at: second(50)) == .warning)
    #expect(front.next(at: second(1)) == second(55))
    #expect(front.due(at: second(55) - .nanoseconds(1)) == .nothing)
    #expect(front.due(at: second(55)) == .warning)
  }

  @Test func afterASuspensionTheHolderGetsAMoment() throws {
    var front = try times(.child)
    #expect(front.next(at: second(1)) == second(55))
    let late = second(100)
    #expect(front.due(at: late) == .nothing)
    #expect(front.next(at: late) == late + .seconds(1))
    #expect(front.due(at: late + .seconds(1)) == .end)
  }

  @Test func aHolderThatRenewsInThatMomentIsLeftAlone() throws {
    var front = try times(.child)
    _ = front.next(at: second(1))
    #expect(front.due(at: second(100)) == .nothing)
    front.lease.deadline = second(160)
    _ = front.next(at: second(100))
    #expect(front.due(at: second(101)) == .nothing)
  }

  @Test func whoRenewsItselfTriesAtOnceAfterASuspension() throws {
    var holder = try times(.supervisor)
    _ = holder.next(at: second(1))
    #expect(holder.due(at: second(1000)) == .renewal)
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

  @Test func newsOfALeaseAreLookedAtWhenTheyCome() throws {
    let lease = try Lease(lifetime: .seconds(15))
    let now = Self.begin + .seconds(1)
    for (renewer, due) in [
      (Lease.Renewer.supervisor, LeaseTimes.Due.renewal), (.child, .nothing),
      (.companion, .nothing),
    ] {
      lease.deadline = Self.begin + .seconds(15)
      var times = LeaseTimes(lease, renewer, at: Self.begin)
      times.woken(at: now)
      #expect(times.due(at: now) == due)
    }
  }

  @Test func oneThatWillNotBeRenewedIsWarnedOfAtOnceAndEndsAtItsTime() throws {
    let lease = try Lease(lifetime: .seconds(15))
    lease.deadline = Self.begin + .seconds(15)
    var times = LeaseTimes(lease, .supervisor, at: Self.begin)
    times.renewed(.hopeless, at: Self.begin)
    #expect(times.due(at: Self.begin) == .warning)
    times.warned()
    #expect(times.due(at: Self.begin) == .nothing)
    #expect(times.next(at: Self.begin) == Self.begin + .seconds(15))
    times.woken(at: Self.begin)
    #expect(times.due(at: Self.begin) == .nothing)
    #expect(times.due(at: Self.begin + .seconds(15)) == .end)
  }
}
