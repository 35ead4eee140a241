internal import CSystem

/// The processes that come from this one, those of a relay left out.
///
/// Whether any is left says waitpid(2) alone. /proc only says which; and who is missed there, since it was
/// just being forked, is a child of this process as soon as its parents have ended.
final class Family {
  struct Member: Equatable {
    let identifier: Int32
    let parent: Int32
    let group: Int32
  }

  private let relay: RelayProcesses?
  private var list: ChildList?

  init(_ relay: RelayProcesses?) {
    self.relay = relay
  }

  /// Makes sure that children can be found, also when no file can be opened later on.
  func prepare() throws(Errno) {
    do throws(Errno) {
      list = try ChildList()
    } catch .missing {
      // A kernel that has none.
      _ = try ProcessTable.all()
    }
  }

  /// Whether none of the children is another's than `relay`'s. False where that cannot be told.
  var isOnlyRelay: Bool {
    guard let relay, relay.areAmongChildren, let children = try? openedList()?.read() else {
      return false
    }
    return children.allSatisfy { relay.contains($0) }
  }

  private func openedList() -> ChildList? {
    if list == nil { list = try? ChildList() }
    return list
  }

  func isRelay(_ process: Int32) -> Bool { relay?.contains(process) == true }
}

// MARK: - Who there is

extension Family {
  /// The children, and what can be seen below them.
  func members() throws(Errno) -> [Member] {
    guard openedList() != nil else { return try scanned() }
    var found = try children()
    var next = 0
    while next < found.count {
      let parent = found[next].identifier
      next += 1
      for process in try ProcessTable.children(of: parent)
      where !isRelay(process) && !found.contains(where: { $0.identifier == process }) {
        found.append(Member(process, of: parent))
      }
    }
    return found
  }

  /// Those that have not ended.
  func children() throws(Errno) -> [Member] {
    let own = getpid()
    guard let list = openedList() else { return try scanned().filter { $0.parent == own } }
    return try list.read().filter { !isRelay($0) && childState($0) == .running }.map {
      Member($0, of: own)
    }
  }

  /// Them all, where the kernel has no lists of children.
  private func scanned() throws(Errno) -> [Member] {
    let processes = try ProcessTable.all()
    var family = [getpid()]
    var found: [Member] = []
    var next = 0
    while next < family.count {
      for process in processes
      where process.parent == family[next] && !isRelay(process.identifier) {
        family.append(process.identifier)
        found.append(process)
      }
      next += 1
    }
    return found
  }
}
