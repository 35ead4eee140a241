import CSystem
import Foundation
import SystemInterface
import Testing

@testable import Locking

/// A file system whose server can stop to answer, as one of NFS does: `dead` in the scratch folder shows that folder.
final class SilentFileSystem {
  private let server = Process()
  private let mountPoint: String

  static let isPossible =
    geteuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/bindfs")

  init(in scratch: Scratch) throws {
    mountPoint = scratch.folder + "/dead"
    try FileManager.default.createDirectory(
      atPath: mountPoint, withIntermediateDirectories: false)
    try scratch.write("", to: "lock")
    server.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    server.arguments = ["bindfs", "-f", scratch.folder, mountPoint]
    try server.run()
    let deadline = Deadline.seconds(20)
    let file = scratch.path("dead/lock")
    while (try? FileStatus(at: file, followingLinks: true)) == nil, !deadline.hasPassed {
      Deadline.milliseconds(5).sleep()
    }
  }

  func fallSilent() { kill(server.processIdentifier, SIGSTOP) }
  func answer() { kill(server.processIdentifier, SIGCONT) }

  deinit {
    answer()
    umount2(mountPoint, Int32(MNT_DETACH))
    server.terminate()
    server.waitUntilExit()
  }
}

extension Trait where Self == ConditionTrait {
  static var needsSilentFileSystem: Self {
    .enabled(if: SilentFileSystem.isPossible, "needs root and bindfs")
  }
}
