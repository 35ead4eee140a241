/// Tells the clock of a folder's file system from one time stamp that was just made there.
///
/// Ages of claims are differences of such stamps, so it does not matter what other clocks say.
struct FolderClock {
  let stamp: WallTime
  /// When the stamp was made.
  let bootTime: BootTime
  /// Whether it is another clock that the stamp is from, which may be minutes away from the folder's.
  var isGuess = false

  /// This machine's own clock.
  static func local(isGuess: Bool = false) -> FolderClock {
    FolderClock(stamp: .now, bootTime: .now, isGuess: isGuess)
  }

  var now: WallTime { stamp + (BootTime.now - bootTime) }
}
