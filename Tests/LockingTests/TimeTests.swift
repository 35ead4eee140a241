import CSystem
import TestSupport
import Testing

@testable import Locking
@testable import SystemInterface

/// Numbers at the edges of what fits, and ordinary ones.
private let extremes: [Int64] = [
  Int64.min, Int64.min + 1, Int64.min / 2, -9_223_372_036_854_775, -11_676_096_000, -1, 0, 1,
  999_999_999, 1_000_000_000, 1_700_000_000, 0x7fff_ffff, 9_223_372_036, 9_223_372_036_854_775,
  Int64.max / 2, Int64.max - 999_999_999, Int64.max - 1, Int64.max,
]

private func clamped(_ exact: Int128) -> Span { .nanoseconds(Int64(clamping: exact)) }

@Suite(.takingTurns) struct SpanTests {
  @Test func whatDoesNotFitIsTheLimit() {
    for one in extremes {
      for other in extremes {
        let (left, right) = (Span.nanoseconds(one), Span.nanoseconds(other))
        #expect(left + right == clamped(Int128(one) + Int128(other)))
        #expect(left - right == clamped(Int128(one) - Int128(other)))
        #expect(left * other == clamped(Int128(one) * Int128(other)))
        if other != 0 { #expect(left / other == clamped(Int128(one) / Int128(other))) }
        #expect((left < right) == (one < other))
      }
    }
  }

  @Test(arguments: extremes)
  func unitsAndPartsFit(_ count: Int64) {
    let exact = Int128(count)
    #expect(Span.seconds(count) == clamped(exact * 1_000_000_000))
    #expect(Span.milliseconds(count) == clamped(exact * 1_000_000))
    #expect(Span.microseconds(count) == clamped(exact * 1000))
    let span = Span.nanoseconds(count)
    #expect(-span == clamped(-exact))
    #expect(span.magnitude == clamped(Int128(exact.magnitude)))
    #expect(span.wholeSeconds == count / 1_000_000_000)
    let roundedUp = (exact + 999_999_999) / 1_000_000_000
    if count >= 0 { #expect(Int128(span.secondsRoundedUp) == roundedUp) }
    #expect(span.timeSpecification.seconds >= 0 && span.timeSpecification.nanoseconds >= 0)
  }

  @Test(arguments: extremes, [0, 1, 999_999_999] as [Int64])
  func timesOfFilesFit(_ seconds: Int64, _ nanoseconds: Int64) {
    let span = Span(seconds: seconds, nanoseconds: nanoseconds)
    #expect(
      span.isLimit || span == clamped(Int128(seconds) * 1_000_000_000 + Int128(nanoseconds)))
    if abs(Int128(seconds)) > 9_300_000_000 { #expect(span.isLimit) }
  }

  @Test(arguments: extremes)
  func waitsOfAnyLengthCanBegin(_ count: Int64) throws {
    for span in [Span.nanoseconds(count), .seconds(count)] {
      let deadline = Deadline.after(span)
      #expect(deadline.hasPassed == (span <= .zero || span < .microseconds(1)))
      if deadline.hasPassed { deadline.sleep() }
      let pipe = try Pipe()
      #expect(
        try waitUntilReadable([pipe.reading.number], by: min(deadline, .now + .zero)) == nil)
    }
  }

  @Test(arguments: [0, 1, 99, 12345, UInt64(Int64.max), UInt64.max])
  func ticksOfTheClockFit(_ ticks: UInt64) {
    let frequency = Int128(sysconf(Int32(_SC_CLK_TCK)))
    #expect(
      BootTime(ticks: ticks).sinceZero == clamped(Int128(ticks) * 1_000_000_000 / frequency))
  }
}

@Suite struct ClaimExpiryTests {
  @Test(arguments: extremes)
  func isATimeThatEveryFileSystemHas(_ time: Int64) {
    for span in [Span.nanoseconds(time), .seconds(time)] {
      let expiry = ClaimExpiry(WallTime(sinceZero: span))
      #expect((1...0x7fff_ffff).contains(expiry.seconds))
      #expect(expiry.next != expiry && expiry.next != .abandoned)
      #expect((1...0x7fff_ffff).contains(expiry.next.seconds))
    }
  }

  @Test func isNotBeforeTheEndOfTheLifetime() {
    let end = WallTime(sinceZero: .seconds(1_700_000_000) + .nanoseconds(1))
    #expect(ClaimExpiry(end).seconds == 1_700_000_001)
  }
}

