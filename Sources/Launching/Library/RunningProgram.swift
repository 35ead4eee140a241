#if !hasFeature(Embedded)
  internal import CSystem

  /// A program that runs, or has run. Its end is seen whether somebody waits for it or not, and only its own: other
  /// children of this process are left to whom they belong.
  ///
  /// Letting go of it does not end the program.
  public final class RunningProgram: Sendable {
    /// The process's number, which is its group's as well. Once it has ended another may have it.
    public let identifier: CInt

    private struct State {
      var termination: Result<Termination, LaunchError>?
      /// Whether its group is killed with its end.
      var endsGroup = false
      var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
      var next = 0
    }

    private let child: ChildProcess
    private let handle: ProcessHandle?
    private let state = Guarded(State())

    init(_ child: ChildProcess) throws(LaunchError) {
      self.child = child
      identifier = child.identifier
      // Without such a call, before Linux 5.3, a thread of its own waits.
      handle = try? ProcessHandle(child.identifier)
      do throws(Errno) {
        if let handle {
          try DescriptorWatch.add(handle.number) { [self] in !hasEnded() }
        } else {
          try WaitingThreads.run { [self] in
            try? child.waitForEnd()
            _ = hasEnded()
          }
        }
      } catch {
        kill(-identifier, SIGKILL)
        _ = try? child.wait()
        throw LaunchError(step: .poll, errno: error)
      }
    }

    /// Reaps it, if it has ended.
    private func hasEnded() -> Bool {
      let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>]? in
        if state.termination != nil { return [] }
        switch childState(identifier) {
        case .running: return nil
        case .ended:
          // Its number is its group's, and nobody else's until it is reaped.
          if state.endsGroup { kill(-identifier, SIGKILL) }
          do throws(Errno) {
            state.termination = .success(try child.wait())
          } catch {
            state.termination = .failure(LaunchError(step: .waitpid, errno: error))
          }
        case .none:
          // SIGCHLD is ignored, or somebody has waited for all children.
          state.termination = .failure(LaunchError(step: .waitpid, errno: .noChild))
        }
        defer { state.waiters = [:] }
        return Array(state.waiters.values)
      }
      guard let waiters else { return false }
      for waiter in waiters { waiter.resume() }
      return true
    }

    // MARK: - Waiting

    /// How it ended; once that is known, at once. Many may wait.
    ///
    /// - Throws: `LaunchError` with the step `waitpid`, where this process ignores SIGCHLD or has reaped it itself;
    ///   `CancellationError`, which leaves the program running.
    public func termination() async throws -> Termination {
      let place = state.withLock { state in
        state.next += 1
        return state.next
      }
      try await withTaskCancellationHandler {
        try Task.checkCancellation()
        await wait(place)
        if state.withLock({ $0.termination == nil }) { throw CancellationError() }
      } onCancel: {
        let waiter = state.withLock { $0.waiters.removeValue(forKey: place) }
        waiter?.resume()
      }
      return try state.withLock { $0.termination! }.get()
    }

    /// Until its end, or until the task is cancelled.
    private func wait(_ place: Int) async {
      await withCheckedContinuation { waiter in
        let waits = state.withLock { state in
          // Cancelled before: its handler has found nobody.
          if state.termination != nil || Task.isCancelled { return false }
          state.waiters[place] = waiter
          return true
        }
        if !waits { waiter.resume() }
      }
    }

    /// Ends all waits for it, with `CancellationError`.
    func giveUp() {
      let waiters = state.withLock { state in
        defer { state.waiters = [:] }
        return state.waiters
      }
      for waiter in waiters.values { waiter.resume() }
    }

    /// How it ended; nil while it runs.
    ///
    /// - Throws: as `termination`.
    public func poll() throws(LaunchError) -> Termination? {
      _ = hasEnded()
      return try state.withLock { $0.termination }?.get()
    }

    // MARK: - Signals

    /// Sends it a signal; does nothing once it has ended (kill(2)).
    ///
    /// - Parameters:
    ///   - signal: its number, such as `SIGHUP`.
    ///   - toGroup: send it to the whole process group.
    /// - Throws: `LaunchError` with the step `kill`.
    public func send(_ signal: CInt, toGroup: Bool = false) throws(LaunchError) {
      let target = toGroup ? -identifier : identifier
      let error = state.withLock { state -> Errno? in
        // Until it is reaped, which takes this mutex, its number is its own.
        if state.termination != nil || kill(target, signal) == 0 { return nil }
        return Errno.current
      }
      if let error, error != .noProcess { throw LaunchError(step: .kill, errno: error) }
    }

    /// Ends it and its process group: SIGTERM and SIGCONT, and SIGKILL after `grace`, or to those that are left in the
    /// group when it has ended itself.
    ///
    /// - Returns: how it ended, by itself or so.
    /// - Throws: as `termination`; then SIGKILL comes nevertheless.
    public func end(grace: Duration = .seconds(5)) async throws -> Termination {
      beginEnd(grace: grace)
      return try await termination()
    }

    func beginEnd(grace: Duration) {
      let isFirst = state.withLock { state in
        if state.termination != nil || state.endsGroup { return false }
        state.endsGroup = true
        kill(-identifier, SIGTERM)
        // A stopped process takes SIGTERM only when it goes on.
        kill(-identifier, SIGCONT)
        return true
      }
      if !isFirst { return }
      Task.detached { [self] in
        try await Task.sleep(for: grace)
        try? send(SIGKILL, toGroup: true)
      }
    }

    /// How it ended, also in a task that is cancelled.
    func unconditionalTermination() async throws(LaunchError) -> Termination {
      await withCheckedContinuation { waiter in
        let waits = state.withLock { state in
          if state.termination != nil { return false }
          state.next += 1
          state.waiters[state.next] = waiter
          return true
        }
        if !waits { waiter.resume() }
      }
      return try state.withLock { $0.termination! }.get()
    }
  }
#endif
