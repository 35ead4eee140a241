import CSystem
import Foundation
import Locking
import SystemInterface
import TestSupport
import Testing

@Suite(.takingTurns) struct LockFileTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func error(_ name: String = "lock", _ change: (inout LockRequest) -> Void = { _ in })
    -> LockError?
  {
    var request = LockRequest(path: scratch.path(name), patience: .never)
    change(&request)
    return errorOfAcquiring(request)
  }

  private func permissions() throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: scratch.folder + "/lock")[.posixPermissions]
      as? Int
  }

  @Test func newFileIsPrivate() throws {
    #expect(error() == nil)
    #expect(try permissions() == 0o600)
  }

  @Test(arguments: [0o666, 0o640, 0o400])
  func permissionsAreThoseAskedForWhateverTheUmask(_ mode: Int) throws {
    let asked = Creation.ifMissing(permissions: UInt32(mode), group: getgid())
    #expect(error { $0.creation = asked } == nil)
    #expect(try permissions() == mode)
  }

  @Test func existingFileKeepsItsPermissions() throws {
    try scratch.write("data")
    let before = try permissions()
    #expect(error { $0.creation = .ifMissing(permissions: 0o777, group: nil) } == nil)
    #expect(try permissions() == before)
  }

  @Test func nothingIsCreatedWhenTheFileMustExist() {
    #expect(error { $0.creation = .never } == .system(.open, .missing))
    #expect(!scratch.exists())
  }

  @Test func whatIsNoRegularFileIsRefused() throws {
    mkfifo(scratch.folder + "/fifo", 0o600)
    symlink("nowhere", scratch.folder + "/dangling")
    #expect(error("fifo") == .refused(.fifo))
    #expect(error("dangling") == .refused(.danglingLink))
    #expect(!scratch.exists("nowhere"))
    #expect(errorOfAcquiring(LockRequest(path: "/dev/null")) == .refused(.device))
    #expect(errorOfAcquiring(LockRequest(path: "")) == .refused(.emptyPath))
  }

  @Test func onlyFlockLocksFolders() throws {
    mkdir(scratch.folder + "/folder", 0o700)
    #expect(error("folder") == nil)
    #expect(error("folder") { $0.kind = .kernel(.posix) } == .refused(.directory))
    #expect(error("folder") { $0.kind = .kernel(.ofd) } == .refused(.directory))
  }

  @Test func missingFolderIsAnErrorOfCreating() {
    #expect(error("missing/lock") == .system(.create, .missing))
  }

  @Test func linkToAFileIsFollowed() throws {
    try scratch.write("", to: "target")
    symlink("target", scratch.folder + "/link")
    let held = try acquire(LockRequest(path: scratch.path("target"), patience: .never))
    #expect(error("link") == .busy)
    try held.release()
  }
}

@Suite(.takingTurns) struct RemovalTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func request(_ sharing: Sharing = .exclusive) -> LockRequest {
    LockRequest(
      path: scratch.path(), sharing: sharing, patience: .never, removesFile: true)
  }

  @Test func emptyFileIsRemovedAtRelease() throws {
    try acquire(request()).release()
    #expect(!scratch.exists())
  }

  @Test func fileWithDataIsRefusedAndLeftAlone() throws {
    try scratch.write("data")
    #expect(errorOfAcquiring(request()) == .refused(.notRemovable))
    #expect(scratch.exists())
  }

  @Test func fileThatGotDataMeanwhileIsLeftAlone() throws {
    let held = try acquire(request())
    try scratch.write("data")
    #expect(errorOfReleasing(held) == .refused(.notRemovable))
    #expect(scratch.exists())
  }

  @Test func lastOfTheSharedHoldersRemovesIt() throws {
    let first = try acquire(request(.shared))
    let second = try acquire(request(.shared))
    try first.release()
    #expect(scratch.exists())
    try second.release()
    #expect(!scratch.exists())
  }

  @Test func fileThatIsHeldByWhoeverInheritedItStays() throws {
    let held = try acquire(request())
    let inherited = dup(held.descriptor!)
    try held.release()
    #expect(scratch.exists())
    close(inherited)
  }

  @Test func fileOfSomebodyElseAtThePathStays() throws {
    let held = try acquire(request())
    try FileManager.default.removeItem(atPath: scratch.folder + "/lock")
    try scratch.write("")
    try held.release()
    #expect(scratch.exists())
  }
}

@Suite(.takingTurns) struct UnusedFileTests {
  @Test func onlyAnEmptyFileThatNobodyHasLockedIsRemoved() throws {
    let scratch = try Scratch()
    let path = scratch.path()
    #expect(try removeUnusedFile(at: path) == .gone)
    for mode: KernelMode in [.flock, .ofd] {
      let held = try acquire(LockRequest(path: path, kind: .kernel(mode), patience: .never))
      #expect(try removeUnusedFile(at: path) == .inUse)
      #expect(try removeUnusedFile(at: path, isDryRun: true) == .inUse)
      try held.release()
    }
    #expect(try removeUnusedFile(at: path, isDryRun: true) == .removed)
    #expect(try removeUnusedFile(at: path) == .removed)
    #expect(!FileManager.default.fileExists(atPath: String(decoding: path.bytes, as: UTF8.self)))
  }
}

@Suite(.takingTurns) struct ProcessHandleTests {
  @Test func itIsToldOfTheEndAndSignalsNobodyAfterwards() throws {
    let child = try Child()
    let handle = try ProcessHandle(child.identifier)
    #expect(try !handle.waitForEnd(by: .milliseconds(1)))
    try handle.send(SIGKILL)
    #expect(try handle.waitForEnd())
    child.end()
    #expect(throws: Errno.noProcess) { try handle.send(SIGTERM) }
  }
}
