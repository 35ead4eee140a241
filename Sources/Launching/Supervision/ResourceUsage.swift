internal import CSystem

/// What a process has used, and those that it has waited for (getrusage(2)).
package struct ResourceUsage: Equatable, Sendable {
  package let userTime: Span
  package let systemTime: Span
  /// The largest resident set, in KiB: at least that of the process which has started it.
  package let residentKibibytes: Int64
}

extension ResourceUsage {
  init(_ raw: csystem_usage) {
    userTime = .microseconds(raw.user)
    systemTime = .microseconds(raw.system)
    residentKibibytes = raw.resident
  }
}
