internal import CSystem
internal import Locking
internal import SystemInterface

/// Whether the wait for a lock can end: it cannot where the lock is held above this process by one that
/// does nothing but wait for it, or where the waits of several processes close a circle.
///
/// Only what two looks a second apart have found counts: a script that waits for one of its commands may
/// be about to give the lock back, and to see that it does nothing else is a glance at many things, one
/// after the other.
final class Outlook {
  private let wanted: WantedLocks
  /// The one of them that is looked at.
  private var request: LockRequest
  private let options: LockOptions
  /// For whom the lock is to be, of `acquire`.
  private let owners: Owners?
  /// Who waits: this process, or the one in whose name it looks.
  private let waiter: Int32
  private var looks = 0
  /// What the last look found.
  private var suspicion: Suspicion?
  /// When a second look may confirm it.
  private var ripens = Deadline.now

  private struct Suspicion {
    /// Who has the lock, if that is a process above; 0 for a circle.
    let holder: Int32
    let failure: Failure
  }

  init(
    _ wanted: WantedLocks, _ options: LockOptions, _ owners: Owners?, of waiter: Int32 = getpid()
  ) {
    self.wanted = wanted
    request = wanted.current
    self.options = options
    self.owners = owners
    self.waiter = waiter
  }

  /// Whether it is likely that an ancestor has the lock, and worth to be looked at before any wait. That
  /// takes longer than most waits: opening /proc/locks stops all locking of the machine for some
  /// milliseconds.
  var isDoubtful: Bool {
    options.reentrant || options.subcommand == .acquire
      || wanted.requests.contains { HeldList.names($0.path) }
  }

  /// That the lock is held already for whom it is to be, and how; nil where it is not.
  private(set) var ownHold: Message?

  /// After how much more waiting another look may find something; nil: never. Most waits are over before the
  /// first one.
  private(set) var nextLook: Span? = .seconds(1)

  /// Those who look again do not do so at the same time.
  private var pause: Span {
    // Numbers that are close to each other are far apart afterwards.
    let spread = UInt32(bitPattern: waiter) &* 2_654_435_761 &* UInt32(2 * looks + 1)
    return .seconds(1) + .milliseconds(Int64(spread >> 22))
  }

  /// Whether nothing points to a lock above this process, or to one under which it runs: nobody has told it of
  /// one, who took the lock that is wanted is alive and elsewhere, and nobody who took a lock keeps it for an
  /// ancestor.
  ///
  /// - Parameter thoroughly: an ancestor may have inherited the lock, and the kernel does not say of each lock who
  ///   took it. So ancestors' descriptors are looked at as well, and all who may be keepers: always where that is
  ///   not said of the wanted lock. Then a look at all processes would find nothing either.
  private func isUnremarkable(thoroughly: Bool) -> Bool {
    guard options.subcommand == .run || options.subcommand == .wait, !options.reentrant,
      !wanted.areSeveral || !thoroughly,
      HeldList.isEmpty,
      let glance = try? LockersGlance(at: request.path)
    else { return false }
    let branch = ownBranch()
    if glance.ofFile.contains(where: branch.contains) { return false }
    var candidates = glance.all
    if thoroughly || glance.ofFile.isEmpty || !glance.namesAllOfFile
      || glance.ofFile.contains(where: processHasEnded)
    {
      guard isKept(at: request.path, byAnyOf: branch) == false else { return false }
      if !glance.namesAll || glance.ofFile.isEmpty {
        guard let leaders = try? sessionLeaders() else { return false }
        candidates = leaders
      }
    }
    guard let keepers = try? KeptLock.keepers(among: candidates) else { return false }
    return !keepers.contains { keeper in
      let kept = ObservedProcess(keeper).flatMap { KeptLock(claimedBy: $0) }
      return kept?.owners.contains { branch.contains($0.process) } ?? false
    }
  }

