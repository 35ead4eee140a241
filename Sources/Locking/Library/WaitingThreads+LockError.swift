#if !hasFeature(Embedded)
  extension WaitingThreads {
    /// Runs `body` there; whether the task is cancelled makes no difference.
    static func attempt<Value: Sendable>(
      _ body: @escaping @Sendable () throws(LockError) -> Value
    ) async throws(LockError) -> Value {
      try await call { () -> Result<Value, LockError> in
        do throws(LockError) {
          return .success(try body())
        } catch {
          return .failure(error)
        }
      }.get()
    }
  }
#endif
