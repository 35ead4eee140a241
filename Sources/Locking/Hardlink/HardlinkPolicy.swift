/// The times and habits of the locks by link(2).
public struct HardlinkPolicy: Sendable {
  /// How long a claim is valid without a refresh; nil: until it is released, or its owner is known
  /// to be dead.
  public var lifetime: Span? = .seconds(15)
  /// How long after the end of its lifetime a claim is still respected.
  public var clockSlop: Span = .seconds(10)
  /// Bounds of the pause between two looks at a lock that another host may release.
  public var shortestPoll: Span = .milliseconds(10)
  public var longestPoll: Span = .seconds(2)
  /// How long a client that is not swlock may need from its last look at a lock to its removal.
  public var settle: Span = .seconds(2)
  /// Errors of reading a lock that are waited out. ENOENT and ESTALE always are.
  public var retriedErrors: [Errno] = []

  public init() {}
}
