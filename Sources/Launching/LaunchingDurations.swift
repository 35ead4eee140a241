// The same as with `Span`, for programs in ordinary Swift.
#if !hasFeature(Embedded)
  internal import SystemInterface

  extension ChildProcess {
    /// Waits until it ends, but no longer than that; nil once it has passed.
    package func wait(for duration: Duration) throws(Errno) -> Termination? {
      try wait(by: .after(duration))
    }

    /// Ends it: with SIGTERM, and if that has not helped after `grace`, with SIGKILL.
    @_disfavoredOverload
    package func cancel(grace: Duration) throws(Errno) -> Termination {
      try cancel(grace: Span(grace))
    }
  }

  extension Lease {
    @_disfavoredOverload
    package convenience init(lifetime: Duration) throws(LaunchError) {
      try self.init(lifetime: Span(lifetime))
    }
  }
#endif
