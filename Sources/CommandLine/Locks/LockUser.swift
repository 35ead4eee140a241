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
      if let since = Self.since(wrapper, path) {
        (process, self.since) = (wrapper, since)
        return
      }
      let children = childProcesses(of: wrapper.identifier).compactMap { ObservedProcess($0) }
      // What copies the output is a swlock as well, and has no children.
      let next =
        children.first { Self.since($0, path) != nil } ?? children.first { !$0.isWrapper }
        ?? children.first
      guard wrapper.isWrapper, let next else { break }
      wrapper = next
    }
    process = wrapper.isWrapper ? holder : wrapper
    since = nil
  }

  /// Of the living owner of a claim; nil where that is not seen.
  init?(of claim: HardlinkClaim, at path: ByteString) {
    guard let owner = ObservedProcess(claim.process) else { return nil }
    self.init(of: owner, at: path)
  }

  /// Of those who have one lock: the one that says since when, or else the first.
  init?(of holders: [ObservedProcess], at path: ByteString) {
    guard let first = holders.first else { return nil }
    for holder in holders {
      let user = LockUser(of: holder, at: path)
      if user.since != nil {
        self = user
        return
      }
    }
    self.init(of: first, at: path)
  }

  /// How long the lock has been held, in whole seconds.
  var time: Span? { since.map { .seconds(max(.zero, .now - $0).wholeSeconds) } }

  /// What swlock has told the command.
  private static func since(_ process: ObservedProcess, _ path: ByteString) -> WallTime? {
    guard let since = process.variable("SWLOCK_SINCE"), let seconds = parseNumber(since.bytes),
      let held = process.variable("SWLOCK_PATH"),
      held == path.absolutePath || isSameFile(held, path)
    else { return nil }
    return WallTime(sinceZero: .seconds(seconds))
  }

  private static func isSameFile(_ one: ByteString, _ other: ByteString) -> Bool {
    guard let file = try? FileStatus(at: one, followingLinks: true).identity else { return false }
    return (try? FileStatus(at: other, followingLinks: true))?.identity == file
  }
}

extension ObservedProcess {
  /// Whether it runs a command under a lock, by what it is called.
  fileprivate var isWrapper: Bool {
    guard let program = arguments().first?.splitPath.name else { return false }
    return program == "swlock" || program == "flock" || program == "lockrun"
  }
}
