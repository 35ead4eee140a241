import CSystem
import SystemInterface
import TestSupport
import Testing

@testable import Locking

/// What is made in a folder after it was listed once.
@Suite(.takingTurns) struct KeptListingTests {
  let world: HardlinkWorld
  let kept: LockName

  init() throws {
    world = try HardlinkWorld()
    let place = try LockFolder(ByteString(world.scratch.folder))
    place.keepListing()
    kept = try LockName(world.lock.path, in: place)
  }

  private static let foreign = "lock|other.example|1|12345"

  private func make(_ name: String) throws {
    try world.scratch.write(world.scratch.folder + "/" + name, to: name)
  }

  /// Names that have gone are no claims any more, and may be listed; folders are none either.
  private func expectSame(_ location: SourceLocation = #_sourceLocation) throws {
    func there(_ names: [ClaimName]) -> Set<String> {
      let files = names.filter { (try? world.lock.status(of: $0.fileName))?.kind == .regular }
      return Set(files.map { String(decoding: $0.fileName.bytes, as: UTF8.self) })
    }
    let listed = there(try world.lock.claimNames())
    #expect(there(try kept.claimNames()) == listed, sourceLocation: location)
    let isBeside = try world.lock.hasForeignClaim(among: world.lock.claimNames())
    #expect(
      try kept.hasForeignClaim(among: kept.claimNames()) == isBeside, sourceLocation: location)
  }

  @Test func whatIsMadeSinceIsSeenAtOnceHoweverItIsMade() throws {
    try world.hold(as: world.parent)
    try make("lock1|other.example|1|12345")
    try expectSame()
    try make(Self.foreign)
    try expectSame()
    try world.lock.folder.unlink(ByteString(Self.foreign))
    try expectSame()
    try make("file")
    try world.lock.folder.rename("file", to: ByteString(Self.foreign))
    try expectSame()
    try world.lock.folder.unlink(ByteString(Self.foreign))
    try make("lock#other.example#1#99")
    try world.lock.folder.link("lock#other.example#1#99", to: "lock^other.example^1^98")
    try expectSame()
    try world.lock.folder.unlink("lock#other.example#1#99")
    try world.lock.folder.makeDirectory("lock|other.example|2|1")
    try expectSame()
  }

  @Test func manyThatHaveGoneAreForgotten() throws {
    try expectSame()
    for number in 0..<200 {
      try make("lock|other.example|1|\(number)")
      _ = try kept.claimNames()
      if number % 3 > 0 {
        try world.lock.folder.unlink(ByteString("lock|other.example|1|\(number)"))
      }
    }
    try expectSame()
    #expect(try kept.claimNames().count < 150)
  }

  @Test func moreThanTheKernelKeepsIsListedAnew() throws {
    try expectSame()
    try make("file")
    for number in 0..<40_000 {
      try world.lock.folder.rename(
        number % 2 == 0 ? "file" : "other", to: number % 2 == 0 ? "other" : "file")
    }
    try make(Self.foreign)
    try expectSame()
  }

  @Test func whoHasComeSinceIsWaitedForBeforeALockIsTakenAway() throws {
    _ = try kept.claimNames()
    try make(Self.foreign)
    let held = try world.hold(as: HardlinkWorld.dead)
    var policy = world.policy.hardlink
    policy.settle = .seconds(100)
    var retirement = Retirement(
      lock: kept, judge: Judge(claimant: .nobody(), policy: policy), token: held.token,
      purpose: .breaking(.stale))
    retirement.patience = .until(.now)
    #expect(throws: LockError.unsettled) { try retirement.perform() }
    #expect(try world.holder() == held.token)
    try world.lock.folder.unlink(ByteString(Self.foreign))
    #expect(try retirement.perform() == .done)
  }
}

/// Placeholders that are retired together.
@Suite(.takingTurns) struct PlaceholderBatchTests {
  let world: HardlinkWorld

  init() throws {
    var world = try HardlinkWorld()
    world.isPortage = true
    self.world = world
  }

  private func placeholder(_ process: Int32, _ lock: LockName) throws -> Placeholder {
    let node = try Claimant.current().hosts.node
    let placeholder = Placeholder(base: lock.base, host: node, process: process)
    try lock.folder.open(lock.base, O_CREAT | O_WRONLY, permissions: 0o600).close()
    try lock.folder.link(lock.base, to: placeholder.fileName)
    return placeholder
  }

  @Test func whoseProcessLivesAfterAllGetsItsNameBack() throws {
    let live = try placeholder(getpid(), world.lock)
    let other = try LockName(world.scratch.path("other"))
    let dead = try placeholder(HardlinkWorld.dead.identifier, other)
    let gone = try placeholder(
      HardlinkWorld.dead.identifier, try LockName(world.scratch.path("gone")))
    var options = HardlinkCleanUpOptions()
    options.tellsRemainders = true
    let batch = PlaceholderBatch(options)
    let judge = Judge(claimant: .nobody(), policy: world.policy.hardlink)
    for placeholder in [live, dead, gone] {
      let lock = try LockName(
        world.scratch.path(String(decoding: placeholder.base.bytes, as: UTF8.self)))
      let status = try lock.status(of: placeholder.fileName)
      batch.add(placeholder, status, isLive: false, of: lock, judge)
    }
    try world.lock.folder.unlink(gone.fileName)
    var result = HardlinkCleanUpResult()
    batch.retire(&result)
    let names = try world.names()
    #expect(names.contains(String(decoding: live.fileName.bytes, as: UTF8.self)))
    #expect(!names.contains { $0.contains("aside") })
    #expect(result.firstError == nil)
    // Where not all processes can be seen nobody is known to be dead.
    if judge.isNobody(HardlinkWorld.dead.identifier) {
      #expect(result.removals.map { $0.path } == [other.path(of: dead.fileName)])
      #expect(result.remainders.count == 2)
    }
    batch.retire(&result)
    #expect(result.remainders.count <= 3)
  }
}
