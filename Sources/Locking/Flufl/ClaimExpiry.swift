internal import CSystem

/// What a claim says of the end of its lifetime: the time stamp of its file, in whole seconds.
///
/// Its length stands in the claim's name, and where it was changed since, in the time of the file's last
/// access: that is as long after the end, and a good time more (docs/hardlink.md).
struct ClaimExpiry: Equatable {
  /// Since the beginning of 1970.
  let seconds: Int64
  /// What the time of the last access is to be.
  private let accessSeconds: Int64

  /// The latest that every file system and flufl.lock can express.
  static let never = ClaimExpiry(seconds: 0x7fff_ffff)
  /// The claim is given up.
  static let abandoned = ClaimExpiry(seconds: 0)

  /// What only a claim can say that never expires although its name has a lifetime.
  fileprivate static let changedToNever = ClaimExpiry(
    seconds: never.seconds - 1, accessSeconds: never.seconds)
  /// No file is read so long after its end. It is not the sign of a changed lifetime otherwise.
  fileprivate static let mark: Int64 = 100 * 86400

  private init(seconds: Int64, accessSeconds: Int64? = nil) {
    self.seconds = seconds
    self.accessSeconds = accessSeconds ?? seconds
  }

  /// That time, rounded up. What is later than `never` is that; and no time before 1970, where no clock
  /// is, means that a claim is given up.
  init(_ time: WallTime) {
    self.init(seconds: min(max(1, time.sinceZero.secondsRoundedUp), Self.never.seconds))
  }

  /// The end of a lifetime that begins at that time. What does not fit is left to the name.
  init(_ time: WallTime, _ lifetime: Span?, of name: ClaimName) {
    guard let lifetime else {
      self = name.details?.lifetime == nil ? .never : .changedToNever
      return
    }
    let plain = ClaimExpiry(time + lifetime)
    let length = lifetime.secondsRoundedUp
    guard let details = name.details, details.lifetime != lifetime,
      length < Self.never.seconds - Self.mark - plain.seconds
    else {
      self = plain
      return
    }
    self.init(seconds: plain.seconds, accessSeconds: plain.seconds + Self.mark + length)
  }

  /// One second later; or earlier, where there is none later.
  var next: ClaimExpiry {
    ClaimExpiry(seconds: self == .never ? seconds - 1 : seconds + 1)
  }

  /// Gives both time stamps of an open file this value (futimens(2)).
  func set(on descriptor: Int32) throws(Errno) {
    let both = (
      timespec(tv_sec: Int(accessSeconds), tv_nsec: 0), timespec(tv_sec: Int(seconds), tv_nsec: 0)
    )
    try withUnsafePointer(to: both) { (pointer) throws(Errno) in
      try pointer.withMemoryRebound(to: timespec.self, capacity: 2) { (times) throws(Errno) in
        _ = try retryingOnInterrupt { futimens(descriptor, times) }
      }
    }
  }
}

extension ClaimName {
  /// `BoundClaim.lifetime`
  func lifetime(_ status: FileStatus) -> Span? { changedLifetime(status) ?? details?.lifetime }

  /// The lifetime that was given to it later, if that is another one than its name's; inside, nil: none.
  ///
  /// It agrees with what the other two times say of it, so that no other access can be taken for it.
  fileprivate func changedLifetime(_ status: FileStatus) -> Span?? {
    let (expiry, access) = (status.modificationSeconds, status.accessSeconds)
    if expiry == ClaimExpiry.changedToNever.seconds, access == ClaimExpiry.never.seconds {
      return .some(nil)
    }
    let length = access &- expiry &- ClaimExpiry.mark
    let difference = expiry &- status.changeTime.sinceZero.wholeSeconds &- length
    guard details != nil, length > 0, length < ClaimExpiry.never.seconds,
      difference.magnitude <= Self.tolerance
    else { return nil }
    return .some(.seconds(length))
  }

  /// Of times that were rounded, and of a clock that is not exactly the folder's, in seconds.
  private static let tolerance: UInt64 = 4
}

extension BoundClaim {
  var wasAbandoned: Bool {
    status.modificationTime.sinceZero == .zero && !name.isUnreadable
  }

  /// How long it lasts from its last change on, if nobody refreshes it; nil: until it is released. Of
  /// another program's claim nothing is known, and this is nil as well.
  var lifetime: Span? { name.lifetime(status) }

  /// The end of a lifetime that is longer than what is left of it: so that the claim looks as if it had just
  /// been refreshed; nil where it does so already.
  func freshExpiry(_ now: WallTime, lasting span: Span) -> ClaimExpiry? {
    let plain = ClaimExpiry(now + span)
    if plain.seconds <= status.modificationSeconds { return nil }
    return name.changedLifetime(status) == nil ? plain : ClaimExpiry(now, span, of: name)
  }

  /// When its lifetime ends, as it says itself, which is what flufl.lock sees; nil: never. A later time
  /// than claims can say follows from its last change and the lifetime in its name.
  var statedExpiry: WallTime? {
    if name.isForeign { return status.modificationTime }
    guard let lifetime else { return nil }
    let expiry = status.modificationTime
    return hasLatestExpiry ? max(expiry, status.changeTime + lifetime) : expiry
  }

  /// The same in whole seconds since the beginning of 1970, also where that does not fit.
  var statedExpirySeconds: Int64? {
    if name.isForeign { return status.modificationSeconds }
    guard let lifetime else { return nil }
    let seconds = status.modificationSeconds
    return hasLatestExpiry
      ? max(seconds, status.changeTime.sinceZero.wholeSeconds + lifetime.wholeSeconds) : seconds
  }

  private var hasLatestExpiry: Bool {
    status.modificationSeconds == ClaimExpiry.never.seconds
  }
}
