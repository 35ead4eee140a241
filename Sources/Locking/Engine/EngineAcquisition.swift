/// Takes a lock by an engine that was started with `engineArguments`: waits until it has it.
struct EngineAcquisition {
  private let request: LockRequest
  private let link: EngineLink

  /// - Throws: `notHeld` for a request without an engine that runs.
  init(_ request: LockRequest) throws(LockError) {
    guard let link = request.engine else { throw .notHeld }
    self.request = request
    self.link = link
  }

  /// - Throws: why it is not held; then the engine was told to give back what it had got, and has had the time
  ///   for that.
  func perform() throws(LockError) -> EngineHold {
    let end: Deadline? =
      switch request.patience {
      case .never: .after(EngineLink.answerTime)
      case .until(let deadline): deadline
      case .forever: nil
      }
    while true {
      let news: EngineNews
      do throws(LockError) {
        news = try link.next(by: end, orUntil: request.interruption)
      } catch {
        withdraw()
        throw error
      }
      switch news.event {
      case .held:
        if let grant = news.grant { return try EngineHold(request.path, link, grant) }
      case .waiting: link.noteWait(news.text)
      case .busy: throw .engine(.busy(news.text))
      case .failed:
        if let failure = news.failure { throw .engine(failure) }
      case .lost: throw .engine(.lost(news.text))
      case .gone, .released: throw .engine(.died)
      case .until, .end, .lock, .done: continue
      case .timeIsUp:
        let answer = withdraw()
        if case .failed(let failure) = answer { throw .engine(failure) }
        // Nobody has ever said that somebody else has it.
        let isSilent = answer == .unknown && link.lastWait == nil
        throw .engine(
          isSilent || request.patience == .never ? .silent : .timedOut(link.lastWait))
      case .interrupted:
        withdraw()
        throw .interrupted
      }
    }
  }

  @discardableResult
  private func withdraw() -> EngineLink.Release { link.release(within: EngineLink.withdrawalTime) }
}

/// Why an engine did not take a lock, or did not keep it. Texts are the engine's, for people.
#if hasAttribute(nonexhaustive)
  @nonexhaustive
#endif
public enum EngineTrouble: Equatable, Sendable {
  /// Somebody else has it.
  case busy(ByteString)
  /// The same, at the end of the patience; nil where the engine has not said who.
  case timedOut(ByteString?)
  /// As an exit status says (sysexits(3)).
  case failed(ByteString, status: Int32)
  /// The engine has ended. If that was while the lock was held, it is there until its lifetime has passed.
  case died
  /// It has said nothing in time, or nothing new.
  case silent
  /// It was to give the lock back, and has not said that it did.
  case unreleased
  /// Somebody else may have the lock.
  case lost(ByteString)
  /// Somebody has asked for the lock, and it is to be given back.
  case ended(ByteString)
}
