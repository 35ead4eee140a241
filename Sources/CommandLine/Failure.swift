internal import SystemInterface

/// Why swlock stops: what it says, and what it exits with. An empty message says nothing.
struct Failure: Error {
  let status: Int32
  let message: Message

  init(_ status: ExitStatus, _ message: Message) {
    self.status = status.rawValue
    self.message = message
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
