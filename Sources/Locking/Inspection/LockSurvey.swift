internal import CSystem

/// Finds out who has and who waits for the locks of one file, or of all: first what /proc/locks says,
/// then which descriptors of which processes keep those locks (proc(5)).
///
/// The table alone does not tell: it names who took a lock, not who has it since, and for `ofd`
/// nobody. All processes have to be asked, since a descriptor may have gone anywhere (unix(7),
/// SCM_RIGHTS). So the question is made cheap: of a descriptor that cannot be meant, only its inode
/// number is looked at, and where the table has no lock of the file, no process is.
struct LockSurvey {
  /// Nil: all files.
  private let file: LockedFile?
  private let seesAllNamespaces = isInFirstNamespace()
  /// Those of the file, or in a search of all files those in the table; in another pid namespace, that lacks
  /// some.
  private let wanted: InodeNumbers
  private let hasUnnamedWaiters: Bool

  private var records: LockRecords
  private var unreadable: [Int32] = []
  /// Descriptors of files that an OFD lock is waited for on.
  private var openers: [(process: Int32, descriptor: ScannedDescriptor)] = []

  /// Reads the table.
  init(_ file: LockedFile?, onlyWaitedFor: Bool = false) throws(LockError) {
    self.file = file
    let table = try LockTable.read(inode: file?.tableInode)
    var locks = file?.filter(table) ?? table.locks
    if onlyWaitedFor { locks.removeAll { $0.waiters.isEmpty } }
    records = LockRecords(locks)
    if let file {
      wanted = .these([file.identity.inode])
    } else if seesAllNamespaces {
      wanted = .these(ascending(locks.map { $0.entry.inode }))
    } else {
      wanted = .all
    }
    hasUnnamedWaiters = locks.contains { $0.waiters.contains { $0.process == nil } }
  }

  // MARK: - Looking at processes

  /// Whether any process can have one of the locks.
  var isNeeded: Bool { !seesAllNamespaces || !records.records.isEmpty }

  /// Looks at the descriptors of those who took the locks.
  mutating func lookAtLockers() {
    for process in lockers { look(at: process) }
    addLockersThatCannotBeRead()
  }

  /// Looks at the descriptors of all processes, where any can have one of the locks.
  ///
  /// - Parameter thoroughly: look at those as well that cannot have one as long as those that were
  ///   found first keep theirs.
  /// - Returns: false when these did not, and processes may have been left out.
  mutating func lookAtAllProcesses(thoroughly: Bool) throws(LockError) -> Bool {
    if !isNeeded { return true }
    let lockers = self.lockers
    for process in lockers { look(at: process) }
    var comparison: DescriptorComparison?
    for process in try ProcessFolder.all() where !lockers.contains(process) {
      if comparison == nil, canCompare, !thoroughly {
        comparison = DescriptorComparison(records.records)
      }
      switch comparison?.ask(process) {
      case .no: continue
      case .unreadable: unreadable.append(process)
      case .perhaps, nil: look(at: process)
      }
    }
    addLockersThatCannotBeRead()
    return comparison?.isStillValid ?? true
  }

  /// Who may well have the locks: a few processes that the table names.
  var lockers: [Int32] {
    guard file != nil else { return [] }
    var lockers: [Int32] = []
    for record in records.records.prefix(16) {
      if let locker = record.lock.entry.process, locker > 0, !lockers.contains(locker) {
        lockers.append(locker)
      }
    }
    return lockers
  }

  /// Whether the table has all locks that are looked for, and nobody needs to be found but holders.
  private var canCompare: Bool { file != nil && seesAllNamespaces && !hasUnnamedWaiters }

  /// Looks at the descriptors of one process.
  mutating func look(at process: Int32) {
    do throws(Errno) {
      try look(at: ProcessFolder(process))
    } catch .missing {
      return
    } catch .noProcess {
      return
    } catch {
      unreadable.append(process)
    }
  }

