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
        let result = try cleanUp(path, &results)
        for removal in result.removals { results.write(line(removal)) }
        if !options.json {
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
    if !options.json {
      results.write(options.cleanUp.dryRun ? "\(count) would be removed\n" : "\(count) removed\n")
    }
    first.finish(results)
    return first.status
  }

  private func cleanUp(
    _ path: ByteString, _ results: inout Results
  ) throws(Failure) -> HardlinkCleanUpResult {
    let isFolder =
      (try? FileStatus(at: path, followingLinks: true))?.kind == .directory
      && options.lock.sidecar == nil
    let lockPath = try options.lock.lockPath(path)
    do throws(LockError) {
      guard isFolder else {
        return try options.lock.claimKind.location(at: lockPath).cleanUp(options.cleanUp)
      }
      let result = try HardlinkLocation.cleanUp(
        folder: path, options.lock.claimKind, options.cleanUp)
      if options.lock.style == .portage, !options.json {
        results.write("Found \(Int64(result.found)) locks\n")
      }
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
    for name in names { try removeIfUnused(prefix + name, isNamed: false, &count, &results) }
  }

  /// - Parameter isNamed: whether it is to be said why it stays.
  private func removeIfUnused(
    _ path: ByteString, isNamed: Bool, _ count: inout Int64, _ results: inout Results
  ) throws(Failure) {
    if let span = options.cleanUp.olderThan,
      let status = try? FileStatus(at: path, followingLinks: false),
      WallTime.now - status.modificationTime <= span
    {
      return
    }
    let outcome: RemovalOutcome
    do throws(LockError) {
      outcome = try removeUnusedFile(at: path, isDryRun: options.cleanUp.dryRun)
    } catch {
      throw .hardlink("clean up", path, error)
    }
    switch outcome {
    case .removed:
      results.write(line(path, "unused lock file"))
      count += 1
    case .inUse where isNamed: Output.say("\(path) stays: \(userPhrase(of: path))")
    case .notRemovable where isNamed:
      Output.say("\(path) stays: it is not an empty regular file of one name")
    case .gone, .inUse, .notRemovable: break
    }
  }

  private func userPhrase(of path: ByteString) -> Message {
    guard let first = try? inspectOpeners(at: path).first else { return "somebody has it open" }
    return "it is open in \(first.phrase)"
  }

  private func line(_ removal: HardlinkRemoval) -> Message {
    line(removal.path, removal.kind.name)
  }

  private func line(_ path: ByteString, _ kind: StaticString) -> Message {
    if options.json { return JSON.removal(path, kind, isDryRun: options.cleanUp.dryRun) }
    let verb: StaticString = options.cleanUp.dryRun ? "would remove" : "removed"
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
  var name: StaticString {
    switch self {
    case .staleLock: "stale lock"
    case .liveLock: "live lock"
    case .claim: "dead claim"
    case .right: "leftover right"
    }
  }
}
