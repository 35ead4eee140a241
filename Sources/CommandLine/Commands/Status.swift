internal import CSystem
internal import Launching
internal import Locking
internal import SystemInterface

/// What was seen of the locks at a path.
final class PathReport {
  let path: ByteString
  /// Nil where there is no `hardlink` lock, and nothing of one.
  let hardlink: HardlinkReport?
  /// Locks of the kernel; nil where there is no file.
  let kernel: LockInspection?
  /// What else may make the file at a path a lock, where there is none.
  let presence: FilePresence?

  init(
    path: ByteString, hardlink: HardlinkReport?, kernel: LockInspection? = nil,
    presence: FilePresence? = nil
  ) {
    self.path = path
    self.hardlink = hardlink
    self.kernel = kernel
    self.presence = presence
  }

  /// Whether somebody who wants the lock has to wait for it.
  var isHeld: Bool { hardlink?.isHeld == true || kernel?.hasHolder == true }
}

/// `swlock status`: who holds locks, and who waits for them. Takes no lock, and changes nothing.
struct Status {
  /// What a look gave, at one path or at all locks.
  final class Look {
    let text: Message
    /// The same as long as nothing has happened but that time passed; empty where nobody watches.
    let key: Message
    let isHeld: Bool
    /// Why there was nothing to be seen; then the text is what is said of that.
    let failure: Failure?

    init(_ text: Message, key: Message, isHeld: Bool) {
      self.text = text
      self.key = key
      self.isHeld = isHeld
      failure = nil
    }

    init(_ failure: Failure) {
      text = failure.message
      key = failure.message
      isHeld = false
      self.failure = failure
    }
  }

  /// What "ours" means: held for the shell that asks. To find that takes many looks at processes, and only a
  /// claim has an owner.
  private final class Asker {
    private(set) lazy var owner = (try? OwnerChoice.caller.resolved(for: .status))?.first
  }

  let options: ViewerOptions

  init(_ options: ViewerOptions) {
    self.options = options
  }

  func perform() throws(Failure) -> Int32 {
    if options.probe { return try Probe(options).perform(options.paths) }
    var results = Results()
    if let interval = options.watch { try watch(interval, &results) }
    var first = FirstFailure()
    var allAreHeld = true
    for look in try lookAtAll() where !results.areLost {
      if let failure = look.failure {
        first.say(failure)
      } else {
        if !options.quiet { results.write(look.text) }
        allAreHeld = allAreHeld && look.isHeld
      }
    }
    first.finish(results)
    if options.quiet, !allAreHeld, first.status == ExitStatus.done.rawValue {
      return ExitStatus.free.rawValue
    }
    return first.status
  }

  private func lookAtAll() throws(Failure) -> [Look] {
    if options.paths.isEmpty { return [lookAtTheMachine()] }
    let asker = Asker()
    var looks: [Look] = []
    for path in options.paths {
      if let engine = options.lock.engine {
        looks.append(look(atName: path, engine))
      } else {
        looks.append(look(at: try options.lock.lockPath(path), asker))
      }
    }
    return looks
  }

  /// Under -v, unless it would be said again and again.
  func say(_ message: @autoclosure () -> Message) {
    if options.watch == nil { options.lock.say(message()) }
  }

  private func lookAtTheMachine() -> Look {
    say("looking at all locks of the kernel's on this machine; hardlink locks are found by PATH")
    do throws(LockError) {
      let found = try inspectAllLocks()
      let json = options.json || options.watch != nil ? JSON.locks(found) : Message()
      return Look(options.json ? json : found.table, key: json, isHeld: !found.locks.isEmpty)
    } catch {
      return Look(
        Failure(Failure.status(error), .unable(to: "look at locks", Failure.reason(error))))
    }
  }

