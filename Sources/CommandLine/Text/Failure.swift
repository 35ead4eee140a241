internal import SystemInterface

/// Why swlock stops: what it says, and what it exits with. An empty message says nothing.
struct Failure: Error {
  let status: Int32
  let message: Message
  /// What `run --record` calls it.
  var outcome = RunOutcome.failed

  init(_ status: ExitStatus, _ message: Message) {
    self.status = status.rawValue
    self.message = message
    if status == .busy { outcome = .busy }
  }

  init(status: Int32, _ message: Message) {
    self.status = status
    self.message = message
  }

  static func usage(_ message: Message, of subcommand: Subcommand? = .run) -> Failure {
    if let subcommand {
      Failure(.usage, "\(message) (try 'swlock \(subcommand.name) --help')")
    } else {
      Failure(.usage, "\(message) (try 'swlock --help')")
    }
  }
}

extension LockOptions {
  /// What was to be expected, and is not said with -q: the status tells it.
  func expected(_ failure: Failure) -> Failure {
    quiet ? Failure(status: failure.status, "") : failure
  }
}

/// The exit status of a command that acts on several paths, and goes on after one that fails.
struct FirstFailure {
  /// That of the first failure; 0 while there is none.
  private(set) var status = ExitStatus.done.rawValue

  @inline(never)
  mutating func say(_ failure: Failure) {
    if failure.message.count > 0 { Output.say(failure.message) }
    if status == ExitStatus.done.rawValue { status = failure.status }
  }
}
