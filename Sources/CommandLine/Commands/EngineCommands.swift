internal import CSystem
internal import Launching
internal import Locking
internal import SystemInterface

// What `release`, `status` and `break` do with a lock that an engine keeps.

extension Release {
  /// Ends the processes that keep the lock of this name for these owners, the last `acquire --reentrant` first.
  func releaseByEngine(
    _ engine: EngineTerms, _ owners: Owners, _ keepers: [Int32]
  ) throws(Failure) {
    let name = options.path
    var last: ObservedProcess?
    var holders: [ObservedProcess] = []
    for number in keepers {
      guard let (process, kept) = keeper(number, owners), kept.path == name else { continue }
      if kept.support == nil {
        holders.append(process)
      } else if last.map({ $0.startTicks <= process.startTicks }) ?? true {
        last = process
      }
    }
    if let last {
      try end(last, name)
      options.lock.say("released \(name)")
      return
    }
    if holders.isEmpty {
      throw options.lock.expected(
        .hardlink("release", name, .notHeld, options.lock.notHeldReason(owners, nil)))
    }
    var failure: LockError?
    try checkProcessNumbers("release", name)
    for holder in holders {
      do throws(Errno) {
        failure = try giveBack(holder) ?? failure
      } catch {
        throw .ending("pid \(holder.identifier)", "release", name, error)
      }
    }
    if let failure { throw .hardlink("release", name, failure) }
    options.lock.say("released \(name)")
  }

  /// The engine whose lock of this name that process keeps for these owners, where no mode was named.
  func engine(keptBy number: Int32, _ owners: Owners) -> EngineName? {
    guard let kept = ObservedProcess(number).flatMap({ KeptLock(claimedBy: $0) }),
      kept.path == options.path, kept.isFor(owners)
    else { return nil }
    return kept.mode.engine
  }

  /// Ends `keeper`, which gives its lock back first.
  ///
  /// - Returns: why it could not.
  private func giveBack(_ keeper: ObservedProcess) throws(Errno) -> LockError? {
    do throws(Errno) {
      let handle = try ProcessHandle(keeper.identifier)
      guard keeper.isSame(as: ObservedProcess(keeper.identifier)) else { return nil }
      try handle.tell(SIGTERM)
      let deadline = Deadline.after(.seconds(10))
      var report: KeeperReport?
      while report == nil, !deadline.hasPassed {
        if try handle.waitForEnd(by: .after(.milliseconds(50))) { return nil }
        report = KeeperReport(of: keeper)
      }
      try handle.waitForEnd(killingAt: .now)
      return (report ?? .unreleased).failure
    } catch .noProcess {
      return nil
    }
  }
}

extension LockOptions {
  /// How long an engine may take to answer.
  private static let answerTime = Span.seconds(15)

  fileprivate func engineReport(
    _ name: ByteString, _ verb: Literal
  ) throws(Failure) -> EngineReport {
    let question = EngineQuestion(try askEngine("show", name), within: Self.answerTime)
    do throws(LockError) {
      return try question.report()
    } catch {
      throw .hardlink(verb, name, error)
    }
  }

  fileprivate func breakByEngine(_ name: ByteString) throws(Failure) {
    let question = EngineQuestion(
      try askEngine("break", name), within: Self.answerTime + .seconds(10))
    do throws(LockError) {
      try question.waitForBreak()
    } catch {
      throw .hardlink("break", name, error)
    }
  }
}

extension Status {
  func look(atName name: ByteString, _ engine: EngineTerms) -> Look {
    say("asking engine \(engine.name.text) for \(name)")
    do throws(Failure) {
      let report = try options.lock.engineReport(name, "look at")
      let text =
        options.quiet
        ? Message() : options.json ? JSON.report(report, name, engine.name.text) : report.text(name)
      return Look(text, key: report.key, isHeld: !report.holders.isEmpty)
    } catch {
      return Look(error)
    }
  }
}

extension EngineReport {
  /// The same as long as nothing has happened but that time passed.
  fileprivate var key: Message {
    var key = Message()
    for entry in holders + waiters { key.append("\(entry.token) ") }
    key.append("\(Int64(holders.count))")
    return key
  }
}

extension Break {
  /// Whoever waits for it is to have it next.
  func breakLock(named name: ByteString, _ engine: EngineTerms) throws(Failure) {
    let report = try options.lock.engineReport(name, "break")
    guard let holder = report.holders.first else {
      options.lock.say("\(name) is free")
      return
    }
    if !options.force {
      throw Failure(
        .busy,
        .unable(
          to: "break", name, "it is held by \(holder.phrase) (--force breaks it all the same)"))
    }
    try options.lock.breakByEngine(name)
    options.lock.say("broke \(name), which was held by \(holder.phrase)")
  }
}
