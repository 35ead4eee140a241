internal import CSystem
internal import Locking
internal import SystemInterface

/// What makes a file a lock to programs for which it is held as long as the file is there: dotlockfile,
/// git's index.lock, pacman's db.lck. The kernel knows nothing of such locks.
struct FilePresence {
  /// Who has it open.
  let openers: [ObservedProcess]
  /// What is said of it; nil where it is a file like any other.
  let phrase: Message?
  /// Whether somebody is seen who may rely on it.
  let isUsed: Bool

  /// Nil where there is no regular file.
  init?(of path: ByteString) {
    guard let status = try? FileStatus(at: path, followingLinks: true), status.kind == .regular
    else { return nil }
    openers = (try? inspectOpeners(at: path)) ?? []
    if let first = openers.first {
      let others = Int64(openers.count - 1)
      let more: Message =
        others == 0 ? "" : others == 1 ? " and another one" : " and \(others) others"
      phrase = "it is open in \(first.phrase)\(more)"
      isUsed = true
    } else if status.size > 0, status.size <= 64, let process = Self.process(namedBy: path) {
      let named = ObservedProcess(process)
      phrase =
        named.map { "it names \($0.phrase)" }
        ?? "it names pid \(process), which is not to be seen here"
      isUsed = named != nil
    } else if Self.isNamedAsLock(path) {
      phrase = "it is there, which to some programs is a lock"
      isUsed = false
    } else {
      phrase = nil
      isUsed = false
    }
  }

  /// The number that is all of its content, as dotlockfile and UUCP write it.
  private static func process(namedBy path: ByteString) -> Int32? {
    guard let file = try? FileDescriptor.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY),
      let content = try? file.readAll(limit: 64)
    else { return nil }
    let isSpace: (UInt8) -> Bool = { $0 == ascii(" ") || $0 == ascii("\n") }
    var digits = content.drop(while: isSpace)
    while let last = digits.last, isSpace(last) { digits.removeLast() }
    guard let number = parseNumber(digits), number > 0 else { return nil }
    return Int32(exactly: number)
  }

  private static func isNamedAsLock(_ path: ByteString) -> Bool {
    let name = path.splitPath.name.bytes
    return name.suffix(4) == ".lck" || name.suffix(5) == ".lock"
  }

  /// The same as long as nothing has happened.
  var key: Message {
    var key = Message()
    for opener in openers { key.append(" \(opener.identifier)") }
    return key
  }
}
