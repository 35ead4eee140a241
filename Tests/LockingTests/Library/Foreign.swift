import CSystem
import Foundation
import SystemInterface

@testable import Locking

/// Another open file of a lock file, as another program has it; its lock is nobody's in the line.
final class Foreign: @unchecked Sendable {
  private let number: Int32
  private let lock: KernelLock

  /// Not for POSIX locks, which are of the whole process.
  init(_ path: ByteString, _ mode: KernelMode, _ sharing: Sharing = .exclusive) {
    number = path.withCString { csystem_open($0, O_RDWR | O_CREAT | O_CLOEXEC, 0o600) }
    precondition(number >= 0)
    lock = KernelLock(mode: mode == .posix ? .ofd : mode, sharing: sharing)
  }

  deinit { close(number) }

  func take() { try! lock.take(number, .forever) }
  func drop() { try! lock.drop(number) }
  /// Whether the lock could be had now.
  var isFree: Bool {
    do throws(LockError) {
      try lock.take(number, .never)
    } catch {
      return false
    }
    drop()
    return true
  }
}

/// A number that tests count with.
final class Tally: Sendable {
  private let number = Guarded((now: 0, most: 0))

  var now: Int { number.withLock { $0.now } }
  /// The highest that it ever was.
  var most: Int { number.withLock { $0.most } }

  func add(_ difference: Int = 1) {
    number.withLock { number in
      number.now += difference
      number.most = max(number.most, number.now)
    }
  }
}

/// Waits until `condition` holds.
func eventually(_ condition: @Sendable () async -> Bool) async -> Bool {
  let end = ContinuousClock.now + .seconds(60)
  while await !condition() {
    if .now > end { return false }
    try? await Task.sleep(for: .milliseconds(1))
  }
  return true
}

/// Those descriptors of this process that lead into a folder.
func descriptors(into folder: String) -> [String] {
  let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
  return numbers.compactMap {
    try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")
  }.filter { $0.hasPrefix(folder) }
}

/// How many threads of this process wait for a lock of the kernel's.
func threadsThatWait() -> Int { threads(in: "lock") + threads(in: "setlk") }

/// How many threads of this process wait in a function of the kernel whose name has that in it.
func threads(in function: String) -> Int {
  let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
  return threads.count {
    let place = try? String(contentsOfFile: "/proc/self/task/\($0)/wchan", encoding: .utf8)
    return place?.contains(function) == true
  }
}
