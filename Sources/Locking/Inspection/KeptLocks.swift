internal import CSystem

/// The process of that number, if a descriptor of it keeps a lock of `mode`, on `file` or, where that is
/// nil, on any: what it says of itself is not believed.
package func observedProcess(
  _ identifier: Int32, keeping mode: KernelMode, on file: FileIdentity?, with descriptor: Int32
) -> ObservedProcess? {
  guard let kept = keptLocks(of: identifier, descriptor, on: file),
    kept.locks.contains(where: { $0.mode == mode })
  else { return nil }
  return kept.process
}

/// How the open file `descriptor` of this process has a flock(2) lock; nil where it has none, or /proc does
/// not tell.
package func sharingOfFlock(on descriptor: Int32) -> Sharing? {
  if !procShowsThisNamespace() { return nil }
  return keptLocks(of: getpid(), descriptor, on: nil)?.locks.first { $0.mode == .flock }?.sharing
}

/// Which file a descriptor of a process leads to.
package func openFile(of process: Int32, _ descriptor: Int32) throws(Errno) -> FileIdentity {
  let path = "/proc/" + ByteString(decimal: process) + "/fd/" + ByteString(decimal: descriptor)
  return try FileStatus(at: path, followingLinks: true).identity
}

/// The locks that a descriptor of a process keeps, on `file` or on any; nil where it leads elsewhere, or
/// may not be looked at.
func keptLocks(
  of identifier: Int32, _ descriptor: Int32, on file: FileIdentity?
) -> (process: ObservedProcess, locks: [LockTableEntry])? {
  let number = ByteString(decimal: descriptor)
  // Held while the rest is read: it is that very process, not a later one of its number.
  guard let folder = try? ProcessFolder(identifier) else { return nil }
  if let file, (try? openFile(of: identifier, descriptor)) != file { return nil }
  guard let text = folder.read("fdinfo/" + number), let process = ObservedProcess(folder) else {
    return nil
  }
  return (process, DescriptorInformation(text).locks)
}
