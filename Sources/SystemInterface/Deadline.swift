internal import CSystem

/// A point in time on CLOCK_MONOTONIC. Setting the machine's clock does not move it.
package struct Deadline: PointInTime {
  package let sinceZero: Span

  package init(sinceZero: Span) {
    self.sinceZero = sinceZero
  }

  /// This moment, which has passed as soon as it is looked at.
  package static var now: Deadline { Deadline(sinceZero: clock(CLOCK_MONOTONIC)) }

  /// The point that is so far from now.
  package static func after(_ span: Span) -> Deadline { now + span }
  package static func seconds(_ count: Int64) -> Deadline { after(.seconds(count)) }
  package static func milliseconds(_ count: Int64) -> Deadline { after(.milliseconds(count)) }

  /// Sleeps until then, whatever signals are handled meanwhile (clock_nanosleep(2)).
  package func sleep() {
    let time = sinceZero.timeSpecification
    var until = timespec(tv_sec: time.seconds, tv_nsec: time.nanoseconds)
    while clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nil) == EINTR {}
  }

  package var hasPassed: Bool { remaining == .zero }

  /// How long it is until then; zero when it has passed.
  package var remaining: Span { max(.zero, self - .now) }
}