  private mutating func look(at folder: borrowing ProcessFolder) throws(Errno) {
    let scan = try folder.descriptors(wanted)
    if scan.found.isEmpty { return }
    // Read while the folder is held: it is that very process, not a later one of its number.
    guard let facts = ObservedProcess(folder) else { return }
    for descriptor in scan.found {
      let name = scan.folder.name("fdinfo", descriptor.number)
      let locks = DescriptorInformation(folder.read(name) ?? []).locks
      let isMeant = file == nil || descriptor.identity == file?.identity
      if isMeant, hasUnnamedWaiters { openers.append((folder.identifier, descriptor)) }
      for lock in locks
      where (file == nil || lock.inode == file?.tableInode) && !lock.isTicket {
        guard isMeant else {
          records.noteElsewhere(lock)
          continue
        }
        let index = records.index(of: lock, on: descriptor.identity)
        records.add(facts, descriptor.number, to: index)
        records.setPath(folder.link(scan.folder.name("fd", descriptor.number)), at: index)
      }
    }
  }

  /// Those that the table names, and that may not be looked at.
  mutating func addLockersThatCannotBeRead() {
    for index in records.records.indices {
      guard let locker = records.records[index].lock.entry.process, locker > 0,
        unreadable.contains(locker), let facts = ObservedProcess(locker)
      else { continue }
      records.add(facts, nil, to: index)
    }
  }

  // MARK: - Results

  /// Whether the table has locks that no descriptor was seen to keep.
  var hasUnexplained: Bool { records.records.contains { $0.holders.isEmpty } }

  /// Whether one of those is not in the table any more.
  func hasVanished() throws(LockError) -> Bool {
    let now = LockRecords(try LockTable.read(inode: file?.tableInode).locks)
    return records.records.contains { $0.holders.isEmpty && !now.contains($0.lock.entry) }
  }

  var inspection: LockInspection {
    var locks: [ObservedLock] = []
    for record in records.records {
      // That of another file with the same number, as far as anybody can tell.
      if record.holders.isEmpty, record.isAlsoElsewhere { continue }
      locks.append(observed(record))
    }
    let reallyUnreadable = unreadable.filter { process in
      guard let text = try? ProcessFolder(process).read("stat") else { return false }
      return ProcessStatistics(text)?.canHaveDescriptors ?? true
    }
    return LockInspection(
      locks: locks, unreadable: reallyUnreadable, seesAllNamespaces: seesAllNamespaces)
  }

  private func observed(_ record: LockRecords.Record) -> ObservedLock {
    let entry = record.lock.entry
    let table = FileIdentity(device: entry.device, inode: entry.inode)
    let isCertain = record.file != nil || file?.isCertain(entry.device) ?? false
    var count = record.lock.count
    if unreadable.isEmpty, record.descriptorCount > 0 { count = min(count, record.descriptorCount) }
    return ObservedLock(
      mode: entry.mode, sharing: entry.sharing, range: entry.range,
      file: record.file ?? (isCertain ? file?.identity : nil) ?? table,
      path: record.path, locker: Locker(entry.process), holders: record.holders,
      waiters: record.lock.waiters.map { waiter($0, record.file) },
      count: count, isCertain: isCertain)
  }

  private func waiter(_ entry: LockTableEntry, _ file: FileIdentity?) -> LockWaiter {
    var processes: [ObservedProcess] = []
    if let waiter = entry.process {
      if waiter > 0, let process = ObservedProcess(waiter) { processes = [process] }
    } else {
      for opener in openers where file == nil || opener.descriptor.identity == file {
        if processes.last?.identifier != opener.process,
          let folder = try? ProcessFolder(opener.process),
          folder.isWaitingForOpenFileLock(on: opener.descriptor.number),
          let process = ObservedProcess(folder)
        {
          processes.append(process)
        }
      }
    }
    return LockWaiter(
      processes: processes, mode: entry.mode, sharing: entry.sharing, range: entry.range,
      depth: entry.depth)
  }
}

/// Whether this is the machine's first pid namespace, in which every process has a number, and with
/// that every lock its line. Its inode number is part of the kernel's interface (PROC_PID_INIT_INO).
func isInFirstNamespace() -> Bool {
  guard let own = try? ProcessFolder(getpid()) else { return false }
  return own.link("ns/pid") == "pid:[4026531836]"
}
