#if !hasFeature(Embedded)
  /// A lock that is held, and the place in the line that goes with it; to be ended.
  final class Grip: Sendable {
    private let lock: Guarded<HeldLock?>
    private let attempt: Attempt

    init(_ lock: consuming sending HeldLock, _ attempt: Attempt) {
      self.attempt = attempt
      self.lock = Guarded(lock)
    }

    /// Nil for a lock that is no descriptor, and once it is ended.
    var descriptor: Int32? {
      lock.withLock { lock in
        switch lock {
        case .none: nil
        case .some(let held): held.descriptor
        }
      }
    }

    /// The task that calls this runs the body under it.
    func isCallers() { WaitingLine.own(attempt) }

    /// Releases it, or lets go of it in another way; does nothing the second time.
    func end(
      _ body: (consuming HeldLock) throws(LockError) -> Void = Grip.release
    ) throws(LockError) {
      guard let held = lock.withLock({ $0.take() }) else { return }
      defer { WaitingLine.leave(attempt) }
      try body(held)
    }

    private var isOver: Bool {
      lock.withLock { lock in
        switch lock {
        case .none: true
        case .some: false
        }
      }
    }

    /// The same on a waiting thread, some time later.
    func endLater() {
      if isOver { return }
      do throws(Errno) {
        try WaitingThreads.run { try? self.end() }
      } catch {
        try? end()
      }
    }

    static func release(_ lock: consuming HeldLock) throws(LockError) { try lock.release() }

    /// - Throws: `notHeld` once it is released; what `body` throws.
    func withLock<Value>(
      _ body: (borrowing HeldLock) throws(LockError) -> Value
    ) throws(LockError) -> Value {
      try lock.withLock { (lock: inout HeldLock?) throws(LockError) in
        guard let held = lock.take() else { throw .notHeld }
        let value: Value
        do throws(LockError) {
          value = try body(held)
        } catch {
          lock = consume held
          throw error
        }
        lock = consume held
        return value
      }
    }
  }
#endif
