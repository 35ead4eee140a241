import CSystem
import Foundation
import SystemInterface
import TestSupport
import Testing

@testable import Locking

/// How those wait who want a `hardlink` lock.
@Suite(.takingTurns) struct HardlinkWaitTests {
  let world: HardlinkWorld

  init() throws { world = try HardlinkWorld() }

  private func wait() throws -> HardlinkWait {
    let judge = Judge(claimant: try .current(), policy: world.policy.hardlink)
    return HardlinkWait(world.lock, judge, world.request { $0.patience = .forever })
  }

  private func bound(_ claim: ClaimFile) throws -> BoundClaim {
    try #require(try world.lock.look(claim.name.fileName))
  }

  @Test func theFirstClaimIsNoNewcomer() throws {
    var wait = try wait()
    _ = wait.timeUnchanged(try bound(try world.claim(of: world.parent)))
    #expect(!wait.isNewcomer)
  }

  @Test func aClaimThatFollowsAnotherIsNewForAShortTimeWhoeverTouchesIt() throws {
    var wait = try wait()
    let next = try world.claim(of: world.parent)
    _ = wait.timeUnchanged(try bound(try world.claim(of: world.parent)))
    let before = BootTime.now
    _ = wait.timeUnchanged(try bound(next))
    let isNewcomer = wait.isNewcomer
    // A machine may be too busy for that.
    #expect(isNewcomer || BootTime.now - before >= .milliseconds(20))
    Deadline.milliseconds(25).sleep()
    #expect(!wait.isNewcomer)
    try setTimes(of: next.number, seconds: 1)
    #expect(wait.timeUnchanged(try bound(next)) == .zero)
    #expect(!wait.isNewcomer)
  }

  /// The lock changes hands, and then its holder is dead.
  @Test func aDeadNewcomerIsFoundAllTheSame() throws {
    try world.hold(as: world.parent)
    let lock = world.scratch.folder + "/lock"
    let dead = String(
      decoding: try world.claim(of: HardlinkWorld.dead).name.fileName.bytes, as: UTF8.self)
    Thread.detachNewThread {
      Deadline.milliseconds(50).sleep()
      rename(lock.dropLast(4) + dead, lock)
    }
    try acquire(world.request { $0.patience = .until(.seconds(30)) }).release()
  }
}

@Suite(.takingTurns) struct FileNotifierTests {
  let world: HardlinkWorld

  init() throws {
    world = try HardlinkWorld()
    FileNotifier.dropSpare()
  }

  private func isReadable(_ number: Int32) -> Bool {
    (try? waitUntilReadable([number], by: .milliseconds(0))) ?? nil != nil
  }

  @Test func oneIsKeptForTheNextWaitWithoutItsNews() throws {
    let (one, other) = (try world.claim(of: world.parent), try world.claim(of: world.parent))
    var notifier = FileNotifier(watching: try one.number)
    let number = try #require(notifier?.number)
    try setTimes(of: one.number, seconds: 1)
    #expect(isReadable(number))
    notifier = nil
    notifier = FileNotifier(watching: try other.number)
    #expect(notifier?.number == number)
    try setTimes(of: one.number, seconds: 2)
    #expect(!isReadable(number))
    try setTimes(of: other.number, seconds: 1)
    #expect(isReadable(number))
  }

  @Test func oneIsKeptAtMost() throws {
    let claim = try world.claim(of: world.parent)
    var one = FileNotifier(watching: try claim.number)
    var other = FileNotifier(watching: try claim.number)
    let (first, second) = (try #require(one?.number), try #require(other?.number))
    one = nil
    other = nil
    #expect(csystem_fcntl(first, F_GETFD, 0) < 0)
    #expect(csystem_fcntl(second, F_GETFD, 0) >= 0)
    FileNotifier.dropSpare()
    #expect(csystem_fcntl(second, F_GETFD, 0) < 0)
  }

  /// As where a program closes all its descriptors: what has the number then is left alone.
  @Test func aNumberThatIsAnothersByNowIsNotUsed() throws {
    let claim = try world.claim(of: world.parent)
    var notifier = FileNotifier(watching: try claim.number)
    let number = try #require(notifier?.number)
    notifier = nil
    let file = try world.lock.folder.open(claim.name.fileName, O_RDONLY)
    #expect(dup2(file.number, number) == number)
    notifier = FileNotifier(watching: try claim.number)
    #expect(try #require(notifier?.number) != number)
    notifier = nil
    #expect(lseek(number, 0, SEEK_CUR) == 0)
    #expect(close(number) == 0)
  }

  /// A user may have few of them.
  @Test func aRefreshedHoldKeepsNone() throws {
    let claim = try world.claim(of: world.parent)
    var notifier = FileNotifier(watching: try claim.number)
    let number = try #require(notifier?.number)
    notifier = nil
    claim.discard()
    let lock = try acquire(world.request())
    #expect(csystem_fcntl(number, F_GETFD, 0) >= 0)
    try lock.refresh()
    #expect(csystem_fcntl(number, F_GETFD, 0) < 0)
    try lock.release()
  }
}
