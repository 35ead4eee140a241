internal import CSystem

/// How somebody waits who cannot open a file since another has a lease on it: as one who is about to remove
/// it has for microseconds (`FileRemoval`), and a server of files perhaps for longer.
struct LeaseWait {
  private let patience: Patience
  /// For whoever has no patience: it is no lock that is in the way.
  private let shortest = Deadline.seconds(1)
  private var pauses: Int64 = 0

  init(_ patience: Patience) {
    self.patience = patience
  }

  /// - Throws: `busy`, `timedOut`; `interrupted` where a library's wait was called off.
  mutating func pause() throws(LockError) {
    switch patience {
    case .never where shortest.hasPassed: throw .busy
    case .until where patience.isOver: throw .timedOut
    case .never, .until, .forever: break
    }
    #if !hasFeature(Embedded)
      if csystem_was_called_off() { throw .interrupted }
    #endif
    pauses = min(pauses + 1, 20)
    Span.microseconds(pauses * 500).pause()
  }
}
