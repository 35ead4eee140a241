internal import CSystem

/// A point in time on CLOCK_MONOTONIC, in nanoseconds (clock_gettime(2)). Setting the machine's
/// clock does not move it.
public struct Deadline: Equatable, Sendable {
  public let nanoseconds: Int64

  /// The point `nanoseconds` from now; very long spans are cut to the end of the clock.
  public init(nanosecondsFromNow span: Int64) {
    let now = Deadline.clock()
    let (sum, overflow) = now.addingReportingOverflow(span)
    nanoseconds = overflow ? Int64.max : sum
  }

  /// This moment, which has passed as soon as it is looked at.
  public static var now: Deadline { Deadline(nanosecondsFromNow: 0) }

  public static func seconds(_ count: Int64) -> Deadline {
    let (span, overflow) = count.multipliedReportingOverflow(by: 1_000_000_000)
    return Deadline(nanosecondsFromNow: overflow ? Int64.max : span)
  }

  public static func microseconds(_ count: Int64) -> Deadline {
    let (span, overflow) = count.multipliedReportingOverflow(by: 1000)
    return Deadline(nanosecondsFromNow: overflow ? Int64.max : span)
  }

  public static func milliseconds(_ count: Int64) -> Deadline {
    let (span, overflow) = count.multipliedReportingOverflow(by: 1_000_000)
    return Deadline(nanosecondsFromNow: overflow ? Int64.max : span)
  }

  /// Sleeps until then, whatever signals are handled meanwhile (clock_nanosleep(2)).
  public func sleep() {
    let time = timeSpecification(nanoseconds)
    var until = timespec(tv_sec: time.seconds, tv_nsec: time.nanoseconds)
    while clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nil) == EINTR {}
  }

  public var hasPassed: Bool { remaining == 0 }

  /// Nanoseconds until then; 0 when it has passed.
  public var remaining: Int64 { max(0, nanoseconds - Deadline.clock()) }

  private static func clock() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}

/// `nanoseconds` as the C library wants it.
package func timeSpecification(_ nanoseconds: Int64) -> (seconds: Int, nanoseconds: Int) {
  (Int(nanoseconds / 1_000_000_000), Int(nanoseconds % 1_000_000_000))
}
