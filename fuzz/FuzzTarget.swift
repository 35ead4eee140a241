/// What reads bytes that others wrote: the entry points of libFuzzer (LibFuzzer.swift, `make fuzz`) and
/// of CorpusTests.swift, the same for both.
enum FuzzTarget: String, CaseIterable, Sendable {
  /// The command lines of swlock, flock and lockrun.
  case arguments
  /// The files and file names of `hardlink` locks.
  case claims
  /// The texts of /proc.
  case proc
  /// Time stamps, lifetimes and durations.
  case times

  /// Reads `bytes`. What must never be, apart from a crash: nil if all is well.
  func complaint(about bytes: [UInt8]) -> String? {
    switch self {
    case .arguments: complaintAboutArguments(bytes)
    case .claims: complaintAboutClaims(bytes)
    case .proc: complaintAboutProc(bytes)
    case .times: complaintAboutTimes(bytes)
    }
  }
}
