internal import CSystem

/// A point in time on one of the clocks (clock_gettime(2)), which only compares with others of the same
/// clock. What does not fit is the first or the last point there is, as `Span` has it.
package protocol PointInTime: Comparable, Sendable {
  /// Since the clock's zero.
  var sinceZero: Span { get }
  init(sinceZero: Span)
}

extension PointInTime {
  package static func < (one: Self, other: Self) -> Bool { one.sinceZero < other.sinceZero }

  package static func + (point: Self, span: Span) -> Self {
    Self(sinceZero: point.sinceZero + span)
  }

  package static func - (point: Self, span: Span) -> Self {
    Self(sinceZero: point.sinceZero - span)
  }

  package static func - (one: Self, other: Self) -> Span { one.sinceZero - other.sinceZero }

  /// Whether it may stand for one that does not fit.
  package var isLimit: Bool { sinceZero.isLimit }

  /// It is never reached.
  package static var distantFuture: Self { Self(sinceZero: .longest) }
  /// It has always passed.
  package static var distantPast: Self { Self(sinceZero: .shortest) }
}

/// Since the machine was started, suspension included (CLOCK_BOOTTIME). Setting the machine's clock does
/// not change it.
package struct BootTime: PointInTime {
  package let sinceZero: Span

  package init(sinceZero: Span) {
    self.sinceZero = sinceZero
  }

  package static var now: BootTime { BootTime(sinceZero: clock(CLOCK_BOOTTIME)) }
}

/// Since the beginning of 1970: a file's time stamp, on the clock of its file system, or the machine's own
/// clock (CLOCK_REALTIME).
package struct WallTime: PointInTime {
  package let sinceZero: Span

  package init(sinceZero: Span) {
    self.sinceZero = sinceZero
  }

  package static var now: WallTime { WallTime(sinceZero: clock(CLOCK_REALTIME)) }
}

func clock(_ identifier: clockid_t) -> Span {
  var time = timespec()
  clock_gettime(identifier, &time)
  return Span(seconds: Int64(time.tv_sec), nanoseconds: Int64(time.tv_nsec))
}
