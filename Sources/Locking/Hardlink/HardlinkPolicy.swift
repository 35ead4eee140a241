/// The times and habits of all locks by link(2).
public struct HardlinkPolicy: Sendable {
  /// How long after the end of its lifetime a claim is still respected.
  public var clockSlop: Span = .seconds(10)
  /// Bounds of the pause between two looks at a lock that another host may release.
  public var shortestPoll: Span = .milliseconds(10)
  public var longestPoll: Span = .seconds(2)
  /// How long a client that is not swlock may need from its last look at a lock to its removal.
  public var settle: Span = .seconds(2)

  public init() {}
}
