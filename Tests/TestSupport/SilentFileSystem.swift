import CSystem
import Foundation
package import Testing

/// A file system whose server can stop to answer, as one of NFS does: `dead` in a folder shows that folder.
package final class SilentFileSystem {
  private let server = Process()
  private let mountPoint: String

  package static let isPossible =
    geteuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/bindfs")

  package init(in folder: String) throws {
    mountPoint = folder + "/dead"
    try FileManager.default.createDirectory(
      atPath: mountPoint, withIntermediateDirectories: false)
    let mark = UUID().uuidString
    try "".write(toFile: folder + "/" + mark, atomically: false, encoding: .utf8)
    server.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    server.arguments = ["bindfs", "-f", folder, mountPoint]
    try server.run()
    let end = Date().addingTimeInterval(20)
    while access(mountPoint + "/" + mark, F_OK) != 0, Date() < end { usleep(5000) }
    unlink(folder + "/" + mark)
  }

  package func fallSilent() { kill(server.processIdentifier, SIGSTOP) }
  package func answer() { kill(server.processIdentifier, SIGCONT) }

  deinit {
    answer()
    umount2(mountPoint, Int32(MNT_DETACH))
    server.terminate()
    server.waitUntilExit()
  }
}

extension Trait where Self == ConditionTrait {
  package static var needsSilentFileSystem: Self {
    .enabled(if: SilentFileSystem.isPossible, "needs root and bindfs")
  }
}
