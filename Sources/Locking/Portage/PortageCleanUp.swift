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
      if !options.dryRun {
        // Another process may have the number by now, and the placeholder.
        let judge = Judge(claimant: judge.claimant, policy: judge.policy)
        guard try lock.retire(placeholder, status, judge: options.all ? nil : judge) else {
          leave(placeholder.fileName, .needed)
          continue
        }
      }
      note(placeholder.fileName, isLive ? .liveLock : .claim)
    }
  }
}
