internal import CSystem

/// Whether an attempt to take a lock is made once more.
struct Attempts {
  private let patience: Patience
  private var restarts = 0
  private var leaseWait: LeaseWait

  init(_ patience: Patience) {
    self.patience = patience
    leaseWait = LeaseWait(patience)
  }

  /// After the file that was locked was not the one at the path any more.
  mutating func repeatExchanged() throws(LockError) {
    if patience == .never, restarts >= maximumRestarts { throw .busy }
    if case .until = patience, patience.isOver { throw .timedOut }
    restarts += 1
  }

  /// After `error`, which is thrown where that would not help.
  mutating func repeatFailed(_ error: LockError, _ request: inout LockRequest) throws(LockError) {
    switch error {
    case .system(_, .staleHandle):
      if restarts >= maximumRestarts { throw error }
      try? askServer(for: request.path, in: AT_FDCWD)
    case .system(.flock, let errno)
    where (errno == .badDescriptor || errno == .inputOutput) && !request.opensForWriting:
      // NFS makes record locks of flock locks, and those need a file that is open for writing.
      request.opensForWriting = true
    case .system(.open, .wouldBlock):
      try leaseWait.pause()
    case .interrupted where csystem_was_stopped():
      // Its place in the queue was given back.
      restarts = 0
    default: throw error
    }
    restarts += 1
  }
}
