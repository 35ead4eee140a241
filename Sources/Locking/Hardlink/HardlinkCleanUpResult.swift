/// A file that `cleanUp` removed, or would remove.
public struct HardlinkRemoval: Equatable, Sendable {
  public enum Kind: Equatable, Sendable {
    /// A lock whose owner is dead or whose lifetime has passed.
    case staleLock
    /// A lock with a live owner, under `all`.
    case liveLock
    /// The claim or placeholder of a process that is dead.
    case claim
    /// What a process left that died while it took a lock from another.
    case right
  }

  public let kind: Kind
  public let path: ByteString
}

/// What `cleanUp` has done, or would do.
public struct HardlinkCleanUpResult: Equatable, Sendable {
  public internal(set) var removals: [HardlinkRemoval] = []
  /// Paths of claims of other hosts that are past their time by this host's clock, which need not be theirs:
  /// only an act decides that. None once something may be removed.
  public internal(set) var undecided: [ByteString] = []
  /// How many claims and placeholders there were, of a folder.
  public internal(set) var found = 0
  /// Why something was left that could not be looked at or removed.
  public internal(set) var firstError: LockError?
}

public struct HardlinkCleanUpOptions: Sendable {
  /// Remove live locks as well.
  public var all = false
  /// Only report.
  public var dryRun = false
  /// Leave alone what was changed later than that long ago.
  public var olderThan: Span?

  public init() {}
}

extension HardlinkCleanUpResult {
  /// What one more lock came to.
  mutating func add(_ part: () throws(LockError) -> HardlinkCleanUpResult) {
    do throws(LockError) {
      let part = try part()
      removals += part.removals
      undecided += part.undecided
      if firstError == nil { firstError = part.firstError }
    } catch .refused {
      // Nothing of ours after all.
    } catch {
      if firstError == nil { firstError = error }
    }
  }
}
