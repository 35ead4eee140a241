internal import CSystem

/// The processes that come from this one, those of a relay left out, and how signals reach them.
///
/// Whether any is left says waitpid(2) alone. /proc only says which; and who is missed there, since it was
/// just being forked, is a child of this process as soon as its parents have ended.
final class Family {
  struct Member: Equatable {
    let identifier: Int32
    let parent: Int32
    let group: Int32
  }

  struct Refusal {
    let process: Int32
    /// EPERM; ENOSYS of one that is no child, where there are no pidfds.
    let errno: Errno
  }

  /// What became of a signal.
  struct Reach {
    var reached: [Int32] = []
    var refused: [Refusal] = []
    /// Why not all could be found.
    var blindness: Errno?
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
      _ = try Self.scan()
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

  private func isRelay(_ process: Int32) -> Bool { relay?.contains(process) == true }

  /// Sends `signals`, one after the other, to all but those in `excluded`, or to those of a process group.
  /// Not `isDeep`: to children only, which always can be done.
  func send(
    _ signals: [Int32], isDeep: Bool = true, besides excluded: [Int32] = [],
    inGroup group: Int32? = nil
  ) -> Reach {
    let choice = Choice(excluded: excluded, group: group)
    var reach = Reach()
    do throws(Errno) {
      let children = try children()
      for child in children where choice.contains(child) {
        // Until this process reaps it, nobody else can have its number.
        reach.note(child, kill(child.identifier, signals))
      }
      if isDeep { try sendFurther(signals, children, choice, &reach) }
    } catch {
      reach.blindness = error
    }
    return reach
  }

  private func kill(_ process: Int32, _ signals: [Int32]) -> Errno? {
    for signal in signals where CSystem.kill(process, signal) != 0 { return .current }
    return nil
  }
}

extension Family.Reach {
  fileprivate mutating func note(_ member: Family.Member, _ error: Errno?) {
    switch error {
    case nil: reached.append(member.identifier)
    case Errno.noProcess?: break
    case let error?:
      if error.isShortage {
        blindness = error
      } else {
        refused.append(Family.Refusal(process: member.identifier, errno: error))
      }
    }
  }
}

// MARK: - Below the children

extension Family {
  /// How many processes are held at a time.
  private static let handful = 100

  /// Others may reap these, and their numbers be others' by the time they are used. So each is held by a
  /// pidfd first, and gets the signal if it is then found again.
  private func sendFurther(
    _ signals: [Int32], _ children: [Member], _ choice: Choice, _ reach: inout Reach
  ) throws(Errno) {
    var rest = try members().filter {
      !children.contains($0) && choice.contains($0) && !$0.hasEnded
    }[...]
    while !rest.isEmpty {
      let some = rest.prefix(Self.handful)
      rest = rest.dropFirst(Self.handful)
      var held: [Held] = []
      for member in some {
        do throws(Errno) {
          held.append(Held(member, try ProcessHandle(member.identifier)))
        } catch {
          reach.note(member, error)
        }
      }
      if held.isEmpty { continue }
      let now = try members()
      for one in held {
        let isSame = now.contains {
          $0.identifier == one.member.identifier && $0.group == one.member.group
            && ($0.parent == one.member.parent || $0.parent == getpid())
        }
        if isSame { reach.note(one.member, one.send(signals)) }
      }
    }
  }

  private struct Choice {
    let excluded: [Int32]
    let group: Int32?

    func contains(_ member: Member) -> Bool {
      (group == nil || member.group == group) && !excluded.contains(member.identifier)
    }
  }

  private final class Held {
    let member: Member
    private let handle: ProcessHandle

    init(_ member: Member, _ handle: consuming ProcessHandle) {
      self.member = member
      self.handle = handle
    }

    func send(_ signals: [Int32]) -> Errno? {
      do throws(Errno) {
        for signal in signals { try handle.send(signal) }
        return nil
      } catch {
        return error
      }
    }
  }

