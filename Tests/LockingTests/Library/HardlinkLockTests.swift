import CSystem
import Foundation
import SystemInterface
import TestSupport
import Testing

@testable import Locking

/// Locks by link(2), for tasks.
@Suite(.takingTurns) struct HardlinkLockTests {
  private let scratch: Scratch

  init() throws {
    scratch = try Scratch()
  }

  private func lock(_ style: HardlinkLock.Style = .flufl, lifetime: Duration? = .seconds(15))
    -> HardlinkLock
  {
    var lock = HardlinkLock(scratch.folder + "/lock", lifetime: style == .portage ? nil : lifetime)
    lock.style = style
    return lock
  }

  private var files: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: scratch.folder) }
  }

  @Test(arguments: [HardlinkLock.Style.flufl, .portage])
  func tasksExcludeEachOther(_ style: HardlinkLock.Style) async throws {
    let lock = lock(style)
    let inside = Tally()
    let done = Tally()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<200 {
        group.addTask {
          try await lock.withLock {
            inside.add()
            await Task.yield()
            inside.add(-1)
            done.add()
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(inside.most == 1)
    #expect(done.now == 200)
    #expect(WaitingLine.count == 0)
    #expect(descriptors(into: scratch.folder) == [])
    if style == .flufl { #expect(try files == []) }
  }

  @Test func itIsRefreshedWhileTheBodyRuns() async throws {
    let lock = lock(lifetime: .seconds(3))
    try await lock.withLock {
      let other = Task { try await isFree(lock) }
      try await Task.sleep(for: .seconds(4))
      let state = try await lock.status().state
      #expect(state == .ours)
      let wasFree = try await other.value
      #expect(!wasFree)
    }
    #expect(try files == [])
  }

  @Test func aBodyWhoseLockIsLostIsCancelledAndWaitedFor() async throws {
    let lock = lock(lifetime: .milliseconds(600))
    let hasEnded = Tally()
    await #expect(throws: LockError.lost) {
      try await lock.withLock {
        try await lock.breakLock(force: true)
        try? await Task.sleep(for: .seconds(60))
        hasEnded.add()
      }
    }
    #expect(hasEnded.now == 1)
    #expect(try files == [])
    try await self.lock().withLock {}
  }

  @Test func aLossThatTheReleaseFindsIsALoss() async throws {
    let lock = lock()
    await #expect(throws: LockError.lost) {
      try await lock.withLock { _ = try await lock.breakLock(force: true) }
    }
  }

  @Test func whoWaitsIsCancelledOrRunsOutOfTime() async throws {
    let lock = lock()
    // Another process's: this one is what it counts as.
    let child = try Child()
    var theirs = LockRequest(path: lock.path, kind: .flufl(FluflPolicy()))
    theirs.owner = .process(child.identifier)
    try take(theirs)
    await #expect(throws: LockError.timedOut) {
      _ = try await lock.acquire(timeout: .milliseconds(20))
    }
    #expect(try await !isFree(lock))
    let task = Task { try await lock.withLock {} }
    try await Task.sleep(for: .milliseconds(50))
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    await #expect(throws: LockError.busy) { try await lock.breakLock() }
    child.end()
    try await lock.withLock {}
    #expect(try files == [])
    #expect(WaitingLine.count == 0)
  }

  @Test func itIsRefreshedByHandTransferredAndTaken() async throws {
    let lock = lock()
    let held = try await lock.acquire()
    let before = try held.timeLeft()
    try await held.refresh()
    let left = try #require(try held.timeLeft())
    #expect(left <= .seconds(15) && before != nil)
    try await held.transfer(to: getpid())
    let taken = try await lock.take()
    #expect(try await !isFree(lock))
    try await taken.release()
    await #expect(throws: LockError.notHeld) { _ = try await lock.take() }
    #expect(try files == [])
  }

  @Test func itIsReleasedWithTheEndOfItsLife() async throws {
    let lock = lock()
    do { try await forget(lock.acquire()) }
    let folder = scratch.folder
    #expect(await eventually { isEmpty(folder) })
    try await lock.acquire().leaveBehind()
    let report = try await lock.status()
    #expect(report.isHeld)
    try await lock.breakLock(force: true)
    #expect(try files == [])
  }

  @Test func theSameTaskIsToldThatItHasTheLock() async throws {
    let lock = lock()
    _ = try await lock.withLock { [lock] in
      // The body is a child task, which would wait for its parent.
      await #expect(throws: LockError.alreadyHeld) { _ = try await lock.tryAcquire() }
    }
  }
}

private func forget(_ held: consuming HardlinkLock.Held) {}

private func isEmpty(_ folder: String) -> Bool {
  (try? FileManager.default.contentsOfDirectory(atPath: folder))?.isEmpty == true
}

/// Whether it can be had at once; it is released again.
private func isFree(_ lock: HardlinkLock) async throws -> Bool {
  guard let held = try await lock.tryAcquire() else { return false }
  try await held.release()
  return true
}

/// For its owner. Threads may block, tasks may not.
private func take(_ request: LockRequest) throws { try acquire(request).leaveBehind() }
