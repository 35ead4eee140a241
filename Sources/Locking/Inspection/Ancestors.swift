internal import CSystem

/// A process and those from which it comes, the nearest first; the chain ends where one cannot be
/// seen.
///
/// A parent is older than its child: one that is not has only got the number of a parent that has
/// ended.
func ancestry(of process: Int32) -> [ObservedProcess] {
  var chain: [ObservedProcess] = []
  var next = process
  while next > 0, let process = ObservedProcess(next) {
    if let child = chain.last, process.startTicks > child.startTicks { break }
    if chain.contains(where: { $0.identifier == next }) { break }
    chain.append(process)
    next = process.parent
  }
  return chain
}

/// A lock that keeps a process waiting for ever, since it is held above it.
public struct LockAbove: Equatable, Sendable {
  public let lock: ObservedLock
  public let holder: LockHolder

  public var process: ObservedProcess { holder.process }
}

/// The process that has a lock which excludes `request` and will not end before `process` does: itself,
/// with a descriptor that it inherited or opened, or the nearest of its ancestors; or one that has the
/// lock on behalf of one of these. Nil where there is none.
///
/// Waiting for that lock would never end. Only these few processes are looked at, and those that took
/// the locks. Where one of them may not be inspected, it counts if /proc/locks names it; then the holder
/// is not verified.
///
/// - Parameters:
///   - request: the lock that is wanted.
///   - process: nil is the calling one.
///   - looksAtAll: look at all processes, also for those whose locks the table does not name.
///   - keeps: whether a process has its locks on behalf of one of these.
/// - Throws: as `inspectLocks(at:)`; a file that is not there is held by nobody, and no error.
public func ancestorHolding(
  _ request: LockRequest, above process: Int32? = nil, amongAll looksAtAll: Bool = false,
  orKeeping keeps: (ObservedProcess, [ObservedProcess]) -> Bool = { _, _ in false }
) throws(LockError) -> LockAbove? {
  let file: LockedFile
  do throws(LockError) {
    file = try LockedFile(request.path)
  } catch .system(.open, .missing) {
    return nil
  }
  var survey = try LockSurvey(file)
  if !survey.isNeeded { return nil }
  let chain = ancestry(of: process ?? getpid())
  for process in chain { survey.look(at: process.identifier) }
  if looksAtAll {
    survey = try LockSurvey(file)
    _ = try survey.lookAtAllProcesses(thoroughly: true)
  }
  for locker in survey.lockers
  where !looksAtAll && !chain.contains(where: { $0.identifier == locker }) {
    survey.look(at: locker)
  }
  if !looksAtAll { survey.addLockersThatCannotBeRead() }
  let locks = survey.inspection.locks.filter { $0.excludes(request) }
  for process in chain {
    // In `posix` mode, a process does not exclude itself.
    let isSelf = process.identifier == chain.first?.identifier
    for lock in locks {
      if isSelf, lock.mode == .posix, request.mode == .posix { continue }
      let holder = lock.holders.first { $0.process.identifier == process.identifier }
      if let holder { return LockAbove(lock: lock, holder: holder) }
    }
  }
  for lock in locks {
    if let holder = lock.holders.first(where: { keeps($0.process, chain) }) {
      return LockAbove(lock: lock, holder: holder)
    }
  }
  return nil
}

/// The first processes that /proc/locks names as those that took a lock on the file at `path`; none of an
/// `ofd` lock. Cheaper than to ask who has one.
///
/// - Throws: as `inspectLocks(at:)`.
public func lockers(at path: ByteString) throws(LockError) -> [Int32] {
  try LockSurvey(LockedFile(path)).lockers
}
