internal import CSystem
internal import Locking
internal import SystemInterface

/// `swlock release`: ends a lock that was acquired.
struct Release {
  let options: HolderOptions

  init(_ options: HolderOptions) {
    self.options = options
  }

  func perform() throws(Failure) -> Int32 {
    if let descriptor = options.descriptor { return try unlockDescriptor(descriptor) }
    let path = try options.lock.lockPath(options.path)
    let owners = try options.owner.resolved(for: .release)
    let keepers: [Int32]
    do throws(LockError) {
      keepers = try KeptLock.allKeepers()
    } catch .system(_, .missing) {
      keepers = []  // There is no /proc.
    } catch {
      throw .hardlink("release", path, error, "/proc: \(Failure.reason(error))")
    }
    if let engine = options.lock.engine {
      try releaseByEngine(engine, owners, keepers)
      return ExitStatus.done.rawValue
    }
    if try releaseReliance(path, owners, keepers) {
      options.lock.say("released \(path), which another process has")
      return ExitStatus.done.rawValue
    }
    var doubt: LockError?
    if isHardlink(path, &doubt) {
      try options.lock.act("release", path, as: owners) { (location, owner) throws(LockError) in
        try location.release(of: owner)
      }
    } else {
      try releaseKept(path, owners, keepers, doubt)
    }
    options.lock.say("released \(path)")
    return ExitStatus.done.rawValue
  }

  /// - Parameter doubt: why that is not known; then a lock of the kernel's may be found all the same.
  private func isHardlink(_ path: ByteString, _ doubt: inout LockError?) -> Bool {
    guard options.anyMode else { return options.lock.kind.hasClaim }
    do throws(LockError) {
      return try options.lock.claimKind.location(at: path).report().state != .unlocked
    } catch {
      switch error {
      case .refused, .system(.folder, .missing), .system(.folder, .notADirectory): break
      default: doubt = error
      }
      return false
    }
  }

  /// Ends what `acquire --reentrant` left last.
  ///
  /// - Returns: false where it left nothing.
  private func releaseReliance(
    _ path: ByteString, _ owners: Owners, _ keepers: [Int32]
  ) throws(Failure) -> Bool {
    var last: ObservedProcess?
    for number in keepers {
      guard let (process, kept) = keeper(number, owners), kept.support != nil,
        leads(path, to: kept),
        last.map({ $0.startTicks <= process.startTicks }) ?? true
      else { continue }
      last = process
    }
    guard let last else { return false }
    try end(last, path)
    return true
  }

  /// Whether `path` is the same file as the keeper's, or the same name.
  private func leads(_ path: ByteString, to kept: KeptLock) -> Bool {
    if path.absolutePath == kept.path { return true }
    guard let file = try? FileStatus(at: path, followingLinks: true).identity else { return false }
    return (try? FileStatus(at: kept.path, followingLinks: true))?.identity == file
  }

  /// Ends all processes that keep a lock there for this owner, and waits until they have ended.
  ///
  /// They are found by what they are called, and looked at then: the table of all locks takes longer. A
  /// lock whose file was removed is known by its name, and counts as lost: the next one may have got in.
  ///
  /// - Parameter doubt: why it is not known that there is no lock of another kind.
  private func releaseKept(
    _ path: ByteString, _ owners: Owners, _ keepers: [Int32], _ doubt: LockError?
  ) throws(Failure) {
    var file: FileIdentity?
    do throws(Errno) {
      file = try FileStatus(at: path, followingLinks: true).identity
    } catch {
      if error != .missing { throw .hardlink("release", path, .system(.stat, error)) }
    }
    var isHeld = false
    var wasLost = false
    for number in keepers {
      guard let (process, kept) = keeper(number, owners), kept.support == nil,
        kept.isConfirmed(process)
      else { continue }
      let isOfFile: Bool
      do throws(Errno) {
        isOfFile = try openFile(of: number, kept.descriptor) == file
      } catch {
        if path.absolutePath != kept.path { continue }
        throw .hardlink("release", path, .system(.stat, error))
      }
      guard isOfFile || path.absolutePath == kept.path else { continue }
      try end(process, path)
      if isOfFile { isHeld = true } else { wasLost = true }
    }
    if isHeld { return }
    if wasLost {
      throw .hardlink(
        "release", path, .notHeld, "it was lost: its file was removed while it was held")
    }
    if let doubt { throw .hardlink("release", path, doubt) }
    let inspection = try inspection(of: path, "release")
    let holder = inspection?.locks.lazy.compactMap { $0.holders.first }.first
    if let number = holder?.process.identifier, keepers.contains(number),
      keeper(number, owners) != nil
    {
      throw Failure(.systemCall, .unable(to: "release", path, "its keeper cannot be looked at"))
    }
    let reason = holder.map { Message("it is held by \($0.process.phrase)") }
    let mode = keepers.lazy.compactMap { engine(keptBy: $0, owners) }.first
    let addition = Message.phrase(", but with -m ", mode.map { "\($0.text)" })
    throw options.lock.expected(
      .hardlink(
        "release", path, .notHeld,
        "\(reason ?? options.lock.notHeldReason(owners, nil))\(addition)"))
  }

  func end(_ keeper: ObservedProcess, _ path: ByteString) throws(Failure) {
    try checkProcessNumbers("release", path)
    do throws(Errno) {
      try send(SIGTERM, to: keeper)
      try waitForEnd(of: keeper, killingAt: .seconds(10))
    } catch {
      throw .ending("pid \(keeper.identifier)", "release", path, error)
    }
  }

  /// The process of that number, and what it keeps, by its own words, if it does that for these.
  @inline(never)
  func keeper(
    _ number: Int32, _ owners: Owners
  ) -> (process: ObservedProcess, kept: KeptLock)? {
    guard let keeper = ObservedProcess(number), let kept = KeptLock(claimedBy: keeper) else {
      return nil
    }
    if !options.anyMode, let mode = options.lock.mode, kept.mode != mode { return nil }
    // Its name is none of a file.
    if options.anyMode, kept.mode.engine != nil { return nil }
    if case .processes = owners, !kept.isTrusted(keeper) { return nil }
    return kept.isFor(owners) ? (keeper, kept) : nil
  }

  private func unlockDescriptor(_ descriptor: Int32) throws(Failure) -> Int32 {
    do throws(LockError) {
      try KernelLock(mode: options.lock.kind.kernelMode ?? .flock).drop(descriptor)
    } catch {
      throw Failure(
        Failure.status(error),
        .unable(to: "release descriptor", "\(descriptor)", Failure.reason(error)))
    }
    return ExitStatus.done.rawValue
  }
}
