#if !hasFeature(Embedded)
  /// Keeps a lock with a lifetime while a body runs under it.
  struct Upkeep: Sendable {
    private let grip: Grip
    private let lifetime: Duration?

    init(_ grip: Grip, lifetime: Duration?) {
      self.grip = grip
      self.lifetime = lifetime
    }

    private enum Part<Result: Sendable>: Sendable {
      case body(Swift.Result<Result, any Error>)
      case lost, kept
    }

    /// - Throws: what `body` throws; `lost`.
    func run<Result: Sendable>(
      _ body: @escaping @isolated(any) @Sendable () async throws -> Result
    ) async throws -> Result {
      try await withTaskGroup(of: Part<Result>.self) { group -> Swift.Result<Result, any Error> in
        group.addTask {
          grip.isCallers()
          do {
            return .body(.success(try await body()))
          } catch {
            return .body(.failure(error))
          }
        }
        if let lifetime { group.addTask { await isKept(lifetime) ? .kept : .lost } }
        var isLost = false
        var result: Swift.Result<Result, any Error>?
        for await part in group {
          switch part {
          case .body(let ended):
            result = ended
            group.cancelAll()
          case .lost where result == nil:
            isLost = true
            group.cancelAll()
          case .lost, .kept: break
          }
        }
        return isLost ? .failure(LockError.lost) : result!
      }.get()
    }

    /// Refreshes the lock until the task is cancelled; false: nobody may rely on it any more.
    private func isKept(_ lifetime: Duration) async -> Bool {
      var pause = lifetime / 3
      while true {
        do {
          try await Task.sleep(for: pause)
        } catch {
          return true
        }
        let failure = await WaitingThreads.call { [grip] () -> LockError? in
          do throws(LockError) {
            try grip.withLock { lock throws(LockError) in try lock.refresh() }
            return nil
          } catch {
            return error
          }
        }
        if failure?.isLoss == true { return false }
        let left = (try? grip.withLock { lock throws(LockError) in lock.timeLeft }) ?? .zero
        if left < lifetime / 6 { return false }
        pause = failure == nil ? lifetime / 3 : lifetime / 12
      }
    }
  }
#endif
