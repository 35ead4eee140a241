internal import CSystem
internal import Launching
internal import Locking
internal import SystemInterface

/// `swlock hold`, which only `acquire` calls: the process that keeps a lock, or watches one that it relies
/// on. It ends when the last owner does, when the lock that it relies on is gone, or a signal comes.
struct Keeper {
  let kept: KeptLock

  init(_ kept: KeptLock) {
    self.kept = kept
  }

  func perform() throws(Failure) -> Int32 {
    // The program was executed by another name, which ps and lslocks would show.
    csystem_name_process("swlock")
    if let support = kept.support {
      let reliance = try reliance(on: support)
      try keep(reliance, nil)
      return ExitStatus.done.rawValue
    }
    if let lease = kept.lease { return try keepByEngine(lease) }
    let lock = try adopt()
    let companion = companion(for: lock)
    let failure: Failure?
    do throws(Failure) {
      try keep(nil, companion)
      failure = nil
    } catch {
      failure = error
    }
    if let companion {
      if companion.isEnding {
        lock.leaveOpen()
        leaveDescriptorsOpen()
        return ExitStatus.notHeld.rawValue
      }
      companion.end()
    }
    // With this it ends, in any case; nobody is left to tell what may go wrong.
    try? lock.release()
    if let failure { throw failure }
    return ExitStatus.done.rawValue
  }

  /// With what a server keeps, somebody has to see that it does. Where that is not known, or cannot be, it is
  /// kept all the same.
  private func companion(for lock: borrowing HeldLock) -> LeaseCompanion? {
    guard let lease = (try? lock.serverLease()) ?? nil else { return nil }
    return try? LeaseCompanion(lease)
  }

  private func keep(_ reliance: Reliance?, _ companion: LeaseCompanion?) throws(Failure) {
    let interruption = try blockedDescriptor(of: SignalSet([SIGTERM, SIGINT, SIGQUIT, SIGHUP]))
    var owners = try openOwners()
    if !kept.owners.isEmpty, owners.isEmpty { throw ownersAreGone }
    if !confirmKeeping() { return }
    var areTold = false
    while true {
      // The owners come first, so that the place of one that has ended is its own.
      let awaited = owners.map { $0.number } + [interruption.number]
      let ready: Int?
      if let reliance {
        ready = reliance.waitForEnd(orUntil: awaited)
      } else {
        let pause = companion.map { Deadline.after(min($0.lease.warning / 4, .seconds(1))) }
        ready = (try? waitUntilReadable(awaited, by: pause)) ?? nil
      }
      if ready == nil, let companion {
        if companion.isEnding, !areTold {
          for owner in owners { try? owner.send(SIGTERM) }
          areTold = true
        }
        if companion.isLost { return }
        continue
      }
      guard let ready, ready < owners.count else { return }
      owners.remove(at: ready)
      if owners.isEmpty { return }
    }
  }

  /// Those that live.
  func openOwners() throws(Failure) -> [ProcessHandle] {
    var handles: [ProcessHandle] = []
    for owner in kept.owners {
      do throws(Errno) {
        // Looked at once it is held: as long as the one that is meant lived until then, the handle is its.
        let handle = try ProcessHandle(owner.process)
        if kept.isOwned(by: ObservedProcess(owner.process)) { handles.append(handle) }
      } catch .noProcess {
        continue
      } catch {
        let status: ExitStatus = error == .notImplemented ? .unsupported : .systemCall
        throw Failure(status, .unable(to: "hold", kept.path, "pidfd_open: \(error.text)"))
      }
    }
    return handles
  }

  private func adopt() throws(Failure) -> HeldLock {
    do throws(LockError) {
      return try HeldLock(
        adopting: kept.descriptor, path: kept.path, kind: kept.mode.kind(),
        removesFile: kept.unlinks)
    } catch {
      throw Failure(.systemCall, .unable(to: "hold", kept.path, Failure.reason(error)))
    }
  }

  private func reliance(on support: KeptLock.Support) throws(Failure) -> Reliance {
    let reliance: Reliance? =
      if kept.mode.engine != nil {
        parseNumber(support.holder.bytes).flatMap { Int32(exactly: $0) }.flatMap { holder in
          Reliance(onProcess: holder, start: support.start, at: kept.path, kept.mode.kind())
        }
      } else if !kept.mode.hasClaim {
        parseNumber(support.holder.bytes).flatMap { Int32(exactly: $0) }.flatMap { holder in
          Reliance(
            onDescriptor: kept.descriptor, of: holder, start: support.start,
            kind: kept.mode.kind(), at: kept.path)
        }
      } else {
        Reliance(onClaim: support.holder, at: kept.path, kept.mode.kind())
      }
    guard let reliance, reliance.isHeld else {
      throw Failure(.notHeld, .unable(to: "hold", kept.path, Failure.reason(.lost)))
    }
    return reliance
  }

  var ownersAreGone: Failure {
    let number = Int64(kept.owners[0].process)
    return Failure(.systemCall, .unable(to: "hold", kept.path, "there is no process \(number)"))
  }
}
