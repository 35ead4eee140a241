import SystemInterface
import Testing

@testable import Locking

@Suite struct NamesTests {
  @Test(arguments: [
    ("name", ".", "name"), ("/name", "/", "name"), ("/a/b", "/a", "b"), ("a//b//", "a", "b"),
    ("/", "/", ""), ("./x", ".", "x"),
  ])
  func pathIsCutIntoFolderAndName(_ path: String, _ folder: String, _ name: String) {
    let parts = ByteString(path).splitPath
    #expect(parts.folder == ByteString(folder))
    #expect(parts.name == ByteString(name))
  }

  @Test(arguments: [
    ("/srv/mirror", "/srv/.mirror.swlock"), ("/srv/mirror/", "/srv/.mirror.swlock"),
    ("data", ".data.swlock"), ("a//b//", "a//.b.swlock"), ("/top", "/.top.swlock"),
  ])
  func sidecarStandsBesideItsFile(_ path: String, _ expected: String) {
    #expect(ByteString(path).sidecar(.swlock) == ByteString(expected))
  }

  @Test(arguments: ["/", ".", "..", "/srv/..", "./"])
  func pathWithoutANameHasNoSidecar(_ path: String) {
    #expect(ByteString(path).sidecar(.swlock) == nil)
  }

  @Test func portageNamesItsOwnWay() {
    #expect(ByteString("/a/b").sidecar(.portage) == "/a/.b.portage_lockfile")
  }

  @Test func bytesThatAreNotTextStay() {
    let bytes: [UInt8] = [0xff, 0x0a, 0x2f, 0x80]
    #expect(Array(ByteString(bytes).bytes) == bytes)
  }

  @Test func rangesEndAtTheLargestOffset() {
    #expect(ByteRange(start: .max, length: 1) != nil)
    #expect(ByteRange(start: .max, length: 2) == nil)
    #expect(ByteRange(start: -1, length: 0) == nil)
    #expect(ByteRange(start: .max, length: 0) != nil)
  }
}

@Suite struct MountTableTests {
  private static let table = MountTable(
    Array(
      """
      21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
      30 21 0:40 / /net rw - nfs4 host:/x rw,vers=4.2,local_lock=none
      31 21 0:41 / /old rw master:1 propagate_from:2 - nfs host:/y rw,nolock,vers=3
      32 21 0:42 / /ssh rw - fuse.sshfs host: rw,user_id=0
      33 21 0:43 / /half rw - nfs host:/z rw,local_lock=posix,vers=3

      """.utf8))

  @Test(arguments: [
    ("21", false, false), ("30", false, false), ("31", true, true), ("32", true, false),
    ("33", false, true),
  ])
  func fileSystemsThatKeepLocksToThemselvesAreKnown(
    _ mount: String, _ flock: Bool, _ records: Bool
  ) {
    let entry = Self.table.entry(Array(mount.utf8)[...])
    #expect(entry?.keepsFlockToItself == flock)
    #expect(entry?.keepsRecordLocksToItself == records)
    #expect(entry?.keepsOneKindToItself == (flock || records))
  }

  @Test func unknownMountIsNotFound() {
    #expect(Self.table.entry(Array("3".utf8)[...]) == nil)
  }

  @Test func mountIsReadFromDescriptorInformation() {
    let text = Array("pos:\t0\nflags:\t02\nmnt_id:\t30\nino:\t7\n".utf8)
    #expect(
      MountTable.mountIdentifier(inDescriptorInformation: text).map(Array.init) == [0x33, 0x30])
  }
}
