import CSystem
import SystemInterface
import TestSupport
import Testing

@testable import Locking

private func news(_ line: String) -> EngineNews? { EngineNews(line: Array(line.utf8)[...]) }

/// The lines of docs/engines.md, and what comes over a socket that keeps to nothing.
@Suite(.takingTurns) struct EngineTests {
  @Test(arguments: [
    ("waiting x", EngineNews.Event.waiting), ("held 1 2", .held), ("until 5", .until),
    ("end", .end), ("lost", .lost), ("busy", .busy), ("failed 69 x", .failed),
    ("released", .released), ("lock exclusive 1 2 x", .lock), ("done", .done),
  ])
  func everyWordIsKnown(_ line: String, _ event: EngineNews.Event) {
    #expect(news(line)?.event == event)
    #expect(news(line)?.text.count ?? 99 < line.utf8.count)
  }

  @Test(arguments: ["", " ", "Held 1 2", "helds 1 2", "gone", "release", "\0", " done", "done\t"])
  func whatMeansNothingIsNoNews(_ line: String) {
    #expect(news(line) == nil)
  }

  @Test func aGrantHasATokenATimeAndVariables() throws {
    let grant = try #require(
      news("held 42 7000000001 A=b%20c _x9= SWLOCK_PATH=n 9=a A%20B=c =")?.grant)
    #expect(grant.token == "42")
    #expect(grant.until == BootTime(sinceZero: .seconds(7) + .nanoseconds(1)))
    #expect(grant.variables == ["A=b c", "_x9="])
    #expect(news("held 1 1 A=1 AB=2 A=3 B")?.grant?.variables == ["AB=2", "A=3"])
    #expect(news("held - 1")?.grant?.token == nil)
  }

  @Test(arguments: [
    "held", "held 1", "held 1 x", "held 1 -5", "held  5", "held 1 99999999999999999999",
  ])
  func aGrantThatIsNotWholeIsNone(_ line: String) {
    #expect(news(line)?.grant == nil)
  }

  @Test func timesAreNoLongerThanCanBeCountedWith() {
    let long = "9223372036854775807"
    #expect(news("until \(long)")?.until == BootTime(sinceZero: .nanoseconds(1 << 62)))
    let longest: Int64 = (1 << 62) / 1_000_000_000
    #expect(news("lock shared 1 \(long) x")?.entry?.secondsLeft == longest)
  }

  @Test(arguments: ["until", "until x", "until -1", "until 1 2", "until 99999999999999999999"])
  func aTimeThatIsNoneIsNone(_ line: String) {
    #expect(news(line)?.until == nil)
  }

  @Test func failuresHaveAStatusAndAText() {
    #expect(news("failed 69 no%20answer")?.failure == .failed("no answer", status: 69))
    #expect(news("failed 69")?.failure == .failed("", status: 69))
    #expect(news("failed")?.failure == nil)
    #expect(news("failed x y")?.failure == nil)
  }

  @Test func whatIsEscapedIsTheSameAfterwards() {
    let bytes = (1...255).map { UInt8($0) }
    let escaped = ByteString(bytes).escapedForEngines
    #expect(escaped.bytes.allSatisfy { $0 > 0x20 && $0 != 0x7f })
    #expect(unescaped(escaped.bytes) == ByteString(bytes))
    #expect(unescaped(Array("%4a%4A%zz%4".utf8)[...]) == "JJ%zz%4")
    // As in C, a zero byte ends the text.
    #expect(unescaped(Array("a%00b".utf8)[...]) == "a")
  }

  @Test func whoAsksIsToldInWordsThatAreReadAgain() {
    let text = engineInformation(process: 7, user: "a b", command: "x=%\n")
    let entry = EngineEntry(saidOfHolder: text)
    #expect(entry.process == 7 && entry.user == "a b" && entry.command == "x=%\n")
    #expect(entry.host?.isEmpty == false && entry.since ?? 0 > 0 && !entry.isForeign)
    #expect(EngineEntry(saidOfHolder: "another client, lease 7").isForeign)
  }

  private static func report(_ kinds: String) -> (holders: Int, waiters: Int) {
    let entries = kinds.split(separator: " ").compactMap { news("lock \($0) 1 - x")?.entry }
    let report = EngineReport(entries)
    return (report.holders.count, report.waiters.count)
  }

  @Test(arguments: [
    ("", 0, 0), ("exclusive", 1, 0), ("exclusive exclusive shared", 1, 2),
    ("shared shared exclusive shared", 2, 2), ("slots:2 slots:2 slots:2", 2, 1),
    ("slots:2 slots:3", 1, 1), ("slots:1 exclusive", 1, 1), ("shared slots:2", 1, 1),
  ])
  func whoHasTheLockIsKnownByTheOrder(_ kinds: String, _ holders: Int, _ waiters: Int) {
    let found = Self.report(kinds)
    #expect(found == (holders, waiters))
  }

  @Test func argumentsSayWhatIsWanted() {
    var request = LockRequest(path: "a b", sharing: .shared)
    #expect(
      request.engineArguments(lifetime: .seconds(15), "i") == [
        "lock", "a b", "ttl=15", "kind=shared", "info=i",
      ])
    request.slots = 3
    request.patience = .never
    #expect(
      request.engineArguments(lifetime: .seconds(5), "i")[3...] == [
        "kind=slots:3", "try", "info=i",
      ])
  }

  @Test(arguments: ["etcd", "a", "0", String(repeating: "x", count: 64)])
  func namesAreOfSmallLettersAndDigits(_ name: String) {
    #expect(EngineName(ByteString(name))?.text == ByteString(name))
  }

  @Test(arguments: ["", "Etcd", "a/b", "..", "a b", "ä", String(repeating: "x", count: 65)])
  func otherNamesAreNone(_ name: String) {
    #expect(EngineName(ByteString(name)) == nil)
  }

  // MARK: - Over a socket

  @Test func linesThatAreTooLongAreDroppedAndTheNextOneIsRead() throws {
    let (link, far) = try pair()
    let long = String(repeating: "x", count: 5000)
    for text in [
      "waiting \(long)\n", "\(String(repeating: "y", count: 4096))\nbu", "sy a\n\n", "done",
    ] {
      try writeAll(Array(text.utf8), to: far)
      _ = link.take().map { #expect($0.event == .busy && $0.text == "a") }
    }
    // Half a line is none.
    #expect(link.take() == nil)
    // A process that another test has just forked has it open as well.
    shutdown(far, Int32(SHUT_RDWR))
    close(far)
    #expect(link.take()?.event == .gone)
    #expect(link.take()?.event == .gone)
  }

  @Test func aLineAsLongAsMayBeIsRead() throws {
    let (link, far) = try pair()
    let text = String(repeating: "x", count: 4096 - 6)
    try writeAll(Array("busy \(text)\n".utf8), to: far)
    #expect(link.take()?.text == ByteString(text))
    close(far)
  }

  @Test func releaseIsSaidOnceInAnyState() throws {
    let (link, far) = try pair()
    try writeAll(Array("held 1 2\nuntil 3\nreleased\n".utf8), to: far)
    #expect(link.release() == .released)
    close(far)
    #expect(link.release() == .unknown)
    let (other, end) = try pair()
    close(end)
    #expect(other.release() == .unknown)
    let (last, tail) = try pair()
    try writeAll(Array("lost why\n".utf8), to: tail)
    #expect(last.release() == .lost("why"))
    #expect(try FileDescriptor(taking: tail).readAll(limit: 8) == Array("release\n".utf8))
  }

  @Test func aWaitEndsAtItsTimeHoweverMuchIsSaid() throws {
    let (link, far) = try pair()
    try writeAll(Array(String(repeating: "waiting x\n", count: 5000).utf8), to: far)
    #expect(try link.next(by: .now).event == .timeIsUp)
    #expect(try link.next(by: nil).event == .waiting)
    close(far)
  }

  private func pair() throws -> (EngineLink, Int32) {
    let ends = try SocketPair()
    return (EngineLink(ends.near), ends.far.leak())
  }
}
