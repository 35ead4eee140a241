/// Why the engine gives up: the exit status that swlock is to have, and what it is to tell.
struct Failure: Error, Sendable {
  /// As swlock's own statuses.
  enum Status: Int64, Sendable {
    case usage = 64
    case unavailable = 69
    case software = 70
    case noSpace = 73
    case notPermitted = 77
  }

  let status: Status
  let text: String

  init(_ status: Status, _ text: String) {
    self.status = status
    self.text = text
  }

  var line: SeamLine { SeamLine("failed").with(status.rawValue).with(text) }
}
