/// How often a file may be exchanged under an attempt to open it or without patience to wait, or
/// fail with ESTALE, before that is taken for the answer.
let maximumRestarts = 100

/// Takes the lock that `request` describes, waiting as long as it says.
///
/// Blocks the calling thread. Signals do not end the wait. A wait with a deadline uses a timer and
/// the signal SIGRTMAX-2, whose handler does nothing and stays installed.
///
/// For a lock with a claim (docs/hardlink.md) no signal and no timer is used, and `request.interruption` ends
/// the wait.
///
/// - Returns: the lock, which is held until it is released or its life ends.
/// - Throws: `LockError`; then nothing is held, and nothing is left but perhaps an empty lock file.
public func acquire(_ request: LockRequest) throws(LockError) -> HeldLock {
  if request.path.isEmpty { throw .refused(.emptyPath) }
  var request = request
  if let fallback = request.fallback, reasonForFallback(of: request) != nil {
    request.kind = fallback
  }
  if request.sharing == .shared, !request.kind.countsShared { throw .unsupported(.sharedHardlink) }
  let hold: any Hold
  switch request.kind {
  case .kernel(let mode, let range): hold = try KernelAcquisition(request, mode, range).perform()
  case .flufl(let policy): hold = try FluflAcquisition(request, policy).perform()
  case .portage(let policy): hold = try PortageAcquisition(request, policy).perform()
  }
  return HeldLock(hold, request.kind)
}
