internal import CSystem

/// The names in a folder of a local file system that may be those of claims: listed once, and kept up since
/// with what has been made (inotify(7)), for one who asks about many locks there.
///
/// Whoever asks gets every name that a list made then would have, since the kernel tells of a new name before
/// the call has returned that made it. Names that have gone since may be among them, and some be there twice.
final class KeptListing {
  private let notifier: FileDescriptor
  /// In the order of their bytes.
  private var names: [ByteString] = []
  /// Made since, in no order.
  private var newcomers: [ByteString] = []
  private var limit = KeptListing.fewest
  private var buffer = [UInt8](repeating: 0, count: 4096)

  private static let fewest = 32
  /// An event with the longest name.
  private static let longestEvent = MemoryLayout<inotify_event>.size + Int(NAME_MAX) + 1

  init(of folder: borrowing Folder) throws(Errno) {
    let number = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
    if number < 0 { throw .current }
    notifier = FileDescriptor(taking: number)
    let path: ByteString = "/proc/self/fd/" + ByteString(decimal: folder.number)
    let watch = path.withCString {
      inotify_add_watch(
        number, $0, UInt32(IN_CREATE) | UInt32(IN_MOVED_TO) | UInt32(IN_ONLYDIR))
    }
    if watch < 0 { throw .current }
    // What comes while it is listed is told of.
    try list(folder)
  }

  private func list(_ folder: borrowing Folder) throws(Errno) {
    var found: [ByteString] = []
    let all = try folder.names()
    while let name = try all.next() {
      if ClaimName.mayBeClaim(name) { found.append(name) }
    }
    names = sortedIndices(found.count) {
      found[$0].bytes.lexicographicallyPrecedes(found[$1].bytes)
    }.map { found[$0] }
    newcomers = []
  }

  /// The names now that may be those of claims for the lock called `base`.
  func candidates(
    _ base: ByteString, in folder: borrowing Folder
  ) throws(Errno) -> [ByteString] {
    if try !readNews() { try list(folder) }
    if newcomers.count > limit { prune(folder) }
    var index = start(of: base)
    var found = newcomers.filter { $0.hasPrefix(base) && Self.mayBeOf(base, $0) }
    while index < names.count, names[index].hasPrefix(base) {
      if Self.mayBeOf(base, names[index]) { found.append(names[index]) }
      index += 1
    }
    return found
  }

  /// No separator begins with a digit: most names of `lock10` are soon told from those of `lock1`.
  private static func mayBeOf(_ base: ByteString, _ name: ByteString) -> Bool {
    name.count > base.count && !isDigit(name.bytes[base.count])
  }

  /// Where names that begin so begin.
  private func start(of prefix: ByteString) -> Int {
    var low = 0
    var high = names.count
    while low < high {
      let middle = (low + high) / 2
      if names[middle].bytes.lexicographicallyPrecedes(prefix.bytes) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }

  /// Forgets those that have gone, which most of this process's own soon have.
  private func prune(_ folder: borrowing Folder) {
    var rest: [ByteString] = []
    for name in newcomers where (try? folder.status(of: name)) != nil { rest.append(name) }
    newcomers = rest
    limit = max(Self.fewest, 2 * rest.count)
  }

  /// - Returns: false where there was more than the kernel keeps.
  private func readNews() throws(Errno) -> Bool {
    let number = notifier.number
    var isComplete = true
    while true {
      let count: Int
      do throws(Errno) {
        count = try retryingOnInterrupt { read(number, &buffer, buffer.count) }
      } catch .wouldBlock {
        return isComplete
      }
      var rest = buffer[..<count]
      while rest.count >= MemoryLayout<inotify_event>.size {
        let event = rest.withUnsafeBytes { $0.loadUnaligned(as: inotify_event.self) }
        let name = rest.dropFirst(MemoryLayout<inotify_event>.size).prefix(Int(event.len))
        rest = rest.dropFirst(MemoryLayout<inotify_event>.size + Int(event.len))
        if event.mask & UInt32(IN_Q_OVERFLOW) != 0 {
          isComplete = false
        } else if event.mask & (UInt32(IN_IGNORED) | UInt32(IN_UNMOUNT)) != 0 {
          throw .missing
        } else if event.mask & UInt32(IN_ISDIR) == 0 {
          // A folder is no claim.
          let name = ByteString(name.prefix { $0 != 0 })
          if ClaimName.mayBeClaim(name) { newcomers.append(name) }
        }
      }
      if buffer.count - count > Self.longestEvent { return isComplete }
    }
  }
}
