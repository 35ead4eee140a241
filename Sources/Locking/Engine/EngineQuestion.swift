/// What else an engine can be asked, by `show NAME` and `break NAME`.
public struct EngineQuestion {
  private let link: EngineLink
  private let end: Deadline

  /// More than these nobody is told of.
  private static let longestReport = 10_000

  /// - Parameter limit: how long it may take to answer.
  public init(_ link: EngineLink, within limit: Span) {
    self.link = link
    end = .after(limit)
  }

  /// Who has the lock, and who waits for it.
  ///
  /// - Throws: `engine`.
  public func report() throws(LockError) -> EngineReport {
    var entries: [EngineEntry] = []
    while true {
      switch try next() {
      case .entry(let entry):
        if entries.count < Self.longestReport { entries.append(entry) }
      case .done: return EngineReport(entries)
      case .waiting, .held, .until, .end, .lost, .busy, .failed, .released, .gone: continue
      }
    }
  }

  /// Waits until the lock was taken from whoever had it.
  ///
  /// - Throws: `engine`.
  public func waitForBreak() throws(LockError) {
    while true {
      switch try next() {
      case .released, .done: return
      case .waiting, .held, .until, .end, .lost, .busy, .failed, .entry, .gone: continue
      }
    }
  }

  private func next() throws(LockError) -> EngineNews {
    switch try link.next(by: end) {
    case .news(.failed(let status, let text)): throw .engine(.failed(status: status, text))
    case .news(.busy(let text)): throw .engine(.busy(text))
    case .news(.gone): throw .engine(.died)
    case .news(let news): return news
    case .timeIsUp, .interrupted: throw .engine(.silent)
    }
  }
}
