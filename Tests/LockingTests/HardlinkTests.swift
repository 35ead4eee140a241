import CSystem
import Foundation
import SystemInterface
import TestSupport
import Testing

@testable import Locking

/// A lock in a folder of its own, and claims on it in the name of others.
struct HardlinkWorld {
  let scratch: Scratch
  let lock: LockName
  var policy = FluflPolicy()
  var isPortage = false

  /// No process has it: it is above the largest that Linux gives.
  static let dead = ProcessMark(4_194_305, start: 1)

  init() throws {
    scratch = try Scratch()
    lock = try LockName(scratch.path())
    policy.hardlink.clockSlop = .zero
    policy.hardlink.settle = .zero
  }

  /// Another process that is alive.
  var parent: ProcessMark { get throws { try ProcessMark(getppid()) } }

  func request(_ change: (inout LockRequest) -> Void = { _ in }) -> LockRequest {
    var request = LockRequest(path: scratch.path(), kind: kind, patience: .never)
    change(&request)
    return request
  }

  var kind: LockKind { isPortage ? .portage(policy.hardlink) : .flufl(policy) }

  func location() throws -> HardlinkLocation { try kind.location(at: scratch.path()) }

  func claimant(_ owner: ProcessMark, host: ByteString? = nil) throws -> Claimant {
    let here = try Claimant.current()
    guard let host else { return here.acting(for: owner) }
    let realm = Realm(namespace: here.realm.namespace, boot: "0123456789abcdef")
    return Claimant(hosts: HostNames(node: host), realm: realm, owner: owner, partner: nil)
  }

  /// A claim of that process; not linked to anything.
  @discardableResult
  func claim(
    of owner: ProcessMark, host: ByteString? = nil, lifetime: Span? = .seconds(60)
  ) throws -> ClaimFile {
    let claim = try ClaimFile(lock, try claimant(owner, host: host), lifetime: lifetime)
    try claim.start()
    return claim
  }

  /// The same, at `name`: by default at the lock.
  @discardableResult
  func hold(
    as owner: ProcessMark, at name: ByteString? = nil, host: ByteString? = nil,
    lifetime: Span? = .seconds(60)
  ) throws -> ClaimFile {
    let claim = try claim(of: owner, host: host, lifetime: lifetime)
    try lock.folder.link(claim.name.fileName, to: name ?? lock.base)
    return claim
  }

  /// A claim as flufl.lock makes it, at the lock.
  func holdAsFlufl(pid: Int32, host: String, expiry: Int64) throws {
    let name = "lock|\(host)|\(pid)|12345"
    try scratch.write(scratch.folder + "/" + name, to: name)
    let file = try lock.folder.open(ByteString(name), O_RDWR)
    try setTimes(of: file.number, seconds: expiry)
    try lock.folder.link(ByteString(name), to: lock.base)
  }

  func names() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: scratch.folder).sorted()
  }

  func holder() throws -> ByteString? { try lock.look(lock.base)?.token }
}

@Suite(.takingTurns) struct HardlinkTests {
  let world: HardlinkWorld

  init() throws { world = try HardlinkWorld() }

  @Test func releasedLockLeavesNothing() throws {
    let lock = try acquire(world.request())
    #expect(lock.kind.hasClaim)
    let deadline = lock.deadline
    #expect(deadline != nil)
    #expect(try world.names().count == 2)
    try lock.release()
    #expect(try world.names() == [])
  }

  @Test func lockIsReleasedAtTheEndOfItsLife() throws {
    do { _ = try acquire(world.request()) }
    #expect(try world.names() == [])
  }

  @Test func secondAttemptInTheSameProcessIsAnError() throws {
    let lock = try acquire(world.request())
    #expect(errorOfAcquiring(world.request()) == .alreadyHeld)
    try lock.release()
  }

