internal import CSystem

/// The name L of a `hardlink` lock in its open folder, and the names of all files of its protocol
/// (docs/hardlink.md). Nothing outside the folder is ever opened, renamed or removed.
final class LockName {
  /// The lock's path, absolute: what claims have as their content begins with it.
  let path: ByteString
  /// The last component.
  let base: ByteString
  let place: LockFolder
  /// Whether it is known that no device is at L, which opening it may do something to. Whatever takes the
  /// place of a file later is opened.
  var isChecked = false

  /// - Throws: `refused` for what is no name of a lock; `system(.folder, ...)`.
  ///
  /// - Parameter place: its folder, where that is open already.
  init(_ path: ByteString, in place: LockFolder? = nil) throws(LockError) {
    let absolute = path.absolutePath
    let (folder, name) = absolute.splitPath
    if path.isEmpty || name.isEmpty || name == "." || name == ".." { throw .refused(.emptyPath) }
    if absolute.bytes.last == ascii("/") { throw .refused(.directory) }
    self.path = absolute
    base = name
    if let place { self.place = place } else { self.place = try LockFolder(folder) }
  }

  var folder: Folder { _read { yield place.folder } }

  /// `LockFolder.isShared`
  var isShared: Bool { place.isShared }

  /// Refuses a name that leaves no room for all others.
  func checkRoom() throws(LockError) {
    if base.count > Self.longestBase { throw .refused(.nameTooLong(limit: Self.longestBase)) }
  }

  /// Another user's file in /tmp: that user could hold root up for ever.
  func refuseUntrusted(_ status: FileStatus) throws(LockError) {
    guard status.owner != 0, geteuid() == 0 else { return }
    let folder = try step(.stat) { () throws(Errno) in try self.folder.status() }
    if folder.isStickyAndWorldWritable { throw .refused(.untrustedOwner) }
  }

  /// The longest of all names is that of the claim by which another process hands the lock over:
  /// `BASE|HOST|PID|TOKEN.LIFETIME.START.NAMESPACE.BOOT.PID.START.a` has 120 bytes beside the lock's and the
  /// host's name, in a system with the longest numbers. Whatever the host is called there, its name is cut
  /// to what is left, of which that is the least. A name of portage's style, which has no more
  /// than `.BASE.swlock-aside-HOST-PID-TOKEN`, is a little shorter with a host's name of 64 bytes.
  private static let longestBase = Int(NAME_MAX) - 120 - 8

  /// The path of a file beside the lock.
  func path(of name: ByteString) -> ByteString {
    ByteString(path.bytes.dropLast(base.count)) + name
  }
}

// MARK: - What is there now

// The client of a network file system answers from what it remembers: names for as long as it takes the
// folder to be unchanged, attributes for seconds. No step of the protocol is decided by that.
extension LockName {
  /// lstat(2)
  func status(of name: ByteString) throws(Errno) -> FileStatus {
    if isShared {
      try askServer(in: folder.number)
      try askServer(for: name, in: folder.number)
    }
    return try folder.status(of: name)
  }

  /// Of a file in the folder that is open.
  func status(of descriptor: Int32) throws(Errno) -> FileStatus {
    if isShared { try askServer(in: descriptor) }
    return try FileStatus(of: descriptor)
  }

  /// Returns once the changes of the folder that are under way have been made.
  ///
  /// The kernel makes each under the folder's lock (i_rwsem), but not at once: in unlink(2) the file's link count
  /// falls before the name is gone, and both can be seen without the lock. A lookup of a name that is in no cache has
  /// to queue for it, on a server as well; what it finds does not matter.
  func outwaitChanges() throws(LockError) {
    do throws(Errno) {
      _ = try folder.status(of: ".swlock-none-" + randomToken())
    } catch {
      if error != .missing { throw .system(.stat, error) }
    }
  }

  /// Whether the folder was removed, and every lock in it.
  var isGone: Bool {
    do throws(Errno) {
      if !isShared { return try folder.status().linkCount == 0 }
      try askServer(in: folder.number)
      return false
    } catch {
      return error == .staleHandle || error == .missing
    }
  }

  /// The names of the files in the folder.
  func names() throws(Errno) -> FolderNames {
    if isShared { try askServer(in: folder.number) }
    return try folder.names()
  }

  /// `LockFolder.candidates`
  var candidates: [ByteString]? { place.candidates(base) }

  /// What time it is for the folder, as far as this host knows without writing anything there.
  var guessedClock: FolderClock { FolderClock.local(isGuess: isShared) }
}

// MARK: - Opening

extension LockName {
  /// Opens a file that may be anything, for reading; nil where there is none.
  func openIfPresent(_ name: ByteString) throws(LockError) -> FileDescriptor? {
    if name == base { try refuseDevice() }
    do throws(Errno) {
      return try folder.open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
    } catch {
      switch error {
      case .missing: return nil
      // A link; a socket, or a device without a driver.
      case .tooManyLinks: throw .refused(.notAClaim(.symbolicLink))
      case .noDevice: throw .refused(.notAClaim(.special))
      default: throw .system(.open, error)
      }
    }
  }

  private func refuseDevice() throws(LockError) {
    if isChecked { return }
    isChecked = true
    guard let status = try? self.status(of: base) else { return }
    switch status.kind {
    case .blockDevice, .characterDevice, .fifo, .socket:
      throw .refused(.notAClaim(.special))
    case .regular, .directory, .symbolicLink: return
    }
  }
}

extension Folder {
  /// Whether its file system is one that other hosts may use as well.
  func isSeenByOtherHosts() throws(LockError) -> Bool {
    try SharedFileSystem(of: number) != nil
  }
}
