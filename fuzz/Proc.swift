import SystemInterface

@testable import CommandLine
@testable import Locking

/// The same text as each file of /proc that is read.
func complaintAboutProc(_ text: [UInt8]) -> String? {
  let table = LockTable(text)
  _ = LockTable(text, inode: table.locks.last?.entry.inode ?? 0)
  let descriptor = DescriptorInformation(text)
  if let mount = descriptor.mount { _ = MountTable(text).entry(mount)?.keepsOneKindToItself }
  _ = MountTable.mountIdentifier(inDescriptorInformation: text)
  _ = ProcessStatistics(text)
  _ = BlockedCall(text)
  if ProcessCredentials(text).namespaceDepth < 1 { return "in no namespace" }
  return complaint(about: table, text)
    ?? complaint(about: table, descriptor.locks)
    ?? complaint(aboutName: commandLine(text))
}

private func complaint(about table: LockTable, _ text: [UInt8]) -> String? {
  var held = 0
  for line in Lines(text) {
    guard let entry = LockTableEntry(line) else { continue }
    held += entry.depth == 0 ? 1 : 0
    if entry.depth < 0 { return "depth \(entry.depth)" }
    if entry.range.start < 0 || entry.range.length < 0 { return "range \(entry.range)" }
  }
  if table.locks.reduce(0, { $0 + $1.count }) != held { return "a lock was lost" }
  if table.locks.contains(where: { lock in lock.waiters.contains { $0.inode != lock.entry.inode } })
  {
    return "a waiter for another file"
  }
  return nil
}

/// Each lock of the table is found again, and what is not there is added once.
private func complaint(about table: LockTable, _ others: [LockTableEntry]) -> String? {
  var records = LockRecords(table.locks)
  for (index, lock) in table.locks.enumerated() {
    let file = FileIdentity(device: lock.entry.device, inode: lock.entry.inode)
    if records.index(of: lock.entry, on: file) != index { return "lock \(index) was not found" }
  }
  for entry in others {
    let file = FileIdentity(device: entry.device, inode: entry.inode)
    let index = records.index(of: entry, on: file)
    if records.index(of: entry, on: file) != index { return "lock \(index) was added twice" }
  }
  return nil
}

/// Whatever a process calls itself, it stays one line, and text.
private func complaint(aboutName name: ByteString) -> String? {
  let message: Message = "\(name)"
  if message.bytes.contains(where: { $0 < 0x20 || $0 == 0x7f }) { return "a name of several lines" }
  return String(validating: message.bytes, as: UTF8.self) == nil ? "a name that is not text" : nil
}
