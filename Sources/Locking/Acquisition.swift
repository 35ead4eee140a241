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
package func acquire(_ request: LockRequest) throws(LockError) -> HeldLock {
  if request.path.isEmpty { throw .refused(.emptyPath) }
  var request = request
  if let fallback = request.fallback, reasonForFallback(of: request) != nil {
    request.kind = fallback
  }
  if request.sharing == .shared, !request.kind.countsShared { throw .unsupported(.sharedHardlink) }
  let hold: any Hold
  switch request.kind {
  case .kernel, .flockAndOFD: hold = try KernelAcquisition(request).perform()
  case .flufl(let policy): hold = try FluflAcquisition(request, policy).perform()
  case .portage(let policy): hold = try PortageAcquisition(request, policy).perform()
  case .engine: hold = try EngineAcquisition(request).perform()
  }
  return HeldLock(hold, request.kind)
}

/// Takes the locks that `requests` describe: all of them or none, in an order that everybody has who takes several
/// so, whatever the order of the requests. All are of one kind of the kernel's, but for their ranges. A file that
/// several lead to is locked once: exclusively, if one of them asks for that. The patience is the first one's, for
/// all together.
///
/// - Parameters:
///   - requests: for locks of the kernel's, of one kind; the patience of the first one is that of all.
///   - willTake: called before each wait, with the place of the request that may be waited for.
/// - Returns: the locks, as one, whose path and descriptor are those of the first request.
/// - Throws: which request failed, and why. Then nothing is held.
package func acquire(
  _ requests: [LockRequest], willTake: (Int) -> Void = { _ in }
) throws(FailedRequest) -> HeldLock {
  let hold = try SeveralAcquisition(requests).perform(willTake)
  return HeldLock(hold, requests[0].kind)
}

/// Why several locks were not taken.
package struct FailedRequest: Error, Equatable, Sendable {
  /// The place of the request that failed.
  package let index: Int
  package let error: LockError

  package init(index: Int, error: LockError) {
    self.index = index
    self.error = error
  }
}