/// Claims with any time stamps, judged by any clock.
@Suite(.takingTurns) struct JudgeOfTimesTests {
  private static let seconds: [Int64] = [
    Int64.min, -11_676_096_000, -9_223_372_037, -1, 0, 1, 1_700_000_000, 1_700_000_020,
    0x7fff_ffff, 9_223_372_037, Int64.max,
  ]
  private static let spans: [Span] = [.zero, .seconds(15), .seconds(1 << 32), .longest]

  private let scratch: Scratch
  private let lock: LockName

  init() throws {
    scratch = try Scratch()
    try scratch.write("")
    lock = try LockName(scratch.path())
  }

  /// Of a process elsewhere, so that there is only time to judge it by.
  private func claim(
    _ modified: Int64, _ changed: Int64, lifetime: Span?, isForeign: Bool = false
  ) throws -> BoundClaim {
    var raw = stat()
    raw.st_mtim = timespec(tv_sec: Int(modified), tv_nsec: 0)
    raw.st_ctim = timespec(tv_sec: Int(changed), tv_nsec: 5)
    let made = try ClaimName(
      base: lock.base, host: "elsewhere", owner: ProcessMark(4711, start: 1), partner: nil,
      realm: Realm(namespace: 1, boot: "ab"), lifetime: lifetime)
    let name = isForeign ? ByteString("lock|elsewhere|4711|123") : made.fileName
    return BoundClaim(
      try #require(ClaimName(name.bytes, base: lock.base)), FileStatus(raw),
      try lock.folder.open(lock.base, O_RDONLY))
  }

  private func judge(slop: Span) throws -> Judge {
    var policy = HardlinkPolicy()
    policy.clockSlop = slop
    return Judge(claimant: .nobody(), policy: policy)
  }

  /// In seconds, whatever their number: when others may take the lock.
  private func end(_ modified: Int64, _ changed: Int64, _ lifetime: Span, _ slop: Span) -> Int128 {
    let endOfLifetime = max(
      Int128(modified) * 1_000_000_000,
      Int128(changed) * 1_000_000_000 + Int128(lifetime.nanoseconds))
    return endOfLifetime + Int128(slop.nanoseconds)
  }

  @Test(arguments: seconds, spans)
  func nothingIsTakenThatHasNotExpired(_ now: Int64, _ span: Span) throws {
    let clock = FolderClock(stamp: stamp(now), bootTime: .now)
    for slop in Self.spans {
      let judge = try judge(slop: slop)
      for modified in Self.seconds where modified != 0 {
        for changed in Self.seconds {
          let own = try claim(
            modified, changed, lifetime: span == .zero ? .milliseconds(1) : span)
          let lifetime = try #require(own.name.details?.lifetime)
          // A minute for the test itself.
          let isLate =
            (Int128(now) + 60) * 1_000_000_000 > end(modified, changed, lifetime, slop)
          let verdict = judge.verdict(own, clock)
          if !isLate { #expect(verdict == .live, "\(now) \(modified) \(changed) \(slop)") }
          let endless = try claim(modified, changed, lifetime: nil)
          #expect(judge.verdict(endless, clock) == .live)
          // These only must not trap.
          let foreign = try claim(modified, changed, lifetime: nil, isForeign: true)
          #expect(judge.verdict(foreign, clock) != .stale)
          _ = judge.mayOvertake(own, clock, rightLifetime: span)
          _ = own.statedExpiry
          _ = own.statedExpirySeconds
        }
      }
    }
  }

  @Test func ordinaryTimesAreJudgedAsEver() throws {
    let judge = try judge(slop: .seconds(10))
    let now: Int64 = 1_700_000_100
    let clock = FolderClock(stamp: stamp(now), bootTime: .now)
    let cases: [(modified: Int64, changed: Int64, verdict: Judge.Verdict)] = [
      (now + 5, now - 10, .live), (now - 5, now - 20, .live), (now - 11, now - 26, .stale),
      // Its time stamp was set, by whomever; it has its lifetime from then on.
      (-11_676_096_000, now - 20, .live), (-11_676_096_000, now - 26, .stale),
      (9_223_372_037, now - 26, .live),
    ]
    for (modified, changed, verdict) in cases {
      let claim = try claim(modified, changed, lifetime: .seconds(15))
      #expect(judge.verdict(claim, clock) == verdict, "\(modified) \(changed)")
    }
  }

  @Test(arguments: seconds)
  func clocksOfFoldersFit(_ seconds: Int64) {
    for bootTime in [BootTime.distantPast, .now, .distantFuture] {
      let clock = FolderClock(stamp: stamp(seconds), bootTime: bootTime)
      #expect(bootTime == .distantFuture || clock.now >= clock.stamp)
    }
  }
}

/// A time stamp as stat(2) gives it.
private func stamp(_ seconds: Int64) -> WallTime {
  WallTime(sinceZero: Span(seconds: seconds, nanoseconds: 5))
}
