// The same as with `Span`, for programs in ordinary Swift.
#if !hasFeature(Embedded)
  public import SystemInterface

  extension ChildProcess {
    /// Waits until it ends, but no longer than that; nil once it has passed.
    public func wait(for duration: Duration) throws(Errno) -> Termination? {
      try wait(by: .after(duration))
    }

    /// Ends it: with SIGTERM, and if that has not helped after `grace`, with SIGKILL.
    @_disfavoredOverload
    public func cancel(grace: Duration) throws(Errno) -> Termination {
      try cancel(grace: Span(grace))
    }
  }

  extension Lease {
    @_disfavoredOverload
    public convenience init(lifetime: Duration) throws(LaunchError) {
      try self.init(lifetime: Span(lifetime))
    }
  }
#endif
