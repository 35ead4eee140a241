internal import CSystem

/// A control group (cgroups(7)) that is made for one command, so that all that comes from it can be
/// found, however it tries to get away; and what that has used.
///
/// It lies below the group of this process: in the version 2 hierarchy, if that is mounted, otherwise
/// in one of version 1. Groups of that name in other hierarchies of version 1 only count, and are left
/// out where they cannot be had.
package final class ControlGroup {
  package let name: ByteString
  /// The first is the one whose processes are killed.
  private var folders: [ByteString] = []
  /// Open for the command, until this process has started it.
  package var processLists: [Int32] { lists.map { $0.number } }
  private var lists: [HeldDescriptor] = []

  package struct Refusal: Error {
    package let path: ByteString
    package let errno: Errno
  }

  /// What was used in a group, as far as its hierarchies count that.
  package struct Usage {
    /// Microseconds.
    package var time: Int64?
    /// Bytes.
    package var memoryPeak: Int64?
    package var processPeak: Int64?
  }

  /// Makes it, below `parent` if that is given. A group that is there already is refused.
  package init(_ name: ByteString, below parent: ByteString? = nil) throws(Refusal) {
    self.name = name
    for folder in Self.parents(parent) {
      let path = folder + "/" + name
      do throws(Errno) {
        try path.withCString { (path) throws(Errno) in
          _ = try retryingOnInterrupt { mkdir(path, 0o755) }
        }
      } catch {
        if folders.isEmpty || error == .exists {
          remove()
          throw Refusal(path: path, errno: error)
        }
        continue
      }
      folders.append(path)
      do throws(Errno) {
        lists.append(HeldDescriptor(try .open(path + "/cgroup.procs", O_WRONLY)))
      } catch {
        remove()
        throw Refusal(path: path, errno: error)
      }
    }
    if folders.isEmpty { throw Refusal(path: "/proc/self/cgroup", errno: .missing) }
    do throws(Errno) {
      if !canKillAtOnce { _ = try ProcessHandle(getpid()) }
    } catch {
      let path = folders[0]
      remove()
      throw Refusal(path: path, errno: error)
    }
  }

  /// The group of that name that another process has made, as this one would have made it.
  package init(madeElsewhere name: ByteString, below parent: ByteString? = nil) {
    self.name = name
    folders = Self.parents(parent).map { $0 + "/" + name }
  }

  package func closeProcessLists() {
    lists = []
  }
}

// MARK: - Where it is

extension ControlGroup {
  private static func parents(_ given: ByteString?) -> [ByteString] {
    if let given { return [given] }
    let mounts = lines("/proc/self/mountinfo", " ")
    var unified: ByteString?
    var others: [ByteString] = []
    // HIERARCHY:CONTROLLER,...:PATH
    let groups = lines("/proc/self/cgroup", ":")
    for group in groups where group.count == 3 && group[1].isEmpty {
      unified = folder(group[2], mounts, "cgroup2", nil)
    }
    let controllers: [Literal] = ["pids", "memory", "cpuacct", "freezer", "name=systemd"]
    for (index, controller) in controllers.enumerated() {
      if index > 2, unified != nil || !others.isEmpty { break }
      for group in groups where group.count == 3 && has(group[1], controller) {
        if let found = folder(group[2], mounts, "cgroup", controller), !others.contains(found) {
          others.append(found)
        }
      }
    }
    if let unified { others.insert(unified, at: 0) }
    return others
  }

  /// `ID PARENT DEVICE ROOT MOUNTPOINT OPTIONS ... - TYPE SOURCE OPTIONS` (proc_pid_mountinfo(5))
  private static func folder(
    _ group: ArraySlice<UInt8>, _ mounts: [[ArraySlice<UInt8>]], _ type: Literal,
    _ controller: Literal?
  ) -> ByteString? {
    for mount in mounts {
      guard let dash = mount.lastIndex(where: { $0.elementsEqual([ascii("-")]) }), dash > 5,
        mount.count > dash + 3, mount[dash + 1] == type
      else { continue }
      if let controller, !has(mount[dash + 3], controller) { continue }
      let root = ByteString(mount[3])
      var path = ByteString(group)
      if root != "/" {
        // What this mount shows begins further down.
        guard path == root || path.hasPrefix(root + "/") else { continue }
        path = ByteString(path.bytes.dropFirst(root.count))
      }
      if path.hasPrefix("/..") { continue }
      return (ByteString(mount[4]) + path).withoutTrailingSlashes
    }
    return nil
  }

  private static func has(_ list: ArraySlice<UInt8>, _ word: Literal) -> Bool {
    list.split(separator: ascii(",")).contains { $0 == word }
  }

  private static func lines(_ path: ByteString, _ separator: Unicode.Scalar) -> [[ArraySlice<
    UInt8
  >]] {
    (content(path) ?? []).split(separator: ascii("\n")).map {
      $0.split(
        separator: ascii(separator), maxSplits: separator == ":" ? 2 : 64,
        omittingEmptySubsequences: false)
    }
  }

