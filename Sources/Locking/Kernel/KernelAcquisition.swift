internal import CSystem

/// Takes a lock of the kernel's.
///
/// A lock that is won counts only once the path still leads to the file that was locked: whoever
/// removes a lock file does so while holding it, so a waiter may win a lock on a file that nobody
/// else can find any more. Then everything starts again, under the same deadline.
struct KernelAcquisition: ~Copyable {
  private var request: LockRequest
  private let taking: KernelTaking
  /// Nil: in the kernel's order.
  private let ordered: OrderedTaking?

  init(_ request: LockRequest) throws(LockError) {
    let taking = try KernelTaking(checked: request)
    let ordered = try OrderedTaking(request, taking)
    self.request = request
    self.taking = taking
    self.ordered = ordered
    if ordered != nil || taking.second != nil { self.request.opensForWriting = true }
  }

  consuming func perform() throws(LockError) -> KernelHold {
    if let descriptor = request.descriptor {
      try taking.take(descriptor, request.patience)
      return KernelHold(LockFile(adopting: descriptor, taking.lock), request.path, removal: nil)
    }
    var attempts = Attempts(request.patience)
    while true {
      do throws(LockError) {
        if let hold = try attempt() { return hold }
        try attempts.repeatExchanged()
      } catch {
        try attempts.repeatFailed(error, &request)
      }
    }
  }

  /// One attempt; nil when the file that was locked is not the one at the path any more.
  private func attempt() throws(LockError) -> KernelHold? {
    var file = try LockFile.open(request, for: taking.lock)
    var won: OrderedTaking.Won?
    if let ordered {
      won = try ordered.take(file.number, request.patience)
      file.isWon()
    } else {
      try taking.take(file.number, request.patience)
    }

    guard
      let status = try LockFile.status(of: file.number, ifStillAt: request, taking.lock)
    else {
      // A process that tells of the wait has copies of this one's descriptors.
      if let won, let ordered { ordered.drop(won, file.number) } else { taking.drop(file.number) }
      return nil
    }
    return KernelHold(
      file, request.path, won,
      removal: request.removesFile ? FileRemoval(request.path, status.identity) : nil,
      mayBeHardlinkLock: status.mayBeClaim)
  }
}

extension FileStatus {
  /// Whether the file looks as if it were a claim: it is small, and has more than one name.
  var mayBeClaim: Bool { kind == .regular && linkCount > 1 && size <= Int64(PATH_MAX) }
}
