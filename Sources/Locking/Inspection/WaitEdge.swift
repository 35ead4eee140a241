internal import CSystem

/// A process that waits for a lock, and those it waits for.
package struct WaitEdge: Equatable, Sendable {
  package let waiter: Int32
  /// Who has the lock, or has queued for it before the waiter. Empty where they cannot be seen.
  package internal(set) var blockers: [Int32]
  package let mode: KernelMode
  package let file: FileIdentity
  /// A name of the file, as `ObservedLock.path`.
  package let path: ByteString?
}

/// All waits for locks that can be seen from here. Only descriptors of files for whose locks somebody
/// waits are looked at.
///
/// An `ofd` waiter of whom it is not known which process it is has an edge for each that it may be.
///
/// - Throws: as `inspectAllLocks`.
package func waitEdges() throws(LockError) -> [WaitEdge] {
  var survey = try LockSurvey(nil, onlyWaitedFor: true)
  _ = try survey.lookAtAllProcesses(thoroughly: true)
  return survey.inspection.locks.flatMap { $0.waitEdges }
}

extension ObservedLock {
  /// Who waits for whom because of this lock: for its holders, or for the one before it in the queue.
  package var waitEdges: [WaitEdge] {
    var edges: [WaitEdge] = []
    // By depth: those for whom whoever is one deeper waits.
    var blockers = [holders.map { $0.process.identifier }]
    for waiter in waiters {
      let waiting = waiter.processes.map { $0.identifier }
      let depth = min(max(waiter.depth, 1), blockers.count)
      blockers.removeLast(blockers.count - depth)
      for process in waiting {
        edges.append(
          WaitEdge(
            waiter: process, blockers: blockers[depth - 1], mode: mode, file: file, path: path))
      }
      blockers.append(waiting)
    }
    return edges
  }
}

/// The waits that end with `process` waiting for itself, in order, the first one its own; nil where
/// there is no such circle.
///
/// A process is taken to wait for the processes below it as well, as a shell or a lock utility does for
/// the command that it has started. So a circle is likely never to end, which is not proven: the
/// kernel sees only those of `posix` mode, and fails them with EDEADLK.
///
/// - Parameters:
///   - process: who may wait for itself.
///   - edges: who waits for whom.
///   - ancestors: the parent of a process, its parent, and so on, whoever may be in the circle.
package func waitCycle(
  through process: Int32, in edges: [WaitEdge], ancestors: (Int32) -> [Int32]
) -> [WaitEdge]? {
  let lines = edges.map { [$0.waiter] + ancestors($0.waiter) }
  /// How each wait was reached: the one before it, which waits for a process that waits for it.
  var cameFrom = [Int?](repeating: nil, count: edges.count)
  var isReached = edges.map { $0.waiter == process }
  let own = [process] + ancestors(process)
  var queue = edges.indices.filter { isReached[$0] }
  var next = 0
  while next < queue.count {
    let current = queue[next]
    next += 1
    for blocker in edges[current].blockers {
      if own.contains(blocker) {
        var path = [edges[current]]
        var step = current
        while let previous = cameFrom[step] {
          path.append(edges[previous])
          step = previous
        }
        return path.reversed()
      }
      for index in edges.indices where !isReached[index] && lines[index].contains(blocker) {
        isReached[index] = true
        cameFrom[index] = current
        queue.append(index)
      }
    }
  }
  return nil
}

/// `waitCycle(through:in:ancestors:)` as the machine is now.
///
/// - Throws: as `inspectAllLocks`.
package func waitCycle(through process: Int32) throws(LockError) -> [WaitEdge]? {
  waitCycle(through: process, in: try waitEdges()) { process in
    ancestry(of: process).dropFirst().map { $0.identifier }
  }
}

/// The circle that `process` closes, or would, by its wait for the lock of `request`: that wait first; nil where
/// there is none.
///
/// A process that waits counts for those above it only as far as these do nothing but wait for it
/// (`BranchWaits`): others may give back what they have.
///
/// - Parameters:
///   - request: the lock that is wanted.
///   - process: who wants it.
///   - beneficiaries: on whose behalf a process has its locks, but its own.
///   - isHelper: whether a child of one of these processes, a chain as `ancestry(of:)` gives it, waits for
///     one of them itself.
/// - Throws: as `inspectAllLocks`.
package func waitCycle(
  closingWith request: LockRequest, by process: Int32, beneficiaries: (Int32) -> [Int32],
  isHelper: @escaping (ObservedProcess, [ObservedProcess]) -> Bool
) throws(LockError) -> [WaitEdge]? {
  var edges = try waitEdges()
  if edges.isEmpty { return nil }
  let locks = try inspectLocks(at: request.path).locks.filter { $0.excludes(request) }
  for lock in locks where !request.kind.isOwnFirst(lock, of: process, among: locks) {
    edges.append(
      WaitEdge(
        waiter: process, blockers: lock.holders.map { $0.process.identifier }, mode: lock.mode,
        file: lock.file, path: lock.path))
  }
  for index in edges.indices {
    for blocker in edges[index].blockers { edges[index].blockers += beneficiaries(blocker) }
  }
  // Most often there is no circle at all, and then what they all do is not worth a look.
  var waits: BranchWaits?
  while true {
    let found = waitCycle(through: process, in: edges) { process in
      let chain = ancestry(of: process)
      let height = waits?.height(of: chain) ?? chain.count
      return chain.dropFirst().prefix(height).map { $0.identifier }
    }
    if found == nil || waits != nil { return found }
    waits = try BranchWaits(isHelper: isHelper)
  }
}
