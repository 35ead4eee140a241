/// What stands in a claim: who holds a lock, or waits for it.
public struct HardlinkClaim: Equatable, Sendable {
  /// Of the claim's own file, in the lock's folder.
  package let fileName: ByteString
  /// The host's name, as the claim has it.
  public let host: ByteString
  /// 0 where it is held for nobody.
  public let process: Int32
  /// A second process for which it is held.
  package let partner: Int32?
  /// Who made it: the owner of its file (stat(2)).
  package let user: UInt32
  package let liveness: Liveness
  /// Whether another program than swlock made it.
  package let isForeign: Bool
  /// Whether `remaining` is by the clock that the claim was stamped by, and not by this host's, which may be
  /// another one on a file system that hosts share.
  package let isExpiryCertain: Bool
  /// When its lifetime ends: seconds since the epoch, on the clock of the folder's file system; nil:
  /// never.
  package let expiry: Int64?
  /// How long it is until then, negative when it has passed; nil: never.
  package let remaining: Span?
  /// Whether its host's name is one that this host has, but not alone: such as `localhost`. Then nothing
  /// is known of its owner.
  package var isHostShared = false

  package var hasExpired: Bool { remaining.map { $0 < .zero } ?? false }

  /// Whether it is held for that process, of this host.
  package func isHeld(for process: Int32) -> Bool {
    process == self.process || process == partner
  }
}

/// What flufl.lock calls the state of a lock. Lifetimes are what the claims say of them, to the moment;
/// whether a lock that has expired can be taken is another matter (`HardlinkReport.isHeld`).
#if hasAttribute(nonexhaustive)
  @nonexhaustive
#endif
public enum HardlinkState: Equatable, Sendable {
  /// Nobody has it.
  case unlocked
  /// The claim is the asking process's, within its lifetime, or after it.
  case ours, oursExpired
  /// The owner, another process, is dead.
  case stale
  /// Somebody else's, who is alive or may be; its lifetime has passed.
  case theirsExpired
  /// The same within its lifetime. flufl.lock calls that unknown.
  case theirs
}

/// What can be seen of a `hardlink` lock, without changing anything.
public struct HardlinkReport: Equatable, Sendable {
  /// As flufl.lock has it.
  public let state: HardlinkState
  /// Whether somebody who wants the lock now has to wait for it. A lock whose owner is dead is taken at
  /// once, and one that has expired after the clock slop, unless its owner is seen to run, or is of
  /// another program and may run.
  public let isHeld: Bool
  /// Who has it, or had it; nil where nobody has.
  public let holder: HardlinkClaim?
  /// Claims of those that wait for it, or that a dead one left behind.
  public let waiters: [HardlinkClaim]
}

extension Judge {
  @inline(never)
  func describe(_ claim: BoundClaim, _ clock: FolderClock) -> HardlinkClaim {
    HardlinkClaim(
      fileName: claim.name.fileName, host: claim.name.host, process: claim.name.process,
      partner: claim.name.details?.partner?.identifier, user: claim.status.owner,
      liveness: liveness(of: claim, clock), isForeign: claim.name.isForeign,
      isExpiryCertain: !clock.isGuess, expiry: claim.statedExpirySeconds,
      remaining: claim.statedExpiry.map { expiry in
        expiry.isLimit ? expiry.sinceZero : expiry - clock.now
      }, isHostShared: claim.name.isForeign && claimant.hosts.isShared(claim.name.host))
  }

  @inline(never)
  func describe(
    _ placeholder: Placeholder, _ status: FileStatus, _ clock: FolderClock
  ) -> HardlinkClaim {
    HardlinkClaim(
      fileName: placeholder.fileName, host: placeholder.host, process: placeholder.process,
      partner: nil, user: status.owner, liveness: placeholder.liveness(self, status, clock),
      isForeign: true, isExpiryCertain: true, expiry: nil, remaining: nil,
      isHostShared: claimant.hosts.isShared(placeholder.host))
  }
}
