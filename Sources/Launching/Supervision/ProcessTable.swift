internal import CSystem

/// What /proc says of processes.
package enum ProcessTable {
  static func all() throws(Errno) -> [Family.Member] {
    if try !procIsOurs() { throw .noProcess }
    var processes: [Family.Member] = []
    for process in try numbers(in: "/proc") {
      if let fields = try statistics(process) {
        processes.append(
          Family.Member(
            identifier: process, parent: fields[1].number() ?? 0, group: fields[2].number() ?? 0))
      }
    }
    return processes
  }

  /// Those of one process; each thread has children of its own.
  package static func children(of process: Int32) throws(Errno) -> [Int32] {
    let folder = "/proc/" + ByteString(decimal: process) + "/task"
    var children: [Int32] = []
    do throws(Errno) {
      for thread in try numbers(in: folder) {
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
  private static func numbers(in folder: ByteString) throws(Errno) -> [Int32] {
    guard let folder = folder.withCString({ opendir($0) }) else { throw .current }
    defer { closedir(folder) }
    var numbers: [Int32] = []
    while let entry = readdir(folder) {
      if let number: Int32 = CStringBytes(csystem_entry_name(entry)).number() {
        numbers.append(number)
      }
    }
    return numbers
  }
}

extension Family.Member {
  /// One whose parent is known; its group is that which it has now.
  init(_ identifier: Int32, of parent: Int32) {
    self.init(identifier: identifier, parent: parent, group: getpgid(identifier))
  }

  /// Whether it is but a zombie, as far as can be seen.
  var hasEnded: Bool {
    if let state = (try? statistics(identifier))?[0].first {
      return state == ascii("Z") || state == ascii("X")
    }
    return processHasEnded(identifier)
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

extension Errno {
  /// Whether it says nothing about the process that was asked for.
  var isShortage: Bool {
    self == .tooManyOpenFiles || self == .tooManyOpenFilesOnSystem || self == .noMemory
  }
}
