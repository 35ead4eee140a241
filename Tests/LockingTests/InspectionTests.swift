import CSystem
import Foundation
import Locking
import SystemInterface
import TestSupport
import Testing

/// What is found of locks that this process and its children really have.
@Suite(.takingTurns) struct InspectionTests {
  private let scratch: Scratch

  init() throws {
    scratch = try Scratch()
    try scratch.write("")
  }

  private func request(
    _ mode: KernelMode, _ sharing: Sharing = .exclusive, _ range: ByteRange = .wholeFile
  ) -> LockRequest {
    LockRequest(
      path: scratch.path(), kind: .kernel(mode, range: range), sharing: sharing, patience: .never)
  }

  private func locks() throws -> [ObservedLock] { try inspectLocks(at: scratch.path()).locks }

  /// Looks until what is found is as expected, for what takes a moment in another process or thread.
  private func locks(until isExpected: ([ObservedLock]) -> Bool) throws -> [ObservedLock] {
    let deadline = Deadline.seconds(30)
    while true {
      let found = try locks()
      if isExpected(found) || deadline.hasPassed { return found }
      usleep(1000)
    }
  }

  @Test func freeFileHasNoLocks() throws {
    #expect(try locks().isEmpty)
  }

  @Test func missingFileIsAnError() {
    #expect(throws: LockError.system(.open, .missing)) {
      try inspectLocks(at: scratch.path("missing"))
    }
    #expect(throws: LockError.refused(.emptyPath)) { try inspectLocks(at: "") }
  }

  @Test(
    arguments: [KernelMode.flock, .posix, .ofd], [Sharing.shared, .exclusive])
  func ownLockIsFound(_ mode: KernelMode, _ sharing: Sharing) throws {
    let range = mode == .flock ? ByteRange.wholeFile : ByteRange(start: 5, length: 10)!
    let held = try acquire(request(mode, sharing, range))
    let found = try locks()
    #expect(found.count == 1)
    let lock = try #require(found.first)
    #expect(lock.mode == mode)
    #expect(lock.sharing == sharing)
    #expect(lock.range == range)
    #expect(lock.file == (try FileStatus(at: scratch.path(), followingLinks: true).identity))
    #expect(lock.path == scratch.path().resolved)
    #expect(lock.locker == (mode == .ofd ? .openFile : .process(getpid())))
    #expect(lock.isCertain)
    #expect(lock.count == 1)
    #expect(lock.holders.map { $0.process.identifier } == [getpid()])
    #expect(lock.holders.first?.descriptors == [held.descriptor!])
    #expect(lock.holders.first?.isLocker == (mode != .ofd))
    try held.release()
    #expect(try locks().isEmpty)
  }

  /// Opening the file by any other way than O_PATH would drop the lock at close.
  @Test func lookingKeepsAPosixLock() throws {
    let held = try acquire(request(.posix))
    _ = try locks()
    _ = try inspectAllLocks()
    #expect(isRecordLocked(scratch.path(), at: 0))
    try held.release()
  }

  @Test(arguments: [KernelMode.flock, .ofd])
  func whoeverInheritedTheLockHasIt(_ mode: KernelMode) throws {
    let held = try acquire(request(mode))
    let child = try Child(inheriting: held.descriptor)
    let number = child.identifier
    let both = try locks()
    #expect(
      both.first?.holders.map { $0.process.identifier }.sorted() == [getpid(), number].sorted())
    try held.release()

    let lock = try #require(try locks().first)
    let holder = try #require(lock.holders.first)
    #expect(lock.holders.count == 1)
    #expect(holder.process.identifier == number)
    #expect(holder.process.parent == getpid())
    #expect(holder.process.user == geteuid())
    #expect(holder.process.command.bytes.suffix(4).elementsEqual("1000".utf8))
    #expect(abs(Int64(time(nil)) - holder.process.startTime) < 60)
    #expect(holder.descriptors == [0])
    #expect(!holder.isLocker)
    let all = try inspectAllLocks().locks.filter { $0.file == lock.file }
    #expect(all.map { $0.holders.map { $0.process.identifier } } == [[number]])
    #expect(all.first?.holders.first?.process.startTime == holder.process.startTime)
    child.end()
    #expect(try locks().isEmpty)
  }

  @Test func holdersOfOneSharedLockAreFoundTogether() throws {
    let first = try acquire(request(.ofd, .shared))
    let second = try acquire(request(.ofd, .shared))
    let lock = try #require(try locks().first)
    #expect(lock.count == 2)
    #expect(
      lock.holders.map { $0.descriptors.sorted() } == [
        [first.descriptor!, second.descriptor!].sorted()
      ])
    try first.release()
    #expect(try locks().first?.count == 1)
    try second.release()
  }

  @Test(arguments: [KernelMode.flock, .ofd])
  func waiterIsFound(_ mode: KernelMode) throws {
    let held = try acquire(request(mode))
    var waiting = request(mode, .shared)
    waiting.patience = .until(.seconds(60))
    let end = Waiting { [waiting] in errorOfAcquiring(waiting) }
    // In `ofd` mode, only a look into the process tells who waits.
    let found = try locks { $0.first?.waiters.first?.processes.isEmpty == false }
    let waiter = try #require(found.first?.waiters.first)
    #expect(waiter.processes.map { $0.identifier } == [getpid()])
    #expect(waiter.sharing == .shared)
    #expect(waiter.depth == 1)
    #expect(try waitEdges().contains { $0.waiter == getpid() && $0.blockers == [getpid()] })
    try held.release()
    #expect(end.value == nil)
  }

  @Test func deletedFileIsFoundAmongAll() throws {
    let held = try acquire(request(.flock))
    let file = try FileStatus(of: held.descriptor!).identity
    unlink(scratch.folder + "/lock")
    let lock = try #require(try inspectAllLocks().locks.first { $0.file == file })
    #expect(lock.path.map { Array($0.bytes).suffix(10).elementsEqual(" (deleted)".utf8) } == true)
    try held.release()
  }

  @Test func foldersAreFound() throws {
    let held = try acquire(LockRequest(path: ByteString(scratch.folder), creation: .never))
    #expect(try inspectLocks(at: ByteString(scratch.folder)).locks.first?.holders.count == 1)
    try held.release()
  }
}
