internal import CSystem

/// What /proc tells of a process, at one moment.
public struct ObservedProcess: Equatable, Sendable {
  /// In the pid namespace of /proc.
  public let identifier: Int32
  /// 0 where it has none here.
  package let parent: Int32
  /// The effective user; nil when it could not be read.
  package let user: UInt32?
  /// Whether its real, effective and saved user are one: not of a program that somebody else runs with the
  /// rights of its file's owner (execve(2), set-user-ID).
  package let hasOneUser: Bool
  /// As ps(1) shows it: `R`, `S`, `D`, `T`, `Z` and so on.
  package let state: UInt8
  /// Clock ticks from the machine's start to the process's (proc_pid_stat(5), field 22). With
  /// `identifier`, it tells a process from a later one of the same number.
  package let startTicks: UInt64
  /// The same in seconds since the epoch, by the clock of the machine as it is set now.
  package let startTime: Int64
  /// The arguments with spaces between them, cut after 64 KiB; `[NAME]` for a process that has none.
  public let command: ByteString
  /// Whether it lives in a pid namespace below this one, a container's for example, where it has
  /// another number.
  package let isInOtherNamespace: Bool

  /// Nil when there is no such process (any more).
  package init?(_ identifier: Int32) {
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
