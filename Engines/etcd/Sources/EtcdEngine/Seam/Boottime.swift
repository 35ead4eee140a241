internal import CLibrary

/// A length of time: nanoseconds.
struct Span: Comparable, Sendable {
  var nanoseconds: Int64

  static func seconds(_ count: Int64) -> Span { Span(nanoseconds: count * 1_000_000_000) }
  static func milliseconds(_ count: Int64) -> Span { Span(nanoseconds: count * 1_000_000) }

  var milliseconds: Int64 { nanoseconds / 1_000_000 }

  static func < (a: Span, b: Span) -> Bool { a.nanoseconds < b.nanoseconds }
  static func - (a: Span, b: Span) -> Span { Span(nanoseconds: a.nanoseconds - b.nanoseconds) }
  static func / (a: Span, part: Int64) -> Span { Span(nanoseconds: a.nanoseconds / part) }
}

/// A point in time of CLOCK_BOOTTIME, which goes on while the machine is suspended and which nobody
/// sets: nanoseconds. All deadlines are such points (etcd.md K3).
struct Boottime: Comparable, Sendable {
  var nanoseconds: Int64

  static func now() -> Boottime {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return Boottime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }

  static func < (a: Boottime, b: Boottime) -> Bool { a.nanoseconds < b.nanoseconds }
  static func + (a: Boottime, b: Span) -> Boottime {
    Boottime(nanoseconds: a.nanoseconds + b.nanoseconds)
  }
  static func - (a: Boottime, b: Boottime) -> Span {
    Span(nanoseconds: a.nanoseconds - b.nanoseconds)
  }
}
