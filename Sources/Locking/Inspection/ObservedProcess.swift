internal import CSystem

/// What /proc tells of a process, at one moment.
public struct ObservedProcess: Equatable, Sendable {
  /// In the pid namespace of /proc.
  public let identifier: Int32
  /// 0 where it has none here.
  public let parent: Int32
  /// The effective user; nil when it could not be read.
  public let user: UInt32?
  /// Whether its real, effective and saved user are one: not of a program that somebody else runs with the
  /// rights of its file's owner (execve(2), set-user-ID).
  public let hasOneUser: Bool
  /// As ps(1) shows it: `R`, `S`, `D`, `T`, `Z` and so on.
  public let state: UInt8
  /// Clock ticks from the machine's start to the process's (proc_pid_stat(5), field 22). With
  /// `identifier`, it tells a process from a later one of the same number.
  public let startTicks: UInt64
  /// The same in seconds since the epoch, by the clock of the machine as it is set now.
  public let startTime: Int64
  /// The arguments with spaces between them, cut after 64 KiB; `[NAME]` for a process that has none.
  public let command: ByteString
  /// Whether it lives in a pid namespace below this one, a container's for example, where it has
  /// another number.
  public let isInOtherNamespace: Bool

  /// Nil when there is no such process (any more).
  public init?(_ identifier: Int32) {
    guard let folder = try? ProcessFolder(identifier) else { return nil }
    self.init(folder)
  }

  init?(_ folder: borrowing ProcessFolder) {
    guard let text = folder.read("stat"), let facts = ProcessStatistics(text) else { return nil }
    identifier = folder.identifier
    parent = facts.parent
    state = facts.state
    startTicks = facts.startTicks
    startTime = Self.secondsSinceEpoch(facts.startTicks)
    let credentials = ProcessCredentials(folder.read("status") ?? [])
    user = credentials.user
    hasOneUser = credentials.hasOneUser
    isInOtherNamespace = credentials.namespaceDepth > 1
    let arguments = commandLine(folder.read("cmdline") ?? [])
    command = arguments.isEmpty ? "[" + ByteString(facts.name) + "]" : arguments
  }

  private static func secondsSinceEpoch(_ ticks: UInt64) -> Int64 {
    let age = BootTime.now - BootTime(ticks: ticks)
    return (WallTime.now - age).sinceZero.wholeSeconds
  }
}

/// The text of /proc/PID/cmdline as one line.
func commandLine(_ text: [UInt8]) -> ByteString {
  var end = text.endIndex
  while end > 0, text[end - 1] == 0 { end -= 1 }
  return ByteString(text[..<end].map { $0 == 0 ? ascii(" ") : $0 })
}

/// The text of /proc/PID/stat.
struct ProcessStatistics {
  let name: ArraySlice<UInt8>
  let state: UInt8
  let parent: Int32
  let startTicks: UInt64
  /// Whether it can have descriptors: the kernel's own threads and those that have ended have none.
  let canHaveDescriptors: Bool
  /// Whether any of its threads has not ended.
  let canRun: Bool
  /// Where its memory image begins; nil where that is not told.
  let image: ProcessImage?

  /// Nil for what is no such text. The name may hold anything, `)` included.
  init?(_ text: [UInt8]) {
    guard let start = text.firstIndex(of: ascii("(")), let end = text.lastIndex(of: ascii(")")),
      start < end
    else { return nil }
    name = text[(start + 1)..<end]
    var scanner = ByteScanner(text[(end + 1)...])
    guard let state = scanner.word().first else { return nil }
    self.state = state
    scanner.skipSpaces()
    guard let parent = scanner.int32() else { return nil }
    self.parent = parent
    for _ in 5..<9 { _ = scanner.word() }
    scanner.skipSpaces()
    let flags = scanner.unsigned() ?? 0
    for _ in 10..<20 { _ = scanner.word() }
    scanner.skipSpaces()
    let threads = scanner.unsigned() ?? 0
    _ = scanner.word()
    scanner.skipSpaces()
    guard let ticks = scanner.unsigned() else { return nil }
    startTicks = ticks
    let isKernelThread: UInt64 = 0x20_0000  // PF_KTHREAD
    canRun = state != ascii("X") && (state != ascii("Z") || threads > 1)
    canHaveDescriptors = flags & isKernelThread == 0 && canRun
    image = ProcessImage(&scanner)
  }
}

/// Two lines of /proc/PID/status.
struct ProcessCredentials {
  /// The effective one.
  private(set) var user: UInt32?
  /// The real and the saved one are the same.
  private(set) var hasOneUser = false
  /// In how many pid namespaces, from that of /proc down, the process has a number.
  private(set) var namespaceDepth = 1

  init(_ text: [UInt8]) {
    for line in Lines(text) {
      if let value = line.value(of: "Uid:") {
        var scanner = ByteScanner(value)
        let real = scanner.word()
        let effective = scanner.word()
        let saved = scanner.word()
        user = effective.number()
        hasOneUser = real.elementsEqual(effective) && saved.elementsEqual(effective)
      } else if let value = line.value(of: "NSpid:") {
        var scanner = ByteScanner(value)
        var count = 0
        while !scanner.word().isEmpty { count += 1 }
        namespaceDepth = max(1, count)
      }
    }
  }
}
