#if !hasFeature(Embedded)
  internal import CSystem

  /// Threads on which calls block that may take long: never those of Swift concurrency, of which there are few.
  ///
  /// One is made when none is idle. Some stay for a while, since the next call mostly comes soon.
  package enum WaitingThreads {
    package typealias Work = @Sendable () -> Void

    /// One that has nothing to do, or has been given something.
    private final class Idle: Sendable {
      let work = Guarded<Work?>(nil)
    }

    private final class Beginning {
      let work: Work
      init(_ work: @escaping Work) { self.work = work }
    }

    private static let idle = Guarded<[Idle]>([])
    private static let mostIdle = 4
    private static let longestIdle = Span.seconds(2)
    /// For tests: threads that were made.
    package static let made = Guarded(0)
    private static let hears: Void = { _ = csystem_hear(csystem_wakeup_signal()) }()

    /// - Throws: an error of pthread_create(3).
    package static func run(_ work: @escaping Work) throws(Errno) {
      hears
      if let one = idle.withLock({ $0.popLast() }) {
        one.work.withLock { $0 = work }
        return one.work.announce()
      }
      let beginning = Unmanaged.passRetained(Beginning(work))
      let error = csystem_begin_thread(
        { argument in
          guard let argument else { return nil }
          Unmanaged<Beginning>.fromOpaque(argument).takeRetainedValue().work()
          WaitingThreads.workOn()
          return nil
        }, beginning.toOpaque())
      if error != 0 {
        beginning.release()
        throw Errno(error)
      }
      made.withLock { $0 += 1 }
    }

    private static func workOn() {
      let own = Idle()
      while true {
        let stays = idle.withLock { others in
          if others.count < mostIdle { others.append(own) }
          return others.last === own
        }
        if !stays { return }
        if !own.work.wait(until: .after(longestIdle), for: { $0 != nil }) {
          let isDone = idle.withLock { others in
            let index = others.firstIndex { $0 === own }
            if let index { others.remove(at: index) }
            return index != nil
          }
          if isDone { return }
          // It was chosen in that moment.
          _ = own.work.wait(until: nil, for: { $0 != nil })
        }
        own.work.withLock { $0.take() }?()
      }
    }

    /// Runs `body` there; whether the task is cancelled makes no difference. Where there can be no thread, it runs
    /// here.
    package static func call<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async
      -> Value
    {
      // Through a mutex, since the thread sanitizer does not see what orders a continuation.
      let value = Guarded<Value?>(nil)
      await withCheckedContinuation { continuation in
        let work: Work = {
          let own = body()
          value.withLock { $0 = own }
          continuation.resume()
        }
        do throws(Errno) {
          try run(work)
        } catch {
          work()
        }
      }
      return value.withLock { $0.take()! }
    }
  }
#endif
