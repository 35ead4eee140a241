import CSystem
import Foundation
import Locking
import SystemInterface
import TestSupport
import Testing

@Suite(.takingTurns) struct AcquireTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func request(_ mode: KernelMode, _ change: (inout LockRequest) -> Void = { _ in })
    -> LockRequest
  {
    var request = LockRequest(path: scratch.path(), kind: .kernel(mode), patience: .never)
    change(&request)
    return request
  }

  @Test(arguments: [KernelMode.flock, .ofd])
  func secondAttemptIsBusyUntilTheFirstIsReleased(_ mode: KernelMode) throws {
    let held = try acquire(request(mode))
    #expect(errorOfAcquiring(request(mode)) == .busy)
    try held.release()
    #expect(errorOfAcquiring(request(mode)) == nil)
  }

  @Test(arguments: [KernelMode.flock, .ofd])
  func sharedLocksGoTogetherAndExcludeAnExclusiveOne(_ mode: KernelMode) throws {
    let first = try acquire(request(mode) { $0.sharing = .shared })
    let second = try acquire(request(mode) { $0.sharing = .shared })
    #expect(errorOfAcquiring(request(mode)) == .busy)
    try first.release()
    try second.release()
  }

  @Test func endOfLifeReleases() throws {
    do {
      let held = try acquire(request(.flock))
      #expect(held.path == scratch.path())
    }
    #expect(errorOfAcquiring(request(.flock)) == nil)
  }

  @Test(arguments: [KernelMode.flock, .ofd])
  func waitEndsAtTheDeadline(_ mode: KernelMode) throws {
    let held = try acquire(request(mode))
    let deadline = Deadline.milliseconds(50)
    #expect(errorOfAcquiring(request(mode) { $0.patience = .until(deadline) }) == .timedOut)
    #expect(deadline.hasPassed)
    try held.release()
  }

  @Test func waiterGetsTheLockWhenItIsReleased() throws {
    let held = try acquire(request(.flock))
    let waiting = request(.flock) { $0.patience = .until(.seconds(30)) }
    let result = Waiting { errorOfAcquiring(waiting) }
    try held.release()
    #expect(result.value == nil)
  }

  /// The file is removed while somebody waits for its lock: what the waiter then wins is a lock on
  /// a file that nobody else can find.
  @Test func lockOnARemovedFileDoesNotCount() throws {
    let held = try acquire(request(.flock))
    let waiting = request(.flock) { $0.patience = .until(.seconds(30)) }
    let path = scratch.path()
    let result = Waiting { () -> Bool in
      guard let lock = try? acquire(waiting) else { return false }
      let won = try? FileStatus(of: lock.descriptor!).identity
      let there = try? FileStatus(at: path, followingLinks: true).identity
      return won != nil && won == there
    }
    try FileManager.default.removeItem(atPath: scratch.folder + "/lock")
    try held.release()
    #expect(result.value)
  }

  @Test func rangesExcludeOnlyWhereTheyOverlap() throws {
    let held = try acquire(
      request(.ofd) { $0.kind = .kernel(.ofd, range: ByteRange(start: 10, length: 10)!) })
    for (start, length, error) in [
      (0, 10, nil), (20, 0, nil), (0, 11, LockError.busy), (19, 1, .busy), (0, 0, .busy),
    ] as [(Int64, Int64, LockError?)] {
      let other = request(.ofd) {
        $0.kind = .kernel(.ofd, range: ByteRange(start: start, length: length)!)
      }
      #expect(errorOfAcquiring(other) == error, "\(start):\(length)")
    }
    try held.release()
  }

  @Test func flockHasNoRanges() {
    let ranged = request(.flock) {
      $0.kind = .kernel(.flock, range: ByteRange(start: 0, length: 1)!)
    }
    #expect(errorOfAcquiring(ranged) == .unsupported(.rangeInFlockMode))
  }

  @Test func fallbackIsNotTakenWhereFlockWorks() throws {
    let held = try acquire(request(.flock) { $0.fallback = .flufl(FluflPolicy()) })
    #expect(held.kind.kernelMode == .flock)
    try held.release()
  }
}

@Suite(.takingTurns) struct PosixModeTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func request(_ start: Int64 = 0, _ length: Int64 = 0, mode: KernelMode = .posix)
    -> LockRequest
  {
    LockRequest(
      path: scratch.path(), kind: .kernel(mode, range: ByteRange(start: start, length: length)!),
      patience: .never)
  }

  @Test(arguments: [KernelMode.posix, .flock, .ofd])
  func furtherAttemptInTheSameProcessKeepsTheLock(_ mode: KernelMode) throws {
    let held = try acquire(request())
    #expect(errorOfAcquiring(request(mode: mode)) == .alreadyHeld)
    #expect(isRecordLocked(scratch.path(), at: 0))
    try held.release()
  }

  @Test func disjointRangesAreReleasedOneByOne() throws {
    let first = try acquire(request(0, 10))
    let second = try acquire(request(10, 10))
    try first.release()
    let third = try acquire(request(30, 1))
    #expect(!isRecordLocked(scratch.path(), at: 0))
    #expect(isRecordLocked(scratch.path(), at: 10))
    #expect(isRecordLocked(scratch.path(), at: 30))
    try second.release()
    try third.release()
    #expect(errorOfAcquiring(request()) == nil)
  }

  @Test func aLockThatEndedIsForgotten() throws {
    for _ in 0..<3 { try acquire(request()).release() }
    #expect(errorOfAcquiring(request(mode: .ofd)) == nil)
  }
}

/// A value that another thread works out.
final class Waiting<Value: Sendable>: @unchecked Sendable {
  private let done = DispatchSemaphore(value: 0)
  private var result: Value?

  init(_ body: @escaping @Sendable () -> Value) {
    Thread.detachNewThread { [self] in
      result = body()
      done.signal()
    }
  }

  var value: Value {
    done.wait()
    return result!
  }
}
