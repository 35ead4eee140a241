extension HardlinkCleanUp {
  mutating func removeStalePlaceholders() throws(LockError) {
    let judge = judge
    for placeholder in files.placeholders {
      guard let status = try? lock.status(of: placeholder.fileName),
        status.kind == .regular, isOldEnough(status),
        status.size == 0 || status.identity == (try? lock.fileStatus())?.identity
      else { continue }
      let isLive = placeholder.liveness(judge, status, .local()) != .dead
      guard !isLive || options.all else { continue }
      if !options.dryRun {
        // Another process may have the number by now, and the placeholder.
        let judge = Judge(claimant: judge.claimant, policy: judge.policy)
        guard try lock.retire(placeholder, status, judge: options.all ? nil : judge) else {
          continue
        }
      }
      note(placeholder.fileName, isLive ? .liveLock : .claim)
    }
  }
}
