internal import CSystem

/// Takes a lock of the kernel's.
///
/// A lock that is won counts only once the path still leads to the file that was locked: whoever
/// removes a lock file does so while holding it, so a waiter may win a lock on a file that nobody
/// else can find any more. Then everything starts again, under the same deadline.
struct KernelAcquisition: ~Copyable {
  private var request: LockRequest
  private let lock: KernelLock
  /// Nil: in the kernel's order.
  private let ordered: OrderedTaking?

  init(_ request: LockRequest, _ mode: KernelMode, _ range: ByteRange) throws(LockError) {
    if mode == .flock, range != .wholeFile { throw .unsupported(.rangeInFlockMode) }
    let lock = KernelLock(mode: mode, sharing: request.sharing, range: range)
    let ordered = try OrderedTaking(request, lock)
    self.request = request
    self.lock = lock
    self.ordered = ordered
    if ordered != nil { self.request.opensForWriting = true }
  }

  consuming func perform() throws(LockError) -> KernelHold {
    if let descriptor = request.descriptor {
      try lock.take(descriptor, request.patience)
      return KernelHold(LockFile(adopting: descriptor, lock), request.path, removal: nil)
    }
    var restarts = 0
    var leaseWait = LeaseWait(request.patience)
    while true {
      do throws(LockError) {
        if let hold = try attempt() { return hold }
        if request.patience == .never, restarts >= maximumRestarts { throw LockError.busy }
        if case .until = request.patience, request.patience.isOver { throw LockError.timedOut }
      } catch LockError.system(let step, .staleHandle) {
        if restarts >= maximumRestarts { throw .system(step, .staleHandle) }
        try? askServer(for: request.path, in: AT_FDCWD)
      } catch .system(.flock, let error)
        where (error == .badDescriptor || error == .inputOutput) && !request.opensForWriting
      {
        // NFS makes record locks of flock locks, and those need a file that is open for writing.
        request.opensForWriting = true
      } catch .system(.open, .wouldBlock) {
        try leaseWait.pause()
      } catch .interrupted where csystem_was_stopped() {
        // Its place in the queue was given back.
        restarts = 0
      }
      restarts += 1
    }
  }

  /// One attempt; nil when the file that was locked is not the one at the path any more.
  private func attempt() throws(LockError) -> KernelHold? {
    var file = try LockFile.open(request, for: lock)
    var won: OrderedTaking.Won?
    if let ordered {
      won = try ordered.take(file.number, request.patience)
      file.isWon()
    } else {
      try lock.take(file.number, request.patience)
    }

    let status = try step(.fstat) { () throws(Errno) in try FileStatus(of: file.number) }
    guard status.linkCount > 0, status.identity == (try identity(at: request.path)) else {
      return nil
    }
    try LockFile.check(status, request, lock)
    return KernelHold(
      file, request.path, won,
      removal: request.removesFile ? FileRemoval(request.path, status.identity) : nil,
      mayBeHardlinkLock: status.kind == .regular && status.linkCount > 1
        && status.size <= Int64(PATH_MAX))
  }
}

/// Which file stands at `path` now; nil when none does.
func identity(at path: ByteString) throws(LockError) -> FileIdentity? {
  do throws(Errno) {
    return try FileStatus(at: path, followingLinks: true).identity
  } catch .missing {
    return nil
  } catch {
    throw .system(.stat, error)
  }
}
