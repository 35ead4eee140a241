internal import CSystem

/// A right to run that ends unless it is renewed in time, such as a lock with a lifetime. Shared by the
/// processes that are forked after it is made: any of them sees what one has renewed.
package final class Lease: Sendable {
  /// From a renewal to the end.
  package let lifetime: Span
  private let end: SharedNumber

  package init(lifetime: Span) throws(LaunchError) {
    self.lifetime = lifetime
    end = try SharedNumber()
  }

  /// The end; nil before the lease has begun.
  package var deadline: BootTime? {
    get {
      let value = end.value
      return value == 0 ? nil : BootTime(sinceZero: .nanoseconds(value))
    }
    set { end.value = newValue?.sinceZero.nanoseconds ?? 0 }
  }

  /// What became of an attempt to renew it.
  package enum Renewal: Equatable, Sendable {
    /// Until then.
    case renewed(deadline: BootTime)
    /// That may work the next time.
    case failed
    /// It will not, and ends when it does: whoever relies on it is told now.
    case hopeless
    /// Somebody else has the right now.
    case lost
  }

  /// When the first renewal is due, and how often one that failed is tried again.
  var renewalInterval: Span { lifetime / 3 }
  var retryInterval: Span { max(Self.shortestInterval, lifetime / 24) }
  /// Of looks at it.
  static let shortestInterval = Span.milliseconds(50)
  /// How long before the end the command is told.
  package var warning: Span { lifetime / 6 }

  /// Who renews a lease that a supervisor watches.
  package enum Renewer: Sendable {
    case supervisor
    /// The child that it waits for. It is left alone when it ends, and has half of the time for the warning.
    case child
    /// A process apart (`LeaseCompanion`).
    case companion
  }
}
