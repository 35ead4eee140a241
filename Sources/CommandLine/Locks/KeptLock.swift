internal import CSystem
internal import Launching
internal import Locking
internal import SystemInterface

/// A lock that a process keeps for another one, as the keeper's arguments say: `acquire` writes them,
/// ps(1) shows them, and `release` finds the keeper by them.
///
/// `swlock hold PATH for PID START MODE DESCRIPTOR [since SECONDS] [unlink]`: START is when process PID was
/// started, in clock ticks; for `nobody`, it is 0. Of several, PID and START have commas between them. SECONDS
/// since the epoch is when the lock was won.
///
/// `... MODE DESCRIPTOR since SECONDS until NANOSECONDS LIFETIME [silent]`: an engine keeps it, to which
/// DESCRIPTOR leads, and PATH is only a name. Without news it ends at that time since the machine's start; silent:
/// the owner is not told if it is lost.
///
/// `... MODE DESCRIPTOR on HOLDER START`: it only relies on a lock, which process HOLDER keeps with
/// DESCRIPTOR; in `hardlink` mode HOLDER is the claim's file.
struct KeptLock {
  struct Owner: Equatable {
    let process: Int32
    let start: UInt64
  }

  /// Absolute.
  let path: ByteString
  /// It is kept until the last of them has ended; of nobody's, until it is released.
  let owners: [Owner]
  let mode: LockMode
  let descriptor: Int32
  /// Nil of a keeper that does not say it.
  let since: WallTime?
  let unlinks: Bool
  let support: Support?

  /// What an engine keeps.
  let lease: Lease?

  struct Lease {
    let deadline: BootTime
    let lifetime: Span
    let isSilent: Bool
  }

  /// Who has the lock that is relied on.
  struct Support {
    let holder: ByteString
    let start: UInt64
  }

  init(
    path: ByteString, owners: [ObservedProcess], mode: LockMode, descriptor: Int32, unlinks: Bool
  ) {
    self.path = path
    self.owners = owners.map { Owner(process: $0.identifier, start: $0.startTicks) }
    self.mode = mode
    self.descriptor = descriptor
    self.unlinks = unlinks
    since = .now
    support = nil
    lease = nil
  }

  init(
    name: ByteString, owners: [ObservedProcess], mode: LockMode, socket: Int32, _ lease: Lease
  ) {
    path = name
    self.owners = owners.map { Owner(process: $0.identifier, start: $0.startTicks) }
    self.mode = mode
    descriptor = socket
    unlinks = false
    since = .now
    support = nil
    self.lease = lease
  }

  init(relyingOn reliance: Reliance, owners: [ObservedProcess]) {
    path = reliance.kind.isOfFile ? reliance.path.absolutePath : reliance.path
    self.owners = owners.map { Owner(process: $0.identifier, start: $0.startTicks) }
    mode = reliance.kind.mode
    descriptor = reliance.holderDescriptor ?? 0
    unlinks = false
    since = nil
    lease = nil
    support = Support(
      holder: reliance.claim ?? ByteString(decimal: reliance.holder), start: reliance.holderStart)
  }

  /// Nil where these are not the words of a keeper.
  init?(_ words: [ByteString]) {
    guard words.count >= 8, words[1] == "hold", words[3] == "for",
      let owners = Self.owners(words[4], words[5]), let mode = LockMode(named: words[6]),
      let descriptor = parseNumber(words[7].bytes), descriptor <= Int64(Int32.max)
    else { return nil }
    path = words[2]
    self.owners = owners
    self.mode = mode
    self.descriptor = Int32(descriptor)
    var rest = words[8...]
    if rest.count > 1, rest.first == "since" {
      guard let seconds: Int64 = rest[rest.startIndex + 1].bytes.number() else { return nil }
      since = WallTime(sinceZero: .seconds(seconds))
      rest = rest.dropFirst(2)
    } else {
      since = nil
    }
    if mode.engine != nil, rest.first == "until" {
      lease = Self.lease(rest.dropFirst())
      unlinks = false
      support = nil
      if lease == nil { return nil }
      return
    }
    lease = nil
    unlinks = rest.count == 1 && rest.first == "unlink"
    if rest.isEmpty || unlinks {
      support = nil
    } else if rest.count == 3, rest.first == "on" {
      guard let start = decimal(rest[rest.endIndex - 1].bytes) else { return nil }
      support = Support(holder: rest[rest.startIndex + 1], start: start)
    } else {
      return nil
    }
    if mode.surestMode == nil, support == nil { return nil }
  }

  private static func lease(_ words: ArraySlice<ByteString>) -> Lease? {
    var words = words
    guard let end = words.popFirst().flatMap({ parseNumber($0.bytes) }),
      let seconds = words.popFirst().flatMap({ parseNumber($0.bytes) }),
      words.isEmpty || words.count == 1 && words.first == "silent"
    else { return nil }
    return Lease(
      deadline: BootTime(sinceZero: .nanoseconds(end)), lifetime: .seconds(seconds),
      isSilent: !words.isEmpty)
  }

