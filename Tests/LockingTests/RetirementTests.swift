import CSystem
import Foundation
import SystemInterface
import TestSupport
import Testing

@testable import Locking

/// The steps of docs/hardlink.md, each in the situation that it is there for.
@Suite(.takingTurns) struct RetirementTests {
  let world: HardlinkWorld

  init() throws { world = try HardlinkWorld() }

  private func retire(
    _ token: ByteString, _ purpose: Retirement.Purpose = .breaking(.stale)
  ) throws -> Retirement.Outcome {
    let judge = Judge(claimant: try .current(), policy: world.policy.hardlink)
    return try Retirement(
      lock: world.lock, judge: judge, token: token, purpose: purpose
    ).perform()
  }

  @Test func liveRightHolderIsNotDisturbed() throws {
    let held = try world.hold(as: HardlinkWorld.dead)
    try world.hold(as: world.parent, at: world.lock.retireName(held.token))
    #expect(try retire(held.token) == .busy)
    #expect(try world.holder() == held.token)
    #expect(try world.names().count == 4)
  }

  @Test func deadRightHoldersAreFencedAndLeaveNothingButTheirClaims() throws {
    let held = try world.hold(as: HardlinkWorld.dead)
    let first = try world.hold(as: HardlinkWorld.dead, at: world.lock.retireName(held.token))
    let second = try world.hold(as: HardlinkWorld.dead, at: world.lock.retireName(first.token))
    #expect(try retire(held.token) == .done)
    #expect(try world.holder() == nil)
    for right in [first, second] {
      let door = try world.lock.folder.status(of: world.lock.exitName(right.token))
      #expect(door.kind == .directory)
    }
    _ = try world.location().cleanUp()
    #expect(try world.names() == [])
  }

  @Test func fencedRightHolderCanNeitherTakeNorBackOut() throws {
    let held = try world.hold(as: HardlinkWorld.dead)
    let right = try world.hold(as: world.parent, at: world.lock.retireName(held.token))
    try world.lock.folder.makeDirectory(world.lock.exitName(right.token))
    let door = world.lock.exitName(right.token)
    for name in [world.lock.base, world.lock.retireName(held.token)] {
      #expect(throws: Errno.self) { try world.lock.folder.rename(name, to: door) }
    }
    #expect(try world.holder() == held.token)
  }

  @Test func forceDoesNotWaitForALiveRightHolder() throws {
    let held = try world.hold(as: world.parent)
    try world.hold(as: world.parent, at: world.lock.retireName(held.token))
    #expect(try retire(held.token, .force) == .done)
    #expect(try world.holder() == nil)
  }

  @Test func claimThatIsNotAtTheLockAnyMoreIsGone() throws {
    let held = try world.hold(as: HardlinkWorld.dead)
    #expect(try retire("0123456789abcdef") == .gone)
    #expect(try world.holder() == held.token)
    #expect(try world.names().count == 2)
  }

  @Test func claimThatIsNotStaleAfterAllIsLeftAlone() throws {
    let held = try world.hold(as: world.parent)
    #expect(try retire(held.token) == .busy)
    #expect(try world.holder() == held.token)
    #expect(try world.names().count == 2)
  }

  @Test func transferThatWasFencedChangesNothing() throws {
    let held = try world.hold(as: ProcessMark.ofThisProcess())
    // A right that is stale on the way, whose holder had armed a claim of its own.
    let right = try world.hold(as: HardlinkWorld.dead, at: world.lock.retireName(held.token))
    try world.lock.folder.link(right.name.fileName, to: world.lock.armName(right.token))
    let heir = try world.claimant(world.parent)
    #expect(try retire(held.token, .transfer(to: heir, lifetime: nil)) == .done)
    #expect(throws: Errno.missing) {
      _ = try world.lock.folder.status(of: world.lock.armName(right.token))
    }
    #expect(try world.lock.look("lock")?.name.process == getppid())
  }
}

@Suite(.takingTurns) struct HardlinkCleanUpTests {
  let world: HardlinkWorld

  init() throws { world = try HardlinkWorld() }

  private func cleanUp(
    _ change: (inout HardlinkCleanUpOptions) -> Void = { _ in }
  ) throws -> [HardlinkRemoval.Kind] {
    var options = HardlinkCleanUpOptions()
    change(&options)
    let result = try world.location().cleanUp(options)
    #expect(result.firstError == nil)
    return result.removals.map { $0.kind }
  }

  @Test func nothingThatIsAliveIsRemoved() throws {
    let held = try world.hold(as: world.parent)
    let right = try world.hold(as: world.parent, at: world.lock.retireName(held.token))
    try world.claim(of: world.parent)
    try world.lock.folder.makeDirectory(world.lock.exitName(right.token))
    let before = try world.names()
    #expect(try cleanUp() == [])
    #expect(try world.names() == before)
  }

  @Test func everythingOfTheDeadIsRemoved() throws {
    let held = try world.hold(as: HardlinkWorld.dead)
    let right = try world.hold(as: HardlinkWorld.dead, at: world.lock.retireName(held.token))
    try world.claim(of: HardlinkWorld.dead)
    try world.lock.folder.makeDirectory(world.lock.exitName(right.token))
    try world.lock.folder.makeDirectory(world.lock.exitName("0123456789abcdef"))
    try world.lock.folder.link(right.name.fileName, to: world.lock.armName(right.token))
    #expect(try cleanUp { $0.dryRun = true }.count > 3)
    #expect(try world.names().count > 5)
    _ = try cleanUp()
    #expect(try world.names() == [])
  }

