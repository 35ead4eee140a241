internal import CSystem

/// What /proc/locks says: who took a lock, and who waits for it, in the order in which the kernel
/// queued them.
struct LockTable {
  struct Lock {
    let entry: LockTableEntry
    var waiters: [LockTableEntry] = []
    /// How many lines of the table say the same.
    var count = 1
  }

  /// In the order of the table, equal ones put together.
  private(set) var locks: [Lock]

  /// Reads the table, or that part of it whose inode number is `inode`.
  ///
  /// The kernel hands it out by pages and counts lines in between: what is released meanwhile makes
  /// it skip a line, what is taken meanwhile makes it repeat one. So a table of several pages, where
  /// one file is looked for and not found, is read once more.
  static func read(inode: UInt64? = nil) throws(LockError) -> LockTable {
    let first = try pages()
    let table = LockTable(first.text, inode: inode)
    if inode == nil || !table.locks.isEmpty || first.count < 2 { return table }
    return LockTable(try pages().text, inode: inode)
  }

  /// Reads the table line by line, with no more memory than that takes.
  static func forEachLine(_ body: (ArraySlice<UInt8>) -> Void) throws(LockError) {
    try step(.lockTable) { () throws(Errno) in
      let file = try FileDescriptor.open("/proc/locks", O_RDONLY)
      var buffer = [UInt8](repeating: 0, count: 1 << 13)
      var filled = 0
      while true {
        if filled == buffer.count { buffer += [UInt8](repeating: 0, count: filled) }
        let count = try retryingOnInterrupt {
          buffer.withUnsafeMutableBytes { bytes in
            CSystem.read(file.number, bytes.baseAddress! + filled, bytes.count - filled)
          }
        }
        filled += count
        var rest = buffer[..<filled]
        while let end = rest.lineEnd {
          body(rest[..<end])
          rest = rest[(end + 1)...]
        }
        if count == 0 { return }
        let left = rest.startIndex..<filled
        for (place, index) in left.enumerated() { buffer[place] = buffer[index] }
        filled = left.count
      }
    }
  }

  private static func pages() throws(LockError) -> (text: [UInt8], count: Int) {
    try step(.lockTable) { () throws(Errno) in
      let file = try FileDescriptor.open("/proc/locks", O_RDONLY)
      var text: [UInt8] = []
      var page = [UInt8](repeating: 0, count: 1 << 16)
      var pages = 0
      while true {
        let count = try retryingOnInterrupt { CSystem.read(file.number, &page, page.count) }
        if count == 0 { return (text, pages) }
        text += page[..<count]
        pages += 1
      }
    }
  }

  init(_ text: [UInt8], inode: UInt64? = nil) {
    locks = []
    if let inode {
      // Nothing is made of the other lines, which may be many.
      var rest = text[...]
      while let line = rest.popLine(with: ":" + ByteString(decimal: inode) + " ") {
        if let entry = LockTableEntry(line), entry.inode == inode { add(entry) }
      }
    } else {
      for line in Lines(text) {
        if let entry = LockTableEntry(line) { add(entry) }
      }
    }
    makeWaitersOfTickets()
    putEqualsTogether()
  }

  /// Whoever has a ticket waits for a lock of that file, and for those with a lower one. The first of them may
  /// wait in the kernel as well by now.
  private mutating func makeWaitersOfTickets() {
    var tickets = locks.filter { $0.entry.isTicket }.map { $0.entry }
    if tickets.isEmpty { return }
    tickets = sortedIndices(tickets.count) {
      tickets[$0].range.start < tickets[$1].range.start
    }.map { tickets[$0] }
    locks.removeAll { $0.entry.isTicket }
    for ticket in tickets where TicketQueue.number(of: ticket.range) != nil {
      let file = locks.firstIndex {
        $0.entry.inode == ticket.inode && $0.entry.device == ticket.device
      }
      guard let file, !locks[file].waiters.contains(where: { $0.process == ticket.process }) else {
        continue
      }
      locks[file].waiters.append(
        ticket.waiting(for: locks[file].entry, behind: locks[file].waiters.count))
    }
  }

  private mutating func add(_ entry: LockTableEntry) {
    if entry.depth == 0 {
      locks.append(Lock(entry: entry))
    } else if let last = locks.indices.last, locks[last].entry.inode == entry.inode {
      locks[last].waiters.append(entry)
    }
  }

  /// By their keys, and equal ones as they are.
  static func order(of locks: [Lock]) -> [Int] {
    let keys = locks.map { $0.entry.key }
    return sortedIndices(keys.count) {
      keys[$0] == keys[$1] ? $0 < $1 : keys[$0] < keys[$1]
    }
  }

  private mutating func putEqualsTogether() {
    let order = Self.order(of: locks)
    var first: Int?
    for index in order {
      if let first, locks[first].entry.key == locks[index].entry.key {
        locks[first].count += 1
        // The second copy of a line that was handed out twice has the same waiters.
        if locks[first].waiters != locks[index].waiters {
          locks[first].waiters += locks[index].waiters
        }
        locks[index].count = 0
      } else {
        first = index
      }
    }
    locks.removeAll { $0.count == 0 }
  }
}
