/// The times and habits of all locks by link(2).
package struct HardlinkPolicy: Sendable {
  /// How long after the end of its lifetime a claim is still respected.
  package var clockSlop: Span = .seconds(10)
  /// Bounds of the pause between two looks at a lock that another host may release.
  package var shortestPoll: Span = .milliseconds(10)
  package var longestPoll: Span = .seconds(2)
  /// How long a client that is not swlock may need from its last look at a lock to its removal.
  package var settle: Span = .seconds(2)

  package init() {}
}
