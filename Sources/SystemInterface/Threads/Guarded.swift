#if !hasFeature(Embedded)
  internal import CSystem

  /// A value that one thread at a time looks at (pthread_mutex_lock(3)).
  ///
  /// Not `Synchronization.Mutex`: what that one orders the thread sanitizer does not see.
  package final class Guarded<Value: ~Copyable>: @unchecked Sendable {
    private let gate = csystem_make_gate()
    private var value: Value

    package init(_ value: consuming sending Value) {
      self.value = value
    }

    deinit { csystem_destroy_gate(gate) }

    package func withLock<Result: ~Copyable, Failure: Error>(
      _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
      csystem_lock_gate(gate)
      defer { csystem_unlock_gate(gate) }
      return try body(&value)
    }

    /// Blocks this thread until `condition` holds, which is looked at after each `announce`.
    ///
    /// - Returns: false once the deadline has passed.
    package func wait(until deadline: Deadline?, for condition: (borrowing Value) -> Bool) -> Bool {
      csystem_lock_gate(gate)
      defer { csystem_unlock_gate(gate) }
      var time = timespec()
      if let span = deadline?.sinceZero.timeSpecification {
        time = timespec(tv_sec: span.seconds, tv_nsec: span.nanoseconds)
      }
      while !condition(value) {
        let goesOn =
          deadline == nil ? csystem_wait_at_gate(gate, nil) : csystem_wait_at_gate(gate, &time)
        if !goesOn { return condition(value) }
      }
      return true
    }

    /// The value has changed.
    package func announce() { csystem_wake_at_gate(gate) }
  }
#endif
