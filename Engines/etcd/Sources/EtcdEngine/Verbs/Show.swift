/// `show NAME`: a line for each in the queue, the holder first, and then `done`.
struct Show {
  let client: Client
  let keys: QueueKeys
  /// Seconds are asked for one by one; of a crowd those of the first are enough.
  private static let asked = 50

  init(_ name: Bytes, _ client: Client) {
    self.client = client
    keys = QueueKeys(name: name)
  }

  func run() throws(Failure) {
    for (index, claim) in try client.queue(of: keys).enumerated() {
      client.seam.say(
        try client.line(of: claim, about: keys.name, asksSeconds: index < Self.asked))
    }
    client.seam.say(SeamLine("done"))
  }
}
