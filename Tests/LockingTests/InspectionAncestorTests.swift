import CSystem
import Foundation
import SystemInterface
import TestSupport
import Testing

@testable import Locking

/// Waits that would never end.
@Suite(.takingTurns) struct InspectionAncestorTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func request(_ mode: KernelMode, _ sharing: Sharing = .exclusive) -> LockRequest {
    LockRequest(path: scratch.path(), kind: .kernel(mode), sharing: sharing, patience: .never)
  }

  @Test func lockOfAParentIsFoundBelowIt() throws {
    let held = try acquire(request(.posix))
    let child = try Child()
    defer { child.end() }
    let below = child.identifier
    func holder(_ request: LockRequest) throws -> Int32? {
      try ancestorHolding(request, in: ancestry(of: below))?.process.identifier
    }
    #expect(try holder(request(.posix)) == getpid())
    #expect(try holder(request(.ofd)) == getpid())
    #expect(try holder(request(.flock)) == nil)
    // A process does not exclude itself in this mode.
    #expect(try ancestorHolding(request(.posix)) == nil)
    try held.release()
    #expect(try holder(request(.posix)) == nil)
  }

  @Test func ownOpenFileExcludesAsWell() throws {
    let held = try acquire(request(.flock, .shared))
    #expect(try ancestorHolding(request(.flock))?.process.identifier == getpid())
    #expect(try ancestorHolding(request(.flock, .shared)) == nil)
    try held.release()
  }

  @Test func missingFileIsHeldByNobody() throws {
    #expect(try ancestorHolding(request(.flock)) == nil)
  }

  @Test func ancestryEndsAtTheFirstProcess() {
    let chain = ancestry(of: getpid())
    #expect(chain.first?.identifier == getpid())
    #expect(chain.dropFirst().first?.identifier == getppid())
    #expect(chain.last?.parent == 0)
  }

  @Test func whoKeepsALockForAnAncestorCountsAsOne() throws {
    let held = try acquire(request(.posix))
    let keeper = getpid()
    // Seen from a process that is not below the one that has the lock.
    let found = try ancestorHolding(request(.posix), in: ancestry(of: getppid())) {
      (process, chain) in
      process.identifier == keeper && chain.first?.identifier == getppid()
    }
    #expect(found?.process.identifier == keeper)
    #expect(try ancestorHolding(request(.posix), in: ancestry(of: getppid())) == nil)
    try held.release()
  }

  @Test func whoKeepsALockThatTheTableDoesNotNameIsToldOf() throws {
    let held = try acquire(request(.ofd))
    let keeper = getpid()
    func found(_ others: [Int32]) throws -> Int32? {
      try ancestorHolding(request(.ofd), in: ancestry(of: getppid()), orAmong: others) {
        (process, _) in
        process.identifier == keeper
      }?.process.identifier
    }
    #expect(try found([]) == nil)
    #expect(try found([keeper]) == keeper)
    try held.release()
  }

  @Test func processesAreFoundByWhatTheyWereCalledWith() throws {
    let text = try FileDescriptor.open("/proc/self/cmdline", O_RDONLY).readAll(limit: 1 << 16)
    #expect(try processes(beginningWith: text).contains(getpid()))
    #expect(try !processes(beginningWith: [0] + text).contains(getpid()))
  }

  @Test func onlyAnExclusiveLockCoversAnExclusiveRequest() throws {
    let held = try acquire(request(.ofd, .shared))
    let lock = try #require(try inspectLocks(at: scratch.path()).locks.first)
    #expect(!lock.covers(request(.ofd)))
    try held.release()
    var part = request(.ofd)
    part.kind = .kernel(.ofd, range: try #require(ByteRange(start: 2, length: 3)))
    let partly = try acquire(part)
    let range = try #require(try inspectLocks(at: scratch.path()).locks.first)
    #expect(range.covers(part))
    #expect(!range.covers(request(.ofd)))
    try partly.release()
  }

  // MARK: - Circles

  private func edge(_ waiter: Int32, _ blockers: [Int32]) -> WaitEdge {
    WaitEdge(
      waiter: waiter, blockers: blockers, mode: .flock,
      file: FileIdentity(device: 1, inode: 1), path: nil)
  }

  @Test func twoThatWaitForEachOtherAreACircle() {
    let edges = [edge(1, [2]), edge(2, [1]), edge(3, [1])]
    #expect(waitCycle(through: 1, in: edges) { _ in [] }?.map { $0.waiter } == [1, 2])
    #expect(waitCycle(through: 3, in: edges) { _ in [] } == nil)
    #expect(waitCycle(through: 9, in: edges) { _ in [] } == nil)
  }

  /// 10 holds a lock and has started 11, which waits for that of 20, whose child 21 waits for 10's.
  @Test func whoeverHasStartedAWaiterWaitsToo() {
    let edges = [edge(11, [20]), edge(21, [10])]
    let cycle = waitCycle(through: 11, in: edges) { [11: [10], 21: [20]][$0] ?? [] }
    #expect(cycle?.map { $0.waiter } == [11, 21])
    #expect(waitCycle(through: 11, in: edges) { [11: [10]][$0] ?? [] } == nil)
  }

  @Test func waitBehindTheWaiterBeforeIsAnEdge() throws {
    let lines = """
      1: FLOCK  ADVISORY  WRITE 1 fe:00:5 0 EOF
      1: -> FLOCK  ADVISORY  WRITE \(getpid()) fe:00:5 0 EOF
      1:  -> FLOCK  ADVISORY  WRITE \(getppid()) fe:00:5 0 EOF
      1: -> FLOCK  ADVISORY  READ \(getppid()) fe:00:5 0 EOF
      """
    let waiters = LockTable(Array(lines.utf8)).locks[0].waiters.map { entry in
      LockWaiter(
        processes: [ObservedProcess(entry.process!)!], mode: .flock, sharing: entry.sharing,
        range: .wholeFile, depth: entry.depth)
    }
    let lock = ObservedLock(
      mode: .flock, sharing: .exclusive, range: .wholeFile,
      file: FileIdentity(device: 1, inode: 5), path: nil, locker: .process(1), holders: [],
      waiters: waiters, count: 1, isCertain: true)
    #expect(lock.waitEdges.map { $0.blockers } == [[], [getpid()], []])
  }
}
