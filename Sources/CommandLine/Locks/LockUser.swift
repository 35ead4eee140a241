internal import CSystem
internal import Launching
internal import Locking
internal import SystemInterface

/// What holds a lock, as a person means it: not the swlock around a command but the command, not the process
/// that keeps a lock but the script. And since when, where swlock took the lock.
struct LockUser {
  let process: ObservedProcess
  /// By the machine's clock when the lock was taken. Nil where that is not known: another program took it, or
  /// it may not be looked at.
  let since: WallTime?

  /// - Parameter path: of the lock that `holder` has.
  init(of holder: ObservedProcess, at path: ByteString) {
    if let kept = KeptLock(of: holder) {
      process = kept.livingOwners.first ?? holder
      since = kept.since
      return
    }
    var wrapper = holder
    // A front, a holder, and the command.
    for _ in 0..<3 {
      if !wrapper.isWrapper {
        process = wrapper
        since = Self.since(wrapper, path)
        return
      }
      let children = ((try? ProcessTable.children(of: wrapper.identifier)) ?? [])
        .compactMap { ObservedProcess($0) }
      // What copies the output is a swlock as well, and has no children.
      let next =
        children.first { Self.since($0, path) != nil } ?? children.first { !$0.isWrapper }
        ?? children.first
      guard let next else { break }
      if next.isOwn {
        // This process runs under the lock, and asks for it.
        process = holder
        since = Self.since(next, path)
        return
      }
      wrapper = next
    }
    process = holder
    since = nil
  }

  /// Of the owner of a claim; nil where that is not seen to live.
  init?(of claim: HardlinkClaim, at path: ByteString) {
    guard claim.liveness == .alive, let owner = ObservedProcess(claim.process) else { return nil }
    self.init(of: owner, at: path)
  }

  /// Of those who have a lock of the kernel's: the one that says since when, or else the first. This process
  /// may have inherited it, and is not meant.
  @inline(never)
  init?(of lock: ObservedLock, at path: ByteString) {
    var first: LockUser?
    for holder in lock.holders where !holder.process.isOwn {
      let user = LockUser(of: holder.process, at: path)
      if first == nil || user.since != nil { first = user }
      if user.since != nil { break }
    }
    guard let first else { return nil }
    self = first
  }

  /// How long the lock has been held, in whole seconds.
  var time: Span? { since.map { .seconds(max(.zero, .now - $0).wholeSeconds) } }

  /// What swlock has told the command. The other process's path is only compared: to look there might hang.
  private static func since(_ process: ObservedProcess, _ path: ByteString) -> WallTime? {
    guard let text = process.startingEnvironment,
      let since = ObservedProcess.variable("SWLOCK_SINCE", in: text),
      let seconds = parseNumber(since.bytes),
      let held = ObservedProcess.variable("SWLOCK_PATH", in: text), held == path.absolutePath
    else { return nil }
    return WallTime(sinceZero: .seconds(seconds))
  }
}

extension ObservedProcess {
  /// Whether it is this process, or one that works with it.
  var isOwn: Bool {
    // Others have other words, and that is seen without a look at this one's ancestors.
    command == Self.ownCommand && ownProcesses(in: ancestry(of: getpid())).contains(self)
  }

  private static var ownCommand: ByteString {
    var command: ByteString = ""
    for index in 0..<Int(csystem_argument_count()) {
      if index > 0 { command = command + " " }
      command = command + ByteString(cString: csystem_arguments()[index]!)
    }
    return command
  }

  /// Whether it runs a command under a lock, by what it is called.
  fileprivate var isWrapper: Bool {
    let program = ByteString(command.bytes.prefix { $0 != ascii(" ") }).splitPath.name
    return program == "swlock" || program == "flock" || program == "lockrun"
  }
}
