internal import CSystem

/// The files on which this process has POSIX locks, and the one descriptor of each that is used; in a library also
/// those that it has open for other locks, beside which it takes no POSIX lock.
///
/// The kernel drops all POSIX locks of a process on a file as soon as the process closes *any*
/// descriptor of it (fcntl(2)). So the ranges of a file share a descriptor; another one of the same file is kept
/// until that is closed; and none is closed but where the registry says so.
///
/// No file is opened, closed or unlocked under the registry's lock: each may take for ever where a server is gone.
/// A file that is being closed is marked instead, and only who wants the same file waits.
struct PosixRegistry {
  private struct Entry {
    let identity: FileIdentity
    let descriptor: Int32
    var ranges: [ByteRange]
    /// Others of the same file.
    var spares: [Int32] = []
    var isClosing = false
  }

  private var entries: [Entry] = []
  #if !hasFeature(Embedded)
    /// Files without POSIX locks that are open for other ones, and how often: closing them must not drop any.
    private var others: [FileIdentity: Int] = [:]
  #endif

  /// Guarded by csystem_registry_lock.
  private nonisolated(unsafe) static var shared = PosixRegistry()

  /// Runs `body` while no other thread uses the registry.
  private static func locked<Value>(_ body: (inout PosixRegistry) -> Value) -> Value {
    csystem_registry_lock()
    defer { csystem_registry_unlock() }
    return body(&shared)
  }

  /// The same, once the file is not being closed.
  private static func settled<Value>(
    _ identity: FileIdentity, _ body: (inout PosixRegistry) -> Value
  ) -> Value {
    locked { registry in
      while let index = registry.index(identity), registry.entries[index].isClosing {
        csystem_registry_wait()
      }
      return body(&registry)
    }
  }

  private func index(_ identity: FileIdentity) -> Int? {
    entries.firstIndex { $0.identity == identity }
  }
}

// MARK: - Getting a file

extension PosixRegistry {
  /// What there is for another lock on a file.
  enum Place {
    /// Nothing of this process is in the way.
    case free
    /// This descriptor, which has `range` now.
    case shared(Int32)
    /// This process has, or is about to get, locks on the file beside which there cannot be another.
    case taken
  }

  static var isEmpty: Bool { locked { $0.entries.isEmpty } }

  static func isKnown(_ identity: FileIdentity) -> Bool {
    settled(identity) { $0.index(identity) != nil }
  }

  /// Before a file is opened. `range`: nil for a lock that shares no descriptor.
  static func place(for range: ByteRange?, on identity: FileIdentity) -> Place {
    settled(identity) { $0.place(for: range, on: identity) }
  }

  /// Once it is open: `descriptor` is the registry's from here on, unless that is left out and there was nothing.
  static func enter(
    _ identity: FileIdentity, _ descriptor: Int32, _ range: ByteRange?, shares: Bool
  ) -> Place {
    settled(identity) { registry in
      let place = registry.place(for: shares ? range : nil, on: identity)
      if case .free = place {
        #if !hasFeature(Embedded)
          if range == nil {
            registry.others[identity, default: 0] += 1
          } else if shares, registry.others[identity] != nil {
            // It is no use here, and there is no lock yet that this could drop.
            CSystem.close(descriptor)
            return .taken
          }
        #endif
        if let range {
          registry.entries.append(
            Entry(identity: identity, descriptor: descriptor, ranges: [range]))
        }
      } else if let index = registry.index(identity) {
        registry.entries[index].spares.append(descriptor)
      }
      return place
    }
  }

  private mutating func place(for range: ByteRange?, on identity: FileIdentity) -> Place {
    guard let index = index(identity) else { return .free }
    guard let range, !entries[index].ranges.contains(where: { $0.overlaps(range) }) else {
      return .taken
    }
    entries[index].ranges.append(range)
    return .shared(entries[index].descriptor)
  }
}

// MARK: - Giving it back

extension PosixRegistry {
  /// Gives up the lock of `range`: by closing the file, or with `drop` where other ranges need the descriptor.
  static func close(
    _ identity: FileIdentity, _ range: ByteRange, drop: () throws(LockError) -> Void
  ) throws(LockError) {
    if beginClosing(identity, without: range) { return try finishClosing(identity) }
    let dropped: Result<Void, LockError>
    do throws(LockError) {
      dropped = .success(try drop())
    } catch {
      dropped = .failure(error)
    }
    // Not earlier: it could be another lock of the same range by then.
    if beginClosing(identity, removing: range) { try finishClosing(identity) }
    try dropped.get()
  }

  #if !hasFeature(Embedded)
    /// A file is open for another lock as well, or has been closed.
    static func join(_ identity: FileIdentity) {
      locked { $0.others[identity, default: 0] += 1 }
    }

    static func leave(_ identity: FileIdentity) {
      locked { registry in
        guard let count = registry.others[identity] else { return }
        registry.others[identity] = count > 1 ? count - 1 : nil
      }
    }
  #endif

  /// Forgets the range, and with the last one the file: its descriptor stays open.
  static func forget(_ identity: FileIdentity, _ range: ByteRange) {
    if beginClosing(identity, removing: range) {
      try? finishClosing(identity, keepingDescriptor: true)
    }
  }

  /// Closes a descriptor of a file on which this process may have a lock by now.
  static func close(_ file: consuming FileDescriptor, of identity: FileIdentity) {
    let number = file.leak()
    let isKept = settled(identity) { registry in
      if let index = registry.index(identity) {
        registry.entries[index].spares.append(number)
        return true
      }
      registry.entries.append(
        Entry(identity: identity, descriptor: number, ranges: [], isClosing: true))
      return false
    }
    if !isKept { try? finishClosing(identity) }
  }

  /// Whether nothing but `range` needs the file: then nobody gets it until it is closed.
  private static func beginClosing(_ identity: FileIdentity, without range: ByteRange) -> Bool {
    locked { registry in
      guard let index = registry.index(identity),
        registry.entries[index].ranges.allSatisfy({ $0 == range })
      else { return false }
      registry.entries[index].isClosing = true
      return true
    }
  }

  private static func beginClosing(_ identity: FileIdentity, removing range: ByteRange) -> Bool {
    locked { registry in
      guard let index = registry.index(identity) else { return false }
      registry.entries[index].ranges.removeAll { $0 == range }
      registry.entries[index].isClosing = registry.entries[index].ranges.isEmpty
      return registry.entries[index].isClosing
    }
  }

  private static func finishClosing(
    _ identity: FileIdentity, keepingDescriptor: Bool = false
  ) throws(LockError) {
    guard
      let closing = locked({ registry in registry.index(identity).map { registry.entries[$0] } })
    else { return }
    defer {
      locked { registry in
        if let index = registry.index(identity) { registry.entries.remove(at: index) }
        csystem_registry_wake()
      }
    }
    for spare in closing.spares { CSystem.close(spare) }
    if keepingDescriptor { return }
    try step(.close) { () throws(Errno) in
      try FileDescriptor(taking: closing.descriptor).close()
    }
  }
}
