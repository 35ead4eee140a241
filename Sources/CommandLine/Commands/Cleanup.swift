internal import CSystem
internal import Locking
internal import SystemInterface

/// `swlock cleanup`: removes what dead processes left of their locks.
struct Cleanup {
  private let options: ViewerOptions

  init(_ options: ViewerOptions) {
    self.options = options
  }

  /// Goes on after a place that cannot be cleaned up; the first of these makes the status.
  func perform() throws(Failure) -> Int32 {
    if options.cleanUp.all, !options.cleanUp.dryRun, !options.force, try !isConfirmed() {
      return ExitStatus.done.rawValue
    }
    var results = Results()
    var first = FirstFailure()
    var count: Int64 = 0
    for path in options.paths {
      do throws(Failure) {
        let result = try cleanUp(path)
        for removal in result.removals { show(line(removal), &results) }
        for remainder in result.remainders { tell(remainder) }
        if !options.json, !options.quiet {
          for path in result.undecided {
            results.write("unknown \(path) (past its time by this host's clock)\n")
          }
        }
        count += Int64(result.removals.count)
        try removeUnused(path, &count, &results)
        if let error = result.firstError { throw .hardlink("clean up", path, error) }
      } catch {
        first.say(error)
      }
    }
    if !options.json, !options.quiet {
      results.write(options.cleanUp.dryRun ? "\(count) would be removed\n" : "\(count) removed\n")
    }
    first.finish(results)
    return first.status
  }

  private func show(_ line: @autoclosure () -> Message, _ results: inout Results) {
    if !options.quiet { results.write(line()) }
  }

  private func cleanUp(_ path: ByteString) throws(Failure) -> HardlinkCleanUpResult {
    let isFolder =
      (try? FileStatus(at: path, followingLinks: true))?.kind == .directory
      && options.lock.sidecar == nil
    let lockPath = try options.lock.lockPath(path)
    if options.lock.verbose, (try? FileStatus(at: lockPath, followingLinks: false)) == nil {
      options.lock.say("\(lockPath) is not there; looking for what was left beside it")
    }
    do throws(LockError) {
      guard isFolder else {
        return try options.lock.claimKind.location(at: lockPath).cleanUp(options.cleanUp)
      }
      let result = try HardlinkLocation.cleanUp(
        folder: path, options.lock.claimKind, options.cleanUp)
      let locks: Message = result.found == 1 ? "1 lock" : "\(Int64(result.found)) locks"
      options.lock.say("found files of \(locks) of mode hardlink in \(path)")
      return result
    } catch {
      throw .hardlink("clean up", lockPath, error)
    }
  }

  /// Lock files that nobody uses: the one that is named, and in a folder those whose names say that only
  /// swlock uses them; and there, also without `--unused`, what one was called whose removal was cut short.
  private func removeUnused(
    _ path: ByteString, _ count: inout Int64, _ results: inout Results
  ) throws(Failure) {
    let isFolder = (try? FileStatus(at: path, followingLinks: true))?.kind == .directory
    guard isFolder, options.lock.sidecar == nil else {
      if options.unused {
        try removeIfUnused(try options.lock.lockPath(path), isNamed: true, &count, &results)
      }
      return
    }
    var names: [ByteString] = []
    do throws(Errno) {
      let all = try Folder(path).names()
      while let name = try all.next() {
        if name.isAside || (options.unused && name.isSidecar) { names.append(name) }
      }
    } catch {
      throw Failure(.systemCall, .unable(to: "clean up", path, "\(error.text)"))
    }
    let prefix = path.bytes.last == ascii("/") ? path : path + "/"
    var first: Failure?
    for name in names {
      do throws(Failure) {
        try removeIfUnused(prefix + name, isNamed: false, &count, &results)
      } catch {
        // The first of them is said; another user's files may be many.
        if first == nil { first = error }
      }
    }
    if let first { throw first }
  }

