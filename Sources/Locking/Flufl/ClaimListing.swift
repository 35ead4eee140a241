internal import CSystem

extension LockName {
  /// Every claim for this lock in the folder; beside them may be some that have gone, by a list that was kept.
  ///
  /// - Parameter watch: hears what interrupts a look that takes long.
  func claimNames(_ watch: ReleaseWatch? = nil) throws(LockError) -> [ClaimName] {
    if let names = candidates {
      var claims: [ClaimName] = []
      for name in names {
        if let claim = try claimName(name, watch) { claims.append(claim) }
      }
      return claims
    }
    var armed: [ByteString] = []
    return try claimNames(watch, armed: &armed)
  }

  /// About how many there are: as many names begin like a claim's.
  func claimCount() throws(LockError) -> Int {
    let beginning = base + "|"
    let all = try step(.read) { () throws(Errno) in try self.names() }
    var count = 0
    while let name = try step(.read, { () throws(Errno) in try all.next() }) {
      if name.hasPrefix(beginning) { count += 1 }
    }
    return count
  }

  /// - Parameter armed: is given all arm names as well.
  func claimNames(
    _ watch: ReleaseWatch?, armed: inout [ByteString]
  ) throws(LockError) -> [ClaimName] {
    let arms = armName("")
    let all = try step(.read) { () throws(Errno) in try self.names() }
    var names: [ClaimName] = []
    while let name = try step(.read, { () throws(Errno) in try all.next() }) {
      if name.bytes.starts(with: arms.bytes) {
        armed.append(name)
      } else if let claim = try claimName(name, watch) {
        names.append(claim)
      }
    }
    return names
  }

  /// Nil for what is no claim for this lock.
  private func claimName(
    _ name: ByteString, _ watch: ReleaseWatch?
  ) throws(LockError) -> ClaimName? {
    if let claim = ClaimName(name.bytes, base: base) { return claim }
    guard ClaimName.mayBeUnreadable(name, base: base) else { return nil }
    try watch?.pause(.zero)
    return namesItself(name) ? ClaimName(unreadable: name) : nil
  }

  /// Whether the content of that file is its own path, as a claim's is.
  private func namesItself(_ name: ByteString) -> Bool {
    guard let status = try? self.status(of: name), status.kind == .regular,
      status.size >= name.count, status.size <= Int64(PATH_MAX),
      let file = try? openIfPresent(name), let content = try? file.readAll(limit: Int(PATH_MAX))
    else { return false }
    return Self.fileName(inContent: content) == name
  }
}
