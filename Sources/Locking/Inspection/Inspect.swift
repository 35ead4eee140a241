/// How often locks are looked at again that changed hands under the look.
private let maximumAttempts = 3

/// Who has a lock on the file at `path`, and who waits for one. Takes no lock, and changes nothing.
///
/// Where /proc/locks has no lock on the file, nothing else is looked at. The file is opened with O_PATH; only
/// on a network file system, to ask the server for other hosts' locks, for reading. It is not known since when
/// a lock is held, only since when its holders run.
///
/// - Throws: `refused(.emptyPath)`; `system` with the steps `open` (the path leads nowhere),
///   `lockTable` (no /proc), `fstat`, `read`.
package func inspectLocks(at path: ByteString) throws(LockError) -> LockInspection {
  try inspectLocks(at: path, quickly: false)
}

/// The same, where it does for each lock to find one process that has it. That is mostly who took it, so that
/// others are not looked at.
package func inspectLockers(at path: ByteString) throws(LockError) -> LockInspection {
  try inspectLocks(at: path, quickly: true)
}

private func inspectLocks(
  at path: ByteString, quickly: Bool
) throws(LockError) -> LockInspection {
  let file = try LockedFile(path)
  if quickly {
    var survey = try LockSurvey(file)
    survey.lookAtLockers()
    if survey.isNeeded, !survey.hasUnexplained { return survey.inspection }
  }
  var found = try inspect(file)
  found.elsewhere = try LocksElsewhere(at: path, besides: found.locks)
  if found.elsewhere.isHeld {
    // Or by somebody here, who has come since.
    let second = try inspect(file)
    if !second.locks.isEmpty {
      found = second
      found.elsewhere = .unknown
    }
  }
  return found
}

/// Those locks on a file that `counts` says yes to, as far as this host goes; of each at least one process that
/// has it, where any can be seen. The file is not opened.
func inspectLockers(
  of file: LockedFile, where counts: (ObservedLock) -> Bool
) throws(LockError) -> LockInspection {
  var survey = try LockSurvey(file)
  survey.lookAtLockers()
  var found = survey.inspection.restricted(to: counts)
  // In another pid namespace than the first one the table lacks some.
  let isComplete = found.seesAllNamespaces || !found.locks.isEmpty
  if !isComplete || survey.hasUnexplained { found = try inspect(file).restricted(to: counts) }
  return found
}

/// All locks that can be seen from here, with their holders and waiters.
///
/// - Throws: as `inspectLocks(at:)`, without what has to do with a path.
package func inspectAllLocks() throws(LockError) -> LockInspection {
  try inspect(nil)
}

/// A lock that the table shows and no descriptor keeps was perhaps given back or taken over between
/// the two looks: that is seen by a third one, at the table.
private func inspect(_ file: LockedFile?) throws(LockError) -> LockInspection {
  var attempt = 1
  while true {
    var survey = try LockSurvey(file)
    let isLast = attempt == maximumAttempts
    let isComplete = try survey.lookAtAllProcesses(thoroughly: isLast)
    if isComplete {
      if !survey.hasUnexplained { return survey.inspection }
      if try !survey.hasVanished() { return survey.inspection }
    }
    if isLast { return survey.inspection }
    attempt += 1
  }
}
