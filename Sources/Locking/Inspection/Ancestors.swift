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

/// The process that has a lock which excludes `request` and will not end before `process` does: itself,
/// with a descriptor that it inherited or opened, or the nearest of its ancestors. Nil where there is
/// none.
///
/// Waiting for that lock would never end. Only these few processes are looked at. Where one of them
/// may not be inspected, it counts if /proc/locks names it; then the holder is not verified.
///
/// - Parameter process: nil is the calling one.
/// - Throws: as `inspectLocks(at:)`; a file that is not there is held by nobody, and no error.
public func ancestorHolding(
  _ request: LockRequest, above process: Int32? = nil
) throws(LockError) -> LockHolder? {
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
  survey.addLockersThatCannotBeRead()
  for process in chain {
    // In `posix` mode, a process does not exclude itself.
    let isSelf = process.identifier == chain.first?.identifier
    for lock in survey.inspection.locks where lock.excludes(request) {
      if isSelf, lock.mode == .posix, request.mode == .posix { continue }
      let holder = lock.holders.first { $0.process.identifier == process.identifier }
      if let holder { return holder }
    }
  }
  return nil
}
