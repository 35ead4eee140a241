internal import CSystem

/// Makes a lock file that is not there.
struct LockFileCreation {
  let path: ByteString
  let permissions: UInt32?
  let group: UInt32?

  /// Private by default: whoever can open a lock file can lock it, and hold up everybody else.
  private static let defaultPermissions: UInt32 = 0o600

  /// Nil when somebody else was faster.
  func perform() throws(LockError) -> FileDescriptor? {
    // Under its name the file must never be seen with other permissions than those asked for: a
    // creator killed in between would leave a lock that others can never take.
    if permissions != nil || group != nil {
      do throws(LockError) {
        if let unnamed = try createUnnamed() { return try link(unnamed) }
      } catch .system(.linkat, .missing) {
        // No /proc, which linkat needs.
      }
    }
    guard let created = try createInPlace() else { return nil }
    if permissions != nil || group != nil {
      try setAttributes(of: created.number)
    } else {
      // Nobody asked for these; a file system without permissions (vfat) refuses them.
      try? setAttributes(of: created.number)
    }
    return created
  }

  private func createInPlace() throws(LockError) -> FileDescriptor? {
    do throws(Errno) {
      return try FileDescriptor.open(
        path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
        permissions: Self.defaultPermissions)
    } catch .exists {
      return nil
    } catch {
      throw .system(.create, error)
    }
  }

  /// A file without a name, with the right attributes; nil where the file system has no O_TMPFILE.
  private func createUnnamed() throws(LockError) -> FileDescriptor? {
    guard
      let unnamed = try? FileDescriptor.open(
        path.splitPath.folder, O_TMPFILE | O_RDWR, permissions: Self.defaultPermissions)
    else { return nil }
    try setAttributes(of: unnamed.number)
    return unnamed
  }

  private func setAttributes(of number: Int32) throws(LockError) {
    if let group {
      try step(.fchown) { () throws(Errno) in
        _ = try retryingOnInterrupt { fchown(number, uid_t.max, group) }
      }
    }
    // Whatever the umask took away; after the owner, whose change may clear permission bits.
    let mode = permissions ?? Self.defaultPermissions
    try step(.fchmod) { () throws(Errno) in _ = try retryingOnInterrupt { fchmod(number, mode) } }
  }

  /// Gives the unnamed file its name (the recipe of open(2), O_TMPFILE).
  private func link(_ unnamed: consuming FileDescriptor) throws(LockError) -> FileDescriptor? {
    let source: ByteString = "/proc/self/fd/" + ByteString(decimal: unnamed.number)
    do throws(Errno) {
      try source.withCString { (source) throws(Errno) in
        try path.withCString { (target) throws(Errno) in
          _ = try retryingOnInterrupt {
            linkat(AT_FDCWD, source, AT_FDCWD, target, AT_SYMLINK_FOLLOW)
          }
        }
      }
      return unnamed
    } catch .exists {
      return nil
    } catch {
      throw .system(.linkat, error)
    }
  }
}
