/// The locks that are known, and whose descriptors were seen to keep them.
struct LockRecords {
  struct Record {
    let lock: LockTable.Lock
    /// That of stat(2), once a descriptor was seen that keeps the lock.
    var file: FileIdentity?
    var path: ByteString?
    var holders: [LockHolder] = []
    /// Whether a descriptor of another file was seen that keeps one that looks the same.
    var isAlsoElsewhere = false

    /// Descriptors that keep it.
    var descriptorCount: Int { holders.reduce(0) { $0 + $1.descriptors.count } }
  }

  private(set) var records: [Record]
  /// Those of the table, by their keys; what was added later is behind them.
  private let order: [Int]

  init(_ locks: [LockTable.Lock]) {
    records = locks.map { Record(lock: $0) }
    order = LockTable.order(of: locks)
  }

  /// A descriptor of `file` keeps `entry`: the record of that, a new one if the table had none.
  mutating func index(of entry: LockTableEntry, on file: FileIdentity) -> Int {
    if let index = tableIndex(of: entry) {
      if records[index].file == nil { records[index].file = file }
      if records[index].file == file { return index }
    }
    for index in records.indices.dropFirst(order.count)
    where records[index].lock.entry.key == entry.key && records[index].file == file {
      return index
    }
    records.append(Record(lock: LockTable.Lock(entry: entry), file: file))
    return records.count - 1
  }

  /// A descriptor of a file that is not asked for keeps `entry`.
  mutating func noteElsewhere(_ entry: LockTableEntry) {
    if let index = tableIndex(of: entry) { records[index].isAlsoElsewhere = true }
  }

  /// A descriptor of `process` keeps the lock at `index`; the descriptors of a process come together.
  mutating func add(_ process: ObservedProcess, _ descriptor: Int32?, to index: Int) {
    if let last = records[index].holders.indices.last,
      records[index].holders[last].process.identifier == process.identifier
    {
      if let descriptor { records[index].holders[last].descriptors.append(descriptor) }
      return
    }
    records[index].holders.append(
      LockHolder(
        process: process, descriptors: descriptor.map { [$0] } ?? [],
        isLocker: records[index].lock.entry.process == process.identifier))
  }

  mutating func setPath(_ path: @autoclosure () -> ByteString?, at index: Int) {
    if records[index].path == nil { records[index].path = path() }
  }

  /// Whether the table had that line.
  func contains(_ entry: LockTableEntry) -> Bool { tableIndex(of: entry) != nil }

  private func tableIndex(of entry: LockTableEntry) -> Int? {
    var low = 0
    var high = order.count
    while low < high {
      let middle = low + (high - low) / 2
      if records[order[middle]].lock.entry.key < entry.key {
        low = middle + 1
      } else {
        high = middle
      }
    }
    guard low < order.count, records[order[low]].lock.entry.key == entry.key else { return nil }
    return order[low]
  }
}
