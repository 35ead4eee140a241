internal import CSystem
internal import Locking
internal import SystemInterface

// Locks of another kind, which do not keep out whoever locks the same file as we do.

extension LockOptions {
  /// Says who has a lock of another kind on the file that was locked: the two do not know of each other.
  ///
  /// What costs no more than one system call is looked at: record locks after a `flock` lock was won, and
  /// `hardlink` locks where the file looks like one.
  func tellOfOtherKinds(_ lock: borrowing HeldLock, _ requests: [LockRequest]) {
    let descriptors = lock.descriptors
    if lock.kind.kernelMode == .flock {
      for index in descriptors.indices { tellOfRecordLocks(descriptors[index], requests[index]) }
    }
    if lock.mayBeHardlinkLock, !descriptors.isEmpty { tellOfClaim(requests[0]) }
  }

  private func tellOfRecordLocks(_ descriptor: Int32, _ request: LockRequest) {
    let asked = KernelLock(mode: .posix, sharing: request.sharing)
    if let locker = asked.recordLocker(on: descriptor),
      (try? SharedFileSystem(of: descriptor)?.hasOneKindOfLock()) != true
    {
      tellOfRecordLock(request, locker)
    }
  }

  /// Not of one that is held above this process, or for one above it: whoever takes both kinds at once does
  /// that.
  private func tellOfRecordLock(_ request: LockRequest, _ locker: Int32) {
    let chain = chain(request)
    let locks = ((try? inspectLocks(at: request.path).locks) ?? []).filter { lock in
      lock.mode.isRecordLock
        && (lock.sharing == .exclusive || request.sharing == .exclusive)
    }
    let others = locks.filter { lock in
      !lock.holders.contains { holder in
        let kept = KeptLock(of: holder.process)
        return chain.contains {
          $0.identifier == holder.process.identifier || kept?.isOwned(by: $0) == true
        }
      }
    }
    if let other = others.first {
      let holder = other.holders.first.map { $0.process.phrase }
      tell(request.path, "by \(holder ?? "somebody who cannot be seen here")", .kernel(other.mode))
    } else if locks.isEmpty, locker == 0 {
      // In another pid namespace; any other one has given its lock back by now.
      tell(request.path, "by somebody who cannot be seen here", .posix)
    }
  }

  private func tellOfClaim(_ request: LockRequest) {
    var asked = request
    for style in [HardlinkStyle.flufl, .portage] {
      asked.kind = LockMode.hardlink.kind(style, hardlink)
      guard let claim = claimHolding(asked, thatLives: true) else { continue }
      if chain(request).contains(where: { $0.identifier == claim.process }) { return }
      return tell(request.path, claim.ownerPhrase, asked.kind.mode)
    }
  }

  /// This process, its ancestors, and whom the lock is for.
  private func chain(_ request: LockRequest) -> [ObservedProcess] {
    var chain = ancestry(of: getpid())
    if case .process(let owner) = request.owner { chain += ancestry(of: owner) }
    return chain
  }

  private func tell(_ path: ByteString, _ holder: Message, _ mode: LockMode) {
    Output.say(
      "\(path) is also locked \(holder), of kind \(mode.name); --mode \(mode.name) excludes that")
  }
}
