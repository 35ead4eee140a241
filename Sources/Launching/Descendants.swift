internal import CSystem

/// The processes below this one, read from /proc (proc(5)).
enum Descendants {
  private struct Entry {
    let identifier: Int32
    let parent: Int32
  }

  /// Whether they can be seen at all.
  static var areVisible: Bool { access("/proc/self/stat", R_OK) == 0 }

  /// Sends `signal` to each of them.
  ///
  /// A number read from /proc may belong to a stranger by the time it is used. So the process is
  /// held by a pidfd first, and its parent looked at again.
  static func send(_ signal: Int32) {
    let entries = all()
    var family = [getpid()]
    var next = 0
    while next < family.count {
      for entry in entries where entry.parent == family[next] { family.append(entry.identifier) }
      next += 1
    }
    for identifier in family.dropFirst() {
      let handle = csystem_open_process(identifier)
      if handle < 0 { continue }
      let held = FileDescriptor(taking: handle)
      if let parent = parent(of: identifier), family.contains(parent) {
        csystem_signal_process(held.number, signal)
      }
    }
  }

  private static func all() -> [Entry] {
    guard let folder = opendir("/proc") else { return [] }
    defer { closedir(folder) }
    var entries: [Entry] = []
    while let entry = readdir(folder) {
      let identifier = Int32(atoi(csystem_entry_name(entry)))
      if identifier > 0, let parent = parent(of: identifier) {
        entries.append(Entry(identifier: identifier, parent: parent))
      }
    }
    return entries
  }

  /// Field 4 of /proc/PID/stat; the command's name before it may hold anything, `)` included.
  private static func parent(of identifier: Int32) -> Int32? {
    let name = "/proc/" + ByteString(decimal: identifier) + "/stat"
    guard let file = try? FileDescriptor.open(name, O_RDONLY),
      let text = try? file.readAll(limit: 4096),
      let end = text.lastIndex(of: ascii(")"))
    else { return nil }
    let fields = text[(end + 1)...].split(separator: ascii(" "))
    guard fields.count > 1 else { return nil }
    return fields[1].reduce(0) { $0 &* 10 &+ Int32($1 &- ascii("0")) }
  }
}
