import CSystem
import Foundation
import SystemInterface
import TestSupport
import Testing

@testable import Locking

/// Slots, and the queue of those who wait; several processes are tested end to end.
@Suite(.takingTurns) struct OrderTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func request(_ mode: KernelMode, _ change: (inout LockRequest) -> Void = { _ in })
    -> LockRequest
  {
    var request = LockRequest(path: scratch.path(), kind: .kernel(mode), patience: .never)
    change(&request)
    return request
  }

  @Test func eachHasTheLowestSlotThatIsFree() throws {
    let slots = request(.ofd) { $0.slots = 3 }
    let first = try acquire(slots)
    let second = try acquire(slots)
    let third = try acquire(slots)
    let taken = [first.slot, second.slot, third.slot]
    #expect(taken == [0, 1, 2])
    #expect(errorOfAcquiring(slots) == .busy)
    try second.release()
    let next = try acquire(slots)
    let slot = next.slot
    #expect(slot == 1)
    // They are inside, whoever counts.
    #expect(errorOfAcquiring(request(.ofd) { $0.slots = 1 }) == .busy)
    #expect(errorOfAcquiring(request(.ofd)) == .busy)
    try first.release()
    try third.release()
    try next.release()
    #expect(errorOfAcquiring(request(.ofd)) == nil)
  }

  @Test func aWaiterGetsASlotWhenOneIsFree() throws {
    let slots = request(.ofd) { $0.slots = 1 }
    let held = try acquire(slots)
    let waiting = request(.ofd) {
      $0.slots = 1
      $0.patience = .until(.seconds(30))
    }
    let result = Waiting { errorOfAcquiring(waiting) }
    try held.release()
    #expect(result.value == nil)
  }

  @Test func aWaitInOrderEndsAtTheDeadline() throws {
    let held = try acquire(request(.flock))
    for queue in [nil, WaitingQueue(), WaitingQueue(limit: 1)] {
      let deadline = Deadline.milliseconds(20)
      let waiting = request(.flock) {
        $0.queue = queue
        $0.patience = .until(deadline)
      }
      #expect(errorOfAcquiring(waiting) == .timedOut)
      #expect(!isRecordLocked(scratch.path(), at: 1 << 62 + 2))
    }
    let full = request(.flock) {
      $0.queue = WaitingQueue(limit: 0)
      $0.patience = .forever
    }
    #expect(errorOfAcquiring(full) == .busy)
    try held.release()
  }

  @Test func whatHasNoRoomForAQueueIsRefused() throws {
    let queue = WaitingQueue()
    #expect(
      errorOfAcquiring(request(.ofd) { $0.queue = queue }) == .unsupported(.queueOfRecordLocks))
    #expect(errorOfAcquiring(request(.flock) { $0.slots = 2 }) == .unsupported(.slots))
    for count in [0, -1, Slots.maximum + 1] {
      #expect(errorOfAcquiring(request(.ofd) { $0.slots = count }) == .unsupported(.slots))
    }
    let shared = request(.ofd) {
      $0.slots = 2
      $0.sharing = .shared
    }
    #expect(errorOfAcquiring(shared) == .unsupported(.slots))
  }

  // MARK: - Bytes

  /// The bytes that another open file has locked.
  private func locking(_ bytes: [Int64]) throws -> FileDescriptor {
    let file = try FileDescriptor.open(scratch.path(), O_RDWR | O_CREAT, permissions: 0o600)
    for byte in bytes {
      let range = try #require(ByteRange(start: byte, length: 1))
      try KernelLock(mode: .ofd, range: range).take(file.number, .never)
    }
    return file
  }

  @Test(arguments: [
    [], [5], [0, 2, 4], [7, 9, 100], [0, .max - 1], [3, 4, 5, 6, 1000, 1_000_000],
  ])
  func lockedBytesAreFound(_ bytes: [Int64]) throws {
    let other = try locking(bytes)
    let file = try FileDescriptor.open(scratch.path(), O_RDWR)
    let probe = ByteProbe(descriptor: file.number, mode: .ofd)
    #expect(try probe.highest(0, .max) == bytes.last)
    #expect(try probe.count(0, .max, upTo: 100) == bytes.count)
    #expect(try probe.count(0, .max, upTo: 2) == min(2, bytes.count))
    #expect(try probe.any(1, 1) == nil)
    if let last = bytes.last {
      #expect(try probe.highest(0, last) == last)
      #expect(try probe.highest(0, last - 1) == bytes.dropLast().last)
    }
    other.keepOpen()
  }

  @Test func aLockUpToTheEndIsNoEndlessSearch() throws {
    let file = try FileDescriptor.open(scratch.path(), O_RDWR | O_CREAT, permissions: 0o600)
    let range = try #require(ByteRange(start: 1 << 62, length: 0))
    try KernelLock(mode: .ofd, range: range).take(file.number, .never)
    let other = try FileDescriptor.open(scratch.path(), O_RDWR)
    let probe = ByteProbe(descriptor: other.number, mode: .ofd)
    #expect(try probe.highest(0, .max) == .max)
    #expect(try probe.count(0, .max, upTo: 1000) == 1000)
    file.keepOpen()
  }

  // MARK: - The table

  @Test func ticketsAreNoLocksButWaitersInOrder() {
    let table = """
      1: FLOCK  ADVISORY  WRITE 10 fe:00:17 0 EOF
      1: -> FLOCK  ADVISORY  WRITE 11 fe:00:17 0 EOF
      2: POSIX  ADVISORY  WRITE 13 fe:00:17 4611686018427387910 4611686018427387910
      3: POSIX  ADVISORY  WRITE 11 fe:00:17 4611686018427387906 4611686018427387906
      3: -> POSIX  ADVISORY  READ 12 fe:00:17 4611686018427387906 4611686018427387906
      4: POSIX  ADVISORY  WRITE 12 fe:00:17 4611686018427387908 4611686018427387908
      5: POSIX  ADVISORY  WRITE 14 fe:00:17 4611686018427387904 4611686018427387904
      6: POSIX  ADVISORY  WRITE 20 fe:00:18 4611686018427387906 4611686018427387906

      """
    for inode: UInt64? in [17, nil] {
      let locks = LockTable(Array(table.utf8), inode: inode).locks
      #expect(locks.map { $0.entry.process } == [10])
      #expect(locks[0].waiters.map { $0.process } == [11, 12, 13])
      #expect(locks[0].waiters.map { $0.depth } == [1, 2, 3])
      #expect(locks[0].waiters.allSatisfy { $0.mode == .flock })
    }
    #expect(LockersGlance(Array(table.utf8), inode: 17).all == [10])
  }
}
