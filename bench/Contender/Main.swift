import CSystem
import Foundation
import Locking

/// One of several processes that want the same `hardlink` lock, with the library alone: what
/// bench/hardlink measures.
///
///     contender LOCK increment TIMES MILLISECONDS   waits for standard input to end; then increments
///                                                   the number in the file `counter`, and pauses
///                                                   for that long after each time
///     contender LOCK increment-shared TIMES MILLISECONDS
///                                                   the same at once, on a network file system: past
///                                                   the cache, which may be as old as a tick of the
///                                                   server's clock
///     contender LOCK take TIMES MILLISECONDS        holds for that long; prints when it had the lock,
///                                                   in nanoseconds of boot time
@main
struct Main {
  static func main() throws {
    let words = CommandLine.arguments
    guard words.count == 5, let times = Int(words[3]), let milliseconds = UInt32(words[4]) else {
      FileHandle.standardError.write(Data("usage: see bench/hardlink\n".utf8))
      exit(64)
    }
    let request = LockRequest(path: ByteString(words[1]), kind: .flufl(FluflPolicy()))
    if words[2] == "increment" {
      _ = FileHandle.standardInput.readDataToEndOfFile()
      try increment(request, times, milliseconds)
    } else if words[2] == "increment-shared" {
      try increment(request, times, milliseconds, O_DIRECT)
    } else {
      try take(request, times, milliseconds)
    }
  }

  private static func increment(
    _ request: LockRequest, _ times: Int, _ milliseconds: UInt32, _ flags: Int32 = 0
  ) throws {
    var digits = [UInt8](repeating: 0, count: 20)
    let file = try FileDescriptor.open("counter", O_RDWR | flags)
    for _ in 0..<times {
      let lock = try acquire(request)
      let length = pread(file.number, &digits, digits.count, 0)
      let count = Int(String(decoding: digits[0..<max(0, length)], as: UTF8.self)) ?? 0
      let next = decimalDigits(UInt64(count + 1))
      pwrite(file.number, next, next.count, 0)
      try lock.release()
      usleep(milliseconds * 1000)
    }
  }

  private static func take(
    _ request: LockRequest, _ times: Int, _ milliseconds: UInt32
  ) throws {
    for _ in 0..<times {
      let lock = try acquire(request)
      let taken = BootTime.now.sinceZero.nanoseconds
      usleep(milliseconds * 1000)
      let released = BootTime.now.sinceZero.nanoseconds
      try lock.release()
      print(taken, released)
    }
  }
}
