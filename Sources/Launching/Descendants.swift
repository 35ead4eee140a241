internal import CSystem

/// The processes below this one, read from /proc (proc(5)).
enum Descendants {
  struct Process {
    let identifier: Int32
    let parent: Int32
    let group: Int32
  }

  /// Whether they can be seen at all.
  static var areVisible: Bool { access("/proc/self/stat", R_OK) == 0 }

  /// Sends `signal` to each of them, or to those in one process group. False when nobody got it.
  ///
  /// A number read from /proc may belong to a stranger by the time it is used. So the process is
  /// held by a pidfd first, and looked at again. `spared` does not get it, but what comes from it.
  @discardableResult
  static func send(
    _ signal: Int32, inGroup group: Int32? = nil, besides strangers: [Int32] = [],
    sparing spared: Int32? = nil
  ) -> Bool {
    var reached = false
    for process in find(inGroup: group, besides: strangers)
    where process.identifier != spared {
      let handle = csystem_open_process(process.identifier)
      if handle < 0 { continue }
      let held = FileDescriptor(taking: handle)
      if let now = read(process.identifier), now.group == process.group,
        now.parent == process.parent || now.parent == getpid(),
        csystem_signal_process(held.number, signal) == 0
      {
        reached = true
      }
    }
    return reached
  }

  /// The children that live now.
  static func children() -> [Int32] {
    let own = getpid()
    return all().filter { $0.parent == own }.map { $0.identifier }
  }

  /// All that live, or those in one process group; without `strangers` and what comes from them.
  static func find(
    inGroup group: Int32? = nil, besides strangers: [Int32] = []
  ) -> [Process] {
    let processes = all()
    var family = [getpid()]
    var found: [Process] = []
    var next = 0
    while next < family.count {
      for process in processes where process.parent == family[next] {
        if strangers.contains(process.identifier) { continue }
        family.append(process.identifier)
        if group == nil || process.group == group { found.append(process) }
      }
      next += 1
    }
    return found
  }

  private static func all() -> [Process] {
    guard let folder = opendir("/proc") else { return [] }
    defer { closedir(folder) }
    var processes: [Process] = []
    while let entry = readdir(folder) {
      let identifier = Int32(atoi(csystem_entry_name(entry)))
      if identifier > 0, let process = read(identifier) { processes.append(process) }
    }
    return processes
  }

  /// Fields 3 to 5 of /proc/PID/stat; the command's name before them may hold anything, `)`
  /// included. Nil for a process that has ended.
  private static func read(_ identifier: Int32) -> Process? {
    let name = "/proc/" + ByteString(decimal: identifier) + "/stat"
    guard let file = try? FileDescriptor.open(name, O_RDONLY),
      let text = try? file.readAll(limit: 4096),
      let end = text.lastIndex(of: ascii(")"))
    else { return nil }
    let fields = text[(end + 1)...].split(separator: ascii(" "), maxSplits: 3)
    guard fields.count > 2, fields[0].first != ascii("Z"), fields[0].first != ascii("X") else {
      return nil
    }
    return Process(
      identifier: identifier, parent: number(fields[1]), group: number(fields[2]))
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int32 {
    digits.reduce(0) { $0 &* 10 &+ Int32($1 &- ascii("0")) }
  }
}
