internal import CSystem
internal import Locking
internal import SystemInterface

/// `swlock break`: ends locks whose owner is dead or overdue.
struct Break {
  private let options: ViewerOptions

  init(_ options: ViewerOptions) {
    self.options = options
  }

  /// Goes on after a lock that cannot be broken; the first of these makes the status.
  func perform() throws(Failure) -> Int32 {
    var first = FirstFailure()
    for path in options.paths {
      do throws(Failure) {
        try breakLock(try options.lock.lockPath(path))
      } catch {
        first.say(error)
      }
    }
    return first.status
  }

  private func breakLock(_ path: ByteString) throws(Failure) {
    if !isHardlink(path), let found = try inspection(of: path, "break"),
      !found.locks.isEmpty || isEmptyFile(path)
    {
      return try endHolders(of: path, found)
    }
    try breakClaim(path)
  }

  /// What is no claim can only have locks of the kernel.
  private func isHardlink(_ path: ByteString) -> Bool {
    if options.lock.hardlink.style == .portage { return true }
    do throws(LockError) {
      let report = try HardlinkLocation(path, options.lock.hardlink).report()
      return report.state != .unlocked
    } catch {
      return false
    }
  }

  private func isEmptyFile(_ path: ByteString) -> Bool {
    guard let status = try? FileStatus(at: path, followingLinks: true) else { return false }
    return status.kind == .regular && status.size == 0
  }

  /// Only those who have the lock now: whoever waited for it is to have it next.
  private func endHolders(of path: ByteString, _ found: LockInspection) throws(Failure) {
    if found.locks.isEmpty {
      options.lock.say("\(path) is free")
      return
    }
    var holders: [ObservedProcess] = []
    for lock in found.locks {
      for holder in lock.holders where !holders.contains(holder.process) {
        if options.kill == nil || !holder.isVerified || isAbove(holder.process) {
          throw refusal(path, lock, holder)
        }
        holders.append(holder.process)
      }
      if lock.holders.isEmpty {
        throw Failure(
          .busy, "unable to break \(path): it is held by somebody who cannot be seen here")
      }
    }
    let deadline = Deadline(nanosecondsFromNow: options.killAfter ?? 10_000_000_000)
    var process = holders[0]
    do throws(Errno) {
      for holder in holders {
        process = holder
        try send(options.kill ?? SIGTERM, to: holder)
      }
      for holder in holders {
        process = holder
        try waitForEnd(of: holder, killingAt: deadline)
      }
    } catch {
      throw .ending(process.phrase, "break", path, error)
    }
    options.lock.say("broke \(path), which was held by \(holders[0].phrase)")
  }

  /// Who would end this command, or its shell, before it is done.
  private func isAbove(_ process: ObservedProcess) -> Bool {
    process.identifier == getpid() || process.identifier == getppid()
  }

  private func refusal(
    _ path: ByteString, _ lock: ObservedLock, _ holder: LockHolder
  ) -> Failure {
    let phrase = holder.process.phrase
    let reason: Message
    if isAbove(holder.process) {
      reason = "it is held by \(phrase), which has called this command"
    } else if !holder.isVerified {
      reason = "it is held by \(phrase), which may not be inspected"
    } else if case .process(let locker) = lock.locker, ObservedProcess(locker) == nil {
      reason =
        "pid \(locker), which took it, is gone, and it is held on by \(phrase) (--kill ends that)"
    } else {
      reason = "it is held by \(phrase), which is alive (--kill ends it)"
    }
    return Failure(.busy, "unable to break \(path): \(reason)")
  }

  private func breakClaim(_ path: ByteString) throws(Failure) {
    var holder: HardlinkClaim?
    do throws(LockError) {
      let location = try HardlinkLocation(path, options.lock.hardlink)
      do throws(LockError) {
        let broken = try location.breakLock(force: options.force)
        if let broken {
          options.lock.say("broke \(path), which was held \(broken.ownerPhrase)")
        } else {
          options.lock.say("\(path) is free")
        }
      } catch .busy {
        holder = (try? location.report())?.holder
        throw .busy
      }
    } catch {
      throw .hardlink("break", path, error, holder.map(Self.refusal))
    }
  }

  /// Why a live lock is not broken.
  static func refusal(_ holder: HardlinkClaim) -> Message {
    let force: StaticString = "--force breaks it all the same"
    if holder.liveness == .alive {
      return "it is held \(holder.ownerPhrase), which is alive (\(force))"
    }
    return "it is held \(holder.ownerPhrase), which may be alive (\(force))"
  }
}
