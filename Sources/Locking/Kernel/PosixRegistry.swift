internal import CSystem

/// The files on which this process has POSIX locks, and the one descriptor of each.
///
/// The kernel drops all POSIX locks of a process on a file as soon as the process closes *any*
/// descriptor of it (fcntl(2)). So a file is opened once, its ranges share the descriptor, and the
/// registry is asked before a second one would be opened.
struct PosixRegistry {
  private struct Entry {
    let identity: FileIdentity
    let descriptor: Int32
    var ranges: [ByteRange]
  }

  private var entries: [Entry] = []

  /// Guarded by csystem_registry_lock.
  private nonisolated(unsafe) static var shared = PosixRegistry()

  /// Runs `body` while no other thread uses the registry, or opens or closes a lock file.
  static func locked<Value: ~Copyable, Failure: Error>(
    _ body: (inout PosixRegistry) throws(Failure) -> Value
  ) throws(Failure) -> Value {
    csystem_registry_lock()
    defer { csystem_registry_unlock() }
    return try body(&shared)
  }

  private func index(_ identity: FileIdentity) -> Int? {
    entries.firstIndex { $0.identity == identity }
  }

  func descriptor(of identity: FileIdentity) -> Int32? {
    index(identity).map { entries[$0].descriptor }
  }

  /// False when the file is there already.
  mutating func insert(_ identity: FileIdentity, _ descriptor: Int32, _ range: ByteRange) -> Bool {
    if index(identity) != nil { return false }
    entries.append(Entry(identity: identity, descriptor: descriptor, ranges: [range]))
    return true
  }

  /// False when this process has, or is about to get, a lock that overlaps.
  mutating func add(_ range: ByteRange, to identity: FileIdentity) -> Bool {
    guard let index = index(identity),
      !entries[index].ranges.contains(where: { $0.overlaps(range) })
    else { return false }
    entries[index].ranges.append(range)
    return true
  }

  /// True when that was the file's last range, and the descriptor can be closed.
  mutating func remove(_ range: ByteRange, of identity: FileIdentity) -> Bool {
    guard let index = index(identity) else { return true }
    entries[index].ranges.removeAll { $0 == range }
    if !entries[index].ranges.isEmpty { return false }
    entries.remove(at: index)
    return true
  }
}