  private func look(at path: ByteString, _ asker: Asker) -> Look {
    say("looking at \(path) for locks of the kernel's, and of mode hardlink")
    do throws(LockError) {
      var kernel = try kernelLocks(at: path)
      var hardlink: HardlinkReport?
      do throws(LockError) {
        hardlink = try hardlinkLock(at: path, asker, isFile: kernel != nil)
      } catch {
        // The file may have been made between the two looks.
        guard kernel == nil else { throw error }
        kernel = try kernelLocks(at: path)
        guard kernel != nil else { throw error }
      }
      let isFree = hardlink == nil && kernel?.hasHolder == false
      let report = PathReport(
        path: path, hardlink: hardlink, kernel: kernel,
        presence: isFree && !options.quiet ? FilePresence(of: path) : nil)
      return Look(
        text(of: report), key: options.watch == nil ? Message() : report.key,
        isHeld: report.isHeld)
    } catch {
      return Look(.hardlink("look at", path, error))
    }
  }

  private func text(of report: PathReport) -> Message {
    options.quiet ? Message() : options.json ? JSON.report(report) : report.text
  }

  private func kernelLocks(at path: ByteString) throws(LockError) -> LockInspection? {
    do throws(LockError) {
      return try inspectLocks(at: path)
    } catch .system(.open, .missing) {
      return nil
    }
  }

  private func hardlinkLock(
    at path: ByteString, _ asker: Asker, isFile: Bool
  ) throws(LockError) -> HardlinkReport? {
    do throws(LockError) {
      let location = try options.lock.claimKind.location(at: path)
      let report = try location.report()
      if report.state == .unlocked && report.waiters.isEmpty { return nil }
      return try location.report(for: asker.owner)
    } catch {
      // Any other file or folder has only locks of the kernel.
      switch error {
      case .refused where isFile, .system(_, .isADirectory) where isFile,
        .system(_, .accessDenied) where isFile:
        say("\(path) is no hardlink lock: \(Failure.reason(error))")
        return nil
      default: throw error
      }
    }
  }
}

// MARK: - Watching

extension Status {
  /// Looks again and again until a signal ends the process, or nobody is left to show it to.
  private func watch(_ interval: Span, _ results: inout Results) throws(Failure) -> Never {
    exitOnTerminationSignals()
    let drawsInPlace = !options.json && Output.isInteractive(STDOUT_FILENO)
    var previous: [Look] = []
    if drawsInPlace { results.write("\u{1b}[2J") }
    while true {
      let looks = try lookAtAll()
      if drawsInPlace {
        draw(looks, &results)
      } else {
        showChanges(looks, since: previous, &results)
      }
      if results.areLost { try results.finish() }
      previous = looks
      results.pause(until: .after(interval))
    }
  }

  /// All from the upper left corner on, each line up to its end, so that nothing flickers.
  private func draw(_ looks: [Look], _ results: inout Results) {
    var screen: Message = "\u{1b}[H"
    for look in looks {
      let text: Message = look.failure == nil ? look.text : "\(look.text)\n"
      for byte in text.bytes {
        if byte == ascii("\n") { screen.append("\u{1b}[K") }
        screen.append(byte: byte)
      }
    }
    screen.append("\u{1b}[J")
    results.write(screen)
  }

  private func showChanges(
    _ looks: [Look], since previous: [Look], _ results: inout Results
  ) {
    for index in looks.indices {
      let look = looks[index]
      if index < previous.count, look.key.bytes == previous[index].key.bytes { continue }
      if look.failure == nil {
        results.write(look.text)
      } else {
        Output.say(look.text)
      }
    }
  }
}

extension PathReport {
  /// The same as long as nothing has happened but that time passed, or that the holder refreshed the
  /// lock.
  fileprivate var key: Message {
    var key = Message()
    if let kernel {
      key.append(JSON.locks(kernel))
      key.append(text: kernel.elsewhere.name)
    }
    if let presence { key.append(presence.key) }
    guard let hardlink else { return key }
    key.append(text: hardlink.state.name)
    key.append(text: hardlink.isHeld ? "" : " free")
    if let holder = hardlink.holder { key.append(escaping: holder.fileName) }
    for waiter in hardlink.waiters {
      let isDead: Literal = waiter.liveness == .dead ? " dead " : " "
      key.append(text: isDead)
      key.append(escaping: waiter.fileName)
    }
    return key
  }
}
