/// What /proc/locks alone tells of who has a lock (proc(5)): it names who took one, not who has it since, and for
/// `ofd` nobody. No process is looked at.
public struct LockersGlance: Sendable {
  /// Who took the locks on the file, or on one of the same number elsewhere, in the order of the table.
  public private(set) var ofFile: [Int32] = []
  /// Who took any lock; each once.
  public private(set) var all: [Int32] = []
  /// Whether each lock was taken by a process that has a number here.
  public private(set) var namesAll = true
  /// The same of those on the file.
  public private(set) var namesAllOfFile = true

  /// Those of all locks, and of those on the file at `path`.
  ///
  /// - Throws: as `inspectLocks(at:)`.
  public init(at path: ByteString) throws(LockError) {
    self.init(try LockTable.text(), inode: try LockedFile(path).tableInode)
  }

  /// Those of all locks.
  public init() throws(LockError) {
    self.init(try LockTable.text(), inode: nil)
  }

  init(_ text: [UInt8], inode: UInt64?) {
    for line in Lines(text) {
      // `1: -> FLOCK ...`: of those who wait there may be many.
      if line.drop(while: { isDigit($0) || $0 == ascii(":") || $0 == ascii(" ") }).first
        == ascii("-")
      {
        continue
      }
      guard let entry = LockTableEntry(line) else { continue }
      guard let process = entry.process, process > 0 else {
        namesAll = false
        if entry.inode == inode { namesAllOfFile = false }
        continue
      }
      if all.last != process { all.append(process) }
      if entry.inode == inode { ofFile.append(process) }
    }
    all.sort()
    all = all.indices.filter { $0 == 0 || all[$0] != all[$0 - 1] }.map { all[$0] }
  }
}