  private static func content(_ path: ByteString) -> [UInt8]? {
    guard let file = try? FileDescriptor.open(path, O_RDONLY) else { return nil }
    return try? file.readAll(limit: 1 << 24)
  }
}

// MARK: - Its end

extension ControlGroup {
  /// Kills everything in it and in the groups below it: at once, where the kernel has cgroup.kill
  /// (Linux 5.14), or else in several rounds.
  ///
  /// - Returns: false if something does not end.
  package func kill() -> Bool {
    var pause: Int64 = 10
    for _ in 0..<8 {
      if isEmpty { return true }
      if !killAtOnce() { killEach() }
      let deadline = Deadline.milliseconds(pause)
      while !deadline.hasPassed {
        if isEmpty { return true }
        usleep(1000)
      }
      pause *= 2
    }
    return isEmpty
  }

  private var isEmpty: Bool {
    if folders.isEmpty { return true }
    if let events = Self.content(folders[0] + "/cgroup.events"),
      let populated = Self.number(after: "populated ", in: events)
    {
      return populated == 0
    }
    return Self.processes(in: folders[0]).isEmpty
  }

  private var canKillAtOnce: Bool {
    (folders[0] + "/cgroup.kill").withCString { access($0, W_OK) } == 0
  }

  private func killAtOnce() -> Bool {
    guard let file = try? FileDescriptor.open(folders[0] + "/cgroup.kill", O_WRONLY) else {
      return false
    }
    return write(file.number, "1", 1) == 1
  }

  /// A number in the list may belong to a stranger by the time it is used. So the process is held by a
  /// pidfd first, and the list is looked at again.
  private func killEach() {
    var rest = Self.processes(in: folders[0])[...]
    while !rest.isEmpty {
      let some = rest.prefix(200)
      rest = rest.dropFirst(200)
      let handles = some.map { try? ProcessHandle($0) }
      let members = Self.processes(in: folders[0])
      for (process, handle) in zip(some, handles) where members.contains(process) {
        try? handle?.send(SIGKILL)
      }
    }
  }

  private static func processes(in folder: ByteString) -> [Int32] {
    var found: [Int32] = []
    for line in lines(folder + "/cgroup.procs", "\n") {
      var number: Int32 = 0
      for digit in line[0] { number = number &* 10 &+ Int32(digit &- ascii("0")) }
      // 0 is a process of which this pid namespace knows nothing.
      if number > 0 { found.append(number) }
    }
    for name in subgroups(of: folder) { found += processes(in: folder + "/" + name) }
    return found
  }

  private static func subgroups(of path: ByteString) -> [ByteString] {
    var names: [ByteString] = []
    do throws(Errno) {
      let folder = try Folder(path)
      let all = try folder.names()
      while let name = try all.next() {
        if try folder.status(of: name).kind == .directory { names.append(name) }
      }
    } catch {}
    return names
  }

  /// Removes it, and the groups below it first.
  ///
  /// - Returns: what is still there, and why.
  @discardableResult
  package func remove() -> Refusal? {
    closeProcessLists()
    var refusal: Refusal?
    for folder in folders { refusal = Self.remove(folder) ?? refusal }
    folders = []
    return refusal
  }

  private static func remove(_ folder: ByteString) -> Refusal? {
    for name in subgroups(of: folder) { _ = remove(folder + "/" + name) }
    // What has ended a moment ago may still be counted.
    for _ in 0..<100 {
      if folder.withCString({ rmdir($0) }) == 0 || Errno.current == .missing { return nil }
      if Errno.current.code != EBUSY { break }
      usleep(2000)
    }
    return Refusal(path: folder, errno: .current)
  }

  /// What all that was in it has used, as far as that is known.
  package var usage: Usage {
    var usage = Usage()
    for folder in folders {
      if let statistics = Self.content(folder + "/cpu.stat"),
        let time = Self.number(after: "usage_usec ", in: statistics)
      {
        usage.time = time
      }
      if let time = Self.number(folder + "/cpuacct.usage") { usage.time = time / 1000 }
      usage.memoryPeak =
        Self.number(folder + "/memory.peak") ?? Self.number(folder + "/memory.max_usage_in_bytes")
        ?? usage.memoryPeak
      usage.processPeak = Self.number(folder + "/pids.peak") ?? usage.processPeak
    }
    return usage
  }

  private static func number(_ path: ByteString) -> Int64? {
    content(path).flatMap { number(after: "", in: $0) }
  }

  /// The number in the line that begins with `key`.
  private static func number(after key: Literal, in text: [UInt8]) -> Int64? {
    for line in text.split(separator: ascii("\n")) {
      if let digits = line.dropping(prefix: key) { return digits.number() }
    }
    return nil
  }
}
