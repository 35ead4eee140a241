import Foundation
import SystemInterface
import Testing

@testable import CommandLine
@testable import Locking

private func claim(
  _ process: Int32 = 4711, _ host: ByteString = "build.example.org", remaining: Int64? = 41,
  liveness: Liveness = .alive, isExpiryCertain: Bool = true
) -> HardlinkClaim {
  HardlinkClaim(
    fileName: "lock|h|1|2", host: host, process: process, partner: nil, user: 0, liveness: liveness,
    isForeign: false, isExpiryCertain: isExpiryCertain,
    expiry: remaining.map { 1_700_000_000 + $0 },
    remaining: remaining.map { .seconds($0) })
}

private func report(
  _ state: HardlinkState, _ holder: HardlinkClaim? = nil, _ waiters: [HardlinkClaim] = [],
  path: ByteString = "lock", isHeld: Bool? = nil
) -> PathReport {
  PathReport(
    path: path,
    hardlink: HardlinkReport(
      state: state, isHeld: isHeld ?? (state != .unlocked && state != .stale), holder: holder,
      waiters: waiters))
}

private func string(_ message: Message) -> String {
  String(decoding: message.bytes, as: UTF8.self)
}

@Suite struct StatusTextTests {
  @Test func stateIsSaidInOneLine() {
    #expect(string(report(.unlocked).text) == "lock  free\n")
    #expect(
      string(report(.theirs, claim()).text)
        == "lock  held by pid 4711 on build.example.org, expires in 41s\n")
    #expect(
      string(report(.theirsExpired, claim(remaining: -12)).text)
        == "lock  held by pid 4711 on build.example.org, expired 12s ago\n")
    #expect(
      string(report(.theirsExpired, claim(remaining: -120), isHeld: false).text)
        == "lock  expired 2m ago and free to be taken, pid 4711 on build.example.org\n")
    #expect(
      string(report(.ours, claim(remaining: nil)).text)
        == "lock  held by pid 4711 on build.example.org, until it is released\n")
    #expect(
      string(report(.stale, claim(liveness: .dead)).text)
        == "lock  stale: its owner is dead, pid 4711 on build.example.org\n")
    #expect(
      string(report(.theirs, claim(0)).text)
        == "lock  held for nobody, on build.example.org, expires in 41s\n")
  }

  @Test(arguments: [
    (Int64.max, "expires in more than 200 years"), (Int64.min, "expired more than 200 years ago"),
    (-9_000_000_000, "expired 104166d 16h ago"), (0, "expires in 0s"),
  ])
  func timesThatDoNotFitAreNoNumbers(_ seconds: Int64, _ text: String) {
    let claim = HardlinkClaim(
      fileName: "l", host: "h", process: 1, partner: nil, user: 0, liveness: .unknown,
      isForeign: false, isExpiryCertain: true, expiry: 0, remaining: .seconds(seconds))
    #expect(claim.expiryPhrase.map(string) == text)
  }

  @Test func aClockThatMayBeAnotherOneMeasuresNothing() {
    let uncertain = claim(remaining: -12, liveness: .unknown, isExpiryCertain: false)
    #expect(
      string(report(.theirs, uncertain).text)
        == "lock  held by pid 4711 on build.example.org, past its time by this host's clock\n")
  }

  @Test func waitersHaveLinesOfTheirOwn() {
    #expect(
      string(report(.theirs, claim(), [claim(5), claim(6, liveness: .dead)]).text)
        == "lock  held by pid 4711 on build.example.org, expires in 41s\n"
        + "  waiting: pid 5 on build.example.org\n"
        + "  waiting: pid 6 on build.example.org, which is dead\n")
  }

  @Test func longLinesAreFolded() {
    let host = ByteString(String(repeating: "h", count: 50))
    let path = ByteString(String(repeating: "p", count: 70))
    let text = string(report(.theirs, claim(4_194_304, host, remaining: 3599), path: path).text)
    for line in text.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
    #expect(text.split(separator: "\n").count == 3)
  }

  @Test func namesAreEscaped() {
    let text = string(report(.theirs, claim(1, "a\u{1b}[2J"), path: "x\ny").text)
    #expect(text == "x\\ny  held by pid 1 on a\\x1b[2J, expires in 41s\n")
  }

  @Test(arguments: [
    (0, "0s"), (59, "59s"), (60, "1m"), (3599, "59m 59s"), (3600, "1h"),
    (86399, "23h 59m"), (86400, "1d"), (90000, "1d 1h"),
  ])
  func spansAreShort(_ seconds: Int64, _ text: String) {
    #expect(string(spanText(.seconds(seconds))) == text)
    #expect(parseDuration(ByteString(text)) != nil)
  }
}

