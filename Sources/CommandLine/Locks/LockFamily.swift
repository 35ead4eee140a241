internal import CSystem
internal import Launching
internal import Locking
internal import SystemInterface

/// The holders of a lock who have it by right: who took it, what has come from that, and whatever swlock
/// has started under it. A process that was merely sent the descriptor (unix(7), SCM_RIGHTS), a server of
/// something perhaps, has nothing to do with the lock.
struct LockFamily {
  private let members: [ObservedProcess]

  init(_ lock: ObservedLock, _ path: ByteString) {
    let holders = lock.holders
    // A lock of `posix` mode belongs to a table of descriptors, which nobody is sent.
    if !lock.mode.isInherited {
      members = holders.map { $0.process }
      return
    }
    let chains = holders.map { ancestry(of: $0.process.identifier) }
    var isMember = holders.map { $0.isLocker || Self.bears(path, $0.process) }
    if case .process(let locker) = lock.locker {
      for index in holders.indices {
        let comesFrom = chains[index].contains { $0.identifier == locker }
        if comesFrom || Self.isOfGroup(holders[index].process.identifier, ledBy: locker) {
          isMember[index] = true
        }
      }
    } else if !isMember.contains(true) {
      // The kernel has not noted who took an open file's lock: the one from whom all others come.
      let first = holders.indices.first { index in
        chains.allSatisfy { chain in chain.contains { $0.isSame(as: holders[index].process) } }
      }
      if let first { isMember[first] = true }
    }
    // Whoever comes from one of them, or has one of them for a child.
    for index in holders.indices where !isMember[index] {
      isMember[index] = holders.indices.contains { other in
        isMember[other]
          && (chains[index].contains { $0.isSame(as: holders[other].process) }
            || lock.locker == .openFile
              && chains[other].contains { $0.isSame(as: holders[index].process) })
      }
    }
    members = holders.indices.filter { isMember[$0] }.map { holders[$0].process }
  }

  func contains(_ process: ObservedProcess) -> Bool {
    members.contains { $0.isSame(as: process) }
  }

  /// Whether swlock has started it, or what it comes from, under the lock.
  private static func bears(_ path: ByteString, _ process: ObservedProcess) -> Bool {
    if KeptLock(of: process) != nil { return true }
    return process.isUnderLock(at: path)
  }

  /// Whether it is in the process group or the session that the locker has led. As long as it is, nobody
  /// else can have that number.
  private static func isOfGroup(_ process: Int32, ledBy locker: Int32) -> Bool {
    getpgid(process) == locker || getsid(process) == locker
  }
}
