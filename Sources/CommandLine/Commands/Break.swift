internal import CSystem
internal import Locking
internal import SystemInterface

/// `swlock break`: ends locks whose owner is dead or overdue.
struct Break {
  let options: ViewerOptions

  init(_ options: ViewerOptions) {
    self.options = options
  }

  /// Goes on after a lock that cannot be broken; the first of these makes the status.
  func perform() throws(Failure) -> Int32 {
    var first = FirstFailure()
    for path in options.paths {
      do throws(Failure) {
        if let engine = options.lock.engine {
          try breakLock(named: path, engine)
        } else {
          try breakLock(try options.lock.lockPath(path))
        }
      } catch {
        let isExpected =
          error.status == ExitStatus.busy.rawValue || error.status == ExitStatus.missing.rawValue
        first.say(isExpected ? options.lock.expected(error) : error)
      }
    }
    return first.status
  }

  private func breakLock(_ path: ByteString) throws(Failure) {
    if !isHardlink(path), let found = try inspection(of: path, "break"),
      found.hasHolder || isNoData(path)
    {
      return try endHolders(of: path, found)
    }
    try breakClaim(path)
  }

  /// What is no claim can only have locks of the kernel.
  private func isHardlink(_ path: ByteString) -> Bool {
    if options.lock.style == .portage { return true }
    do throws(LockError) {
      let report = try options.lock.claimKind.location(at: path).report()
      return report.state != .unlocked
    } catch {
      return false
    }
  }

  /// Whether it can only be a lock of the kernel's.
  private func isNoData(_ path: ByteString) -> Bool {
    guard let status = try? FileStatus(at: path, followingLinks: true) else { return false }
    return status.kind == .regular && status.size == 0 || status.kind == .blockDevice
  }

  /// Only those who have the lock now: whoever waited for it is to have it next.
  private func endHolders(of path: ByteString, _ found: LockInspection) throws(Failure) {
    if found.elsewhere.isHeld {
      throw Failure(.busy, .unable(to: "break", path, "it is held on another host"))
    }
    if found.locks.isEmpty {
      if found.elsewhere == .unknown {
        throw Failure(
          .unsupported,
          .unable(to: "break", path, "nobody has it here, and locks of other hosts are not seen"))
      }
      options.lock.say("\(path) is free")
      return
    }
    let ending = HolderEnding(
      verb: "break", path: path, isToEnd: options.kill != nil, strangers: options.strangers,
      strangersHint: " (--strangers ends it all the same)")
    let holders = try ending.holders(found.locks)
    let ended = try ending.processes(toEnd: holders)
    try end(ended, andThen: holders, path)
    options.lock.say("broke \(path), which was held by \(holders[0].phrase)")
  }

  /// Ends `processes`, all or none, and waits for the end of `holders` as well, which follows from that.
  private func end(
    _ processes: [ObservedProcess], andThen holders: [ObservedProcess], _ path: ByteString
  ) throws(Failure) {
    let deadline = Deadline.after(options.killAfter ?? .seconds(10))
    var process = processes[0]
    do throws(Errno) {
      for each in processes {
        process = each
        try checkPermission(toEnd: each)
      }
      for each in processes {
        process = each
        try send(options.kill ?? SIGTERM, to: each)
      }
      for each in processes + holders {
        process = each
        try waitForEnd(of: each, killingAt: deadline)
      }
    } catch {
      throw .ending(process.phrase, "break", path, error)
    }
  }

  private func breakClaim(_ path: ByteString) throws(Failure) {
    let wasThere = (try? FileStatus(at: path, followingLinks: false)) != nil
    var holder: HardlinkClaim?
    do throws(LockError) {
      let location = try options.lock.claimKind.location(at: path)
      do throws(LockError) {
        let broken = try location.breakLock(force: options.force)
        if let broken {
          options.lock.say("broke \(path), which was held \(broken.ownerPhrase)")
        } else if !wasThere {
          throw LockError.system(.open, .missing)
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
    "it is held \(holder.livingPhrase) (--force breaks it all the same)"
  }
}
