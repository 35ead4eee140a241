import CSystem
import Foundation
import Synchronization
import SystemInterface
import TestSupport
import Testing

@testable import Locking

/// unlink(2) lowers a file's link count before its name is gone. Who sees both must not take a file that its last
/// holder is about to remove for one that nobody else has a link to.
@Suite(.takingTurns) struct RemovalRaceTests {
  /// One who takes the lock as portage.locks does, with system calls alone, and removes its file.
  private final class Peer: Sendable {
    let attempts = Atomic(0)
    let entries = Atomic(0)
    /// Where L was another file, or none, after the lock had been won.
    let mistakes = Atomic(0)
    private let isPaused = Atomic(true)
    private let isOver = Atomic(false)
    private let hasEnded = Atomic(false)
    private let file: String
    private let placeholder: String

    init(_ folder: String) {
      file = folder + "/lock"
      placeholder = folder + "/.lock.hardlock-elsewhere-1"
      Thread.detachNewThread { self.run() }
    }

    private func run() {
      while !isOver.load(ordering: .acquiring) {
        if !isPaused.load(ordering: .acquiring) { attempt() }
        attempts.add(1, ordering: .releasing)
      }
      hasEnded.store(true, ordering: .releasing)
    }

    private func attempt() {
      let descriptor = open(file, O_CREAT | O_RDONLY, 0o600)
      if descriptor >= 0 { close(descriptor) }
      guard link(file, placeholder) == 0 else { return }
      if isMine() {
        entries.add(1, ordering: .releasing)
        // Behind whoever changes the folder.
        unlink(placeholder + ".none")
        if !isSame() { mistakes.add(1, ordering: .releasing) }
        unlink(file)
      }
      unlink(placeholder)
    }

    /// hardlink_is_mine
    private func isMine() -> Bool {
      isSame { $0 == 2 }
    }

    private func isSame(linkCount isRight: (nlink_t) -> Bool = { _ in true }) -> Bool {
      var (seen, own) = (stat(), stat())
      return stat(file, &seen) == 0 && isRight(seen.st_nlink) && stat(placeholder, &own) == 0
        && seen.st_ino == own.st_ino
    }

    func wait(forAttempts count: Int) {
      let begun = attempts.load(ordering: .acquiring)
      while attempts.load(ordering: .acquiring) < begun + count { sched_yield() }
    }

    func pause(_ pauses: Bool) {
      isPaused.store(pauses, ordering: .releasing)
      wait(forAttempts: 3)
    }

    func end() {
      isOver.store(true, ordering: .releasing)
      while !hasEnded.load(ordering: .acquiring) { sched_yield() }
    }
  }

  // Of either mistake a few in each run, where one is made at all.

  private let world: HardlinkWorld
  private let peer: Peer

  init() throws {
    var world = try HardlinkWorld()
    world.isPortage = true
    self.world = world
    peer = Peer(world.scratch.folder)
  }

  @Test func aFileThatIsBeingRemovedIsNotTaken() throws {
    peer.pause(false)
    for _ in 0..<300 {
      guard let lock = try? acquire(world.request()) else { continue }
      let before = peer.entries.load(ordering: .acquiring)
      peer.wait(forAttempts: 3)
      #expect(peer.entries.load(ordering: .acquiring) == before)
      try? lock.release()
    }
    #expect(peer.entries.load(ordering: .acquiring) > 0)
    peer.end()
  }

  @Test func nobodyTakesTheFileThatIsRemoved() throws {
    for _ in 0..<3000 {
      peer.pause(true)
      let lock = try acquire(world.request { $0.removesFile = true })
      peer.pause(false)
      try lock.release()
    }
    #expect(peer.entries.load(ordering: .acquiring) > 0)
    #expect(peer.mistakes.load(ordering: .acquiring) == 0)
    peer.end()
  }
}
