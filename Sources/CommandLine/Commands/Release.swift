internal import CSystem
internal import Locking
internal import SystemInterface

/// `swlock release`: ends a lock that was acquired.
struct Release {
  private let options: HolderOptions

  init(_ options: HolderOptions) {
    self.options = options
  }

  func perform() throws(Failure) -> Int32 {
    if let descriptor = options.descriptor { return try unlockDescriptor(descriptor) }
    let path = try options.lock.lockPath(options.path)
    let owner = try options.owner.resolved(for: .release)
    if isHardlink(path) {
      try options.lock.act("release", path, as: owner, .release)
    } else {
      try releaseKept(path, owner)
    }
    options.lock.say("released \(path)")
    return ExitStatus.done.rawValue
  }

  private func isHardlink(_ path: ByteString) -> Bool {
    guard options.anyMode else { return options.lock.mode == .hardlink }
    guard let location = try? HardlinkLocation(path, options.lock.hardlink),
      let report = try? location.report()
    else { return false }
    return report.state != .unlocked
  }

  /// Ends all processes that keep a lock there for this owner, and waits until they have ended.
  ///
  /// They are found by what they are called, and looked at then: the table of all locks takes longer.
  private func releaseKept(_ path: ByteString, _ owner: LockOwner?) throws(Failure) {
    var isHeld = false
    if let file = try? FileStatus(at: path, followingLinks: true).identity {
      for number in KeptLock.keepers() {
        guard let kept = ObservedProcess(number).flatMap({ KeptLock(of: $0) }),
          isMeant(kept, owner),
          let process = Locking.process(
            number, keeping: kept.mode, on: file, with: kept.descriptor),
          process.user == geteuid() || geteuid() == 0
        else { continue }
        isHeld = true
        do throws(Errno) {
          try send(SIGTERM, to: process)
          try waitForEnd(of: process, killingAt: .seconds(10))
        } catch {
          throw .ending("pid \(process.identifier)", "release", path, error)
        }
      }
    }
    if isHeld { return }
    let inspection = try inspection(of: path, "release")
    let holder = inspection?.locks.lazy.compactMap { $0.holders.first }.first
    let reason = holder.map { Message("it is held by \($0.process.phrase)") }
    throw .hardlink(
      "release", path, .notHeld, reason ?? options.lock.notHeldReason(owner, nil))
  }

  private func isMeant(_ kept: KeptLock, _ owner: LockOwner?) -> Bool {
    if !options.anyMode, let mode = options.lock.mode, kept.mode != mode { return false }
    return kept.isFor(owner)
  }

  private func unlockDescriptor(_ descriptor: Int32) throws(Failure) -> Int32 {
    do throws(LockError) {
      try KernelLock(mode: options.lock.mode ?? .flock).drop(descriptor)
    } catch {
      throw Failure(
        Failure.status(error),
        "unable to release descriptor \(descriptor): \(Failure.reason(error))")
    }
    return ExitStatus.done.rawValue
  }
}

/// Sends `signal` to `process`, and to no other that has got its number; nothing where it has ended.
func send(_ signal: Int32, to process: ObservedProcess) throws(Errno) {
  do throws(Errno) {
    // Looked at again once it is held: as long as the one that is meant lived until then, the handle
    // is its.
    let handle = try ProcessHandle(process.identifier)
    guard ObservedProcess(process.identifier)?.startTicks == process.startTicks else { return }
    try handle.send(signal)
    // A stopped one would not notice.
    if signal != SIGKILL { try handle.send(SIGCONT) }
  } catch .noProcess {
    return
  }
}

/// Waits until `process` has ended, and has it killed at `deadline`.
func waitForEnd(of process: ObservedProcess, killingAt deadline: Deadline) throws(Errno) {
  do throws(Errno) {
    let handle = try ProcessHandle(process.identifier)
    guard ObservedProcess(process.identifier)?.startTicks == process.startTicks else { return }
    if try handle.waitForEnd(by: deadline) { return }
    try handle.send(SIGKILL)
    _ = try handle.waitForEnd()
  } catch .noProcess {
    return
  }
}

/// Who has kernel locks at `path`; nil where no file is there.
func inspection(
  of path: ByteString, _ verb: StaticString
) throws(Failure) -> LockInspection? {
  do throws(LockError) {
    return try inspectLocks(at: path)
  } catch .system(.open, .missing) {
    return nil
  } catch {
    throw .hardlink(verb, path, error)
  }
}
