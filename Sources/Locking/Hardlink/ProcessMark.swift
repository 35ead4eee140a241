internal import CSystem

/// A process of this pid namespace as /proc shows it, for telling it from a later one that has its
/// number.
struct ProcessMark: Equatable {
  let identifier: Int32
  /// Clock ticks from the start of the machine to that of the process (proc(5), stat, field 22); 0:
  /// not known.
  let start: UInt64

  /// The process that has this number now; `noProcess` where none has, or one that has ended and is
  /// not reaped yet.
  init(_ identifier: Int32) throws(Errno) {
    self.identifier = identifier
    start = try Self.start(of: identifier)
  }

  init(_ identifier: Int32, start: UInt64) {
    self.identifier = identifier
    self.start = start
  }

  static func ofThisProcess() -> ProcessMark {
    let own = getpid()
    return ProcessMark(own, start: (try? start(of: own)) ?? 0)
  }

  /// Whether this very process still runs.
  var liveness: Liveness {
    do throws(Errno) {
      let now = try Self.start(of: identifier)
      return start == 0 || now == 0 || now == start ? .alive : .dead
    } catch .noProcess {
      return .dead
    } catch {
      return .unknown
    }
  }

  /// How long ago it was started, as far as that is known.
  var age: Span? {
    guard start > 0, let now = try? Self.start(of: identifier), now > 0 else { return nil }
    let age = BootTime.now - BootTime(ticks: now)
    return age < .zero ? nil : age
  }

  /// 0 where /proc cannot tell.
  private static func start(of identifier: Int32) throws(Errno) -> UInt64 {
    let own = getpid()
    // One that was mounted in another pid namespace has other processes by these numbers.
    if identifier != own, !procIs(of: own) { return try existence(of: identifier) }
    let name: ByteString =
      identifier == own ? "/proc/self/stat" : "/proc/" + ByteString(decimal: identifier) + "/stat"
    let text: [UInt8]
    do throws(Errno) {
      text = try FileDescriptor.open(name, O_RDONLY).readAll(limit: 4096)
    } catch  where error == .missing || error == .noProcess {
      // A /proc that hides other users' processes, or none at all.
      return try existence(of: identifier)
    }
    // The command's name before the other fields may hold anything, `)` included.
    guard let end = text.lastIndex(of: ascii(")")) else { return 0 }
    let fields = text[(end + 1)...].split(separator: ascii(" "), maxSplits: 20)
    guard fields.count > 19 else { return 0 }
    // A zombie is dead; but the state is that of the first thread, and others may go on.
    if fields[0].first == ascii("X") { throw .noProcess }
    if fields[0].first == ascii("Z"), (fields[17].number() ?? 0) < 2 { throw .noProcess }
    return isTimeShifted ? 0 : fields[19].number() ?? 0
  }
}

extension ProcessMark {
  /// Whether this process is in another time namespace than the machine's first one: there /proc shows
  /// start times that others see otherwise (time_namespaces(7)).
  private static let isTimeShifted: Bool = {
    let namespace = try? FileStatus(at: "/proc/self/ns/time", followingLinks: true)
    return namespace.map { $0.identity.inode != 0xefff_fffa } ?? false
  }()

  /// Whether /proc shows all processes of the machine, to this process.
  static var seesAll: Bool {
    guard
      let namespace = try? FileStatus(at: "/proc/self/ns/pid", followingLinks: true),
      namespace.identity.inode == 0xefff_fffc, procIs(of: getpid()),
      // A /proc that hides others' processes shows not even this one.
      let first = namespaceNumbers(of: "1")
    else { return false }
    return !first.isEmpty
  }

  /// The numbers of a process, from this pid namespace's to its own (proc(5), status, NSpid); nil for one
  /// that has gone, or cannot be read. One that has ended has none.
  static func namespaceNumbers(of process: ByteString) -> [UInt64]? {
    let path: ByteString = "/proc/" + process + "/status"
    guard let file = try? FileDescriptor.open(path, O_RDONLY),
      let text = try? file.readAll(limit: 1 << 14)
    else { return nil }
    var numbers: [UInt64] = []
    var firstHasEnded = false
    for line in text.split(separator: ascii("\n")) {
      if line.hasPrefix("State:\tZ") { firstHasEnded = true }
      // The state is that of the first thread, and others may go on.
      if firstHasEnded, let threads: Int64 = line.dropping(prefix: "Threads:\t")?.number(),
        threads < 2
      {
        return []
      }
      guard let own = line.dropping(prefix: "NSpid:") else { continue }
      for word in own.split(whereSeparator: { $0 == ascii("\t") || $0 == ascii(" ") }) {
        if let number: UInt64 = word.number() { numbers.append(number) }
      }
    }
    return numbers
  }

  /// 0, if there is such a process; that is all that kill(2) knows.
  private static func existence(of identifier: Int32) throws(Errno) -> UInt64 {
    if kill(identifier, 0) == 0 || Errno.current == .permissionNotGranted { return 0 }
    throw .noProcess
  }

  /// Whether /proc shows this process by its own number: that of this pid namespace.
  static func procIs(of own: Int32) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 16)
    let length = buffer.withUnsafeMutableBytes { buffer in
      readlink("/proc/self", buffer.baseAddress!.assumingMemoryBound(to: CChar.self), buffer.count)
    }
    return length > 0 && buffer.prefix(length).number() == own
  }
}

/// Whether the numbers in /proc are those of this process's pid namespace: after unshare(2) it may still be
/// mounted for the one outside, and its numbers would be taken for others' here. True where there is none.
package func procShowsThisNamespace() -> Bool {
  ProcessMark.procIs(of: getpid()) || access("/proc/1", F_OK) != 0
}

extension BootTime {
  /// A time in clock ticks, as /proc/PID/stat has it (sysconf(3), _SC_CLK_TCK).
  init(ticks: UInt64) {
    let frequency = UInt64(max(1, csystem_auxiliary_value(UInt(AT_CLKTCK))))
    let rest = Span.seconds(Int64(ticks % frequency)) / Int64(frequency)
    self.init(sinceZero: .seconds(Int64(clamping: ticks / frequency)) + rest)
  }
}
