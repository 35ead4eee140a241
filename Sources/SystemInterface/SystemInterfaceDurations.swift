// Embedded Swift has no `Duration`.
#if !hasFeature(Embedded)
  extension Span {
    /// Cut towards zero.
    package init(_ duration: Duration) {
      let (seconds, attoseconds) = duration.components
      self.init(seconds: seconds, nanoseconds: attoseconds / 1_000_000_000)
    }

    package var duration: Duration { .nanoseconds(nanoseconds) }
  }

  extension Deadline {
    /// The point that is so far from now.
    @_disfavoredOverload
    package static func after(_ duration: Duration) -> Deadline { after(Span(duration)) }
  }
#endif
