internal import CSystem
internal import Locking
internal import SystemInterface

// How processes are ended that are no children of this one.

extension ProcessHandle {
  /// Sends a signal that is to end the process.
  func tell(_ signal: Int32) throws(Errno) {
    try send(signal)
    // A stopped one would not notice.
    if signal != SIGKILL { try send(SIGCONT) }
  }

  /// Waits until the process has ended, and has it killed at `deadline`.
  func waitForEnd(killingAt deadline: Deadline) throws(Errno) {
    if try waitForEnd(by: deadline) { return }
    try send(SIGKILL)
    _ = try waitForEnd()
  }
}

extension ObservedProcess {
  /// Whether it is that very process, and not a later one of its number.
  func isSame(as other: ObservedProcess?) -> Bool {
    identifier == other?.identifier && startTicks == other?.startTicks
  }
}

/// Sends `signal` to `process`, and to no other that has got its number; nothing where it has ended.
func send(_ signal: Int32, to process: ObservedProcess) throws(Errno) {
  do throws(Errno) {
    // Looked at again once it is held: as long as the one that is meant lived until then, the handle
    // is its.
    let handle = try ProcessHandle(process.identifier)
    guard ObservedProcess(process.identifier)?.startTicks == process.startTicks else { return }
    try handle.tell(signal)
  } catch .noProcess {
    return
  }
}

/// Throws where the numbers of processes that /proc shows are others' here: none of them is to be ended, or
/// to be kept a lock for.
func checkProcessNumbers(_ verb: Literal, _ path: ByteString) throws(Failure) {
  if procShowsThisNamespace() { return }
  throw Failure(
    .unsupported, .unable(to: verb, path, "/proc is that of another pid namespace"))
}

/// Throws if this process may not end `process`.
func checkPermission(toEnd process: ObservedProcess) throws(Errno) {
  do throws(Errno) {
    try ProcessHandle(process.identifier).send(0)
  } catch .noProcess {
    return
  }
}

/// Waits until `process` has ended, and has it killed at `deadline`.
func waitForEnd(of process: ObservedProcess, killingAt deadline: Deadline) throws(Errno) {
  do throws(Errno) {
    let handle = try ProcessHandle(process.identifier)
    guard ObservedProcess(process.identifier)?.startTicks == process.startTicks else { return }
    try handle.waitForEnd(killingAt: deadline)
  } catch .noProcess {
    return
  }
}