  @Test func liveOwnerKeepsTheLock() throws {
    let claim = try world.hold(as: world.parent)
    #expect(errorOfAcquiring(world.request()) == .busy)
    #expect(
      errorOfAcquiring(world.request { $0.patience = .until(.milliseconds(20)) }) == .timedOut)
    #expect(try world.holder() == claim.token)
    #expect(try world.names().count == 2)
  }

  @Test func lockOfADeadOwnerIsTakenAtOnce() throws {
    try world.hold(as: HardlinkWorld.dead)
    try acquire(world.request()).release()
    #expect(try world.names() == [])
  }

  @Test func claimsOfDeadWaitersAreRemovedByTheNextHolder() throws {
    try world.claim(of: HardlinkWorld.dead)
    try acquire(world.request()).release()
    #expect(try world.names() == [])
  }

  @Test func abandonedLockIsFree() throws {
    try world.hold(as: world.parent).abandon()
    try acquire(world.request()).release()
    #expect(try world.names() == [])
  }

  @Test func ownerElsewhereKeepsTheLockForItsLifetimeOnly() throws {
    try world.hold(as: HardlinkWorld.dead, host: "elsewhere")
    #expect(errorOfAcquiring(world.request()) == .busy)
    _ = try world.location().breakLock(force: true)
    let claim = try world.hold(
      as: HardlinkWorld.dead, host: "elsewhere", lifetime: .milliseconds(1))
    try setTimes(of: claim.number, seconds: 1)
    try acquire(world.request { $0.patience = .until(.seconds(10)) }).release()
    #expect(try world.names() == [])
  }

  @Test func clockThatIsWrongDoesNotShortenTheLifetime() throws {
    let claim = try world.hold(as: HardlinkWorld.dead, host: "elsewhere")
    try setTimes(of: claim.number, seconds: 1)
    #expect(errorOfAcquiring(world.request()) == .busy)
    #expect(throws: LockError.busy) { try world.location().breakLock() }
  }

  @Test func overdueOwnerThatIsAliveIsBrokenOnlyAfterItsLifetimeWasWatched() throws {
    let claim = try world.hold(as: world.parent, lifetime: .milliseconds(50))
    try setTimes(of: claim.number, seconds: 1)
    Deadline.milliseconds(100).sleep()
    #expect(errorOfAcquiring(world.request()) == .busy)
    try acquire(world.request { $0.patience = .until(.seconds(10)) }).release()
    #expect(try world.names() == [])
  }

  @Test func fileThatIsNoClaimIsLeftAlone() throws {
    for content in ["", "data", "/etc/passwd|host|1|2", "/tmp/lock|h|1|2|3"] {
      try world.scratch.write(content)
      let refusal = LockError.refused(.notAClaim(content.isEmpty ? .emptyFile : .otherFile))
      #expect(errorOfAcquiring(world.request()) == refusal)
      #expect(throws: refusal) {
        _ = try world.location().breakLock(force: true)
      }
      #expect(try world.names() == ["lock"])
    }
  }

  @Test func whatHardlinkLocksCannotDoIsRefused() {
    #expect(
      errorOfAcquiring(world.request { $0.sharing = .shared }) == .unsupported(.sharedHardlink))
    #expect(
      errorOfAcquiring(world.request { $0.path = "/tmp/a|b" }) == .refused(.separatorInPath))
  }

  @Test func fluflClaimIsBrokenOnlyIfItsProcessIsDead() throws {
    let own = try Claimant.current().hosts.node
    let host = String(decoding: own.bytes, as: UTF8.self)
    try world.holdAsFlufl(pid: getppid(), host: host, expiry: 1)
    #expect(errorOfAcquiring(world.request()) == .busy)
    _ = try world.location().breakLock(force: true)
    try world.holdAsFlufl(pid: 1, host: "elsewhere", expiry: 1)
    #expect(errorOfAcquiring(world.request()) == .busy)
    _ = try world.location().breakLock(force: true)
    try world.holdAsFlufl(pid: HardlinkWorld.dead.identifier, host: host, expiry: 0x7fff_fff0)
    try acquire(world.request()).release()
    #expect(try world.names() == [])
  }
}

@Suite(.takingTurns) struct HardlinkLifetimeTests {
  let world: HardlinkWorld

  init() throws { world = try HardlinkWorld() }

  @Test func refreshMovesTheDeadline() throws {
    let lock = try acquire(world.request())
    let before = lock.deadline!
    try lock.refresh()
    let after = lock.deadline!
    #expect(after > before)
    try lock.release()
  }

  @Test func lockLeftBehindIsTakenOverAndReleased() throws {
    try acquire(world.request()).leaveBehind()
    #expect(try world.names().count == 2)
    let lock = try world.location().take()
    try lock.refresh()
    try lock.release()
    #expect(try world.names() == [])
    #expect(throws: LockError.notHeld) { _ = try world.location().take() }
  }

  @Test func brokenLockIsReportedLost() throws {
    let first = try acquire(world.request())
    #expect(try world.location().breakLock(force: true) != nil)
    #expect(errorOfReleasing(first) == .lost)
    let second = try acquire(world.request())
    _ = try world.location().breakLock(force: true)
    try world.hold(as: world.parent)
    #expect(errorOfReleasing(second) == .lost)
    #expect(try world.names().count == 2)
  }

  @Test func transferredLockIsNeverFree() throws {
    let lock = try acquire(world.request())
    try lock.transfer(to: .process(getppid()))
    let report = try world.location().report(for: .process(getppid()))
    #expect(report.state == .ours)
    #expect(report.holder?.process == getppid())
    #expect(throws: LockError.notHeld) { try world.location().release(of: .thisProcess) }
    try world.location().release(of: .process(getppid()))
    #expect(try world.names() == [])
  }

  @Test func disownedLockStaysUntilItIsReleased() throws {
    var world = world
    world.policy.lifetime = nil
    let lock = try acquire(world.request())
    let deadline = lock.deadline
    #expect(deadline == nil)
    try lock.transfer(to: .nobody)
    #expect(errorOfAcquiring(world.request()) == .busy)
    try world.location().release(of: .nobody)
    #expect(try world.names() == [])
  }

  @Test func lateRefreshKeepsALockThatNobodyTook() throws {
    let claim = try world.hold(as: ProcessMark.ofThisProcess(), lifetime: .milliseconds(20))
    try setTimes(of: claim.number, seconds: 1)
    try world.location().refresh(of: .thisProcess, lifetime: .seconds(60))
    #expect(try world.location().report(for: .thisProcess).state == .ours)
    try world.location().release(of: .thisProcess)
    #expect(try world.names() == [])
  }

  @Test func reportNamesHolderAndWaiters() throws {
    #expect(try world.location().report().state == .unlocked)
    try world.hold(as: HardlinkWorld.dead)
    try world.claim(of: world.parent)
    let report = try world.location().report()
    #expect(report.state == .stale)
    #expect(report.holder?.liveness == .dead)
    #expect(report.waiters.map { $0.process } == [getppid()])
    #expect(report.waiters.first?.liveness == .alive)
  }
}
