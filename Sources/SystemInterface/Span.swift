internal import CSystem

/// A length of time, of nanoseconds.
///
/// Nothing here overflows: what does not fit, 292 years either way, is the longest or the shortest span
/// there is. So a time from outside, be it an option or a file's time stamp, cannot end the process.
package struct Span: Comparable, Sendable {
  package let nanoseconds: Int64

  package init(nanoseconds: Int64) {
    self.nanoseconds = nanoseconds
  }

  package static func nanoseconds(_ count: Int64) -> Span { Span(nanoseconds: count) }
  package static func microseconds(_ count: Int64) -> Span { Span(nanoseconds: 1000) * count }
  package static func milliseconds(_ count: Int64) -> Span { Span(nanoseconds: 1_000_000) * count }
  package static func seconds(_ count: Int64) -> Span { Span(nanoseconds: 1_000_000_000) * count }

  package static var zero: Span { Span(nanoseconds: 0) }
  /// As good as for ever.
  package static var longest: Span { Span(nanoseconds: Int64.max) }
  package static var shortest: Span { Span(nanoseconds: Int64.min) }

  /// Cut towards zero.
  package var wholeMicroseconds: Int64 { nanoseconds / 1000 }
  package var wholeMilliseconds: Int64 { nanoseconds / 1_000_000 }
  package var wholeSeconds: Int64 { nanoseconds / 1_000_000_000 }

  /// The first whole second that is not before the span's end.
  package var secondsRoundedUp: Int64 {
    wholeSeconds + (nanoseconds % 1_000_000_000 > 0 ? 1 : 0)
  }

  package var magnitude: Span { self < .zero ? -self : self }

  /// Whether it may stand for one that does not fit.
  package var isLimit: Bool { self == .longest || self == .shortest }

  /// As the C library wants it; no time for a span that is negative.
  package var timeSpecification: (seconds: Int, nanoseconds: Int) {
    let count = max(0, nanoseconds)
    return (Int(count / 1_000_000_000), Int(count % 1_000_000_000))
  }

  /// Sleeps so long, or until a signal is handled (nanosleep(2)).
  package func pause() {
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
  package static func < (one: Span, other: Span) -> Bool { one.nanoseconds < other.nanoseconds }

  package static func + (one: Span, other: Span) -> Span {
    let (sum, overflow) = one.nanoseconds.addingReportingOverflow(other.nanoseconds)
    return overflow ? limit(isNegative: other.nanoseconds < 0) : Span(nanoseconds: sum)
  }

  package static func - (one: Span, other: Span) -> Span {
    let (difference, overflow) = one.nanoseconds.subtractingReportingOverflow(other.nanoseconds)
    return overflow ? limit(isNegative: other.nanoseconds > 0) : Span(nanoseconds: difference)
  }

  package static prefix func - (span: Span) -> Span { .zero - span }

  package static func * (span: Span, factor: Int64) -> Span {
    let (product, overflow) = span.nanoseconds.multipliedReportingOverflow(by: factor)
    return overflow
      ? limit(isNegative: (span.nanoseconds < 0) != (factor < 0)) : Span(nanoseconds: product)
  }

  /// Cut towards zero. The divisor is not 0.
  package static func / (span: Span, divisor: Int64) -> Span {
    let (quotient, overflow) = span.nanoseconds.dividedReportingOverflow(by: divisor)
    return overflow ? .longest : Span(nanoseconds: quotient)
  }

  private static func limit(isNegative: Bool) -> Span { isNegative ? .shortest : .longest }
}
