extension HardlinkCleanUp {
  mutating func removeStalePlaceholders() throws(LockError) {
    let judge = judge
    for placeholder in files.placeholders {
      guard let status = try? lock.status(of: placeholder.fileName) else { continue }
      let holds = status.identity == (try? lock.fileStatus())?.identity
      guard status.kind == .regular, status.size == 0 || holds else {
        leave(placeholder.fileName, .other)
        continue
      }
      let isLive = placeholder.liveness(judge, status, .local()) != .dead
      guard !isLive || options.all else {
        let claim = judge.describe(placeholder, status, .local())
        leave(placeholder.fileName, holds ? .held(claim) : .claimed(claim))
        continue
      }
      guard isOldEnough(status) else {
        leave(placeholder.fileName, .recent)
        continue
      }
      if options.dryRun {
        note(placeholder.fileName, isLive ? .liveLock : .claim)
      } else {
        placeholders.add(placeholder, status, isLive: isLive, of: lock, judge)
      }
    }
  }
}

/// Placeholders of dead processes, possibly of many locks, that are retired together: one look at all
/// processes, after they were set aside, does for them.
final class PlaceholderBatch {
  private struct Entry {
    let placeholder: Placeholder
    let seen: FileStatus
    let isLive: Bool
    let lock: LockName
    let judge: Judge
  }

  private var entries: [Entry] = []
  private let options: HardlinkCleanUpOptions

  /// A process that has one of them after all is without it so long. So there are not too many.
  private static let capacity = 256

  init(_ options: HardlinkCleanUpOptions) {
    self.options = options
  }

  var isFull: Bool { entries.count >= Self.capacity }

  func add(
    _ placeholder: Placeholder, _ seen: FileStatus, isLive: Bool, of lock: LockName, _ judge: Judge
  ) {
    entries.append(
      Entry(placeholder: placeholder, seen: seen, isLive: isLive, lock: lock, judge: judge))
  }

  func retire(_ result: inout HardlinkCleanUpResult) {
    var asides: [ByteString?] = []
    for entry in entries {
      do throws(LockError) {
        asides.append(try entry.lock.setAside(entry.placeholder))
      } catch {
        asides.append(nil)
        if result.firstError == nil { result.firstError = error }
      }
    }
    // Another process may have the number by now, and the placeholder.
    let census = ProcessCensus()
    for (index, entry) in entries.enumerated() {
      var isRetired = false
      if let aside = asides[index] {
        do throws(LockError) {
          isRetired = try retire(entry, aside, census)
        } catch {
          if result.firstError == nil { result.firstError = error }
        }
      }
      let path = entry.lock.path(of: entry.placeholder.fileName)
      if isRetired {
        result.removals.append(
          HardlinkRemoval(kind: entry.isLive ? .liveLock : .claim, path: path))
      } else if options.tellsRemainders {
        result.remainders.append(HardlinkRemainder(path: path, reason: .needed))
      }
    }
    entries = []
  }

  private func retire(
    _ entry: Entry, _ aside: ByteString, _ census: ProcessCensus
  ) throws(LockError) -> Bool {
    var judge = entry.judge
    judge.census = census
    return try entry.lock.finishRetiring(
      entry.placeholder, entry.seen, aside, options.all ? nil : judge)
  }
}
