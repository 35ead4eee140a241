internal import CSystem

/// An open descriptor of some process.
struct ScannedDescriptor {
  let number: Int32
  /// That of stat(2), of the file that it leads to.
  let identity: FileIdentity
}

/// Of files that are looked for.
enum InodeNumbers {
  case all
  /// In ascending order.
  case these([UInt64])

  func contains(_ inode: UInt64) -> Bool {
    guard case .these(let inodes) = self else { return true }
    var low = 0
    var high = inodes.count
    while low < high {
      let middle = low + (high - low) / 2
      if inodes[middle] < inode { low = middle + 1 } else { high = middle }
    }
    return low < inodes.count && inodes[low] == inode
  }
}

extension ProcessFolder {
  /// Where the process's descriptors are: in it, or in `task/TID/` where its first thread has ended
  /// and so has none any more.
  struct DescriptorFolder {
    fileprivate let prefix: ByteString

    func name(_ kind: ByteString, _ descriptor: Int32) -> ByteString {
      prefix + kind + "/" + ByteString(decimal: descriptor)
    }
  }

  /// The descriptors of files with one of these inode numbers, among those that can be locked: sockets and
  /// pipes cannot.
  ///
  /// Throws ENOENT or ESRCH where the process is gone, EACCES or EPERM where they may not be looked
  /// at.
  func descriptors(
    _ wanted: InodeNumbers
  ) throws(Errno) -> (folder: DescriptorFolder, found: [ScannedDescriptor]) {
    var found: [ScannedDescriptor] = []
    if try scan("", &found, wanted) == 0, hasSeveralThreads {
      for thread in try numbers(in: "task") {
        let prefix = "task/" + ByteString(decimal: thread) + "/"
        if let count = try? scan(prefix, &found, wanted), count > 0 {
          return (DescriptorFolder(prefix: prefix), found)
        }
      }
    }
    return (DescriptorFolder(prefix: ""), found)
  }

  /// Each thread adds a link to the folder `task`. A thread of the kernel has no descriptors either,
  /// and is alone.
  var hasSeveralThreads: Bool {
    guard let folder = try? open("task", O_PATH | O_DIRECTORY),
      let status = try? FileStatus(of: folder.number)
    else { return false }
    return status.linkCount > 3
  }

  /// How many descriptors there are.
  ///
  /// The links are followed, whatever they look like: no name would tell a file from another one that
  /// has taken its place. statx(2) does so without asking a server of files, which may hang.
  private func scan(
    _ prefix: ByteString, _ found: inout [ScannedDescriptor], _ wanted: InodeNumbers
  ) throws(Errno) -> Int {
    let information = prefix + "fdinfo"
    let number = try open(prefix + "fd", O_RDONLY | O_DIRECTORY).leak()
    guard let folder = fdopendir(number) else {
      close(number)
      throw .current
    }
    defer { closedir(folder) }
    var count = 0
    while let entry = readdir(folder) {
      let name = csystem_entry_name(entry)!
      guard let descriptor: Int32 = CStringBytes(name).number() else { continue }
      count += 1
      let identity: FileIdentity?
      do throws(Errno) {
        identity = try lockableFile(name, in: number)
      } catch {
        let isRefused = error == .accessDenied || error == .permissionNotGranted
        // By the file system, such as one in user space that is another user's alone (mount.fuse(8),
        // allow_other): then no lock is asked for there. Or by the kernel, of the process: then this may
        // not be read either.
        if isRefused, read(information + "/" + ByteString(cString: name)) == nil { throw error }
        continue  // closed meanwhile, or that
      }
      if let identity, wanted.contains(identity.inode) {
        found.append(ScannedDescriptor(number: descriptor, identity: identity))
      }
    }
    return count
  }

  /// Where there is no statx (before Linux 4.11), or it is forbidden, stat(2) has to do.
  private func lockableFile(
    _ name: UnsafePointer<CChar>, in folder: Int32
  ) throws(Errno) -> FileIdentity? {
    var file = statx()
    let flags = AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT
    if statx(folder, name, flags, UInt32(STATX_INO | STATX_TYPE), &file) == 0 {
      guard isLockable(UInt32(file.stx_mode)) else { return nil }
      return deviceNumber(
        major: UInt64(file.stx_dev_major), minor: UInt64(file.stx_dev_minor)
      ).map { FileIdentity(device: $0, inode: file.stx_ino) }
    }
    // The C library's own substitute does not take these flags.
    switch Errno.current {
    case .permissionNotGranted, .notImplemented, .invalid: break
    case let error: throw error
    }
    var status = stat()
    if fstatat(folder, name, &status, AT_NO_AUTOMOUNT) != 0 { throw .current }
    guard isLockable(status.st_mode) else { return nil }
    return FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }

  private func isLockable(_ mode: UInt32) -> Bool {
    switch mode & UInt32(S_IFMT) {
    case UInt32(S_IFREG), UInt32(S_IFDIR), UInt32(S_IFBLK), UInt32(S_IFCHR): true
    default: false
    }
  }
}
