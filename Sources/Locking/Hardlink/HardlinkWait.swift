/// How one who wants a `hardlink` lock waits for it: for what, and how long until the next look.
///
/// Within the bounds of the patience, and with no more looks than needed: a holder that stays is
/// watched (`ReleaseWatch`); where holders take turns so quickly that this one comes too late each
/// time, watching would only wake all that wait at each of them, and so they look at random times.
struct HardlinkWait {
  private let patience: Patience
  private let slop: Span
  private let lock: LockName
  private let watch: ReleaseWatch
  private var backoff: Backoff
  private var seen: (token: ByteString, first: BootTime, changeTime: WallTime, since: BootTime)?
  /// How many holders have come and gone while this one waited.
  private var turns = 0
  /// And how many waiters there were at about that time.
  private var waiters: Int64 = 1
  /// When the last pause ended, and what the look after it took.
  private var lastPause: BootTime?
  private var lookTime = Span.zero

  /// So often somebody looks, whoever it is; where a server has to be asked, and has to serve the holder as
  /// well, no more often than it can answer with ease.
  private var looksApart: Span { max(.microseconds(500), lookTime * 2) }

  init(_ lock: LockName, _ judge: Judge, _ request: LockRequest) {
    self.lock = lock
    patience = request.patience
    slop = judge.policy.clockSlop
    watch = ReleaseWatch(judge, interruption: request.interruption)
    backoff = Backoff(
      from: max(.milliseconds(1), judge.policy.shortestPoll), to: judge.policy.longestPoll)
  }

  /// How long this claim has been seen at the lock, always with the same time of its last change
  /// (CLOCK_BOOTTIME).
  mutating func timeUnchanged(_ held: BoundClaim) -> Span {
    let now = BootTime.now
    let changeTime = held.status.changeTime
    guard let before = seen, before.token == held.token else {
      if seen != nil { missTurn() }
      seen = (held.token, now, changeTime, now)
      return .zero
    }
    if before.changeTime == changeTime { return now - before.since }
    seen = (held.token, before.first, changeTime, now)
    return .zero
  }

  /// Whether the claim that was seen last has only just followed another one. Its owner ran a moment ago, and
  /// has released the lock before the next look, mostly: whether it still runs is asked later, if need be.
  var isNewcomer: Bool {
    guard turns > 0, let seen else { return false }
    return BootTime.now - seen.first < .milliseconds(20)
  }

  /// The more there are who wait, the more rarely each of them looks.
  private mutating func missTurn() {
    turns += 1
    if turns & (turns - 1) == 0 {
      waiters = Int64((try? lock.claimCount()) ?? 1)
    }
  }

  /// Of the pause between looks at most, where holders take turns.
  private var longestPause: Span { min(looksApart * waiters, .milliseconds(200)) }

  /// Whether holders take turns, as far as is known: the next one may have had its own since the last look.
  var isInTurns: Bool {
    guard turns > 1, let seen else { return false }
    return BootTime.now - seen.since <= max(longestPause * 2, min(lookTime * 20, .seconds(1)))
  }

  /// Returns when it is time to try whether it is one's own turn.
  ///
  /// - Throws: `busy`, `timedOut`, `interrupted`.
  mutating func forTurn() throws(LockError) {
    try endLook()
    defer { lastPause = .now }
    watch.end()
    try watch.pause(patience.bounding(backoff.random(upTo: longestPause)))
  }

  /// Returns when it is time to look again.
  ///
  /// - Throws: `busy`, `timedOut`, `interrupted`.
  mutating func forChange(of held: BoundClaim, _ clock: FolderClock) throws(LockError) {
    if isInTurns { return try forTurn() }
    try endLook()
    defer { lastPause = .now }
    // One that is only now being watched may have changed since the look.
    guard watch.begin(held) else { return backoff.reset() }
    try watch.sleep(patience.bounding(min(backoff.next(), timeToExpiry(held, clock))))
  }

  /// The same for a file that is not a claim, and the process of this host that holds it.
  mutating func forChange(
    ofFile descriptor: Int32, _ identity: FileIdentity, _ process: Int32?
  ) throws(LockError) {
    try checkPatience()
    guard watch.begin(descriptor, identity, process) else { return backoff.reset() }
    try watch.sleep(patience.bounding(backoff.next()))
  }

  /// The same for something that nobody will tell us about.
  mutating func forAnything() throws(LockError) {
    try checkPatience()
    try watch.pause(patience.bounding(backoff.next()))
  }

  private mutating func endLook() throws(LockError) {
    try checkPatience()
    if lock.isShared, let lastPause { lookTime = .now - lastPause }
  }

  private func checkPatience() throws(LockError) {
    if patience == .never { throw .busy }
    if patience.isOver { throw .timedOut }
  }

  private func timeToExpiry(_ held: BoundClaim, _ clock: FolderClock) -> Span {
    guard let expiry = Judge.expiry(held) else { return .longest }
    let rest = expiry + slop - clock.now
    return rest < .zero ? .longest : rest + .milliseconds(1)
  }
}