  /// - Parameter isNamed: whether it is to be said why it stays.
  private func removeIfUnused(
    _ path: ByteString, isNamed: Bool, _ count: inout Int64, _ results: inout Results
  ) throws(Failure) {
    if let span = options.cleanUp.olderThan,
      let status = try? FileStatus(at: path, followingLinks: false),
      WallTime.now - status.modificationTime <= span
    {
      if options.lock.verbose { stays(path, Self.youth) }
      return
    }
    let tells = isNamed && !options.quiet || options.lock.verbose
    let outcome: RemovalOutcome
    do throws(LockError) {
      outcome = try removeUnusedFile(at: path, isDryRun: options.cleanUp.dryRun)
    } catch {
      throw .hardlink("clean up", path, error)
    }
    switch outcome {
    case .removed:
      show(line(path, "unused lock file"), &results)
      count += 1
    case .inUse where tells: stays(path, userPhrase(of: path))
    case .notRemovable where tells: stays(path, "it is not an empty regular file of one name")
    case .gone, .inUse, .notRemovable: break
    }
  }

  private func userPhrase(of path: ByteString) -> Message {
    guard let first = try? inspectOpeners(at: path).first else { return "somebody has it open" }
    return "it is open in \(first.phrase)"
  }

  private static var youth: Message { "it was changed too short a time ago" }

  private func stays(_ path: ByteString, _ reason: Message) {
    Output.say("\(path) stays: \(reason)")
  }

  /// Under -v: why a file was left, and what would take it all the same.
  private func tell(_ remainder: HardlinkRemainder) {
    let reason: Message?
    switch remainder.reason {
    case .held(let claim):
      reason =
        "it is held \(claim.livingPhrase)\(claim.expiryInBrackets); --all takes it all the same"
    case .claimed(let claim):
      reason = "it is a claim \(claim.livingPhrase); --all takes it all the same"
    case .recent: reason = Self.youth
    case .needed: reason = "it may still be needed to take a lock from somebody"
    case .other: reason = self.reason(forLeaving: remainder.path)
    case .failed(let error): reason = Failure.reason(error)
    }
    if let reason { stays(remainder.path, reason) }
  }

  /// Of what is no hardlink lock; nil where that is said when unused files are looked for.
  private func reason(forLeaving path: ByteString) -> Message? {
    let name = path.splitPath.name
    if name.isAside || options.unused && (name.isSidecar || options.paths.contains(path)) {
      return nil
    }
    guard let status = try? FileStatus(at: path, followingLinks: false) else { return nil }
    let isEmpty = status.kind == .regular && status.size == 0
    let command: Message =
      isEmpty ? "swlock cleanup --unused \(quoted: path)" : "rm \(quoted: path)"
    if let presence = FilePresence(of: path), let phrase = presence.phrase {
      return presence.isUsed ? phrase : "\(phrase); if it is nobody's: \(command)"
    }
    if isEmpty { return "it is an empty file, perhaps a lock file; if it is nobody's: \(command)" }
    return "it is no file of a lock of mode hardlink"
  }

  private func line(_ removal: HardlinkRemoval) -> Message {
    line(removal.path, removal.kind.name)
  }

  private func line(_ path: ByteString, _ kind: Literal) -> Message {
    if options.json { return JSON.removal(path, kind, isDryRun: options.cleanUp.dryRun) }
    let verb: Literal = options.cleanUp.dryRun ? "would remove" : "removed"
    return "\(verb) \(path) (\(kind))\n"
  }

  /// Whether whoever sits at the terminal wants live locks to be removed.
  private func isConfirmed() throws(Failure) -> Bool {
    guard isatty(STDIN_FILENO) == 1 else {
      throw .usage(
        "--all removes live locks, and there is no terminal to ask: it needs --force",
        of: .cleanup)
    }
    try? Output.write("swlock: remove all locks, live ones as well? [y/N] ", to: STDERR_FILENO)
    var answer = [UInt8](repeating: 0, count: 256)
    let count =
      (try? retryingOnInterrupt { read(STDIN_FILENO, &answer, answer.count) }) ?? 0
    return count > 0 && (answer[0] == ascii("y") || answer[0] == ascii("Y"))
  }
}

extension HardlinkRemoval.Kind {
  var name: Literal {
    switch self {
    case .staleLock: "stale lock"
    case .liveLock: "live lock"
    case .claim: "dead claim"
    case .right: "leftover right"
    }
  }
}