  private static func owners(_ numbers: ByteString, _ starts: ByteString) -> [Owner]? {
    if numbers == "nobody" { return starts == "0" ? [] : nil }
    let numbers = numbers.bytes.split(separator: ascii(","), omittingEmptySubsequences: false)
    let starts = starts.bytes.split(separator: ascii(","), omittingEmptySubsequences: false)
    guard numbers.count == starts.count else { return nil }
    var owners: [Owner] = []
    for index in numbers.indices {
      guard let number = decimal(numbers[index]), number > 0, let process = Int32(exactly: number),
        let start = decimal(starts[index])
      else { return nil }
      owners.append(Owner(process: process, start: start))
    }
    return owners
  }

  /// What this process was called with.
  init?(_ arguments: ArgumentVector, count: Int) {
    guard count > 7, strcmp(arguments[1]!, "hold") == 0 else { return nil }
    self.init((0..<count).map { ByteString(cString: arguments[$0]!) })
  }

  /// What `process` keeps, or relies on, by its own words: anybody may use them.
  init?(claimedBy process: ObservedProcess) {
    // Most have others, and that is seen without another look.
    guard process.command.hasPrefix("swlock hold ") else { return nil }
    self.init(process.arguments())
  }

  /// What `process` keeps, if it is a keeper: one that runs as root, as the user of this process or as that
  /// of an owner, and of whose lock the kernel knows.
  init?(of process: ObservedProcess) {
    self.init(claimedBy: process)
    guard support == nil, isTrusted(process), isConfirmed(process) else { return nil }
  }

  /// Whether a descriptor of `process`, which uses these words, keeps such a lock, of whatever file. Root's
  /// cannot be looked at by everybody, and nobody but root has them.
  func isConfirmed(_ process: ObservedProcess) -> Bool {
    if let mode = mode.surestMode,
      observedProcess(process.identifier, keeping: mode, on: nil, with: descriptor) != nil
    {
      return true
    }
    return process.user == 0 && geteuid() != 0
  }

  /// Whether `process`, which uses these words, may speak for the owners. A set-user-ID program that
  /// somebody has called by them may not, nor another program, as far as that can be seen.
  func isTrusted(_ process: ObservedProcess) -> Bool {
    if !process.hasOneUser || process.isOtherProgram { return false }
    if process.user == 0 || process.user == geteuid() { return true }
    return process.user != nil && owners.contains { livingProcess($0)?.user == process.user }
  }

  private static let firstWords: StaticString = "swlock\0hold\0"

  /// The processes that are called as keepers are, and may have a lock; anybody may be.
  static func keepers() -> [Int32] {
    guard let glance = try? LockersGlance() else { return [] }
    return (try? keepers(among: glance.namesAll ? glance.all : sessionLeaders())) ?? []
  }

  static func keepers(among candidates: [Int32]) throws(LockError) -> [Int32] {
    try processes(beginningWith: Array(firstWords.utf8), among: candidates)
  }

  /// All that are called so, where it matters that none is missing: also one that only relies on a lock.
  static func allKeepers() throws(LockError) -> [Int32] {
    try processes(beginningWith: Array(firstWords.utf8))
  }

  var words: [ByteString] {
    var numbers: ByteString = owners.isEmpty ? "nobody" : ""
    var starts: ByteString = owners.isEmpty ? "0" : ""
    for owner in owners {
      let comma: ByteString = numbers.isEmpty ? "" : ","
      numbers = numbers + comma + ByteString(decimal: owner.process)
      starts = starts + comma + ByteString(decimal: owner.start)
    }
    var words: [ByteString] = [
      "swlock", "hold", path, "for", numbers, starts, mode.name,
      ByteString(decimal: descriptor),
    ]
    if let since { words += ["since", ByteString(decimal: since.sinceZero.wholeSeconds)] }
    if let lease {
      words += [
        "until", ByteString(decimal: lease.deadline.sinceZero.nanoseconds),
        ByteString(decimal: lease.lifetime.wholeSeconds),
      ]
      return lease.isSilent ? words + ["silent"] : words
    }
    if let support { return words + ["on", support.holder, ByteString(decimal: support.start)] }
    return unlinks ? words + ["unlink"] : words
  }

  /// Whether it is kept for any of these.
  func isFor(_ choice: Owners) -> Bool {
    switch choice {
    case .anybody: true
    case .nobody: owners.isEmpty
    case .processes(let numbers):
      owners.contains { numbers.contains($0.process) && livingProcess($0) != nil }
    }
  }

  func isOwned(by process: ObservedProcess?) -> Bool {
    guard let process else { return false }
    return owners.contains(Owner(process: process.identifier, start: process.startTicks))
  }

  /// Those that have not ended.
  var livingOwners: [ObservedProcess] { owners.compactMap { livingProcess($0) } }

  private func livingProcess(_ owner: Owner) -> ObservedProcess? {
    guard let process = ObservedProcess(owner.process), process.startTicks == owner.start else {
      return nil
    }
    return process
  }
}

/// The number that these digits spell; nil for anything else.
private func decimal(_ digits: ArraySlice<UInt8>) -> UInt64? {
  parseNumber(digits).flatMap { UInt64(exactly: $0) }
}
