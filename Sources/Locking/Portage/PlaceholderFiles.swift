extension LockName {
  /// Gives back a lock that `placeholder` holds.
  ///
  /// - Throws: `lost` where that is no longer so.
  func releasePortage(
    _ placeholder: Placeholder, _ identity: FileIdentity, removesFile: Bool
  ) throws(LockError) {
    let status = try? self.status(of: placeholder.fileName)
    guard status?.identity == identity else { throw .lost }
    // While the lock is held nobody else may remove L.
    if removesFile, let file = try? self.status(of: base), file.identity == identity,
      file.isEmptyFile
    {
      removeFile(of: placeholder)
    }
    try unlinkOwn(placeholder.fileName)
  }

  /// L goes first, and only then a link to its file, once nobody else has one. Others count the links and look
  /// whether it is the file at L; and in unlink(2) the count falls before the name is gone, and in stat(2) a file that
  /// was found by a name that it has lost since is counted later. Whoever does that has a link of its own meanwhile.
  private func removeFile(of holder: Placeholder) {
    guard let token = try? randomToken() else { return }
    let aside = holder.aside(token)
    try? folder.rename(base, to: aside)
    // One that was killed with it does not take it back.
    let end = Deadline.after(.milliseconds(100))
    while let status = try? status(of: aside), status.linkCount > 2, !end.hasPassed {
      Span.microseconds(200).pause()
    }
    try? folder.unlink(aside)
  }

  /// Removes a file that nobody else removes. "Not there" may mean that the reply to a first attempt was
  /// lost, or that a handle was stale; so it is looked at again.
  private func unlinkOwn(_ name: ByteString) throws(LockError) {
    for attempt in 1... {
      do throws(Errno) {
        return try folder.unlink(name)
      } catch {
        let isGone = (try? self.status(of: name)) == nil
        if isGone, error == .missing || error == .staleHandle { return }
        if attempt > 3 || isGone { throw .system(.unlink, error) }
      }
    }
  }

  /// Every placeholder of this lock in the folder.
  func placeholders() throws(LockError) -> [Placeholder] {
    var found: [Placeholder] = []
    let base = base
    try step(.read) { () throws(Errno) in
      let names = try names()
      while let name = try names.next() {
        if let placeholder = Placeholder(name), placeholder.base == base {
          found.append(placeholder)
        }
      }
    }
    return found
  }

  typealias LinkedPlaceholder = (placeholder: Placeholder, status: FileStatus)

  /// Those that are links to L now: the one that holds it, and for moments those of others who have tried to.
  func linkedPlaceholders() throws(LockError) -> [LinkedPlaceholder] {
    guard let file = try fileStatus() else { return [] }
    var linked: [LinkedPlaceholder] = []
    for placeholder in try placeholders() {
      if let status = try? self.status(of: placeholder.fileName),
        status.identity == file.identity
      {
        linked.append((placeholder, status))
      }
    }
    return linked
  }

  /// The one that holds L now; nil where none does. Of several, one that is not dead; whose others are those of
  /// processes that run, and not only of some that were killed as they tried, is known after a moment.
  func holdingPlaceholder(_ judge: Judge) throws(LockError) -> LinkedPlaceholder? {
    var looks = 1
    while true {
      let linked = try linkedPlaceholders()
      if linked.count < 2 { return linked.first }
      let living = linked.filter { $0.placeholder.liveness(judge, $0.status, .local()) != .dead }
      if living.count < 2 || looks == 10 { return living.first ?? linked.first }
      looks += 1
      Span.milliseconds(5).pause()
    }
  }

  /// What stands at L; nil when nothing does.
  func fileStatus() throws(LockError) -> FileStatus? {
    do throws(Errno) {
      return try self.status(of: base)
    } catch .missing {
      return nil
    } catch {
      throw .system(.lstat, error)
    }
  }

  /// Removes the placeholder of a process that is dead. It is moved away first, since one with the
  /// same name may have been made meanwhile, by a new process with the same number: that one is
  /// seen to live then, and gets its own back. L has its two links all the time, so nobody enters.
  ///
  /// - Parameters:
  ///   - seen: its status when it was found dead.
  ///   - judge: who says so; nil: it is removed in any case.
  /// - Returns: whether it was removed.
  func retire(
    _ placeholder: Placeholder, _ seen: FileStatus, judge: Judge?
  ) throws(LockError) -> Bool {
    guard let aside = try setAside(placeholder) else { return false }
    return try finishRetiring(placeholder, seen, aside, judge)
  }

  /// The first half: nil where it is not there any more.
  func setAside(_ placeholder: Placeholder) throws(LockError) -> ByteString? {
    let token = try step(.create) { () throws(Errno) in try randomToken() }
    let aside = placeholder.aside(token)
    do throws(Errno) {
      try folder.rename(placeholder.fileName, to: aside)
    } catch {
      // The reply may have been lost.
      if (try? self.status(of: aside)) == nil {
        if error == .missing || error == .staleHandle { return nil }
        throw .system(.rename, error)
      }
    }
    return aside
  }

  /// The second. What `judge` knows of processes has to be from after the first.
  func finishRetiring(
    _ placeholder: Placeholder, _ seen: FileStatus, _ aside: ByteString, _ judge: Judge?
  ) throws(LockError) -> Bool {
    let status = try? self.status(of: aside)
    let isDead = judge.map { placeholder.liveness($0, seen, .local()) == .dead } ?? true
    if status?.identity == seen.identity, isDead {
      try unlinkOwn(aside)
      return true
    }
    // A link, not a rename: that would replace one that was made since.
    try? folder.link(aside, to: placeholder.originalName)
    try? folder.unlink(aside)
    return false
  }
}
