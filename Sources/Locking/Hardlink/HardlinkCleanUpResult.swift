/// A file that `cleanUp` removed, or would remove.
package struct HardlinkRemoval: Equatable, Sendable {
  package enum Kind: Equatable, Sendable {
    /// A lock whose owner is dead or whose lifetime has passed.
    case staleLock
    /// A lock with a live owner, under `all`.
    case liveLock
    /// The claim or placeholder of a process that is dead.
    case claim
    /// What a process left that died while it took a lock from another.
    case right
  }

  package let kind: Kind
  package let path: ByteString
}

/// A file that `cleanUp` looked at, and left.
package struct HardlinkRemainder: Equatable, Sendable {
  package enum Reason: Equatable, Sendable {
    /// It is a lock that somebody holds, or the claim of somebody who wants it.
    case held(HardlinkClaim), claimed(HardlinkClaim)
    /// It was changed too short a time ago.
    case recent
    /// What takes a lock from somebody may still need it.
    case needed
    /// It is none of the files of a lock.
    case other
    case failed(LockError)
  }

  package let path: ByteString
  package let reason: Reason
}

/// What `cleanUp` has done, or would do.
package struct HardlinkCleanUpResult: Equatable, Sendable {
  package internal(set) var removals: [HardlinkRemoval] = []
  /// Paths of claims of other hosts that are past their time by this host's clock, which need not be theirs:
  /// only an act decides that. None once something may be removed.
  package internal(set) var undecided: [ByteString] = []
  /// How many locks there were of which something was found, of a folder.
  package internal(set) var found = 0
  /// What was left, where that is asked for.
  package internal(set) var remainders: [HardlinkRemainder] = []
  /// Why something was left that could not be looked at or removed.
  package internal(set) var firstError: LockError?
  /// Whether a lock was taken from its owner where others had begun that: what they left, and what keeps
  /// them from going on, may be garbage now, and was not listed.
  var hasFenced = false
}

package struct HardlinkCleanUpOptions: Sendable {
  /// Remove live locks as well.
  package var all = false
  /// Only report.
  package var dryRun = false
  /// Leave alone what was changed later than that long ago.
  package var olderThan: Span?
  /// Say of each file that is left why.
  package var tellsRemainders = false

  package init() {}
}

extension HardlinkCleanUpResult {
  /// What one more lock came to.
  mutating func add(_ part: HardlinkCleanUpResult) {
    removals += part.removals
    undecided += part.undecided
    remainders += part.remainders
    if firstError == nil { firstError = part.firstError }
  }

  /// Why one was left.
  mutating func note(_ error: LockError) {
    // Nothing of ours after all.
    if case .refused = error { return }
    if firstError == nil { firstError = error }
  }
}
