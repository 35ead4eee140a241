import CSystem
import Foundation
import Locking
import SystemInterface
import TestSupport
import Testing

private let every: [LockKind] = [
  .kernel(.flock), .kernel(.posix), .kernel(.ofd), .flockAndOFD(),
]

/// Several locks taken at once, and both kinds of one file.
@Suite(.takingTurns) struct SeveralTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func request(
    _ name: String, _ kind: LockKind = .kernel(.flock), _ sharing: Sharing = .exclusive
  ) -> LockRequest {
    LockRequest(path: scratch.path(name), kind: kind, sharing: sharing, patience: .never)
  }

  private func error(_ requests: [LockRequest]) -> FailedRequest? {
    do throws(FailedRequest) {
      let held = try acquire(requests)
      held.leaveBehind()
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: every.indices)
  func allAreHeldUntilTheyAreReleased(_ index: Int) throws {
    let kind = every[index]
    let held = try acquire(["b", "a", "c"].map { request($0, kind) })
    #expect(held.path == scratch.path("b"))
    #expect(held.descriptors.count == 3 && held.descriptors.first == held.descriptor)
    for name in ["a", "b", "c"] { #expect(errorOfAcquiring(request(name, kind)) != nil) }
    try held.release()
    for name in ["a", "b", "c"] { #expect(errorOfAcquiring(request(name, kind)) == nil) }
  }

  @Test(arguments: every.indices)
  func whatFailedIsToldAndNothingIsHeld(_ index: Int) throws {
    let kind = every[index]
    let other = try acquire(request("b", .kernel(kind.includes(.flock) ? .flock : .ofd)))
    #expect(
      error([request("a", kind), request("b", kind), request("c", kind)])
        == FailedRequest(
          index: 1, error: kind.kernelMode == .posix ? LockError.alreadyHeld : .busy))
    try other.release()
    for name in ["a", "b", "c"] { #expect(errorOfAcquiring(request(name, kind)) == nil) }
    try scratch.write("", to: "file")
    #expect(
      error([request("a", kind), request("file/none", kind)])?.index == 1)
  }

  @Test(arguments: every.indices)
  func oneFileOfSeveralNamesIsLockedOnceAndExclusively(_ index: Int) throws {
    let kind = every[index]
    try scratch.write("", to: "a")
    try FileManager.default.linkItem(
      atPath: scratch.folder + "/a", toPath: scratch.folder + "/link")
    let held = try acquire([
      request("a", kind, .shared), request("link", kind), request("b", kind),
      request("a", kind, .shared),
    ])
    #expect(
      held.descriptors[0] == held.descriptors[1] && held.descriptors[0] == held.descriptors[3])
    #expect(errorOfAcquiring(request("a", kind, .shared)) != nil)
    if !kind.includes(.flock) || kind.includes(.ofd) {
      #expect(isRecordLocked(scratch.path("a"), at: 0))
    }
    try held.release()
    #expect(errorOfAcquiring(request("a", kind)) == nil)
  }

  /// A further attempt would drop it, and the descriptor of one that was taken is not closed.
  @Test func whatThisProcessHasAlreadyInPosixModeStays() throws {
    let held = try acquire(request("a", .kernel(.posix)))
    #expect(
      error([request("b", .kernel(.posix)), request("a", .kernel(.posix))])
        == FailedRequest(index: 1, error: .alreadyHeld))
    #expect(isRecordLocked(scratch.path("a"), at: 0))
    try held.release()
  }

  @Test func theRangesOfOneFileBecomeTheWholeFile() throws {
    let part = try #require(ByteRange(start: 5, length: 5))
    let held = try acquire([request("a", .kernel(.ofd, range: part)), request("b", .kernel(.ofd))])
    #expect(!isRecordLocked(scratch.path("a"), at: 0) && isRecordLocked(scratch.path("a"), at: 9))
    try held.release()
    let whole = try acquire([request("a", .kernel(.ofd, range: part)), request("a", .kernel(.ofd))])
    #expect(isRecordLocked(scratch.path("a"), at: 0))
    try whole.release()
  }

  @Test func onlyOneKindOfTheKernelsAtOnce() throws {
    let refused = FailedRequest(index: 1, error: .unsupported(.several))
    #expect(error([request("a"), request("b", .kernel(.ofd))]) == refused)
    #expect(error([request("a"), request("b", .flockAndOFD())]) == refused)
    var ordered = request("b")
    ordered.queue = WaitingQueue()
    #expect(error([request("a"), ordered]) == refused)
    let claim = request("a", .flufl(FluflPolicy()))
    #expect(error([claim, claim]) == FailedRequest(index: 0, error: .unsupported(.several)))
    #expect(error([]) == FailedRequest(index: 0, error: .unsupported(.several)))
    #expect(!scratch.exists("a") && !scratch.exists("b"))
  }

  @Test func itIsToldWhichOneMayBeWaitedFor() throws {
    var places: [Int] = []
    let held = try acquire([request("a"), request("b"), request("b")]) { places.append($0) }
    #expect(places.sorted() == [0, 1])
    try held.release()
  }

  @Test func whatIsRemovedAtTheReleaseIsEachOfThem() throws {
    var requests = [request("a"), request("b")]
    for index in requests.indices { requests[index].removesFile = true }
    let held = try acquire(requests)
    try scratch.write("data", to: "b")
    var failed: [ByteString] = []
    held.release { path, error in
      failed.append(path)
      #expect(error == .refused(.notRemovable))
    }
    #expect(failed == [scratch.path("b")])
    #expect(!scratch.exists("a") && scratch.exists("b"))
  }

  @Test(arguments: [KernelMode.flock, .posix, .ofd])
  func bothKindsExcludeEach(_ mode: KernelMode) throws {
    let held = try acquire(request("a", .flockAndOFD()))
    #expect(held.kind.kernelMode == nil && !held.kind.hasClaim && held.kind.isInherited)
    // The end of the one would drop the other, in this process.
    #expect(
      errorOfAcquiring(request("a", .kernel(mode))) == (mode == .posix ? .alreadyHeld : .busy))
    try held.release()
    if mode == .posix { return }
    let other = try acquire(request("a", .kernel(mode)))
    #expect(errorOfAcquiring(request("a", .flockAndOFD())) == .busy)
    try other.release()
    #expect(errorOfAcquiring(request("a", .flockAndOFD())) == nil)
  }
}
