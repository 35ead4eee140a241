internal import CSystem

/// What a process has used, and those that it has waited for (getrusage(2)).
public struct ResourceUsage: Equatable, Sendable {
  public let userTime: Span
  public let systemTime: Span
  /// The largest resident set, in KiB: at least that of the process which has started it.
  public let residentKibibytes: Int64
}

extension ResourceUsage {
  init(_ raw: csystem_usage) {
    userTime = .microseconds(raw.user)
    systemTime = .microseconds(raw.system)
    residentKibibytes = raw.resident
  }
}
