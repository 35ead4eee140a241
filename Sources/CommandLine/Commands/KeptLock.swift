internal import CSystem
internal import Launching
internal import Locking
internal import SystemInterface

/// A lock that a process keeps for another one, as the keeper's arguments say: `acquire` writes them,
/// ps(1) shows them, and `release` finds the keeper by them.
///
/// `swlock hold PATH for PID START MODE DESCRIPTOR [unlink]`: START is when process PID was started, in
/// clock ticks; for `nobody`, it is 0.
struct KeptLock {
  /// Absolute.
  let path: ByteString
  /// Nil: nobody, it is kept until it is released.
  let owner: Int32?
  let ownerStart: UInt64
  let mode: LockMode
  let descriptor: Int32
  let unlinks: Bool

  init(
    path: ByteString, owner: ObservedProcess?, mode: LockMode, descriptor: Int32, unlinks: Bool
  ) {
    self.path = path
    self.owner = owner?.identifier
    ownerStart = owner?.startTicks ?? 0
    self.mode = mode
    self.descriptor = descriptor
    self.unlinks = unlinks
  }

  /// Nil where these are not the words of a keeper.
  init?(_ words: [ByteString]) {
    guard words.count == 8 || words.count == 9, words[1] == "hold", words[3] == "for",
      let start = parseNumber(words[5].bytes), let mode = LockMode(named: words[6]),
      let descriptor = parseNumber(words[7].bytes), descriptor <= Int64(Int32.max)
    else { return nil }
    if words[4] == "nobody" {
      owner = nil
    } else {
      guard let owner = parseNumber(words[4].bytes), owner > 0, owner <= Int64(Int32.max) else {
        return nil
      }
      self.owner = Int32(owner)
    }
    path = words[2]
    ownerStart = UInt64(start)
    self.mode = mode
    self.descriptor = Int32(descriptor)
    unlinks = words.count == 9
  }

  /// What this process was called with.
  init?(_ arguments: ArgumentVector, count: Int) {
    guard count > 7, strcmp(arguments[1]!, "hold") == 0 else { return nil }
    self.init((0..<count).map { ByteString(cString: arguments[$0]!) })
  }

  /// What `process` keeps, if it is a keeper.
  init?(of process: ObservedProcess) {
    // Most are not, and that is seen without another look.
    guard process.command.hasPrefix("swlock hold ") else { return nil }
    let name = "/proc/" + ByteString(decimal: process.identifier) + "/cmdline"
    guard let file = try? FileDescriptor.open(name, O_RDONLY),
      let text = try? file.readAll(limit: 1 << 16)
    else { return nil }
    self.init(
      text.dropLast().split(separator: 0, omittingEmptySubsequences: false).map { ByteString($0) })
  }

  /// The processes that are called as keepers are; anybody may be.
  static func keepers() -> [Int32] {
    let words: StaticString = "swlock\0hold\0"
    return (try? processes(beginningWith: Array(words.utf8))) ?? []
  }

  var words: [ByteString] {
    let owner = owner.map { ByteString(decimal: $0) } ?? "nobody"
    let words: [ByteString] = [
      "swlock", "hold", path, "for", owner, ByteString(decimal: ownerStart),
      ByteString(stringLiteral: mode.name), ByteString(decimal: descriptor),
    ]
    return unlinks ? words + ["unlink"] : words
  }

  /// Whether it is kept for `choice`; nil is anybody.
  func isFor(_ choice: LockOwner?) -> Bool {
    switch choice {
    case nil: true
    case .nobody?: owner == nil
    case .process(let number)?: owner == number && isOwned(by: ObservedProcess(number))
    case .thisProcess?: owner == getpid()
    }
  }

  func isOwned(by process: ObservedProcess?) -> Bool {
    guard let process else { return false }
    return process.identifier == owner && process.startTicks == ownerStart
  }
}

/// `swlock hold`, which only `acquire` calls: the process that keeps a lock. It ends when the owner does,
/// or a signal comes.
struct Hold {
  private let kept: KeptLock

  init(_ kept: KeptLock) {
    self.kept = kept
  }

  func perform() throws(Failure) -> Int32 {
    // The program was executed by another name, which ps and lslocks would show.
    csystem_name_process("swlock")
    let lock = try adopt()
    let failure: Failure?
    do throws(Failure) {
      try keep()
      failure = nil
    } catch {
      failure = error
    }
    // With this it ends, in any case; nobody is left to tell what may go wrong.
    try? lock.release()
    if let failure { throw failure }
    return ExitStatus.done.rawValue
  }

  /// Until the owner ends, or a signal comes.
  private func keep() throws(Failure) {
    let interruption = try Hold.interruption()
    guard let number = kept.owner else {
      if confirmKeeping() { _ = try? waitUntilReadable([interruption.number]) }
      return
    }
    let owner = try open(number)
    if !kept.isOwned(by: ObservedProcess(number)) { throw ownerIsGone(number) }
    if confirmKeeping() { _ = try? waitUntilReadable([owner.number, interruption.number]) }
  }

  private static func interruption() throws(Failure) -> FileDescriptor {
    try blockedDescriptor(of: SignalSet([SIGTERM, SIGINT, SIGQUIT, SIGHUP]))
  }

  private func adopt() throws(Failure) -> HeldLock {
    do throws(LockError) {
      return try HeldLock(
        adopting: kept.descriptor, path: kept.path, mode: kept.mode, removesFile: kept.unlinks)
    } catch {
      throw Failure(.systemCall, "unable to hold \(kept.path): \(Failure.reason(error))")
    }
  }

  private func open(_ owner: Int32) throws(Failure) -> ProcessHandle {
    do throws(Errno) {
      return try ProcessHandle(owner)
    } catch .noProcess {
      throw ownerIsGone(owner)
    } catch {
      let status: ExitStatus = error == .notImplemented ? .unsupported : .systemCall
      throw Failure(status, "unable to hold \(kept.path): pidfd_open: \(error.text)")
    }
  }

  private func ownerIsGone(_ number: Int32) -> Failure {
    Failure(.systemCall, "unable to hold \(kept.path): there is no process \(number)")
  }
}

extension LockMode {
  init?(named name: ByteString) {
    for mode in [LockMode.flock, .posix, .ofd] where name.bytes.elementsEqual(mode.name.utf8) {
      self = mode
      return
    }
    return nil
  }
}
