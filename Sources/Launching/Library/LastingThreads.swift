#if !hasFeature(Embedded)
  internal import CSystem

  /// Threads that live as long as the process, and do one thing after another.
  ///
  /// Programs are started by such: what a kernel ties to the thread that starts a process (PR_SET_PDEATHSIG, prctl(2))
  /// must not end with a thread of a pool. One is enough, until it hangs in what it does.
  final class LastingThreads: Sendable {
    static let starting = LastingThreads()

    private typealias Work = @Sendable () -> Void

    private struct State {
      var waiting: [Work] = []
      /// When each thread has begun what it does; nil: it does nothing.
      var begun: [Deadline?] = []

      /// Whether somebody takes all that waits at once.
      var isPrompt: Bool { begun.count { $0 == nil } >= waiting.count }
      /// Whether nobody has got on for so long.
      func hangs(for span: Span) -> Bool {
        !waiting.isEmpty && begun.allSatisfy { $0.map { ($0 + span).hasPassed } ?? false }
      }
    }

    private let state = Guarded(State())
    /// How long nobody waits for another thread.
    private static let patience = Duration.milliseconds(50)

    /// Runs `body` on one of them; whether the task is cancelled makes no difference.
    ///
    /// - Throws: an error of pthread_create(3).
    func call<Value: Sendable>(
      _ body: @escaping @Sendable () -> Value
    ) async throws(Errno) -> Value {
      let result = Guarded<Result<Value, Errno>?>(nil)
      let relief = Guarded<Task<Void, any Error>?>(nil)
      await withCheckedContinuation { continuation in
        let end: @Sendable (Result<Value, Errno>) -> Void = { own in
          result.withLock { $0 = own }
          continuation.resume()
        }
        do throws(Errno) {
          if try !add({ end(.success(body())) }) {
            relief.withLock { $0 = Task { try await makeRoom() } }
          }
        } catch {
          end(.failure(error))
        }
      }
      relief.withLock { $0.take() }?.cancel()
      return try result.withLock { $0.take()! }.get()
    }

    /// - Returns: whether somebody takes it at once.
    private func add(_ work: @escaping Work) throws(Errno) -> Bool {
      let isPrompt = try state.withLock { (state: inout State) throws(Errno) in
        if state.begun.isEmpty { try begin(&state) }
        state.waiting.append(work)
        return state.isPrompt
      }
      state.announce()
      return isPrompt
    }

    /// Another thread whenever all of them hang; until the task is cancelled.
    private func makeRoom() async throws {
      while true {
        try await Task.sleep(for: Self.patience)
        state.withLock { state in
          // Where there can be none now there may be one later.
          if state.hangs(for: Span(Self.patience)) { try? begin(&state) }
        }
      }
    }

    private func begin(_ state: inout State) throws(Errno) {
      let thread = Unmanaged.passRetained(Thread(of: self, number: state.begun.count))
      let error = csystem_begin_thread(
        { argument in
          let thread = Unmanaged<Thread>.fromOpaque(argument!).takeRetainedValue()
          while true { thread.threads.work(as: thread.number) }
        }, thread.toOpaque())
      if error != 0 {
        thread.release()
        throw Errno(error)
      }
      state.begun.append(nil)
    }

    private final class Thread: Sendable {
      let threads: LastingThreads
      let number: Int

      init(of threads: LastingThreads, number: Int) {
        self.threads = threads
        self.number = number
      }
    }

    private func work(as number: Int) {
      _ = state.wait(until: nil) { !$0.waiting.isEmpty }
      let work = state.withLock { state -> Work? in
        if state.waiting.isEmpty { return nil }
        state.begun[number] = .now
        return state.waiting.removeFirst()
      }
      work?()
      state.withLock { $0.begun[number] = nil }
    }
  }
#endif
