internal import CSystem
internal import Locking
internal import SystemInterface

/// Who has to be ended to end a lock of the kernel's, and whether that may be.
struct HolderEnding {
  /// What for: `unable to VERB PATH: ...`.
  let verb: Literal
  let path: ByteString
  /// Whether holders that live are to be ended at all.
  var isToEnd = true
  /// Also those who were only handed the lock's descriptor.
  var strangers = false
  /// How that is asked for.
  var strangersHint: Literal = ""
  /// Also one that keeps a lock for nobody.
  var keepersOfNobody = true

  /// All holders of `locks`.
  ///
  /// - Throws: where one of them is not to be ended.
  func holders(_ locks: [ObservedLock]) throws(Failure) -> [ObservedProcess] {
    try checkProcessNumbers(verb, path)
    var holders: [ObservedProcess] = []
    for lock in locks {
      let family = LockFamily(lock, path)
      for holder in lock.holders where !holders.contains(holder.process) {
        if let refusal = refusal(lock, holder, family) { throw refusal }
        holders.append(holder.process)
      }
      if lock.holders.isEmpty { throw busy("it is held by somebody who cannot be seen here") }
    }
    return holders
  }

  /// Whoever keeps a lock for others ends with them; were it ended itself, they would run on without.
  func processes(toEnd holders: [ObservedProcess]) throws(Failure) -> [ObservedProcess] {
    var ended: [ObservedProcess] = []
    for holder in holders {
      let kept = KeptLock(of: holder)
      let owners = kept?.livingOwners ?? []
      if kept != nil, owners.isEmpty, !keepersOfNobody {
        throw busy("it is held by \(holder.phrase), for nobody")
      }
      for process in owners.isEmpty ? [holder] : owners where !ended.contains(process) {
        if process.identifier == 1 { throw busy("it is held for pid 1, which is not ended") }
        if isAbove(process) { throw above(process) }
        ended.append(process)
      }
    }
    return ended
  }

  /// Who would end this command, or what has called it, before it is done.
  func isAbove(_ process: ObservedProcess) -> Bool {
    ancestry(of: getpid()).contains { $0.isSame(as: process) }
  }

  func busy(_ reason: Message) -> Failure { Failure(.busy, .unable(to: verb, path, reason)) }

  private func above(_ process: ObservedProcess) -> Failure {
    busy("it is held by \(process.phrase), which has called this command")
  }

  /// Why a holder is not ended; nil if it is to be.
  private func refusal(
    _ lock: ObservedLock, _ holder: LockHolder, _ family: LockFamily
  ) -> Failure? {
    let phrase = holder.process.phrase
    if isAbove(holder.process) { return above(holder.process) }
    if !holder.isVerified {
      return Failure(
        .notPermitted,
        .unable(to: verb, path, "it is held by \(phrase), which cannot be inspected\(rootHint)"))
    }
    if !isToEnd, case .process(let locker) = lock.locker, ObservedProcess(locker) == nil {
      return busy(
        "pid \(locker), which took it, is gone, and it is held on by \(phrase) (--kill ends that)")
    }
    if !isToEnd { return busy("it is held by \(phrase), which is alive (--kill ends it)") }
    if strangers || family.contains(holder.process) { return nil }
    return busy(
      "it is held by \(phrase) as well, which did not take it and is not known to come from who did\(strangersHint)"
    )
  }
}
