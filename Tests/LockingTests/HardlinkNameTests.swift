import CSystem
import SystemInterface
import Testing

@testable import Locking

@Suite struct HardlinkNameTests {
  private let realm = Realm(namespace: 4_026_531_836, boot: "0123456789abcdef")

  private func read(_ name: String, base: ByteString = "lock") -> ClaimName? {
    ClaimName(ByteString(name).bytes, base: base)
  }

  @Test func claimNameIsReadAsItWasWritten() throws {
    let written = try ClaimName(
      base: "lo.ck", host: "host-1.example", owner: ProcessMark(4711, start: 99),
      partner: ProcessMark(4710, start: 98), realm: realm, lifetime: .milliseconds(1500))
    let found = ClaimName(written.fileName.bytes, base: "lo.ck")
    #expect(found == written)
    #expect(found?.details?.lifetime == .milliseconds(1500))
    #expect(found?.details?.partner == ProcessMark(4710, start: 98))
    #expect(ClaimName(written.fileName.bytes, base: "lo") == nil)
  }

  @Test func claimOfOneWhoActsForTheOwnerIsReadAsItWasWritten() throws {
    let written = try ClaimName(
      base: "lock", host: "host-1.example", owner: ProcessMark(4711, start: 99), partner: nil,
      actor: ProcessMark(4712, start: 100), realm: realm, lifetime: nil)
    let found = ClaimName(written.fileName.bytes, base: "lock")
    #expect(found == written)
    #expect(found?.details?.actor == ProcessMark(4712, start: 100))
    #expect(found?.details?.partner == nil)
  }

  @Test func tokensDiffer() throws {
    let make = {
      try ClaimName(
        base: "l", host: "h", owner: ProcessMark(1, start: 1), partner: nil, realm: realm,
        lifetime: nil)
    }
    let first = try make()
    #expect(first.token.count == 32)
    #expect(try make().token != first.token)
    #expect(first.details?.lifetime == nil)
  }

  @Test func claimOfFluflLockIsForeign() {
    let claim = read("lock|www.example.org|17|8123456789012345678")
    #expect(claim?.isForeign == true)
    #expect(claim?.host == "www.example.org")
    #expect(claim?.process == 17)
    #expect(claim?.token == "8123456789012345678")
  }

  @Test(arguments: [
    "lock", "lock|", "lock|h|1", "lock|h|1|", "lock|h|1|2|3", "lock||1|2", "lock|h|x|2",
    "lock|h|-1|2", "lock|h|99999999999|2", "lock|h|1|../2", "lock|h|1|2 ", "locks|h|1|2",
    "lock|h|1|2.3", "lock|h|1|2.x.1.1.ab", "lock|h|1|2.1.1.1.ab.1", "lock|h|1|2.1.1.1.zz",
    "lock|h|1|2.99999999999999999999.1.1.ab", "lock|h|1|2.1.1.1.ab.0.1",
    "lock|h|1|0123456789012345678901234567890123456789012345", "lock|h|1|2.",
    "lock|h|1|.1.1.1.ab",
    "lock|h|1|2.1.1.1.ab.1.1.b", "lock|h|1|2.1.1.1.ab.1.1.aa", "lock|h|1|2.1.1.1.ab.1.1.",
    "lock|h|1|2.1.1.1.ab.1.1.a.", "lock|h|1|2.1.1.1.ab.1.1.a.a",
    "lock|h|1|2.1.1.1.ab.", "lock|h|1|2|",
  ])
  func whatIsNoClaimIsNotRead(_ name: String) {
    #expect(read(name) == nil)
  }

  @Test(arguments: [
    ("lock+host+12+345", true), ("lock::host::12::345", true), ("lock-a-b-12-345", true),
    ("lock.host.example.12.345", true), ("lock^h^1^2", true), ("lock", false), ("lock.1", false),
    ("lock-2026-11-29", true), ("lock+host+12+", false), ("lock+host+x+345", false),
    ("lock+host-12+345", false), ("lock++12+345", false), ("other+host+12+345", false),
    ("lockhost12345", false),
  ])
  func nameWithAnotherSeparatorIsWorthALook(_ name: String, _ expected: Bool) {
    #expect(ClaimName.mayBeUnreadable(ByteString(name), base: "lock") == expected)
  }

  @Test func claimWithAnotherSeparatorIsForeignAndOfNobodyKnown() {
    let claim = ClaimName(unreadable: "lock+host+12+345")
    #expect(claim.isForeign && claim.isUnreadable && claim.process == 0)
    #expect(claim.token.count == 16)
    #expect(claim.token != ClaimName(unreadable: "lock+host+12+346").token)
  }

  @Test(arguments: [
    ("", "node"), ("127.0.0.1 localhost\n", "node"),
    ("127.0.1.1 node.example.com node\n", "node.example.com"),
    ("127.0.1.1\tnode node.example.com # node.other\n", "node.example.com"),
    ("::1 a\n10.0.0.1 first.example.com\n10.0.0.1 node\n", "first.example.com"),
    ("# 10.0.0.1 commented.example.com node\n10.0.0.1 alias node\n", "alias"),
  ])
  func canonicalNameIsThatOfTheHostsFile(_ hosts: String, _ name: String) {
    #expect(HostNames(node: "node", hosts: Array(hosts.utf8)).canonical == ByteString(name))
  }

  @Test func placeholderIsReadAsPortageWritesIt() {
    let placeholder = Placeholder(".a.b.hardlock-my-host-12")
    #expect(placeholder?.base == "a.b")
    #expect(placeholder?.host == "my-host")
    #expect(placeholder?.process == 12)
    let made = Placeholder(base: "a.b", host: "my-host", process: 12)
    #expect(made == placeholder)
  }

  @Test func placeholderThatIsBeingRetiredIsStillKnown() {
    let placeholder = Placeholder(base: "a.b", host: "my-host", process: 12)
    let aside = placeholder.aside("0123456789abcdef0123456789abcdef")
    let found = Placeholder(aside)
    #expect(found?.originalName == placeholder.fileName)
    #expect(found?.fileName == aside)
    #expect(ProtocolFile(aside)?.base == "a.b")
  }

  @Test(arguments: [
    "a.hardlock-h-1", "..hardlock-h-1", ".a.hardlock-h", ".a.hardlock-h-", ".a.hardlock-h-x",
    ".a.hardlock-h-0", ".a.hardlock-x.hardlock-h-1", ".a.hardlock--1", ".a.hardlock-h-1 ",
  ])
  func whatIsNoPlaceholderIsNotRead(_ name: String) {
    #expect(Placeholder(ByteString(name)) == nil)
  }

  @Test func rightsAreKnownByTheirNames() {
    let names = [
      ".lo-ck.swlock-retire-0a", ".lo-ck.swlock-exit-0a", ".lo-ck.swlock-arm-0a",
    ]
    for name in names {
      #expect(ProtocolFile(ByteString(name))?.base == "lo-ck")
    }
    for name in [".lock.swlock", ".lock.swlock-retire-", ".lock.swlock-x-0a", ".swlock-exit-0a"] {
      #expect(ProtocolFile(ByteString(name)) == nil)
    }
  }

  @Test func ownProcessIsAliveAndALaterOneOfItsNumberIsNot() throws {
    let own = ProcessMark.ofThisProcess()
    #expect(own.start > 0)
    #expect(own.liveness == .alive)
    #expect(ProcessMark(own.identifier, start: own.start + 1).liveness == .dead)
    #expect(try Realm.current().isKnown)
  }
}
