/// When a path is free.
package enum FreeCondition: Sendable {
  /// Nobody has a lock there that keeps one of these kinds away, in whatever way it is shared.
  case unlocked([LockKind])
  /// Nothing is there, not even a link that leads nowhere.
  case absent
}

/// That a path is not free, as a look has found it, and why.
package struct Occupancy: Sendable {
  package enum Cause: Sendable {
    /// Locks of the kernel's; without those that do not matter.
    case locks(LockInspection)
    /// A lock with a claim.
    case claim(HardlinkClaim)
    /// That something is there.
    case file
  }

  package let path: ByteString
  package let cause: Cause
  /// What is at the path.
  package let file: FileIdentity

  /// Processes of this host at whose end it may be free.
  var processes: [Int32] {
    switch cause {
    case .locks(let inspection):
      return ascending(inspection.locks.flatMap { $0.holders.map { $0.process.identifier } })
    case .claim(let claim):
      guard claim.liveness == .alive else { return [] }
      return [claim.process] + (claim.partner.map { [$0] } ?? [])
    case .file: return []
    }
  }

  /// Whether the same is in the way as before.
  package func isSame(as other: Occupancy) -> Bool {
    path == other.path && file == other.file && processes == other.processes
  }
}

/// Waits until all of some paths are free, and never takes a lock meanwhile, not even for a moment: nobody finds
/// one busy because somebody waits so. Whether they are still free once that is known, nobody can say.
///
/// `look()` and, as long as it finds something, `sleep(_:)` by turns. No file is opened for that, but on file systems
/// that other hosts use, and in other pid namespaces than the first one: there only that tells of some locks. For one
/// thread.
package final class FreeWait {
  private let places: [WatchedPlace]
  private let watch = FreeWatch()
  /// The one that was in the way last.
  private var current: (place: WatchedPlace, found: Occupancy)?
  /// Whether there may be locks that could not be seen when all was found free: on another host, or taken in
  /// another pid namespace.
  package private(set) var isUncertain = false

  package init(_ paths: [ByteString], _ condition: FreeCondition) {
    places = paths.map { WatchedPlace($0, condition) }
  }

  /// The path that was looked at last.
  package private(set) var path: ByteString = ""

  /// What is in the way; nil where one look at all of the paths, one after the other, found nothing.
  ///
  /// - Throws: what does not let itself be looked at, as `inspectLocks(at:)` and `LockKind.location(at:)` have it.
  package func look() throws(LockError) -> Occupancy? {
    // As long as it is in the way, nothing else matters.
    if let place = current?.place {
      if try find(at: place) { return current?.found }
      if places.count == 1 { return nil }
    }
    isUncertain = false
    for place in places {
      if try find(at: place) { return current?.found }
    }
    current = nil
    return nil
  }

  private func find(at place: WatchedPlace) throws(LockError) -> Bool {
    path = place.path
    guard let found = try place.look() else {
      isUncertain = isUncertain || place.isUncertain
      return false
    }
    current = (place, found)
    return true
  }

  /// Returns when what the last look found may have gone, after a second at most, or after `span`. The first time
  /// it returns at once, since it may have gone before it was watched.
  package func sleep(_ span: Span = .longest) {
    guard let current else { return }
    let sources = current.place.eventSources(current.found)
    guard watch.begin(current.found, sources, span) else { return }
    watch.sleep(span)
  }
}
