#if !hasFeature(Embedded)
  /// A lock by link(2), for file systems whose kernel locks mean nothing on other hosts: as flufl.lock has it, with a
  /// lifetime, or portage. A value: nothing is made before it is taken.
  ///
  /// ```swift
  /// try await HardlinkLock("/srv/nfs/job").withLock { try await migrate() }
  /// ```
  ///
  /// When a process dies, the next one on this host takes its lock at once, and one on another host after the
  /// lifetime and the slop have passed.
  public struct HardlinkLock: Sendable, Hashable {
    /// Whose files it is made of.
    #if hasAttribute(nonexhaustive)
      @nonexhaustive
    #endif
    public enum Style: Sendable {
      /// flufl.lock's files and names.
      case flufl
      /// portage's: without a lifetime, for processes of one host that do not know their pids.
      case portage
    }

    /// Two spellings of one name are one lock here, but for `..` and links.
    public var path: ByteString
    /// flufl.lock's unless it is said.
    public var style = Style.flufl
    /// How long a holder that does not refresh it has the lock; nil: until it is released, or the holder is known to
    /// be dead. Portage's have none.
    public var lifetime: Duration?
    /// How long after that it is still respected, since clocks differ.
    public var clockSlop = Duration.seconds(10)
    /// Errors of reading the lock that are waited out (errno(3)).
    public var retriedErrors: [CInt] = []

    /// The lock at a path. One that is no text is set as `path`.
    public init(_ path: String, lifetime: Duration? = .seconds(15)) {
      self.path = ByteString(path)
      self.lifetime = lifetime
    }

    private var kind: LockKind {
      switch style {
      case .flufl:
        var policy = FluflPolicy(lifetime: lifetime, clockSlop: clockSlop)
        policy.retriedErrors = retriedErrors.map { Errno($0) }
        return .flufl(policy)
      case .portage:
        var policy = HardlinkPolicy()
        policy.clockSlop = Span(clockSlop)
        return .portage(policy)
      }
    }

    private func attempt(_ patience: Patience, owns: Bool) -> Attempt {
      let request = LockRequest(path: path, kind: kind, patience: patience)
      return Attempt(LockKey(.hardlink, path), request, owns: owns)
    }
  }

  // MARK: - Taking it

  extension HardlinkLock {
    /// Takes the lock, which is released with the end of what is returned. It is to be refreshed.
    ///
    /// - Parameter timeout: how long to wait at most; nil: for ever.
    /// - Throws: `LockError`; `CancellationError`, and then nothing is held.
    nonisolated(nonsending)
      public func acquire(timeout: Duration? = nil) async throws -> Held
    {
      Held(try await FileLock.take(timeout) { attempt($0, owns: false) })
    }

    /// The same as `acquire`, if the lock can be had at once.
    ///
    /// - Returns: nil where it cannot.
    nonisolated(nonsending)
      public func tryAcquire() async throws -> Held?
    {
      do {
        return Held(try await attempt(.never, owns: false).perform())
      } catch LockError.busy {
        return nil
      }
    }

    /// Runs `body` under the lock, as a child task, and refreshes the lock meanwhile.
    ///
    /// When the lock is lost, or cannot be refreshed until the last sixth of its lifetime, the body is cancelled and
    /// waited for.
    ///
    /// - Throws: what `body` throws; `LockError`: `lost` also when the body has returned nevertheless, `alreadyHeld`
    ///   where this task runs a body under the lock already, `timedOut`; `CancellationError`.
    public func withLock<Result: Sendable>(
      timeout: Duration? = nil,
      _ body: @escaping @isolated(any) @Sendable () async throws -> Result
    ) async throws -> Result {
      let grip = try await FileLock.take(timeout) { attempt($0, owns: true) }
      let upkeep = Upkeep(grip, lifetime: style == .flufl ? lifetime : nil)
      let result: Result
      do {
        result = try await upkeep.run(body)
      } catch {
        try? await Held(grip).release()
        throw error
      }
      do {
        try await Held(grip).release()
      } catch  where error.isLoss {
        throw LockError.lost
      } catch {}
      return result
    }

    /// Takes over a lock that is held for this process, after another has taken it in its name or transferred it.
    ///
    /// - Throws: `notHeld`, `lost`; `alreadyHeld`, where this process knows of it.
    nonisolated(nonsending)
      public func take() async throws(LockError) -> Held
    {
      let attempt = attempt(.never, owns: false)
      guard case .admitted = WaitingLine.enter(attempt, waits: false) else { throw .alreadyHeld }
      do throws(LockError) {
        let kind = kind
        let path = path
        let grip = try await WaitingThreads.attempt { () throws(LockError) in
          Grip(try kind.location(at: path).take(), attempt)
        }
        return Held(grip)
      } catch {
        WaitingLine.leave(attempt)
        throw error
      }
    }
  }

  // MARK: - Looking at it, and breaking it

  extension HardlinkLock {
    /// Who holds the lock, and who waits for it. Changes nothing.
    nonisolated(nonsending)
      public func status() async throws(LockError) -> HardlinkReport
    {
      let kind = kind
      let path = path
      return try await WaitingThreads.attempt { () throws(LockError) in
        try kind.location(at: path).report(for: .thisProcess)
      }
    }

    /// Ends a stale lock: one whose owner is dead, or whose lifetime and the slop have passed.
    ///
    /// - Parameter force: end a live one as well.
    /// - Returns: whose it was; nil if it was free.
    /// - Throws: `busy` where it is live.
    @discardableResult
    nonisolated(nonsending)
      public func breakLock(force: Bool = false) async throws(LockError) -> HardlinkClaim?
    {
      let kind = kind
      let path = path
      return try await WaitingThreads.attempt { () throws(LockError) in
        try kind.location(at: path).breakLock(force: force)
      }
    }
  }

  // MARK: - What is held

  extension HardlinkLock {
    /// The lock while it is held. It cannot be copied, and is released at the end of its life, some time later.
    public struct Held: ~Copyable, Sendable {
      private let grip: Grip

      init(_ grip: Grip) { self.grip = grip }

      // That takes calls to a server, perhaps.
      deinit { grip.endLater() }

      /// How long it may still be relied upon, unless it is refreshed; nil for one without a lifetime.
      ///
      /// - Throws: `notHeld`.
      public func timeLeft() throws(LockError) -> Duration? {
        try grip.withLock { lock throws(LockError) in lock.timeLeft }
      }

      /// Makes the lifetime begin anew.
      ///
      /// - Throws: `lost` where it had ended, and somebody else has taken the lock.
      nonisolated(nonsending)
        public func refresh() async throws(LockError)
      {
        let grip = grip
        try await WaitingThreads.attempt { () throws(LockError) in
          try grip.withLock { lock throws(LockError) in try lock.refresh() }
        }
      }

      /// Releases the lock.
      ///
      /// - Throws: `lost`, where it was not held to the end.
      public consuming func release() async throws(LockError) { try await end(Grip.release) }

      /// Gives the lock to another process of this host; nobody else has it in between.
      ///
      /// - Parameter heir: the process's number; nil: nobody, until its lifetime has passed.
      /// - Throws: `lost`; `unsupported(.noLifetime)` for portage's, which then are released.
      public consuming func transfer(to heir: CInt?) async throws(LockError) {
        try await end { lock throws(LockError) in
          try lock.transfer(to: heir.map { .process($0) } ?? .nobody)
        }
      }

      /// Leaves it as it is: its owner has it on, until it is released or its lifetime has passed.
      public consuming func leaveBehind() {
        try? grip.end { lock in lock.leaveBehind() }
      }

      private func end(
        _ body: @escaping @Sendable (consuming HeldLock) throws(LockError) -> Void
      ) async throws(LockError) {
        let grip = grip
        try await WaitingThreads.attempt { () throws(LockError) in try grip.end(body) }
      }
    }
  }
#endif
