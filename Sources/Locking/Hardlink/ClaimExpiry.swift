internal import CSystem

/// What a claim says of the end of its lifetime: the time stamp of its file, in whole seconds.
struct ClaimExpiry: Equatable {
  /// Since the beginning of 1970.
  let seconds: Int64

  /// The latest that every file system and flufl.lock can express.
  static let never = ClaimExpiry(seconds: 0x7fff_ffff)
  /// The claim is given up.
  static let abandoned = ClaimExpiry(seconds: 0)

  private init(seconds: Int64) {
    self.seconds = seconds
  }

  /// That time, rounded up. What is later than `never` is that; and no time before 1970, where no clock
  /// is, means that a claim is given up.
  init(_ time: WallTime) {
    seconds = min(max(1, time.sinceZero.secondsRoundedUp), Self.never.seconds)
  }

  /// One second later; or earlier, where there is none later.
  var next: ClaimExpiry {
    ClaimExpiry(seconds: self == .never ? seconds - 1 : seconds + 1)
  }

  /// Gives both time stamps of an open file this value (futimens(2)).
  func set(on descriptor: Int32) throws(Errno) {
    let time = timespec(tv_sec: Int(seconds), tv_nsec: 0)
    let both = (time, time)
    try withUnsafePointer(to: both) { (pointer) throws(Errno) in
      try pointer.withMemoryRebound(to: timespec.self, capacity: 2) { (times) throws(Errno) in
        _ = try retryingOnInterrupt { futimens(descriptor, times) }
      }
    }
  }
}

extension BoundClaim {
  var wasAbandoned: Bool {
    status.modificationTime.sinceZero == .zero && !name.isUnreadable
  }

  /// When its lifetime ends, as it says itself, which is what flufl.lock sees; nil: never. A later time
  /// than claims can say follows from its last change and the lifetime in its name.
  var statedExpiry: WallTime? {
    guard let details = name.details else { return status.modificationTime }
    guard let lifetime = details.lifetime else { return nil }
    let expiry = status.modificationTime
    return hasLatestExpiry ? max(expiry, status.changeTime + lifetime) : expiry
  }

  /// The same in whole seconds since the beginning of 1970, also where that does not fit.
  var statedExpirySeconds: Int64? {
    guard let details = name.details else { return status.modificationSeconds }
    guard let lifetime = details.lifetime else { return nil }
    let seconds = status.modificationSeconds
    return hasLatestExpiry
      ? max(seconds, status.changeTime.sinceZero.wholeSeconds + lifetime.wholeSeconds) : seconds
  }

  private var hasLatestExpiry: Bool {
    status.modificationSeconds == ClaimExpiry.never.seconds
  }
}
