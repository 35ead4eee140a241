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

/// Whether none of `processes` has the file at `path` open, in whatever way; false as well where that cannot be
/// seen.
package func isOpenedByNone(of processes: [Int32], at path: ByteString) -> Bool {
  guard let file = try? LockedFile(path) else { return false }
  return processes.allSatisfy { process in
    guard let folder = try? ProcessFolder(process),
      let scan = try? folder.descriptors(.these([file.identity.inode]))
    else { return false }
    return !scan.found.contains { $0.identity == file.identity }
  }
}
