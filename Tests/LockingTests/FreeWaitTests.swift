import CSystem
import SystemInterface
import TestSupport
import Testing

@testable import Locking

private let anyKind = FreeCondition.unlocked([
  .kernel(.flock), .kernel(.posix), .flufl(FluflPolicy()), .portage(HardlinkPolicy()),
])

private func error(
  waitingFor path: ByteString, _ condition: FreeCondition = anyKind, _ patience: Patience = .never
) -> LockError? {
  do throws(LockError) {
    let wait = FreeWait([path], condition)
    while try wait.look() != nil {
      if patience == .never { throw .busy }
      if patience.isOver { throw .timedOut }
      wait.sleep(patience.bounding(.longest))
    }
    return nil
  } catch {
    return error
  }
}

@Suite(.takingTurns) struct FreeWaitTests {
  @Test func whatIsNotThereIsFree() throws {
    let scratch = try Scratch()
    for name in ["lock", "no/lock"] {
      #expect(error(waitingFor: scratch.path(name)) == nil)
      #expect(error(waitingFor: scratch.path(name), .absent) == nil)
      #expect(!scratch.exists(name))
    }
    #expect(error(waitingFor: "") == .refused(.emptyPath))
  }

  @Test(arguments: [KernelMode.flock, .ofd])
  func aLockIsInTheWayUntilItIsReleased(_ mode: KernelMode) throws {
    let scratch = try Scratch()
    let path = scratch.path()
    let held = try acquire(LockRequest(path: path, kind: .kernel(mode)))
    let wait = FreeWait([scratch.path("free"), path], anyKind)
    let found = try wait.look()
    #expect(found?.path == path)
    #expect(found?.processes == [getpid()])
    #expect(error(waitingFor: path) == .busy)
    #expect(error(waitingFor: path, anyKind, .until(.milliseconds(30))) == .timedOut)
    #expect(error(waitingFor: path, .absent) == .busy)
    try held.release()
    #expect(try wait.look()?.path == nil)
    #expect(error(waitingFor: path) == nil)
  }

  @Test func onlyWhatKeepsTheKindAwayCounts() throws {
    let scratch = try Scratch()
    let path = scratch.path()
    func kind(_ mode: KernelMode, from start: Int64) -> FreeCondition {
      .unlocked([.kernel(mode, range: ByteRange(start: start, length: 1)!)])
    }
    let range = ByteRange(start: 0, length: 1)!
    let held = try acquire(LockRequest(path: path, kind: .kernel(.ofd, range: range)))
    #expect(error(waitingFor: path, .unlocked([.kernel(.flock)])) == nil)
    #expect(error(waitingFor: path, kind(.posix, from: 1)) == nil)
    #expect(error(waitingFor: path, kind(.posix, from: 0)) == .busy)
    #expect(error(waitingFor: path, kind(.ofd, from: 0)) == .busy)
    try held.release()
  }
}
