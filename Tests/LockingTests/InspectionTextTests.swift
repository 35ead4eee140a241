import SystemInterface
import Testing

@testable import Locking

/// The texts of /proc, as they are and as they never should be.
@Suite struct InspectionTextTests {
  private func entry(_ line: String) -> LockTableEntry? { LockTableEntry(Array(line.utf8)[...]) }

  @Test func heldLockIsRead() throws {
    let lock = try #require(entry("1: POSIX  ADVISORY  READ  4711 fe:00:1234 10 14"))
    #expect(lock.depth == 0)
    #expect(lock.mode == .posix)
    #expect(lock.sharing == .shared)
    #expect(lock.process == 4711)
    #expect(lock.device == 0xfe00)
    #expect(lock.inode == 1234)
    #expect(lock.range == ByteRange(start: 10, length: 5))
  }

  @Test(arguments: [
    ("1: FLOCK  ADVISORY  WRITE 7 fe:00:1 0 EOF", 0),
    ("1: -> FLOCK  ADVISORY  WRITE 7 fe:00:1 0 EOF", 1),
    ("1:  -> FLOCK  ADVISORY  WRITE 7 fe:00:1 0 EOF", 2),
    ("1:   -> FLOCK  ADVISORY  WRITE 7 fe:00:1 0 EOF", 3),
  ])
  func depthOfAWaiterIsItsIndentation(_ line: String, _ depth: Int) {
    #expect(entry(line)?.depth == depth)
    #expect(entry(line)?.range == .wholeFile)
  }

  @Test func openFileLockNamesNobody() throws {
    let lock = try #require(entry("12: OFDLCK ADVISORY  WRITE -1 00:2c:257 0 EOF"))
    #expect(lock.process == nil)
  }

  @Test func rangeToTheLastByteOfAllIsOneToTheEnd() {
    let line = "1: OFDLCK ADVISORY  WRITE -1 00:01:1 0 9223372036854775807"
    #expect(entry(line)?.range == .wholeFile)
  }

  @Test func largeDeviceNumbersAreThoseOfStat() {
    #expect(deviceNumber(major: 0x1234, minor: 0x56789) == 0x0000_1000_5672_3489)
    #expect(deviceNumber(major: 1 << 32, minor: 0) == nil)
  }

  @Test(arguments: [
    "", "1", "1:", "1: ->", "1: FLOCK", "1: LEASE  ACTIVE    READ  7 fe:00:1 0 EOF",
    "1: POSIX  *NOINODE* WRITE 0 <none>:0 0 EOF", "1: FLOCK  MSNFS     RW    7 fe:00:1 0 EOF",
    "1: POSIX  ADVISORY  UNLCK 7 fe:00:1 0 EOF", "1: POSIX  ADVISORY  WRITE 7 fe:00:1 5 4",
    "1: POSIX  ADVISORY  WRITE 2147483648 fe:00:1 0 EOF",
    "1: POSIX  ADVISORY  WRITE 7 fe:00:18446744073709551616 0 EOF",
    "1: POSIX  ADVISORY  WRITE 7 fffffffff:00:1 0 EOF",
    "1: POSIX  ADVISORY  WRITE 7 fe:00:1 9223372036854775808 EOF",
    "1: POSIX  ADVISORY  WRITE 7 fe:00:1 0 18446744073709551615",
    "1: POSIX  ADVISORY  WRITE 7 fe:00:1 0", "1: POSIX  ADVISORY  WRITE - fe:00:1 0 EOF",
    "99999999999999999999: FLOCK  ADVISORY  WRITE 7 fe:00:1 0 EOF",
  ])
  func whatIsNoLockIsNone(_ line: String) {
    #expect(entry(line) == nil)
  }

  @Test func tableKeepsWaitersWithTheirLockInOrder() {
    let table = LockTable(
      Array(
        """
        1: FLOCK  ADVISORY  WRITE 10 fe:00:5 0 EOF
        1: -> FLOCK  ADVISORY  WRITE 11 fe:00:5 0 EOF
        1:  -> FLOCK  ADVISORY  WRITE 12 fe:00:5 0 EOF
        2: LEASE  ACTIVE    READ  9 fe:00:6 0 EOF
        3: OFDLCK ADVISORY  READ  -1 fe:00:7 0 EOF
        4: OFDLCK ADVISORY  READ  -1 fe:00:7 0 EOF
        """.utf8))
    #expect(table.locks.map { $0.entry.inode } == [5, 7])
    #expect(table.locks[0].waiters.map { $0.process } == [11, 12])
    #expect(table.locks.map { $0.count } == [1, 2])
    #expect(LockTable(Array("1: -> FLOCK  ADVISORY  WRITE 1 0:0:1 0 EOF".utf8)).locks.isEmpty)
  }

