/// An option of a program that swlock can stand for, as the completions offer it.
package struct ForeignOption {
  /// The letter; 0 for an option without one.
  package let short: UInt8
  /// The name without its dashes; empty for an option without one.
  package let long: Literal
  package let takesValue: Bool
  package let summary: Literal

  fileprivate init(
    _ short: Unicode.Scalar?, _ long: Literal, takesValue: Bool = false,
    _ summary: Literal
  ) {
    self.short = short.map { UInt8($0.value) } ?? 0
    self.long = long
    self.takesValue = takesValue
    self.summary = summary
  }
}

extension Personality {
  package var options: [ForeignOption] {
    switch self {
    case .flock:
      FlockOption.all.map {
        ForeignOption(
          $0.short == 0 ? nil : Unicode.Scalar($0.short), $0.long,
          takesValue: !$0.placeholder.isEmpty, $0.summary)
      } + [ForeignOption("c", "command", takesValue: true, "run a string through $SHELL")]
    case .lockrun:
      [
        ForeignOption("L", "lockfile", takesValue: true, "the lock file"),
        ForeignOption("W", "wait", "wait for the lock"),
        ForeignOption("S", "sleep", takesValue: true, "seconds between two attempts"),
        ForeignOption("R", "retries", takesValue: true, "number of attempts"),
        ForeignOption("T", "maxtime", takesValue: true, "seconds after which the time is reported"),
        ForeignOption("V", "verbose", "say what is done"),
        ForeignOption("q", "quiet", "exit without a word if the lock is busy"),
        ForeignOption("I", "idempotent", "exit with 0 if the lock is busy"),
        ForeignOption(nil, "help", "show help"),
        ForeignOption(nil, "version", "show the version"),
      ]
    }
  }
}
