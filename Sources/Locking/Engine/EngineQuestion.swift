/// What else an engine can be asked, by `show NAME` and `break NAME`.
package struct EngineQuestion {
  private let link: EngineLink
  private let end: Deadline

  /// More than these nobody is told of.
  private static let longestReport = 10_000

  /// - Parameters:
  ///   - link: this process's end of the engine's socket.
  ///   - limit: how long it may take to answer.
  package init(_ link: EngineLink, within limit: Span) {
    self.link = link
    end = .after(limit)
  }

  /// Who has the lock, and who waits for it.
  ///
  /// - Throws: `engine`.
  package func report() throws(LockError) -> EngineReport {
    var entries: [EngineEntry] = []
    while true {
      let news = try next()
      if news.event == .done { return EngineReport(entries) }
      if news.event == .lock, entries.count < Self.longestReport, let entry = news.entry {
        entries.append(entry)
      }
    }
  }

  /// Waits until the lock was taken from whoever had it.
  ///
  /// - Throws: `engine`.
  package func waitForBreak() throws(LockError) {
    while true {
      let event = try next().event
      if event == .released || event == .done { return }
    }
  }

  private func next() throws(LockError) -> EngineNews {
    while true {
      let news = try link.next(by: end)
      switch news.event {
      case .failed:
        if let failure = news.failure { throw .engine(failure) }
      case .busy: throw .engine(.busy(news.text))
      case .gone: throw .engine(.died)
      case .timeIsUp, .interrupted: throw .engine(.silent)
      case .waiting, .held, .until, .end, .lost, .released, .lock, .done: return news
      }
    }
  }
}
