internal import CSystem

/// This machine since its last start, and the pid namespace of this process: where a process number
/// means something.
struct Realm: Equatable {
  /// The inode number of the pid namespace (namespaces(7)); 0: not known.
  let namespace: UInt64
  /// The first half of the boot id (random(4)), in hexadecimal digits; empty: not known.
  let boot: ByteString

  static let unknown = Realm(namespace: 0, boot: "")

  /// `unknown` where /proc does not tell.
  static func current() throws(Errno) -> Realm {
    do throws(Errno) {
      let namespace = try FileStatus(at: "/proc/self/ns/pid", followingLinks: true)
      let file = try FileDescriptor.open("/proc/sys/kernel/random/boot_id", O_RDONLY)
      let boot = try file.readAll(limit: 64)
      return Realm(
        namespace: namespace.identity.inode,
        boot: ByteString(boot.filter { isHexadecimal($0) }.prefix(16)))
    } catch  where error == .missing || error == .accessDenied {
      return .unknown
    }
  }

  var isKnown: Bool { namespace != 0 && !boot.isEmpty }
}
