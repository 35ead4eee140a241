import Testing

@testable import Locking

@Suite struct LockersGlanceTests {
  private let table = """
    1: FLOCK  ADVISORY  WRITE 4711 fe:00:17 0 EOF
    1: -> FLOCK  ADVISORY  WRITE 4712 fe:00:17 0 EOF
    2: POSIX  ADVISORY  READ  4713 fe:00:18 0 EOF
    3: FLOCK  ADVISORY  READ  4711 fe:00:19 0 EOF
    4: DELEG  ACTIVE    READ  99 fe:00:17 0 EOF

    """

  @Test func whoHasALockIsNamedOnceAndWhoWaitsIsNot() {
    let glance = LockersGlance(Array(table.utf8), inode: 17)
    #expect(glance.ofFile == [4711])
    #expect(glance.all == [4711, 4713])
    #expect(glance.namesAll && glance.namesAllOfFile)
  }

  /// A lock of nobody in particular, and one of another pid namespace.
  @Test(arguments: ["OFDLCK ADVISORY  WRITE -1", "FLOCK  ADVISORY  WRITE 0"])
  func whoIsNotNamedMayBeAnybody(_ line: String) {
    let glance = LockersGlance(Array("\(table)5: \(line) fe:00:20 0 EOF\n".utf8), inode: 17)
    #expect(!glance.namesAll)
    #expect(glance.namesAllOfFile)
    #expect(!LockersGlance(Array("5: \(line) fe:00:20 0 EOF\n".utf8), inode: 20).namesAllOfFile)
  }
}
