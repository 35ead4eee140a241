/// The end of a lock: given back, lost, or never had.
extension LockSession {
  /// The lease is gone, and with it the key. Nobody runs on the account of one who waits: it begins
  /// again, at the end of the queue.
  func leaseIsGone(_ reason: String) {
    switch state {
    case .held: lose(reason)
    case .leaving(let line): end(line, isRevoked: true)
    case .granting, .entering, .waiting:
      log("\(reason): again, at the end of the queue")
      begin(after: .milliseconds(50))
    case .over: break
    }
  }

  func lose(_ reason: String) {
    seam.say(SeamLine("lost").with(reason))
    state = .over
  }

  /// Revokes the lease, and then says `line`.
  func leave(_ line: SeamLine, within limit: Span) {
    switch state {
    case .leaving, .over: return
    case .granting, .entering, .waiting, .held: break
    }
    let wasGranting = if case .granting = state { true } else { false }
    client.cancel(.renewal)
    client.cancel(.watch)
    state = .leaving(line)
    leavesUntil = Boottime.now() + limit
    if wasGranting {
      // One that is on its way would come after its revocation, and stay until it expires.
      if client.isSending(.operation) { return }
      if !client.mayHaveArrived(.operation) { return end(line, isRevoked: true) }
    }
    revoke()
  }

  func fail(_ failure: Failure) {
    switch state {
    case .held, .leaving, .over: break
    case .granting, .entering, .waiting: leave(failure.line, within: .milliseconds(500))
    }
  }

  /// A grant that failed on its way is not sent again.
  func revokeIfDue() {
    if isRevoking || client.isSending(.operation) { return }
    if client.mayHaveArrived(.operation) || deadline != nil {
      revoke()
    } else if case .leaving(let line) = state {
      end(line, isRevoked: true)
    }
  }

  /// Of the grant that was on its way, or of the revocation.
  func leavingAnswered(_ line: SeamLine) {
    if isRevoking {
      end(line, isRevoked: true)
    } else {
      revoke()
    }
  }

  /// "Not found" is revoked; any other refusal leaves the lease to run out.
  func leavingRefused(_ line: SeamLine, _ status: GRPCStatus) {
    guard isRevoking else { return revoke() }
    end(line, isRevoked: status.code == GRPCStatus.Code.notFound)
  }

  /// - Parameter isRevoked: if not, the lock ends with its lease, and `released` is not said. Nor is it where
  ///   nobody has ever answered: that swlock was not in time says nothing of the lock then.
  func end(_ line: SeamLine, isRevoked: Bool) {
    client.cancel(.operation)
    if line.bytes.elementsEqual("released".utf8), !client.endpoints.everAnswered {
      seam.say(client.failureUnanswered.line)
    } else if isRevoked || !line.bytes.elementsEqual("released".utf8) {
      seam.say(line)
    }
    state = .over
  }

  private func revoke() {
    isRevoking = true
    client.request(.revoke(lease: lease), in: .operation)
  }
}
