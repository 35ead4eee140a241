#if !hasFeature(Embedded)
  /// A lock of the kernel's on a file, for tasks and for threads. A value: nothing is opened before it is taken.
  ///
  /// The tasks and threads of this process who want one lock stand in line, first come, first served, readers
  /// together; the first one waits at the kernel, among other processes. Who waits in line needs no thread and no
  /// descriptor, and nobody who waits keeps a thread of Swift concurrency.
  ///
  /// ```swift
  /// try await FileLock("/run/lock/job").withLock { try await migrate() }
  /// ```
  ///
  /// When a process dies its lock is free, unless a child has inherited the descriptor.
  public struct FileLock: Sendable, Hashable {
    /// Two spellings of one name are one lock here, but for `..` and links: those are other names of the file, which
    /// wait for each other at the kernel, or throw `alreadyHeld` in `posix` mode.
    public var path: ByteString
    /// `flock` is what flock(1) takes; `ofd` excludes what fcntl(2) and lockf(3) take.
    public var mode: KernelMode
    /// The bytes that are locked, which need not be there; nil: all. For the modes `ofd` and `posix`.
    public var range: Range<Int64>?
    /// What to do when there is no file.
    public var creation = Creation.ifMissing(permissions: nil, group: nil)
    /// Remove the file at release, if it is empty and nobody else has locked it by then.
    public var removesFile = false
    /// How many may wait, in order of arrival, also among processes that do so (`swlock run --queue`): whoever would be
    /// one more finds the lock busy; who is about to take it counts until it has it. `Int.max`: any number; nil: no order but the kernel's. In mode `flock`, where the
    /// readers of this process take turns then. Of those who wait here other processes see the first.
    public var queueLimit: Int?

    /// The lock at a path. One that is no text is set as `path`.
    public init(_ path: String, mode: KernelMode = .flock) {
      self.path = ByteString(path)
      self.mode = mode
    }

    var key: LockKey { LockKey(.kernel(mode), path, bytes) }

    private var bytes: ByteRange {
      guard let range else { return .wholeFile }
      if range.isEmpty || range.lowerBound < 0 { return .refused }
      return ByteRange(
        start: range.lowerBound, length: range.upperBound - range.lowerBound) ?? .refused
    }

    private func request(_ access: Sharing, _ patience: Patience) -> LockRequest {
      var request = LockRequest(
        path: path, kind: .kernel(mode, range: bytes), sharing: access, patience: patience)
      request.creation = creation
      request.removesFile = removesFile
      request.queue = queueLimit.map { WaitingQueue(limit: $0 == .max ? nil : $0) }
      return request
    }

    private func attempt(_ access: Sharing, _ patience: Patience, owns: Bool) -> Attempt {
      Attempt(key, request(access, patience), owns: owns)
    }
  }

  // MARK: - For tasks

  extension FileLock {
    /// Runs `body` under the lock, in the isolation of the caller.
    ///
    /// - Parameters:
    ///   - access: whether others may share it.
    ///   - timeout: how long to wait for the lock at most; nil: for ever.
    ///   - body: what runs under it; it may take as long as it likes.
    /// - Throws: what `body` throws; `LockError`, of which `timedOut`, and `alreadyHeld` where this task runs a body
    ///   under the lock already; `CancellationError`, when the task was cancelled before it had the lock. Later, the
    ///   body sees that.
    nonisolated(nonsending)
      public func withLock<Result: ~Copyable>(
        _ access: Sharing = .exclusive, timeout: Duration? = nil,
        _ body: (borrowing Held) async throws -> Result
      ) async throws -> Result
    {
      let grip = try await Self.take(timeout) { attempt(access, $0, owns: true) }
      return try await Self.run(body, under: Held(grip))
    }

    /// The same, for a body that needs no descriptor.
    nonisolated(nonsending)
      public func withLock<Result: ~Copyable>(
        _ access: Sharing = .exclusive, timeout: Duration? = nil,
        _ body: () async throws -> Result
      ) async throws -> Result
    {
      try await withLock(access, timeout: timeout) { (_: borrowing Held) in try await body() }
    }

    /// The same, if the lock can be had at once; nil if not.
    nonisolated(nonsending)
      public func withLockIfAvailable<Result: ~Copyable>(
        _ access: Sharing = .exclusive, _ body: () async throws -> Result
      ) async throws -> Result?
    {
      let grip: Grip
      do {
        grip = try await attempt(access, .never, owns: true).perform()
      } catch LockError.busy {
        return nil
      }
      return try await Self.run({ (_: borrowing Held) in try await body() }, under: Held(grip))
    }

    nonisolated(nonsending)
      private static func run<Result: ~Copyable>(
        _ body: (borrowing Held) async throws -> Result, under held: consuming Held
      ) async throws -> Result
    {
      let result: Result
      do {
        result = try await body(held)
      } catch {
        try? await held.release()
        throw error
      }
      try? await held.release()
      return result
    }

    /// Takes the lock, which is released with the end of what is returned.
    ///
    /// - Parameters:
    ///   - access: whether others may share it.
    ///   - timeout: how long to wait at most; nil: for ever.
    /// - Throws: `LockError`; `CancellationError`, and then nothing is held.
    nonisolated(nonsending)
      public func acquire(_ access: Sharing = .exclusive, timeout: Duration? = nil) async throws
      -> Held
    {
      Held(try await Self.take(timeout) { attempt(access, $0, owns: false) })
    }

    /// The same as `acquire`, if the lock can be had at once.
    ///
    /// - Returns: nil where it cannot.
    nonisolated(nonsending)
      public func tryAcquire(_ access: Sharing = .exclusive) async throws -> Held?
    {
      do {
        return Held(try await attempt(access, .never, owns: false).perform())
      } catch LockError.busy {
        return nil
      }
    }

    /// Who has a lock on the file, and who waits for one. Takes no lock.
    ///
    /// - Throws: `LockError.system`, where there is no file for example.
    nonisolated(nonsending)
      public func inspect() async throws(LockError) -> LockInspection
    {
      let path = path
      return try await WaitingThreads.attempt { () throws(LockError) in try inspectLocks(at: path) }
    }

    /// Waits until nobody has a lock that keeps this one away, and never takes it, not even for a moment. Whether it is
    /// still free then, nobody can say.
    ///
    /// - Parameter timeout: how long to wait at most; nil: for ever.
    /// - Throws: `LockError`, of which `timedOut`; `CancellationError`, after a second at most.
    nonisolated(nonsending)
      public func waitUntilFree(timeout: Duration? = nil) async throws
    {
      _ = try KernelTaking(checked: request(.exclusive, .never))
      if bytes == .refused { throw LockError.system(.fcntl, .invalid) }
      let wait = Guarded(FreeWait([path], .unlocked([.kernel(mode, range: bytes)])))
      let deadline = timeout.map { Deadline.after($0) } ?? .distantFuture
      while true {
        try Task.checkCancellation()
        let isFree = try await WaitingThreads.attempt { () throws(LockError) in
          try wait.withLock { (wait: inout FreeWait) throws(LockError) in
            if try wait.look() == nil { return true }
            if deadline.hasPassed { throw .timedOut }
            wait.sleep(min(.seconds(1), deadline.remaining))
            return false
          }
        }
        if isFree { return }
      }
    }
  }

  // MARK: - For threads

  extension FileLock {
    /// As `withLock`, and blocks the thread; in the same line.
    @available(*, noasync, message: "blocks the thread: await withLock instead")
    public func withLockBlocking<Result: ~Copyable>(
      _ access: Sharing = .exclusive, timeout: Duration? = nil,
      _ body: (borrowing Held) throws -> Result
    ) throws -> Result {
      let patience = timeout.map { Patience.within($0) } ?? .forever
      let held = Held(try attempt(access, patience, owns: true).performBlocking())
      let result: Result
      do {
        result = try body(held)
      } catch {
        try? held.grip.end()
        throw error
      }
      try? held.grip.end()
      return result
    }

    /// As `acquire`, and blocks the thread; in the same line.
    @available(*, noasync, message: "blocks the thread: await acquire instead")
    public func acquireBlocking(
      _ access: Sharing = .exclusive, timeout: Duration? = nil
    ) throws(LockError) -> Held {
      let patience = timeout.map { Patience.within($0) } ?? .forever
      return Held(try attempt(access, patience, owns: false).performBlocking())
    }
  }

  // MARK: - What is held

  extension FileLock {
    /// The lock while it is held. It cannot be copied, and is released at the end of its life.
    public struct Held: ~Copyable, Sendable {
      let grip: Grip

      init(_ grip: Grip) { self.grip = grip }

      deinit { try? grip.end() }

      /// For a child, which keeps the lock with it in the modes `flock` and `ofd`. Nobody else closes it.
      public var descriptor: CInt { grip.descriptor! }

      /// Releases the lock.
      ///
      /// - Throws: an error of closing the file, or of its removal; the lock is not held in any case.
      public consuming func release() async throws(LockError) {
        let grip = grip
        try await WaitingThreads.attempt { () throws(LockError) in try grip.end() }
      }

      /// As `release`, and blocks the thread.
      @available(*, noasync, message: "blocks the thread: await release instead")
      public consuming func releaseBlocking() throws(LockError) { try grip.end() }
    }

    nonisolated(nonsending)
      static func take(
        _ timeout: Duration?, _ attempt: (Patience) -> Attempt
      ) async throws -> Grip
    {
      guard let timeout else { return try await attempt(.forever).perform() }
      if timeout > .zero {
        return try await attempt(.forever).perform(until: .now + timeout, .continuous)
      }
      do {
        return try await attempt(.never).perform()
      } catch LockError.busy {
        throw LockError.timedOut
      }
    }
  }

  extension Attempt {
    /// Waits until a point in time at most.
    func perform<C: Clock>(until deadline: C.Instant, _ clock: C) async throws -> Grip {
      let timer = Task {
        try await clock.sleep(until: deadline, tolerance: nil)
        stop(.timedOut)
      }
      defer { timer.cancel() }
      return try await perform()
    }
  }
#endif
