internal import CSystem

/// A length of time, of nanoseconds.
///
/// Nothing here overflows: what does not fit, 292 years either way, is the longest or the shortest span
/// there is. So a time from outside, be it an option or a file's time stamp, cannot end the process.
public struct Span: Comparable, Sendable {
  public let nanoseconds: Int64

  public init(nanoseconds: Int64) {
    self.nanoseconds = nanoseconds
  }

  public static func nanoseconds(_ count: Int64) -> Span { Span(nanoseconds: count) }
  public static func microseconds(_ count: Int64) -> Span { Span(nanoseconds: 1000) * count }
  public static func milliseconds(_ count: Int64) -> Span { Span(nanoseconds: 1_000_000) * count }
  public static func seconds(_ count: Int64) -> Span { Span(nanoseconds: 1_000_000_000) * count }

  public static var zero: Span { Span(nanoseconds: 0) }
  /// As good as for ever.
  public static var longest: Span { Span(nanoseconds: Int64.max) }
  public static var shortest: Span { Span(nanoseconds: Int64.min) }

  /// Cut towards zero.
  public var wholeMicroseconds: Int64 { nanoseconds / 1000 }
  public var wholeMilliseconds: Int64 { nanoseconds / 1_000_000 }
  public var wholeSeconds: Int64 { nanoseconds / 1_000_000_000 }

  /// The first whole second that is not before the span's end.
  public var secondsRoundedUp: Int64 {
    wholeSeconds + (nanoseconds % 1_000_000_000 > 0 ? 1 : 0)
  }

  public var magnitude: Span { self < .zero ? -self : self }

  /// Whether it may stand for one that does not fit.
  public var isLimit: Bool { self == .longest || self == .shortest }

  /// As the C library wants it; no time for a span that is negative.
  package var timeSpecification: (seconds: Int, nanoseconds: Int) {
    let count = max(0, nanoseconds)
    return (Int(count / 1_000_000_000), Int(count % 1_000_000_000))
  }

  /// Sleeps so long, or until a signal is handled (nanosleep(2)).
  public func pause() {
    let time = timeSpecification
    var asked = timespec(tv_sec: time.seconds, tv_nsec: time.nanoseconds)
    nanosleep(&asked, nil)
  }

  /// Of a timespec(3type).
  init(seconds: Int64, nanoseconds: Int64) {
    let whole = Span.seconds(seconds)
    self = whole.isLimit ? whole : whole + Span(nanoseconds: nanoseconds)
  }
}

// MARK: - Arithmetic

extension Span {
  public static func < (one: Span, other: Span) -> Bool { one.nanoseconds < other.nanoseconds }

  public static func + (one: Span, other: Span) -> Span {
    let (sum, overflow) = one.nanoseconds.addingReportingOverflow(other.nanoseconds)
    return overflow ? limit(isNegative: other.nanoseconds < 0) : Span(nanoseconds: sum)
  }

  public static func - (one: Span, other: Span) -> Span {
    let (difference, overflow) = one.nanoseconds.subtractingReportingOverflow(other.nanoseconds)
    return overflow ? limit(isNegative: other.nanoseconds > 0) : Span(nanoseconds: difference)
  }

  public static prefix func - (span: Span) -> Span { .zero - span }

  public static func * (span: Span, factor: Int64) -> Span {
    let (product, overflow) = span.nanoseconds.multipliedReportingOverflow(by: factor)
    return overflow
      ? limit(isNegative: (span.nanoseconds < 0) != (factor < 0)) : Span(nanoseconds: product)
  }

  /// Cut towards zero. The divisor is not 0.
  public static func / (span: Span, divisor: Int64) -> Span {
    let (quotient, overflow) = span.nanoseconds.dividedReportingOverflow(by: divisor)
    return overflow ? .longest : Span(nanoseconds: quotient)
  }

  private static func limit(isNegative: Bool) -> Span { isNegative ? .shortest : .longest }
}