@Suite struct JSONTests {
  private func object(_ message: Message) throws -> [String: Any] {
    let parsed = try JSONSerialization.jsonObject(with: Data(message.bytes))
    return try #require(parsed as? [String: Any])
  }

  @Test func reportIsOneObjectOnOneLine() throws {
    let text = JSON.report(report(.theirs, claim(), [claim(5, liveness: .unknown)]))
    #expect(string(text).hasSuffix("}\n"))
    #expect(text.bytes.filter { $0 == 0x0a }.count == 1)
    let object = try object(text)
    #expect(object["path"] as? String == "lock")
    #expect(object["mode"] as? String == "hardlink")
    #expect(object["state"] as? String == "unknown")
    let holder = try #require(object["holder"] as? [String: Any])
    #expect(holder["pid"] as? Int == 4711)
    #expect(holder["expiry"] as? Int == 1_700_000_041)
    #expect(holder["alive"] as? Bool == true)
    let waiters = try #require(object["waiters"] as? [[String: Any]])
    #expect(waiters.count == 1)
    #expect(waiters[0]["alive"] is NSNull)
  }

  @Test func whatIsNotThereIsNull() throws {
    let free = try object(JSON.report(report(.unlocked)))
    #expect(free["holder"] is NSNull)
    let nobody = try object(JSON.report(report(.ours, claim(0, remaining: nil))))
    let holder = try #require(nobody["holder"] as? [String: Any])
    #expect(holder["pid"] is NSNull)
    #expect(holder["expiry"] is NSNull)
  }

  @Test func stringsAreEscaped() {
    #expect(string(JSON.string("a\"b\\c/d")) == #""a\"b\\c/d""#)
    #expect(string(JSON.string("a\n\u{7f}")) == #""a\u000a\u007f""#)
    #expect(string(JSON.string("schön 鍵")) == "\"schön 鍵\"")
    #expect(string(JSON.string("\u{202e}\u{e0001}")) == #""\u202e\udb40\udc01""#)
  }

  @Test func bytesThatAreNoTextAreLoneSurrogates() {
    #expect(string(JSON.string(ByteString([0x61, 0xff, 0xc3]))) == #""a\udcff\udcc3""#)
  }
}

@Suite struct HardlinkMessageTests {
  @Test(
    arguments: [
      (LockError.refused(.separatorInPath), 64), (.refused(.notAClaim(.emptyFile)), 65),
      (.notHeld, 76),
      (.lost, 76), (.busy, 75), (.unsupported(.noHardLinks), 69),
      (.unsupported(.sharedHardlink), 69), (.system(.link, .readOnlyFileSystem), 73),
    ] as [(LockError, Int32)])
  func errorsHaveTheirStatus(_ error: LockError, _ status: Int32) {
    let failure = Failure.hardlink("release", "l", error)
    #expect(failure.status == status)
    #expect(string(failure.message).hasPrefix("unable to release l: "))
  }

  @Test func aLiveOwnerIsNamedWhereItsLockIsNotBroken() {
    #expect(
      string(Break.refusal(claim()))
        == "it is held by pid 4711 on build.example.org, which is alive (--force breaks it all the same)"
    )
  }
}
