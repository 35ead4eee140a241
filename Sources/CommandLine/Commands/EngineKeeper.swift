internal import CSystem
internal import Launching
internal import Locking
internal import SystemInterface

// A lock of an engine's that `acquire` took: a process keeps the socket, and takes what the engine says.

/// What a keeper tells `release` of a lock that it could not give back. Nobody but its parent learns how a process
/// ended, so it shows this by its name, and stays until `release` has seen it and kills it; for 2 s, since another one
/// may have sent the signal.
enum KeeperReport: CaseIterable {
  case lost, unreleased

  /// At most 15 bytes.
  private var name: Literal {
    switch self {
    case .lost: "swlock: lost"
    case .unreleased: "swlock: silent"
    }
  }

  var failure: LockError {
    switch self {
    case .lost: .lost
    case .unreleased: .engine(.unreleased)
    }
  }

  /// `release` looks twenty times a second.
  fileprivate func show() {
    csystem_name_process(name.cString)
    _ = try? waitUntilReadable([], by: .after(.seconds(2)))
  }

  /// Of `keeper`, if it has one yet.
  init?(of keeper: ObservedProcess) {
    guard let name = keeper.threadName(),
      let report = Self.allCases.first(where: { name == $0.name })
    else { return nil }
    self = report
  }
}

extension Keeper {
  /// Until the last owner has ended, a signal comes, or the lock is lost. The owners are told of a loss by SIGTERM,
  /// in time if there is any; nobody is killed, since they are not the keeper's.
  func keepByEngine(_ lease: KeptLock.Lease) throws(Failure) -> Int32 {
    let link = EngineLink(FileDescriptor(taking: kept.descriptor))
    var terms: EngineTerms?
    if let name = kept.mode.engine {
      terms = EngineTerms(name)
      terms?.lifetime = lease.lifetime
    }
    guard let terms else { return ExitStatus.usage.rawValue }
    let lock: HeldLock
    do throws(LockError) {
      lock = try HeldLock(adopting: link, path: kept.path, terms, until: lease.deadline)
      try? closeOnExec(kept.descriptor)
    } catch {
      throw Failure(.systemCall, .unable(to: "hold", kept.path, Failure.reason(error)))
    }
    let result: Result<Bool, Failure>
    do throws(Failure) {
      result = .success(try attend(to: lock, lease))
    } catch {
      result = .failure(error)
    }
    var failure: LockError?
    lock.release { _, error in failure = error }
    if try !result.get() { failure = .notHeld }
    guard let failure else { return ExitStatus.done.rawValue }
    let report: KeeperReport = failure.isLoss ? .lost : .unreleased
    // Of a signal that nobody has taken, somebody waits for this process's end.
    if SignalSet([SIGTERM]).takePending() != nil { report.show() }
    return ExitStatus.notHeld.rawValue
  }

  /// - Returns: false once it is lost.
  private func attend(
    to lock: borrowing HeldLock, _ lease: KeptLock.Lease
  ) throws(Failure) -> Bool {
    let interruption = try blockedDescriptor(of: SignalSet([SIGTERM, SIGINT, SIGQUIT, SIGHUP]))
    var owners = try openOwners()
    if !kept.owners.isEmpty, owners.isEmpty { throw ownersAreGone }
    if !confirmKeeping() { return true }
    var areTold = lease.isSilent
    var hasEngine = true
    var isOver = false
    while true {
      if hasEngine {
        do throws(LockError) {
          try lock.refresh()
        } catch {
          if error.isLoss {
            if !areTold { tell(owners) }
            return false
          }
          hasEngine = !error.endsLock
        }
      }
      // A loss that came at the same moment has been seen.
      if isOver { return true }
      let deadline = lock.deadline ?? .distantFuture
      let warning = deadline - lease.lifetime / 6
      // Of a machine that was suspended, only this clock tells.
      let isEnding = !hasEngine || lock.requestToEnd != nil || .now >= warning
      if isEnding, !areTold {
        tell(owners)
        areTold = true
      }
      if .now >= deadline { return false }
      let pause = min(.seconds(1), max(.milliseconds(1), (areTold ? deadline : warning) - .now))
      var awaited = owners.map { $0.number } + [interruption.number]
      if hasEngine, let socket = lock.socket { awaited.append(socket) }
      let ready = (try? waitUntilReadable(awaited, by: .after(pause))) ?? nil
      guard let ready, ready <= owners.count else { continue }
      if ready < owners.count {
        owners.remove(at: ready)
        isOver = owners.isEmpty
      } else {
        isOver = true
      }
    }
  }

  private func tell(_ owners: [ProcessHandle]) {
    for owner in owners { try? owner.send(SIGTERM) }
  }
}
