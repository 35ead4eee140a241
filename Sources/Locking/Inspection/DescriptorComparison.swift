internal import CSystem

/// Tells which processes cannot have a lock, at a fraction of what looking at their descriptors costs.
///
/// Once one descriptor is known for each lock, what else keeps these locks are the same open files in
/// other processes, or the same table of descriptors for `posix` (kcmp(2)).
struct DescriptorComparison {
  private struct Reference {
    let process: Int32
    /// Nil: the process's whole table.
    let descriptor: Int32?
    /// Of the descriptor that was seen to keep `lock`.
    let information: ByteString
    let lock: LockTableEntry
  }

  private let references: [Reference]

  /// More would cost more than they save.
  private static let maximumReferences = 2
  /// Numbers without a descriptor that are tried in one process.
  private static let maximumMisses = 8

  /// Nil where some lock has no known descriptor, or the kernel does not compare.
  init?(_ records: [LockRecords.Record]) {
    if records.isEmpty || records.count > Self.maximumReferences { return nil }
    var references: [Reference] = []
    for record in records {
      // Equal lines are several open files, and it is not known whether all were seen.
      guard record.lock.count == 1, let holder = record.holders.first(where: { $0.isVerified })
      else { return nil }
      let process = holder.process.identifier
      let descriptor = holder.descriptors[0]
      if csystem_compare_tables(process, process) != 0 { return nil }
      references.append(
        Reference(
          process: process, descriptor: record.lock.entry.mode.belongsToProcess ? nil : descriptor,
          information: "fdinfo/" + ByteString(decimal: descriptor), lock: record.lock.entry))
    }
    self.references = references
    // Since Linux 6.2, the folder's size is how many descriptors there are.
    if references.contains(where: { $0.descriptor != nil }),
      Self.descriptorCount(getpid()) ?? 0 == 0
    {
      return nil
    }
  }

  enum Answer {
    case no, perhaps, unreadable
  }

  /// Whether `process` keeps one of the locks.
  func ask(_ process: Int32) -> Answer {
    for reference in references where reference.descriptor == nil {
      let result = csystem_compare_tables(reference.process, process)
      if result == 0 { return .perhaps }
      if result < 0, Errno.current == .permissionNotGranted { return .unreadable }
    }
    if references.allSatisfy({ $0.descriptor == nil }) { return .no }
    guard let count = Self.descriptorCount(process) else { return .no }
    if count == 0 {
      // Perhaps only its first thread has ended.
      guard let folder = try? ProcessFolder(process) else { return .no }
      return folder.hasSeveralThreads ? .perhaps : .no
    }
    return ask(process, count)
  }

  /// Tries all numbers from 0 on until `count` descriptors were seen, which is cheaper than to list
  /// them, unless there are gaps. Anything unexpected, such as a reference that is gone, is left to a
  /// look at the descriptors themselves.
  private func ask(_ process: Int32, _ count: Int64) -> Answer {
    var seen: Int64 = 0
    var misses = 0
    var number: Int32 = 0
    while seen < count {
      switch compare(process, number) {
      case nil: seen += 1
      case .badDescriptor where misses < Self.maximumMisses: misses += 1
      case .badDescriptor: return askListed(process, from: number)
      case .permissionNotGranted: return .unreadable
      default: return .perhaps
      }
      number += 1
    }
    return .no
  }

  private func askListed(_ process: Int32, from first: Int32) -> Answer {
    guard let folder = try? ProcessFolder(process), let numbers = try? folder.numbers(in: "fd")
    else { return .perhaps }
    for number in numbers where number >= first {
      if compare(process, number) != nil { return .perhaps }
    }
    return .no
  }

  /// Nil: that descriptor is none of the references.
  private func compare(_ process: Int32, _ number: Int32) -> Errno? {
    for reference in references {
      guard let descriptor = reference.descriptor else { continue }
      let result = csystem_compare_descriptors(reference.process, descriptor, process, number)
      if result < 0 { return .current }
      if result == 0 { return .exists }
    }
    return nil
  }

  /// Whether each reference keeps its lock still, and so did all the time.
  var isStillValid: Bool {
    references.allSatisfy { reference in
      guard let folder = try? ProcessFolder(reference.process) else { return false }
      return DescriptorInformation(folder.read(reference.information) ?? []).locks
        .contains(reference.lock)
    }
  }

  /// Nil where there is no such process.
  private static func descriptorCount(_ process: Int32) -> Int64? {
    let path = "/proc/" + ByteString(decimal: process) + "/fd"
    return (try? FileStatus(at: path, followingLinks: false))?.size
  }
}