  /// Throws where the wait would never end; with `--reentrant`, the lock is the one that an ancestor has.
  /// Nil where it is worth to wait.
  ///
  /// - Parameter hasWaited: whether the others had a second to come to rest.
  func look(hasWaited: Bool = true) throws(Failure) -> HeldLock? {
    looks += 1
    request = wanted.current
    defer { if !hasWaited, nextLook == nil { nextLook = .seconds(1) } }
    if request.kind.hasClaim { return try lookAtClaim() }
    if looks <= 2, suspicion == nil, isUnremarkable(thoroughly: looks == 2) {
      // A long wait is worth a thorough look.
      nextLook = looks == 1 ? .seconds(10) : nil
      return nil
    }
    let keepers = KeptLock.keepers()
    let chain = ancestry(of: waiter)
    var isHeldAbove = false
    var found: Suspicion?
    for index in wanted.indicesFromCurrent where found == nil {
      request = wanted.requests[index]
      // One of several slots is none that others have to be given back for.
      guard request.slots ?? 1 == 1, let above = lockAbove(keepers, chain) else { continue }
      // Of those that it does not wait for now, this process may have some already, and it alone.
      if index != wanted.index, namedHolder(above, chain) == nil { continue }
      isHeldAbove = true
      if options.reentrant, above.holder.isVerified, above.lock.covers(request),
        let reliance = Reliance(on: above, for: request)
      {
        if waiter == getpid() {
          options.say("\(request.path) is held by \(above.process.phrase) already")
        }
        return HeldLock(relyingOn: reliance)
      }
      found = try judge(above, chain)
    }
    request = wanted.current
    if isHeldAbove || suspicion?.holder != 0 { try suspect(found) }
    let isAwaited = mayBeWaitedFor(keepers, chain)
    if isAwaited, suspicion == nil || suspicion?.holder == 0 { try suspect(circle()) }
    nextLook = suspicion != nil || isAwaited && looks < 4 ? pause : nil
    return nil
  }

  // MARK: - Above

  private func lockAbove(_ keepers: [Int32], _ chain: [ObservedProcess]) -> LockAbove? {
    func keeps(_ process: ObservedProcess, _ chain: [ObservedProcess]) -> Bool {
      guard let kept = KeptLock(of: process) else { return false }
      return isForUs(kept) || chain.contains { kept.isOwned(by: $0) }
    }
    let others = request.kind.includes(.ofd) || looks > 1 ? keepers : []
    return (try? ancestorHolding(request, in: chain, orAmong: others, orKeeping: keeps)) ?? nil
  }

  /// Whether it is kept for those for whom the lock is wanted.
  private func isForUs(_ kept: KeptLock) -> Bool {
    guard let owners, owners != .nobody else { return false }
    return kept.isFor(owners)
  }

  /// Throws where the wait would never end, as far as one look can tell.
  private func judge(
    _ above: LockAbove, _ chain: [ObservedProcess]
  ) throws(Failure) -> Suspicion? {
    let kept = KeptLock(of: above.process)
    let isOurs = kept.map { isForUs($0) } ?? false
    // What the hold depends on: the holder, the last one of those that it shares the lock with, or the last
    // one of those for whom it is kept.
    let holders = above.lock.holders.map { $0.process.identifier }
    if isOurs { ownHold = reason(forOwn: above) }
    let failure: Failure =
      isOurs
      ? Failure(.busy, .unable(to: "lock", request.path, ownHold ?? ""))
      : heldAbove(by: namedHolder(above, chain))
    let top = chain.lastIndex { process in
      kept.map { $0.isOwned(by: process) } ?? holders.contains(process.identifier)
    }
    // This process itself, or its owner elsewhere, for whom nobody else gives it back.
    guard let top, top > 0 else {
      if top == 0 || isOurs { throw failure }
      return nil
    }
    // It has inherited a lock from a swlock that waits for it, and keeps it open itself.
    if kept == nil, holders.contains(waiter), HeldList.names(request.path) { throw failure }
    return suspicion(chain, upTo: top, failure)
  }

  /// Who is told to have the lock: not this process, which may have inherited it.
  private func namedHolder(
    _ above: LockAbove, _ chain: [ObservedProcess]
  ) -> ObservedProcess? {
    let own = ownProcesses(in: chain)
    if !own.contains(where: { $0.identifier == above.process.identifier }) { return above.process }
    return chain.dropFirst(own.count).first { process in
      above.lock.holders.contains { $0.process.identifier == process.identifier }
    }
  }

  /// A lock that is kept cannot become another one, which those for whom it is kept rely on.
  private func reason(forOwn above: LockAbove) -> Message {
    let has: Message = "\(above.process.phrase) has it already"
    if above.lock.sharing == request.sharing { return has }
    return
      "\(has), \(above.lock.sharing.name): release it first, and others may have it in between; acquire --fd converts a lock"
  }

  /// That these do nothing but wait.
  private func suspicion(
    _ chain: [ObservedProcess], upTo top: Int, _ failure: Failure
  ) -> Suspicion? {
    let height = (try? BranchWaits(isHelper: isHelper))?.height(of: chain) ?? 0
    return height >= top ? Suspicion(holder: chain[top].identifier, failure: failure) : nil
  }

