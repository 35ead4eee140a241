import CSystem
import Foundation
import SystemInterface
import TestSupport
import Testing

@testable import Locking

/// Many threads of this process, and POSIX locks, which the kernel counts for the process.
@Suite(.takingTurns) struct RegistryTests {
  private let scratch: Scratch

  init() throws {
    scratch = try Scratch()
  }

  private static func request(_ path: ByteString, byte: Int) -> LockRequest {
    LockRequest(
      path: path, kind: .kernel(.posix, range: ByteRange(start: Int64(byte), length: 1)!))
  }

  /// Others open and close the file meanwhile.
  @Test func noLockIsLostWhileOthersComeAndGo() throws {
    let path = scratch.path()
    try scratch.write("", to: "lock")
    let witness = try FileDescriptor.open(path, O_RDWR)
    let identity = try FileStatus(of: witness.number).identity
    let number = witness.number
    let lost = Counter()
    let others = Counter()
    let threads = DispatchGroup()
    for thread in 0..<6 {
      threads.enter()
      Thread.detachNewThread {
        defer { threads.leave() }
        for _ in 0..<1000 {
          switch thread {
          case 4: _ = LocksElsewhere.ask(number, identity)
          case 5: _ = try? FileRemoval(path).perform(isDryRun: true)
          default:
            // Two threads for each byte: they are in each other's way, too.
            guard let held = try? acquire(Self.request(path, byte: thread % 2)) else {
              others.increment()
              continue
            }
            if !isLocked(number, thread % 2) { lost.increment() }
            try? held.release()
          }
        }
      }
    }
    threads.wait()
    #expect(lost.value == 0)
    #expect(others.value < 4000)
    #expect(!isLocked(number, 0) && !isLocked(number, 1))
    let last = try acquire(Self.request(path, byte: 0))
    #expect(isLocked(number, 0))
    try last.release()
    #expect(PosixRegistry.isEmpty)
    witness.keepOpen()
  }

  /// Like one of NFS whose server is gone.
  @Test(.needsSilentFileSystem)
  func aFileSystemThatDoesNotAnswerStopsNobodyElse() throws {
    try scratch.write("")
    let fileSystem = try SilentFileSystem(in: scratch.folder)
    let dead = scratch.path("dead/lock")
    fileSystem.fallSilent()
    let isOver = Counter()
    Thread.detachNewThread {
      _ = errorOfAcquiring(Self.request(dead, byte: 0))
      isOver.increment()
    }
    try acquire(Self.request(scratch.path("other"), byte: 0)).release()
    Deadline.milliseconds(50).sleep()
    try acquire(Self.request(scratch.path("other"), byte: 0)).release()
    #expect(isOver.value == 0)
    fileSystem.answer()
    let deadline = Deadline.seconds(20)
    while isOver.value == 0, !deadline.hasPassed { Deadline.milliseconds(5).sleep() }
    #expect(isOver.value == 1)
  }
}

private final class Counter: @unchecked Sendable {
  private let mutex = NSLock()
  private var count = 0

  var value: Int { mutex.withLock { count } }

  func increment() { mutex.withLock { count += 1 } }
}

private func isLocked(_ number: Int32, _ start: Int) -> Bool {
  var record = flock()
  record.l_type = Int16(F_WRLCK)
  record.l_whence = Int16(SEEK_SET)
  record.l_start = start
  record.l_len = 1
  return csystem_fcntl_lock(number, F_OFD_GETLK, &record) == 0 && record.l_type != Int16(F_UNLCK)
}
