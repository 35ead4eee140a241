import Locking
import TestSupport
import Testing

private let minute: Duration = .seconds(60)

@Suite(.takingTurns) struct DurationTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  @Test func spansAndDurationsAreTheSame() {
    #expect(Span(.milliseconds(1500)) == .milliseconds(1500))
    #expect(Span(.nanoseconds(-1)) == .nanoseconds(-1))
    #expect(Span.seconds(-3).duration == .seconds(-3))
  }

  @Test func durationThatDoesNotFitIsTheLimit() {
    #expect(Span(.seconds(Int64.max)) == .longest)
    #expect(Span(.seconds(Int64.min)) == .shortest)
  }

  @Test func deadlineIsSoFarAway() {
    let remaining = Deadline.after(minute).remaining.duration
    #expect(remaining <= minute && remaining > minute / 2)
  }

  @Test func waitLastsSoLong() throws {
    var request = LockRequest(path: scratch.path())
    let held = try acquire(request)
    request.patience = .within(.milliseconds(20))
    #expect(errorOfAcquiring(request) == .timedOut)
    let timeLeft = held.timeLeft
    #expect(timeLeft == nil)
    try held.release()
  }

  @Test func lifetimeLastsSoLong() throws {
    let kind = LockKind.flufl(FluflPolicy(lifetime: minute, clockSlop: .zero))
    let held = try acquire(LockRequest(path: scratch.path(), kind: kind, patience: .never))
    let left = held.timeLeft
    let timeLeft = try #require(left)
    #expect(timeLeft <= minute)
    try held.release()
  }
}
