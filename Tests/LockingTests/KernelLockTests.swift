import CSystem
import Locking
import SystemInterface
import TestSupport
import Testing

/// Locks on descriptors that the caller has opened.
@Suite(.takingTurns) struct KernelLockTests {
  private let scratch: Scratch

  init() throws {
    scratch = try Scratch()
  }

  private func opened() throws -> FileDescriptor {
    try FileDescriptor.open(scratch.path(), O_RDWR | O_CREAT, permissions: 0o600)
  }

  private func errorOfTaking(_ lock: KernelLock, _ descriptor: borrowing FileDescriptor)
    -> LockError?
  {
    do throws(LockError) {
      try lock.take(descriptor.number, .never)
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: [KernelMode.flock, .ofd])
  func otherOpenFileIsRefusedUntilTheLockIsDropped(_ mode: KernelMode) throws {
    let first = try opened()
    let second = try opened()
    let lock = KernelLock(mode: mode)
    try lock.take(first.number, .never)
    let whileHeld = errorOfTaking(lock, second)
    #expect(whileHeld == .busy)
    try lock.drop(first.number)
    let afterwards = errorOfTaking(lock, second)
    #expect(afterwards == nil)
  }

  @Test func droppingSplitsARange() throws {
    let first = try opened()
    let second = try opened()
    try KernelLock(mode: .ofd).take(first.number, .never)
    let hole = KernelLock(mode: .ofd, range: ByteRange(start: 4, length: 2)!)
    try hole.drop(first.number)
    let inside = errorOfTaking(hole, second)
    #expect(inside == nil)
    let beside = errorOfTaking(
      KernelLock(mode: .ofd, range: ByteRange(start: 6, length: 1)!), second)
    #expect(beside == .busy)
  }

  @Test func badDescriptorIsAnErrorOfTheSystemCall() {
    #expect(throws: LockError.system(.flock, .badDescriptor)) {
      try KernelLock(mode: .flock).take(-1, .never)
    }
    #expect(throws: LockError.system(.fcntl, .badDescriptor)) {
      try KernelLock(mode: .ofd).drop(-1)
    }
  }
}
