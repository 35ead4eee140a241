internal import CSystem

/// This process's end of a socket whose other one an engine has. What is read and not yet taken is its own: of
/// processes that share the descriptor, one reads at a time.
package final class EngineLink {
  private let socket: FileDescriptor
  private var buffer: [UInt8] = []
  /// What was read of a line that is too long, and is dropped up to its end.
  private var dropsLine = false
  private var hasSaidRelease = false
  private var isAtEnd = false
  /// What the engine said last of the wait, for messages.
  private(set) var lastWait: ByteString?
  /// Called during a wait: with each thing that the engine says of it, and each second.
  package var whileWaiting: ((ByteString?) -> Void)?

  /// A longer line is none.
  static let longestLine = 4096
  /// How long an engine may need to give a lock back.
  static let releaseTime = Span.seconds(5)
  /// The same, of what is not held. Nobody waits longer than was asked for: it does that also when swlock has ended.
  static let withdrawalTime = Span.seconds(1)
  /// How long one that is not to wait may need to say so.
  static let answerTime = Span.seconds(10)

  package init(_ socket: consuming FileDescriptor) {
    self.socket = socket
  }

  package var descriptor: Int32 { socket.number }

  // MARK: - Hearing

  /// The next thing that was said, without waiting; nil where there is nothing more yet.
  func take() -> EngineNews? {
    while true {
      while let line = takeLine() {
        if let news = EngineNews(line: line) { return news }
      }
      if isAtEnd { return EngineNews(.gone) }
      if !read() { return nil }
    }
  }

  private func takeLine() -> ArraySlice<UInt8>? {
    while let end = buffer.firstIndex(of: ascii("\n")) {
      let line = buffer[..<end]
      buffer = Array(buffer[(end + 1)...])
      let isDropped = dropsLine || line.count >= Self.longestLine
      dropsLine = false
      if !isDropped { return line }
    }
    if buffer.count >= Self.longestLine {
      dropsLine = true
      buffer = []
    }
    return nil
  }

  /// Whether anything has come, be it the end.
  private func read() -> Bool {
    var chunk = [UInt8](repeating: 0, count: 1024)
    let count: Int
    do throws(Errno) {
      count = try retryingOnInterrupt {
        recv(socket.number, &chunk, chunk.count, Int32(MSG_DONTWAIT))
      }
    } catch .wouldBlock {
      return false
    } catch {
      count = 0
    }
    if count <= 0 { isAtEnd = true }
    buffer += chunk[..<max(0, count)]
    return true
  }

  /// The next thing that is said, at most until `end`, or until `interruption` can be read.
  func next(by end: Deadline?, orUntil interruption: Int32? = nil) throws(LockError) -> EngineNews {
    while true {
      // Looked at first, or one who talks all the time would keep us here.
      if let end, end.hasPassed { return EngineNews(.timeIsUp) }
      if let interruption,
        try step(.poll, { () throws(Errno) in try waitUntilReadable([interruption], by: .now) })
          != nil
      {
        return EngineNews(.interrupted)
      }
      if let news = take() { return news }
      var pause = end
      if whileWaiting != nil { pause = min(pause ?? .distantFuture, .seconds(1)) }
      let awaited = [socket.number] + (interruption.map { [$0] } ?? [])
      let by = pause
      let ready = try step(.poll) { () throws(Errno) in try waitUntilReadable(awaited, by: by) }
      switch ready {
      case 1?: return EngineNews(.interrupted)
      case nil: whileWaiting?(lastWait)
      default: continue
      }
    }
  }

  func noteWait(_ text: ByteString) {
    lastWait = text
    whileWaiting?(text)
  }

  /// Has each line that comes, and the end, send the signal for news to this process (F_SETSIG, fcntl(2)).
  /// What has come before is to be taken after this.
  func announceNews() throws(LockError) {
    if csystem_signal_input(socket.number, csystem_news_signal()) != 0 {
      throw .system(.fcntl, .current)
    }
  }

  // MARK: - Saying

  enum Release: Equatable {
    case released
    case lost(ByteString)
    /// It had nothing, since it could not do it.
    case failed(EngineTrouble)
    /// It does not say.
    case unknown
  }

  /// Gives back what is held, or is to be; waits until that is done, for a while. Only the first call says so.
  @discardableResult
  func release(within limit: Span = releaseTime) -> Release {
    if !sayRelease() { return .unknown }
    let end = Deadline.after(limit)
    whileWaiting = nil
    while let news = try? next(by: end) {
      switch news.event {
      case .released: return .released
      case .lost: return .lost(news.text)
      case .failed:
        if let failure = news.failure { return .failed(failure) }
      case .gone, .timeIsUp, .interrupted: return .unknown
      case .waiting, .held, .until, .end, .busy, .lock, .done: continue
      }
    }
    return .unknown
  }

  /// - Returns: false if nobody hears it.
  @discardableResult
  func sayRelease() -> Bool {
    if hasSaidRelease { return true }
    hasSaidRelease = true
    var word = Array(("release\n" as Literal).utf8)
    // A socket that is full belongs to an engine that does not read.
    let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
    return (try? retryingOnInterrupt { send(socket.number, &word, word.count, flags) })
      == word.count
  }

  /// The same, for whoever comes after a process that has taken the lock and was killed.
  ///
  /// - Returns: why it was not given back; nil also where the engine has ended, and may have done so before.
  package func releaseForAnother() -> LockError? {
    switch release() {
    case .released, .failed: nil
    case .lost(let text): .engine(.lost(text))
    case .unknown: isAtEnd ? nil : .engine(.unreleased)
    }
  }
}