  /// The children, and what can be seen below them.
  func members() throws(Errno) -> [Member] {
    guard openedList() != nil else { return try scanned() }
    var found = try children()
    var next = 0
    while next < found.count {
      let parent = found[next].identifier
      next += 1
      for process in try Self.children(of: parent)
      where !isRelay(process) && !found.contains(where: { $0.identifier == process }) {
        found.append(Member(process, of: parent))
      }
    }
    return found
  }

  /// Those that have not ended.
  private func children() throws(Errno) -> [Member] {
    let own = getpid()
    guard let list = openedList() else { return try scanned().filter { $0.parent == own } }
    return try list.read().filter { !isRelay($0) && childState($0) == .running }.map {
      Member($0, of: own)
    }
  }

  /// Each thread has children of its own.
  private static func children(of process: Int32) throws(Errno) -> [Int32] {
    let folder = "/proc/" + ByteString(decimal: process) + "/task"
    var children: [Int32] = []
    do throws(Errno) {
      for thread in try listing(of: folder) {
        let name = folder + "/" + ByteString(decimal: thread) + "/children"
        let file = try FileDescriptor.open(name, O_RDONLY)
        children += decimalNumbers(try file.readAll(limit: 1 << 20))
      }
    } catch {
      // Otherwise it has ended, or hides.
      if error.isShortage { throw error }
    }
    return children
  }

  /// The names in a folder of /proc that are numbers.
  private static func listing(of folder: ByteString) throws(Errno) -> [Int32] {
    guard let folder = folder.withCString({ opendir($0) }) else { throw .current }
    defer { closedir(folder) }
    var numbers: [Int32] = []
    while let entry = readdir(folder) {
      let number = Int32(atoi(csystem_entry_name(entry)))
      if number > 0 { numbers.append(number) }
    }
    return numbers
  }
}

// MARK: - Without lists of children

extension Family {
  private func scanned() throws(Errno) -> [Member] {
    let processes = try Self.scan()
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

  /// All processes.
  private static func scan() throws(Errno) -> [Member] {
    if try !procIsOurs() { throw .noProcess }
    var processes: [Member] = []
    for process in try listing(of: "/proc") {
      if let fields = try statistics(process) {
        processes.append(
          Member(identifier: process, parent: number(fields[1]), group: number(fields[2])))
      }
    }
    return processes
  }
}

extension Family.Member {
  /// One whose parent is known; its group is that which it has now.
  fileprivate init(_ identifier: Int32, of parent: Int32) {
    self.init(identifier: identifier, parent: parent, group: getpgid(identifier))
  }

  /// Whether it is but a zombie, as far as can be seen.
  var hasEnded: Bool {
    if let state = (try? statistics(identifier))?[0].first {
      return state == ascii("Z") || state == ascii("X")
    }
    return kill(identifier, 0) != 0 && Errno.current == .noProcess
  }
}

/// Fields 3 to 5 of /proc/PID/stat (proc_pid_stat(5)): state, parent, group. The command's name before
/// them may hold anything, `)` included. Nil for one that is gone, or hides.
private func statistics(_ identifier: Int32) throws(Errno) -> [ArraySlice<UInt8>]? {
  let name = "/proc/" + ByteString(decimal: identifier) + "/stat"
  let text: [UInt8]
  do throws(Errno) {
    text = try FileDescriptor.open(name, O_RDONLY).readAll(limit: 4096)
  } catch {
    if error.isShortage { throw error }
    return nil
  }
  guard let end = text.lastIndex(of: ascii(")")) else { return nil }
  let fields = text[(end + 1)...].split(separator: ascii(" "), maxSplits: 3)
  return fields.count > 2 ? Array(fields[..<3]) : nil
}

private func number(_ digits: ArraySlice<UInt8>) -> Int32 {
  digits.reduce(0) { $0 &* 10 &+ Int32($1 &- ascii("0")) }
}

extension Errno {
  /// Whether it says nothing about the process that was asked for.
  var isShortage: Bool {
    self == .tooManyOpenFiles || self == .tooManyOpenFilesOnSystem || self == .noMemory
  }
}
