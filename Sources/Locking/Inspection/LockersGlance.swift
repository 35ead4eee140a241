/// What /proc/locks alone tells of who has a lock (proc(5)): it names who took one, not who has it since, and for
/// `ofd` nobody. No process is looked at.
package struct LockersGlance: Sendable {
  /// Who took the locks on the file, or on one of the same number elsewhere, in the order of the table.
  package private(set) var ofFile: [Int32] = []
  /// Who took any lock; each once.
  package private(set) var all: [Int32] = []
  /// Whether each lock was taken by a process that has a number here.
  package private(set) var namesAll = true
  /// The same of those on the file.
  package private(set) var namesAllOfFile = true

  /// Those of all locks, and of those on the file at `path`.
  ///
  /// - Throws: as `inspectLocks(at:)`.
  package init(at path: ByteString) throws(LockError) {
    try self.init(inode: LockedFile(path).tableInode)
  }

  /// Those of all locks.
  package init() throws(LockError) {
    try self.init(inode: nil)
  }

  private init(inode: UInt64?) throws(LockError) {
    try LockTable.forEachLine { add($0, inode) }
    nameEachOnce()
  }

  init(_ text: [UInt8], inode: UInt64?) {
    for line in Lines(text) { add(line, inode) }
    nameEachOnce()
  }

  private mutating func add(_ line: ArraySlice<UInt8>, _ inode: UInt64?) {
    // `1: -> FLOCK ...`, with a space more for each that waits before: there may be many.
    let kind = line.drop { isDigit($0) || $0 == ascii(":") }.dropFirst()
    guard let first = kind.first, first != ascii(" "), first != ascii("-"),
      let entry = LockTableEntry(line), !entry.isTicket
    else { return }
    guard let process = entry.process, process > 0 else {
      namesAll = false
      if entry.inode == inode { namesAllOfFile = false }
      return
    }
    if all.last != process { all.append(process) }
    if entry.inode == inode { ofFile.append(process) }
  }

  private mutating func nameEachOnce() {
    let sorted = ascending(all)
    all = sorted.indices.filter { $0 == 0 || sorted[$0] != sorted[$0 - 1] }.map { sorted[$0] }
  }
}
