internal import CSystem

extension LockName {
  /// What stands at `name` in the folder; nil when nothing does.
  ///
  /// Opened, looked at and read through one descriptor, so that all belongs to one file. A file that
  /// lost its content in a crash of the machine is known by the claim's own name, which is another
  /// link to it. So is the claim of a flufl.lock that separates the parts of the name by something else.
  ///
  /// - Throws: `refused(.notAClaim)` for anything that is no claim of this lock.
  func look(_ name: ByteString) throws(LockError) -> BoundClaim? {
    var restarts = 0
    var leaseWait = LeaseWait(.never)
    while true {
      do throws(LockError) {
        return try lookOnce(name)
      } catch .system(_, .staleHandle) where restarts < maximumRestarts {
        restarts += 1
        // Opening it may not have reached the server (a delegation), but this does.
        do throws(Errno) {
          _ = try status(of: name)
        } catch .missing {
          return nil
        } catch {}
      } catch .system(.open, .wouldBlock) {
        try leaseWait.pause()
      } catch .refused(.notAClaim(let obstacle)) where name != base {
        throw .refused(.obstructed(name: name, obstacle))
      }
    }
  }

  /// Whether `name` is bound to the claim `token`.
  func isBound(_ name: ByteString, to token: ByteString) throws(LockError) -> Bool {
    try look(name)?.token == token
  }

  private func lookOnce(_ name: ByteString) throws(LockError) -> BoundClaim? {
    if isShared, isGone { return nil }
    guard let descriptor = try openIfPresent(name) else { return nil }
    let status: FileStatus
    do throws(Errno) {
      status = try self.status(of: descriptor.number)
    } catch {
      // A file system that knows an open file by its name only (bindfs) has lost one that was removed.
      throw .system(.fstat, error == .missing ? .staleHandle : error)
    }
    let limit = Int(PATH_MAX) + 1
    guard status.kind == .regular, status.size <= limit else { throw refusal(name, status) }
    let content = try step(.read) { () throws(Errno) in try descriptor.readAll(limit: limit) }
    if content.isEmpty {
      // The folder of any other lock file may be large.
      guard status.linkCount > 1, let claim = try claimName(of: status.identity) else {
        throw refusal(name, status)
      }
      return BoundClaim(claim, status, descriptor)
    }
    guard let last = Self.fileName(inContent: content) else { throw refusal(name, status) }
    if let claim = ClaimName(last.bytes, base: base) {
      if try isOnlyRemembered(claim, status, at: name) { throw .system(.open, .staleHandle) }
      return BoundClaim(claim, status, descriptor)
    }
    // Any file with two links would do otherwise.
    guard status.linkCount > 1, last != name,
      (try? self.status(of: last))?.identity == status.identity
    else { throw refusal(name, status) }
    return BoundClaim(ClaimName(unreadable: last), status, descriptor)
  }

  /// Whether a claim is not at `name` any more, although the client still takes it to be: it has no name but
  /// its own. A change of the folder is not noticed where it was changed twice in one tick of its clock.
  private func isOnlyRemembered(
    _ claim: ClaimName, _ seen: FileStatus, at name: ByteString
  ) throws(LockError) -> Bool {
    guard isShared, seen.linkCount < 2, name != claim.fileName else { return false }
    return (try? self.status(of: claim.fileName))?.identity == seen.identity
  }

  /// Of a file that is still there as it was seen. One that has lost a name since may have been a claim whose
  /// lock was released meanwhile: that is looked at again.
  private func refusal(_ name: ByteString, _ seen: FileStatus) -> LockError {
    try? outwaitChanges()
    let status = try? self.status(of: name)
    let isSame = status?.identity == seen.identity && status?.linkCount == seen.linkCount
    return isSame ? .refused(.notAClaim(Obstacle(seen))) : .system(.open, .staleHandle)
  }

  /// The last component of the path that a claim has as its content. flufl.lock writes the path as it was
  /// given, which may be a relative one.
  static func fileName(inContent content: [UInt8]) -> ByteString? {
    let last = content.split(separator: ascii("/"), omittingEmptySubsequences: false).last
    guard !content.contains(0), let last, !last.isEmpty else { return nil }
    return ByteString(last)
  }

  /// The name of the claim that is a link to this file.
  private func claimName(of identity: FileIdentity) throws(LockError) -> ClaimName? {
    for name in try claimNames() {
      if let status = try? self.status(of: name.fileName), status.identity == identity {
        return name
      }
    }
    return nil
  }
}
