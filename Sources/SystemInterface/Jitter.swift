internal import CSystem

/// Random spans for pauses: so that those who wait for the same thing do not all look at the same moment.
package struct Jitter {
  private var state: UInt64

  package init() {
    state = UInt64(bitPattern: BootTime.now.sinceZero.nanoseconds) ^ (UInt64(getpid()) << 40) | 1
  }

  /// Anything from zero to `limit`, both included (xorshift64).
  package mutating func span(upTo limit: Span) -> Span {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return .nanoseconds(Int64(state % (UInt64(max(0, limit.nanoseconds)) + 1)))
  }
}
