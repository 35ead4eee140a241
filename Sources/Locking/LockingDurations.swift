// The same as with `Span`, for programs in ordinary Swift.
#if !hasFeature(Embedded)
  extension Patience {
    /// To wait so long, from now on.
    package static func within(_ duration: Duration) -> Patience { .until(.after(duration)) }
  }

  extension HeldLock {
    /// How long the lock may still be relied upon unless it is refreshed, not less than nothing; nil for a
    /// lock without a lifetime.
    package var timeLeft: Duration? {
      deadline.map { max(.zero, $0 - .now).duration }
    }
  }

  extension HardlinkClaim {
    /// How long its lifetime lasts, negative when it has passed; nil: for ever.
    public var timeLeft: Duration? { remaining?.duration }
  }

  extension FluflPolicy {
    /// - Parameters:
    ///   - lifetime: nil: without an end.
    ///   - clockSlop: how long after the end of its lifetime a claim is still respected.
    package init(lifetime: Duration?, clockSlop: Duration = .seconds(10)) {
      self.init()
      self.lifetime = lifetime.map { Span($0) }
      hardlink.clockSlop = Span(clockSlop)
    }
  }
#endif
