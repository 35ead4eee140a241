internal import CSystem

/// The processes that have the file at `path` open, in whatever way, this one left out: a lock of it need not
/// be what they have it open for. Those whose descriptors may not be looked at are left out as well, and so
/// are processes of other pid namespaces that have no number here.
///
/// - Throws: as `inspectLocks(at:)`.
package func inspectOpeners(at path: ByteString) throws(LockError) -> [ObservedProcess] {
  let file = try LockedFile(path)
  var found: [ObservedProcess] = []
  for process in try ProcessFolder.all() where process != getpid() {
    guard let folder = try? ProcessFolder(process),
      let scan = try? folder.descriptors(.these([file.identity.inode])),
      scan.found.contains(where: { $0.identity == file.identity }),
      let opener = ObservedProcess(folder)
    else { continue }
    found.append(opener)
  }
  return found
}

/// Whether a descriptor of one of `processes` keeps a lock of the file at `path`, also one that it has inherited. Of
/// those whose descriptors may not be looked at, none does. Nil where nothing can be seen.
package func isKept(at path: ByteString, byAnyOf processes: [Int32]) -> Bool? {
  guard procShowsThisNamespace(), let file = try? LockedFile(path) else { return nil }
  return processes.contains { process in
    guard let folder = try? ProcessFolder(process),
      let scan = try? folder.descriptors(.these([file.identity.inode]))
    else { return false }
    return scan.found.contains { descriptor in
      let name = scan.folder.name("fdinfo", descriptor.number)
      let locks = DescriptorInformation(folder.read(name) ?? []).locks
      return locks.contains { $0.inode == file.tableInode && !$0.isTicket }
    }
  }
}