  @Test func descriptorTellsItsLocks() {
    let text = """
      pos:\t0
      flags:\t0100002
      mnt_id:\t27
      ino:\t1234
      lock:\t1: FLOCK  ADVISORY  WRITE 7 fe:00:1234 0 EOF
      lock:\t2: LEASE  ACTIVE    READ  7 fe:00:1234 0 EOF
      lock:\t3: OFDLCK ADVISORY  READ  -1 fe:00:1234 3 EOF

      """
    let information = DescriptorInformation(Array(text.utf8))
    #expect(information.inode == 1234)
    #expect(information.mount.map(Array.init) == Array("27".utf8))
    #expect(information.locks.map { $0.mode } == [.flock, .ofd])
  }

  @Test func nameOfAProcessMayHoldAnything() throws {
    let text = "7 (a) S 1 (\n b) R 42 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 12345 0 0"
    let facts = try #require(ProcessStatistics(Array(text.utf8)))
    #expect(Array(facts.name) == Array("a) S 1 (\n b".utf8))
    #expect(facts.state == ascii("R"))
    #expect(facts.parent == 42)
    #expect(facts.startTicks == 12345)
  }

  @Test(arguments: [
    "", "7", "7 (a", "7 )a(", "7 (a)", "7 (a) S", "7 (a) S 99999999999", "7 (a) S 1 2",
  ])
  func brokenStatisticsAreNone(_ text: String) {
    #expect(ProcessStatistics(Array(text.utf8)) == nil)
  }

  @Test func effectiveUserAndNamespacesAreRead() {
    let text = "Name:\ta\nUid:\t1000\t0\t0\t0\nNSpid:\t4711\t12\t1\n"
    let credentials = ProcessCredentials(Array(text.utf8))
    #expect(credentials.user == 0)
    #expect(credentials.namespaceDepth == 3)
    #expect(ProcessCredentials([]).user == nil)
  }

  @Test func argumentsAreJoined() {
    #expect(commandLine(Array("sh\0-c\0a b\0\0".utf8)) == "sh -c a b")
    #expect(commandLine([0, 0]).isEmpty)
  }

  @Test func blockedCallIsRead() {
    let call = BlockedCall(Array("72 0x3 0x26 0x7ffc 0x0 0x0 0x0 0x7ffd 0x7f12".utf8))
    #expect(call?.number == 72 && call?.first == 3 && call?.second == 38)
    #expect(BlockedCall(Array("running".utf8)) == nil)
    #expect(BlockedCall(Array("-1 0x7ffd 0x7f12".utf8)) == nil)
  }

  /// Every text that a single changed, missing or added byte can make of a good one.
  @Test func nothingTraps() {
    let texts = [
      "1:  -> POSIX  ADVISORY  WRITE 4711 fe:00:1234 10 14\nlock:\t1: FLOCK  ADVISORY  READ 1 0:0:1 0 EOF",
      "7 (a) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 12345 0 0", "72 0x3 0x26 0x7ffc",
      "Uid:\t1000\t0\t0\t0\nNSpid:\t4711\t12",
    ]
    for text in texts.map({ Array($0.utf8) }) {
      for index in text.indices {
        for byte in UInt8.min...UInt8.max {
          var changed = text
          changed[index] = byte
          parseAll(changed)
        }
        parseAll(Array(text[..<index]))
        parseAll(text[..<index] + [UInt8](repeating: ascii("9"), count: 100) + text[index...])
      }
    }
  }

  private func parseAll(_ text: [UInt8]) {
    _ = LockTable(text)
    _ = DescriptorInformation(text)
    _ = ProcessStatistics(text)
    _ = ProcessCredentials(text)
    _ = BlockedCall(text)
    _ = commandLine(text)
  }
}

@Suite struct SortedIndicesTests {
  @Test(arguments: [0, 1, 2, 3, 10, 100, 1000])
  func theyAreInOrderAndEachIsThereOnce(_ count: Int) {
    let values = (0..<count).map { ($0 &* 7919 &+ 13) % 101 }
    let order = sortedIndices(count) { values[$0] < values[$1] }
    #expect(order.sorted() == Array(0..<count))
    #expect(order.map { values[$0] } == values.sorted())
  }
}
