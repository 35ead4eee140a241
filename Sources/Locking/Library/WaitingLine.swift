#if !hasFeature(Embedded)
  internal import CSystem

  /// A lock by the name that a program has for it. Two names of one file are two of these: then the lock itself
  /// decides.
  struct LockKey: Hashable {
    enum Kind: Hashable {
      case kernel(KernelMode)
      case hardlink
    }

    let kind: Kind
    let path: [UInt8]
    let start: Int64
    let length: Int64

    init(_ kind: Kind, _ path: ByteString, _ range: ByteRange = .wholeFile) {
      self.kind = kind
      self.path = Self.spelled(path)
      start = range.start
      length = range.length
    }

    /// From the root, without `.` and empty components: no file is looked at, since a server may be gone.
    private static func spelled(_ path: ByteString) -> [UInt8] {
      var whole = Array(path.bytes)
      if whole.first != slash, let folder = getcwd(nil, 0) {
        defer { free(folder) }
        whole = Array(ByteString(cString: folder).bytes) + [slash] + whole
      }
      var spelled: [UInt8] = []
      for part in whole.split(separator: slash) where !part.elementsEqual([dot]) {
        spelled.append(slash)
        spelled += part
      }
      return spelled
    }

    private static let slash = UInt8(ascii: "/")
    private static let dot = UInt8(ascii: ".")
  }

  /// Those of this process who want one lock: first come, first served, readers together. Who waits here needs
  /// neither a thread nor a descriptor.
  struct WaitingLine {
    private var readers = 0
    private var hasWriter = false
    /// Whether that one stands in a queue among processes, and does not have the lock yet.
    private var isWriterQueued = false
    private var waiting: [Attempt] = []
    /// The place of the first one who waits.
    private var first = 0
    /// How many of those who wait have given up.
    private var gone = 0
    /// Who runs a body under the lock.
    private var owners: [(asker: Asker, attempt: ObjectIdentifier)] = []

    private static let all = Guarded<[LockKey: WaitingLine]>([:])

    /// For tests: the locks that somebody has or waits for.
    static var count: Int { all.withLock { $0.count } }

    /// For tests: who waits for one of them.
    static func waiting(for key: LockKey) -> Int {
      all.withLock { $0[key]?.waiting.count(where: \.isWaiting) ?? 0 }
    }

    private var isOver: Bool { readers == 0 && !hasWriter && first == waiting.count }

    private func admits(_ sharing: Sharing) -> Bool {
      !hasWriter && (sharing == .shared || readers == 0)
    }

    private mutating func admit(_ attempt: Attempt) {
      if attempt.sharing == .shared { readers += 1 } else { hasWriter = true }
      isWriterQueued = attempt.isOrdered
      if attempt.owns { owners.append((attempt.asker, ObjectIdentifier(attempt))) }
    }

    /// The task that calls this runs the body of one that was admitted.
    static func own(_ attempt: Attempt) {
      all.withLock { $0[attempt.key]?.owners.append((.current, ObjectIdentifier(attempt))) }
    }

    enum Entry {
      case admitted, waits, busy, alreadyHeld
      case stopped(Attempt.Stop)
    }

    static func enter(_ attempt: Attempt, waits: Bool) -> Entry {
      all.withLock { lines in
        var line = lines[attempt.key, default: WaitingLine()]
        defer { if !line.isOver { lines[attempt.key] = line } }
        if line.owners.contains(where: { $0.asker == attempt.asker }) { return .alreadyHeld }
        let isFree = line.first == line.waiting.count && line.admits(attempt.sharing)
        if !isFree, !waits || line.isFull(for: attempt) { return .busy }
        if let stop = attempt.enter(isAdmitted: isFree) { return .stopped(stop) }
        if isFree {
          line.admit(attempt)
          return .admitted
        }
        line.waiting.append(attempt)
        return .waits
      }
    }

    private func isFull(for attempt: Attempt) -> Bool {
      guard let limit = attempt.queueLimit else { return false }
      return waiting[first...].count(where: \.isWaiting) + (isWriterQueued ? 1 : 0) >= limit
    }

    /// One that was admitted has the lock; not told of locks without a queue.
    static func hasWon(_ attempt: Attempt) {
      all.withLock { $0[attempt.key]?.isWriterQueued = false }
    }

    /// One that was admitted does not have the lock any more.
    static func leave(_ attempt: Attempt) {
      let admitted = all.withLock { lines -> [Attempt] in
        guard var line = lines[attempt.key] else { return [] }
        if attempt.sharing == .shared { line.readers -= 1 } else { line.hasWriter = false }
        line.isWriterQueued = false
        line.owners.removeAll { $0.attempt == ObjectIdentifier(attempt) }
        let admitted = line.admitNext()
        lines[attempt.key] = line.isOver ? nil : line
        return admitted
      }
      for next in admitted { next.wasAdmitted() }
    }

    /// One that waits has given up.
    static func forget(_ attempt: Attempt) {
      let admitted = all.withLock { lines -> [Attempt] in
        guard var line = lines[attempt.key] else { return [] }
        line.gone += 1
        // Readers may have waited for a writer that has gone.
        let admitted = line.admitNext()
        lines[attempt.key] = line.isOver ? nil : line
        return admitted
      }
      for next in admitted { next.wasAdmitted() }
    }

    private mutating func admitNext() -> [Attempt] {
      var admitted: [Attempt] = []
      while first < waiting.count {
        let next = waiting[first]
        if next.isWaiting {
          if !admits(next.sharing) { break }
          if next.admit() {
            admit(next)
            admitted.append(next)
          }
        }
        first += 1
      }
      if first > 32, first * 2 > waiting.count {
        waiting.removeFirst(first)
        first = 0
      }
      if gone > 32, gone * 2 > waiting.count - first {
        waiting = waiting[first...].filter(\.isWaiting)
        first = 0
        gone = 0
      }
      return admitted
    }
  }
#endif
