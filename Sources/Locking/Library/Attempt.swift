#if !hasFeature(Embedded)
  internal import CSystem

  /// A task, or a thread outside of tasks. It counts only while it runs, or waits.
  struct Asker: Hashable {
    private let number: Int

    static var current: Asker {
      Asker(number: withUnsafeCurrentTask { $0?.hashValue } ?? -Int(csystem_thread()))
    }
  }

  /// One attempt to get a lock: first in this process's line, then as `acquire` has it, on a waiting thread. Whoever
  /// stops it and whoever wins it meet in one mutex, so that one of them is first.
  ///
  /// In the order of locks, the line's comes before an attempt's.
  final class Attempt: Sendable {
    enum Stop {
      case cancelled, timedOut

      var error: any Error { self == .cancelled ? CancellationError() : LockError.timedOut }
    }

    private enum Stage {
      case fresh, waiting, admitted
      /// In `acquire`, on the thread of this number.
      case taking(pid_t)
      case over
    }

    private struct State {
      var stage = Stage.fresh
      var stop: Stop?
      var task: CheckedContinuation<Void, any Error>?
      /// For the task: through the mutex, since the thread sanitizer does not see what orders a continuation.
      var grip: Grip?
      /// What interrupts the thread again and again, once it is to stop.
      var timer: Int32?
      /// The end of a pipe that ends a wait for a lock with a claim.
      var interruption: Int32?
    }

    let key: LockKey
    /// In the line. POSIX locks are the process's, which has one for all its readers; so is a place in a queue.
    let sharing: Sharing
    let asker = Asker.current
    /// Whether who asks runs a body under it, and so would wait for itself.
    let owns: Bool
    /// How many may wait, in order of arrival; nil: any number.
    let queueLimit: Int?
    let isOrdered: Bool
    private let request: LockRequest
    private let state = Guarded(State())
    private nonisolated(unsafe) let word = UnsafeMutablePointer<Int32>.allocate(capacity: 1)

    /// So long a task waits for the answer of a thread whose server may be gone.
    private static let longestAnswer = Duration.seconds(1)

    init(_ key: LockKey, _ request: LockRequest, owns: Bool) {
      self.key = key
      self.request = request
      queueLimit = request.queue?.limit
      isOrdered = request.isOrdered
      let isProcess = key.kind == .kernel(.posix) || isOrdered
      sharing = isProcess ? .exclusive : request.sharing
      self.owns = owns
      word.initialize(to: 0)
    }

    deinit { word.deallocate() }

    // MARK: - For the line

    var isWaiting: Bool { state.withLock { if case .waiting = $0.stage { true } else { false } } }

    func enter(isAdmitted: Bool) -> Stop? {
      state.withLock { state in
        if let stop = state.stop { return stop }
        state.stage = isAdmitted ? .admitted : .waiting
        return nil
      }
    }

    /// False: it has given up.
    func admit() -> Bool {
      state.withLock { state in
        guard case .waiting = state.stage else { return false }
        state.stage = .admitted
        return true
      }
    }

    func wasAdmitted() {
      if state.withLock({ $0.task == nil }) { state.announce() } else { begin() }
    }

    // MARK: - For tasks

    /// - Throws: `LockError`, or `CancellationError`.
    func perform() async throws -> Grip {
      try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { task in
          state.withLock { $0.task = task }
          switch WaitingLine.enter(self, waits: request.patience != .never) {
          case .admitted: begin()
          case .waits: break
          case .busy: fail(LockError.busy)
          case .alreadyHeld: fail(LockError.alreadyHeld)
          case .stopped(let stop): fail(stop.error)
          }
        }
      } onCancel: {
        stop(.cancelled)
      }
      return state.withLock { $0.grip.take()! }
    }

    private func fail(_ error: any Error) {
      let task = state.withLock { state in
        state.stage = .over
        return state.task.take()
      }
      task?.resume(throwing: error)
    }

    private func begin() {
      do throws(Errno) {
        try WaitingThreads.run { self.take() }
      } catch {
        WaitingLine.leave(self)
        fail(LockError.system(.thread, error))
      }
    }

    /// Only the first call counts, and none after the end.
    func stop(_ reason: Stop) {
      let task = state.withLock { state -> CheckedContinuation<Void, any Error>? in
        if state.stop != nil { return nil }
        switch state.stage {
        case .over: return nil
        case .fresh, .admitted:
          state.stop = reason
          return nil
        case .waiting:
          state.stop = reason
          state.stage = .over
          return state.task.take()
        case .taking(let thread):
          state.stop = reason
          interrupt(thread, &state)
          return nil
        }
      }
      if let task {
        WaitingLine.forget(self)
        task.resume(throwing: reason.error)
      }
    }

    private func interrupt(_ thread: pid_t, _ state: inout State) {
      csystem_set_word(word)
      if let interruption = state.interruption {
        _ = write(interruption, "!", 1)
      } else {
        var timer: Int32 = 0
        if csystem_pester_thread(thread, &timer) == 0 { state.timer = timer }
      }
      Task.detached {
        try await Task.sleep(for: Self.longestAnswer)
        self.abandon()
      }
    }

    /// The task goes on without an answer; the thread gives back what it wins.
    private func abandon() {
      let task = state.withLock { $0.task.take() }
      if let task { task.resume(throwing: state.withLock { $0.stop }!.error) }
    }

    /// On a waiting thread.
    private func take() {
      var request = request
      var interruption: Pipe?
      if request.kind.hasClaim {
        do throws(Errno) {
          interruption = try Pipe()
        } catch {
          return finish(nil, .system(.pipe, error))
        }
        request.interruption = interruption?.reading.number
      }
      let goesOn = state.withLock { state in
        if state.stop != nil { return false }
        state.stage = .taking(csystem_thread())
        state.interruption = interruption?.writing.number
        return true
      }
      if !goesOn { return finish(nil, .interrupted) }
      if interruption == nil { csystem_hear_calls(word) }
      var grip: Grip?
      var failure = LockError.interrupted
      do throws(LockError) {
        grip = try attempt()
      } catch {
        failure = error
      }
      csystem_hear_calls(nil)
      finish(grip, failure)
    }

    private func attempt() throws(LockError) -> Grip {
      let lock = try acquire(request)
      if isOrdered { WaitingLine.hasWon(self) }
      return Grip(lock, self)
    }

    private func finish(_ grip: Grip?, _ failure: LockError) {
      let (task, stop) = state.withLock { state in
        state.stage = .over
        state.interruption = nil
        if let timer = state.timer.take() { csystem_delete_timer(timer) }
        if state.stop == nil { state.grip = grip }
        return (state.task.take(), state.stop)
      }
      guard let grip else {
        WaitingLine.leave(self)
        task?.resume(throwing: stop?.error ?? failure)
        return
      }
      guard let stop else {
        task?.resume()
        return
      }
      try? grip.end()
      task?.resume(throwing: stop.error)
    }

    // MARK: - For threads

    /// Blocks this thread.
    func performBlocking() throws(LockError) -> Grip {
      switch WaitingLine.enter(self, waits: request.patience != .never) {
      case .admitted: break
      case .busy: throw .busy
      case .alreadyHeld: throw .alreadyHeld
      case .waits, .stopped: try waitForAdmission()
      }
      do throws(LockError) {
        return try attempt()
      } catch {
        WaitingLine.leave(self)
        throw error
      }
    }

    private func waitForAdmission() throws(LockError) {
      var deadline: Deadline?
      if case .until(let end) = request.patience { deadline = end }
      let isAdmitted = state.wait(until: deadline) { state in
        if case .admitted = state.stage { true } else { false }
      }
      if isAdmitted { return }
      let hasGoneOn = state.withLock { state in
        if case .admitted = state.stage { return true }
        state.stage = .over
        return false
      }
      if hasGoneOn { return }
      WaitingLine.forget(self)
      throw .timedOut
    }
  }
#endif
