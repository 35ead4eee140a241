internal import CSystem

/// A lock that an engine has for this process. It is given back at the end of its life at the latest, by the
/// process that took it: one that was forked has a copy of this object, and no lock.
final class EngineHold: Hold {
  let path: ByteString
  let token: ByteString?
  let variables: [ByteString]
  /// Never earlier than it was.
  private(set) var deadline: BootTime
  private(set) var requestToEnd: ByteString?
  private let link: EngineLink
  private let process = getpid()
  private var isHeld = true
  /// The engine has ended, which was said.
  private var isGone = false

  /// So many lines are read at a time: one who talks all the time is not to keep anybody from looking at the
  /// clock.
  private static let handful = 256

  init(_ path: ByteString, _ link: EngineLink, _ grant: EngineGrant) throws(LockError) {
    self.path = path
    self.link = link
    token = grant.token
    variables = grant.variables
    deadline = grant.until
    link.whileWaiting = nil
    do throws(LockError) {
      try link.announceNews()
    } catch {
      link.release()
      isHeld = false
      throw error
    }
  }

  /// One that is held since before an exec(2), until `deadline` without news.
  convenience init(
    adopting link: EngineLink, path: ByteString, until deadline: BootTime
  ) throws(LockError) {
    try self.init(path, link, EngineGrant(token: nil, until: deadline, variables: []))
  }

  deinit {
    try? release()
  }

  var descriptor: Int32? { nil }
  var socket: Int32? { link.descriptor }
  var announcesNews: Bool { true }

  /// Takes what the engine has said, without waiting.
  ///
  /// - Throws: `engine`: `lost`; `died`, and the lock is there until its deadline; `silent`, where there is no new
  ///   deadline.
  func refresh() throws(LockError) {
    if !isHeld || process != getpid() { throw .notHeld }
    var isRenewed = false
    for _ in 0..<Self.handful {
      guard let news = link.take() else {
        if !isRenewed { throw .engine(.silent) }
        return
      }
      switch news.event {
      case .until:
        guard let time = news.until else { continue }
        isRenewed = isRenewed || time > deadline
        deadline = max(deadline, time)
      case .end: requestToEnd = news.text
      case .lost:
        isHeld = false
        throw .engine(.lost(news.text))
      case .gone, .released:
        isGone = true
        throw .engine(.died)
      case .waiting, .held, .busy, .failed, .lock, .done, .timeIsUp, .interrupted: continue
      }
    }
    // There is more, and no other signal for it.
    kill(process, csystem_news_signal())
    if !isRenewed { throw .engine(.silent) }
  }

  func release() throws(LockError) {
    if !isHeld || process != getpid() { throw .notHeld }
    isHeld = false
    if isGone { throw .notHeld }
    if BootTime.now >= deadline {
      // Nothing that it could answer would be of any use.
      link.sayRelease()
      throw .notHeld
    }
    switch link.release() {
    case .released: return
    case .lost(let text): throw .engine(.lost(text))
    case .failed, .unknown: throw .engine(.unreleased)
    }
  }

  func leaveBehind() { isHeld = false }
  func leaveOpen() { isHeld = false }
}
