internal import CSystem

/// A process and those from which it comes, the nearest first; the chain ends where one cannot be
/// seen.
///
/// A parent is older than its child: one that is not has only got the number of a parent that has
/// ended.
package func ancestry(of process: Int32) -> [ObservedProcess] {
  var chain: [ObservedProcess] = []
  if !procShowsThisNamespace() { return [] }
  var next = process
  while next > 0, let process = ObservedProcess(next) {
    if let child = chain.last, process.startTicks > child.startTicks { break }
    if chain.contains(where: { $0.identifier == next }) { break }
    chain.append(process)
    next = process.parent
  }
  return chain
}

/// The calling process and those from which it comes, the nearest first. Less is looked at for this than for
/// `ancestry(of:)`.
package func ownBranch() -> [Int32] {
  var branch: [Int32] = []
  var next = getpid()
  // Two looks at one that changes may find a circle.
  while next > 0, !branch.contains(next) {
    branch.append(next)
    guard
      let text = try? FileDescriptor.open("/proc/" + ByteString(decimal: next) + "/stat", O_RDONLY)
        .readAll(limit: 4096), let facts = ProcessStatistics(text)
    else { break }
    next = facts.parent
  }
  return branch
}

/// This process, and those before it in `chain` that are one command with it, by their words: one waits for
/// another, or tells of its wait.
package func ownProcesses(in chain: [ObservedProcess]) -> ArraySlice<ObservedProcess> {
  chain.prefix { $0.command == chain[0].command }
}

/// A lock that keeps a process waiting for ever, since it is held above it.
package struct LockAbove: Equatable, Sendable {
  package let lock: ObservedLock
  package let holder: LockHolder

  package var process: ObservedProcess { holder.process }
}

/// The process that has a lock which excludes `request` and will not end before the first of `chain` does: itself,
/// with a descriptor that it inherited or opened, or the nearest of its ancestors; or one that has the
/// lock on behalf of one of these. Nil where there is none.
///
/// Waiting for that lock would never end. Only these few processes are looked at, and those that took
/// the locks. Where one of them may not be inspected, it counts if /proc/locks names it; then the holder
/// is not verified.
///
/// - Parameters:
///   - request: the lock that is wanted.
///   - chain: as `ancestry(of:)` gives it; nil: of the calling process.
///   - others: processes to look at as well, since the table does not name everybody who took a lock.
///   - keeps: whether a process has its locks on behalf of one of these.
/// - Throws: as `inspectLocks(at:)`; a file that is not there is held by nobody, and no error.
package func ancestorHolding(
  _ request: LockRequest, in chain: [ObservedProcess]? = nil, orAmong others: [Int32] = [],
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
  let chain = chain ?? ancestry(of: getpid())
  for process in chain { survey.look(at: process.identifier) }
  for other in survey.lockers + others where !chain.contains(where: { $0.identifier == other }) {
    survey.look(at: other)
  }
  survey.addLockersThatCannotBeRead()
  let locks = survey.inspection.locks.filter { $0.excludes(request) }
  for process in chain {
    let isSelf = process.identifier == chain.first?.identifier
    for lock in locks {
      if isSelf, lock.mode.belongsToProcess, request.kind.kernelMode == lock.mode { continue }
      if isSelf, request.kind.isOwnFirst(lock, of: process.identifier, among: locks) { continue }
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

/// The processes whose arguments begin with these bytes, zero bytes included (proc_pid_cmdline(5)).
///
/// - Throws: `system` with the step `open`: no /proc, or one of them cannot be looked at just now.
package func processes(beginningWith arguments: [UInt8]) throws(LockError) -> [Int32] {
  try processes(beginningWith: arguments, among: ProcessFolder.all())
}

/// The processes with which a session has begun (setsid(2)), and those of which that is not told. Much less is looked
/// at for this than for a process's arguments.
package func sessionLeaders() throws(LockError) -> [Int32] {
  try ProcessFolder.all().filter { process in
    let session = getsid(process)
    return session == process || session < 0 && Errno.current != .noProcess
  }
}

/// Those of them among `candidates`.
package func processes(
  beginningWith arguments: [UInt8], among candidates: [Int32]
) throws(LockError) -> [Int32] {
  var found: [Int32] = []
  for process in candidates {
    let name = "/proc/" + ByteString(decimal: process) + "/cmdline"
    do throws(Errno) {
      let file = try FileDescriptor.open(name, O_RDONLY)
      if try file.readAll(limit: arguments.count) == arguments { found.append(process) }
    } catch {
      switch error {
      // It has ended, or may not be looked at.
      case .missing, .noProcess, .accessDenied, .permissionNotGranted: continue
      default: throw .system(.open, error)
      }
    }
  }
  return found
}

extension LockKind {
  /// Whether it is the record lock that `process` has while it waits for the flock lock of this kind. One that it
  /// had before would keep it from coming so far.
  func isOwnFirst(_ lock: ObservedLock, of process: Int32, among locks: [ObservedLock]) -> Bool {
    guard case .flockAndOFD = self, lock.mode == .ofd else { return false }
    return lock.holders.contains { $0.process.identifier == process }
      && locks.contains { $0.mode == .flock }
  }
}