  /// Notes what a look has found, and throws what the look before had found as well.
  private func suspect(_ found: Suspicion?) throws(Failure) {
    if let found, let suspicion, found.holder == suspicion.holder {
      if ripens.hasPassed { throw found.failure }
      return
    }
    suspicion = found
    ripens = .milliseconds(900)
  }

  /// - Parameter process: nil: this one alone.
  private func heldAbove(by process: ObservedProcess?) -> Failure {
    guard let process else { return endless(Incumbent.inherited) }
    let hint: Literal =
      options.reentrant
      ? "and not as it is wanted"
      : options.subcommand == .wait
        ? "which waits for this process"
        : request.slots != nil
          ? "which waits for this process (who has a slot is told so by SWLOCK_SLOT)"
          : "which waits for this process (--reentrant goes on without)"
    return endless("it is held by \(process.phrase), \(hint)")
  }

  private func endless(_ reason: Message) -> Failure {
    Failure(
      .busy,
      options.subcommand == .wait
        ? "\(request.path) is not free: \(reason)" : .unable(to: "lock", request.path, reason))
  }

  // MARK: - Claims, which name their owner

  private func lookAtClaim() throws(Failure) -> HeldLock? {
    nextLook = nil
    let chain = ancestry(of: waiter)
    let holder = claimHolding(request, thatLives: true)
    if let holder, holder.isHostShared, looks == 1, options.progress != .never {
      Output.say(
        "\(request.path) is held \(holder.ownerPhrase): whether that process lives cannot be known")
    }
    guard let claim = holder, claim.liveness == .alive,
      let top = chain.lastIndex(where: { claim.isHeld(for: $0.identifier) }),
      // Anybody may make a claim in the name of another.
      claim.user == 0 || claim.user == geteuid() || claim.user == chain[top].user,
      // Another program may well give it back.
      !claim.isForeign || HeldList.names(request.path)
    else {
      try suspect(nil)
      return nil
    }
    if options.reentrant {
      options.say("\(request.path) is held by \(chain[top].phrase) already")
      return HeldLock(
        relyingOn: Reliance(onClaim: claim.fileName, at: request.path, request.kind))
    }
    let isOurs = request.owner == .process(claim.process)
    // That is `alreadyHeld`, and no look at the script makes another thing of it.
    if isOurs, options.subcommand == .acquire, top == 0 { return nil }
    // One that is not blocked yet may be so soon: the first look may come before a shell waits.
    defer { nextLook = suspicion != nil || looks < 4 ? .seconds(1) : nil }
    try suspect(
      suspicion(
        chain, upTo: top,
        isOurs ? .locking(.alreadyHeld, request, options) : heldAbove(by: chain[top])))
    return nil
  }

  // MARK: - Circles

  /// Whether this process runs under a lock that others may wait for.
  private func mayBeWaitedFor(_ keepers: [Int32], _ chain: [ObservedProcess]) -> Bool {
    if wanted.areSeveral || !HeldList.isEmpty { return true }
    return keepers.contains { keeper in
      guard let kept = ObservedProcess(keeper).flatMap({ KeptLock(of: $0) }) else { return false }
      return chain.contains { kept.isOwned(by: $0) }
    }
  }

  /// A circle that the wait would close.
  private func circle() -> Suspicion? {
    let circle = try? waitCycle(
      closingWith: request, by: waiter,
      beneficiaries: { process in
        ObservedProcess(process).flatMap { KeptLock(of: $0) }?.livingOwners.map { $0.identifier }
          ?? []
      },
      isHelper: isHelper)
    guard let circle else { return nil }
    var reason: Message = "waiting would never end"
    for edge in circle.dropFirst() {
      guard let waiter = ObservedProcess(edge.waiter) else { continue }
      let path = edge.path ?? "a lock"
      reason.append(": \(waiter.phrase) waits for \(path)")
    }
    let holder = Message.phrase(", and ", Incumbent(of: request)?.reason)
    return Suspicion(holder: 0, failure: endless("\(reason)\(holder)"))
  }
}

/// Whether `process` only serves those of `chain`: one that keeps a lock for them, or a part of a swlock,
/// such as one that copies the command's output.
private func isHelper(_ process: ObservedProcess, _ chain: [ObservedProcess]) -> Bool {
  if let kept = KeptLock(claimedBy: process) {
    return chain.contains { kept.isOwned(by: $0) } && kept.isTrusted(process)
  }
  return chain.contains { $0.identifier == process.parent && $0.command == process.command }
    && process.runsThisProgram()
}
