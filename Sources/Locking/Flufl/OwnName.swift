// The claim's own name, by which it is seen beside the lock.
extension LockName {
  /// Whether the claim's own name leads to that file. L may name any file, of anybody.
  func isOwnName(of claim: BoundClaim) throws(Errno) -> Bool {
    let status = try status(of: claim.name.fileName)
    if status.identity == claim.status.identity { return true }
    // Not every file system tells which files are the same.
    return status.owner == claim.status.owner && status.kind == .regular
      && (try? look(claim.name.fileName))??.name == claim.name
  }

  /// Removes the claim's own name. If that cannot be, the claim is given up, so that nobody takes it for that
  /// of one who waits.
  ///
  /// - Returns: whether nothing of it is left.
  func removeOwnName(of claim: BoundClaim) -> Bool {
    do throws(Errno) {
      if try isOwnName(of: claim) { try folder.unlink(claim.name.fileName) }
    } catch {
      if error == .missing { return true }
      abandon(claim.name, try? claim.number)
      return false
    }
    return true
  }

  /// Gives a claim up whose own name cannot be removed: nobody is to take it for that of one who waits.
  func abandon(_ name: ClaimName, _ descriptor: Int32?) {
    do throws(Errno) {
      guard let descriptor else { throw .badDescriptor }
      try ClaimExpiry.abandoned.set(on: descriptor)
    } catch {
      guard error == .badDescriptor, let file = try? openIfPresent(name.fileName) else { return }
      try? ClaimExpiry.abandoned.set(on: file.number)
    }
  }

  /// Whether the file of that name is a claim, or one that was never filled, without another link.
  func isUnlinkedClaim(_ name: ClaimName) throws(LockError) -> Bool {
    guard let status = try? self.status(of: name.fileName), status.kind == .regular,
      status.linkCount == 1
    else { return false }
    if status.size == 0 { return true }
    do throws(LockError) {
      return try look(name.fileName)?.name == name
    } catch .refused {
      return false
    }
  }
}