  @Test func retireNameOfAClaimThatStillHoldsTheLockStays() throws {
    let held = try world.hold(as: world.parent)
    try world.hold(as: HardlinkWorld.dead, at: world.lock.retireName(held.token))
    #expect(try cleanUp() == [])
    #expect(try world.names().count == 4)
  }

  @Test func youngFilesStayWhereOnlyOldOnesAreToGo() throws {
    try world.hold(as: HardlinkWorld.dead)
    #expect(try cleanUp { $0.olderThan = .seconds(3600) } == [])
    #expect(try world.names().count == 2)
  }

  @Test func allRemovesLiveLocksAsWell() throws {
    try world.hold(as: world.parent)
    #expect(try cleanUp { $0.all = true } == [.liveLock, .claim])
    #expect(try world.names() == [])
  }

  @Test func folderIsCleanedLockByLockAndStrangersStay() throws {
    try world.hold(as: HardlinkWorld.dead)
    let other = try LockName(world.scratch.path("other"))
    let claim = try ClaimFile(
      other, try world.claimant(HardlinkWorld.dead), lifetime: .seconds(60))
    try other.folder.link(claim.name.fileName, to: other.base)
    // Its claim's own name is lost.
    try other.folder.unlink(claim.name.fileName)
    try world.scratch.write("data", to: "file")
    try world.scratch.write("", to: ".file.hardlock-nowhere-1")
    let result = try HardlinkLocation.cleanUp(
      folder: ByteString(world.scratch.folder), world.kind)
    #expect(result.found == 3)
    #expect(result.removals.map { $0.kind } == [.staleLock, .claim, .staleLock])
    #expect(try world.names() == [".file.hardlock-nowhere-1", "file"])
  }
}

@Suite(.takingTurns) struct PortageStyleTests {
  var world: HardlinkWorld

  init() throws {
    world = try HardlinkWorld()
    world.isPortage = true
  }

  private func placeholder(_ process: Int32, host: ByteString? = nil) throws -> ByteString {
    let node = try Claimant.current().hosts.node
    return Placeholder(base: "lock", host: host ?? node, process: process).fileName
  }

  @Test func releaseLeavesTheLockFileUnlessItIsToGo() throws {
    let lock = try acquire(world.request())
    #expect(try world.names().count == 2)
    #expect(errorOfAcquiring(world.request()) == .alreadyHeld)
    try lock.release()
    #expect(try world.names() == ["lock"])
    try acquire(world.request { $0.removesFile = true }).release()
    #expect(try world.names() == [])
  }

  @Test func fileWithDataIsLockedAndStays() throws {
    try world.scratch.write("data")
    try acquire(world.request { $0.removesFile = true }).release()
    #expect(try world.names() == ["lock"])
  }

  @Test func placeholderOfADeadProcessIsRetired() throws {
    try world.scratch.write("")
    try world.lock.folder.link("lock", to: try placeholder(HardlinkWorld.dead.identifier))
    try acquire(world.request()).release()
    #expect(try world.names() == ["lock"])
  }

  @Test func retirementThatNobodyFinishedIsFinished() throws {
    try world.scratch.write("")
    let dead = try #require(Placeholder(try placeholder(HardlinkWorld.dead.identifier)))
    try world.lock.folder.link("lock", to: dead.aside("0123456789abcdef0123456789abcdef"))
    try acquire(world.request()).release()
    let live = try #require(Placeholder(try placeholder(getppid())))
    try world.lock.folder.link("lock", to: live.aside("0123456789abcdef0123456789abcdef"))
    #expect(errorOfAcquiring(world.request()) == .busy)
    #expect(try world.location().breakLock(force: true) != nil)
    #expect(try world.names() == ["lock"])
  }

  @Test func placeholderOfALiveOrUnknownProcessKeepsTheLock() throws {
    try world.scratch.write("")
    for name in [try placeholder(getppid()), try placeholder(1, host: "elsewhere")] {
      try world.lock.folder.link("lock", to: name)
      #expect(errorOfAcquiring(world.request()) == .busy)
      #expect(throws: LockError.busy) { try world.location().breakLock() }
      #expect(try world.location().report().holder?.fileName == name)
      #expect(try world.location().breakLock(force: true)?.fileName == name)
    }
    #expect(try world.names() == ["lock"])
  }

  @Test func linksOfThoseWhoWereKilledAsTheyTriedAreNotTheHolders() throws {
    try world.scratch.write("")
    let live = try placeholder(getppid())
    try world.lock.folder.link("lock", to: live)
    let dead = try (0..<8).map { try placeholder(HardlinkWorld.dead.identifier + $0) }
    for name in dead { try world.lock.folder.link("lock", to: name) }
    let report = try world.location().report()
    #expect(report.isHeld && report.holder?.fileName == live)
    #expect(throws: LockError.busy) { try world.location().breakLock() }
    #expect(errorOfAcquiring(world.request()) == .busy)
    try world.location().release(of: nil)
    #expect(try !world.names().contains("\(live)"))
    try acquire(world.request()).release()
    #expect(try world.names() == ["lock"])
  }

  @Test func linkThatNobodyMakesWhoWantsTheLockIsNotWaitedFor() throws {
    try world.scratch.write("")
    try world.lock.folder.link("lock", to: "copy")
    var world = world
    world.policy.hardlink.longestPoll = .milliseconds(1)
    let patient = world.request { $0.patience = .until(.seconds(20)) }
    #expect(errorOfAcquiring(patient) == .refused(.notAClaim(.linkedFile)))
    #expect(try world.names() == ["copy", "lock"])
  }
}
