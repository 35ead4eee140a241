/// Takes locks of the kernel's on several files, all or none.
///
/// Everybody takes them in the order of their files, by inode and then by device (on NFS the numbers of devices
/// differ between hosts), and keeps those that it has while it waits for the next one: so of any who wait for
/// each other one has what it waits for last, and goes on. In the order of arguments two could wait for each other for
/// ever; and to give all back that one has, and try again, starves those who want many.
struct SeveralAcquisition {
  private var requests: [LockRequest]
  private let takings: [KernelTaking]
  private let patience: Patience

  init(_ requests: [LockRequest]) throws(FailedRequest) {
    var takings: [KernelTaking] = []
    for index in requests.indices {
      let request = requests[index]
      do throws(LockError) {
        if request.path.isEmpty { throw .refused(.emptyPath) }
        guard request.kind.isLike(requests[0].kind), request.fallback == nil,
          request.descriptor == nil, !request.isOrdered
        else { throw .unsupported(.several) }
        takings.append(try KernelTaking(checked: request))
      } catch {
        throw FailedRequest(index: index, error: error)
      }
    }
    guard let first = requests.first else {
      throw FailedRequest(index: 0, error: .unsupported(.several))
    }
    self.requests = requests
    self.takings = takings
    patience = first.patience
    for index in takings.indices where takings[index].second != nil {
      self.requests[index].opensForWriting = true
    }
  }

  consuming func perform(_ willTake: (Int) -> Void) throws(FailedRequest) -> SeveralHold {
    var attempts = Attempts(patience)
    // Which one it is about.
    var index = 0
    while true {
      do throws(LockError) {
        if let hold = try attempt(&index, willTake) { return hold }
        try attempts.repeatExchanged()
      } catch {
        do throws(LockError) {
          try attempts.repeatFailed(error, &requests[index])
        } catch {
          throw FailedRequest(index: index, error: error)
        }
      }
    }
  }

  /// One attempt; nil when one of the files that were locked is not the one at its path any more.
  private func attempt(
    _ index: inout Int, _ willTake: (Int) -> Void
  ) throws(LockError) -> SeveralHold? {
    var files: [WantedFile] = []
    do throws(LockError) {
      // A file is opened for its strongest request.
      for sharing in [Sharing.exclusive, .shared] {
        for place in requests.indices where requests[place].sharing == sharing {
          index = place
          if try !open(place, &files) {
            Self.giveBack(files)
            return nil
          }
        }
      }
      for file in files {
        index = file.places[0]
        willTake(index)
        try file.take(patience)
      }
      for place in requests.indices {
        index = place
        guard let file = files.first(where: { $0.places.contains(place) }),
          try file.isAt(requests[place])
        else {
          Self.giveBack(files)
          return nil
        }
      }
    } catch {
      Self.giveBack(files)
      throw error
    }
    return SeveralHold(files, requests)
  }

  /// In the order in which they are taken. False where another file came to the path meanwhile.
  private func open(_ place: Int, _ files: inout [WantedFile]) throws(LockError) -> Bool {
    let request = requests[place]
    let taking = takings[place]
    // It is not opened twice: the close of one descriptor would end a posix lock.
    if let identity = try LockFile.identity(request, for: taking.lock),
      let same = files.first(where: { $0.key == identity })
    {
      same.add(place, taking)
      return true
    }
    let file: WantedFile
    do throws(LockError) {
      file = try WantedFile(opening: request, place, taking)
    } catch .alreadyHeld {
      if let there = try LockFile.identity(at: request.path),
        files.contains(where: { $0.key == there })
      {
        return false
      }
      throw .alreadyHeld
    }
    if files.contains(where: { $0.key == file.key }) { return false }
    files.insert(file, at: files.firstIndex { file.precedes($0) } ?? files.endIndex)
    return true
  }

  /// In so many words, and not only by closing: another process may have been forked during the wait, which tells of
  /// it, and this one may begin again.
  private static func giveBack(_ files: [WantedFile]) {
    for file in files.reversed() { file.giveBack() }
  }
}

/// One file, which one or several of the requests lead to.
final class WantedFile {
  /// Which it is, and what the order goes by.
  let key: FileIdentity
  let number: Int32
  /// Those of its requests.
  private(set) var places: [Int]
  private var file: LockFile?
  private var taking: KernelTaking
  private var isTaken = false
  private var mayBeClaim = false

  init(opening request: LockRequest, _ place: Int, _ taking: KernelTaking) throws(LockError) {
    let file = try LockFile.open(request, for: taking.lock)
    let number = file.number
    key = try step(.fstat) { () throws(Errno) in try FileStatus(of: number).identity }
    self.number = number
    self.file = consume file
    places = [place]
    self.taking = taking
  }

  /// - Parameter taking: not stronger than that of the first one.
  func add(_ place: Int, _ taking: KernelTaking) {
    places.append(place)
    self.taking.widen(for: taking)
  }

  func precedes(_ other: WantedFile) -> Bool {
    key.inode == other.key.inode
      ? key.device < other.key.device : key.inode < other.key.inode
  }

  func take(_ patience: Patience) throws(LockError) {
    try taking.take(number, patience)
    isTaken = true
  }

  /// Whether it is still the one at the path of `request`.
  func isAt(_ request: LockRequest) throws(LockError) -> Bool {
    guard let status = try LockFile.status(of: number, ifStillAt: request, taking.lock) else {
      return false
    }
    mayBeClaim = status.mayBeClaim
    return true
  }

  func giveBack() {
    if isTaken { taking.drop(number) }
    try? file.take()?.close()
  }

  /// Once.
  func makeHold(_ request: LockRequest) -> KernelHold? {
    guard let file = file.take() else { return nil }
    return KernelHold(
      file, request.path, removal: request.removesFile ? FileRemoval(request.path, key) : nil,
      mayBeHardlinkLock: mayBeClaim)
  }
}
