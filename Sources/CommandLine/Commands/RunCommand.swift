internal import CSystem
internal import Launching
internal import Locking

// The command of `run`: its environment, and the files it must not have.

extension Run {
  func variables(_ lock: borrowing HeldLock) -> [EnvironmentVariable] {
    let path = lock.path.absolutePath
    let mode = ByteString(stringLiteral: lock.kind.mode.name)
    var held = mode + "=" + HeldList.escaped(path)
    if let outer = CStringVector.environmentValue("SWLOCK_HELD"), !outer.isEmpty {
      held = outer + ":" + held
    }
    var variables = [
      EnvironmentVariable("SWLOCK_PATH", path),
      EnvironmentVariable("SWLOCK_MODE", mode),
      EnvironmentVariable("SWLOCK_HELD", held),
      EnvironmentVariable("SWLOCK_SINCE", ByteString(decimal: since.sinceZero.wholeSeconds)),
    ]
    if let slot = lock.slot {
      variables.append(EnvironmentVariable("SWLOCK_SLOT", ByteString(decimal: slot)))
    } else if CStringVector.environmentValue("SWLOCK_SLOT") != nil {
      // That of the lock under which it runs.
      variables.append(EnvironmentVariable("SWLOCK_SLOT", ""))
    }
    return variables
  }

  func command(_ lock: borrowing HeldLock) throws(Failure) -> Command {
    let variables = variables(lock)
    if let environment {
      // To open a FIFO may take for ever. The front releases the lock of a holder that is killed.
      if kind.hasClaim { dieOfTerminationSignals() }
      defer { if kind.hasClaim { holdBackTerminationSignals() } }
      return try environment.command(options.command, setting: variables)
    }
    return Command(options.command.vector, environment: .environment(setting: variables))
  }

  func failure(_ error: LaunchError, _ command: Command) -> Failure {
    environment?.failure(error, name, command) ?? .launching(error, name, command)
  }

  /// To open and close the lock file would drop a lock of posix mode; and in hardlink mode what is written
  /// to it would spoil it.
  func checkFiles(_ lock: borrowing HeldLock) throws(Failure) {
    do throws(Failure) {
      try check(options.record, lock, "the record as well")
    } catch {
      record?.abandon()
      throw error
    }
    guard let launch = options.launch else { return }
    try check(launch.output.log, lock, "the log as well")
    if !kind.hasClaim { return }
    for mapping in launch.mappings {
      if case .file(let path, let flags) = mapping.source, flags & (O_WRONLY | O_RDWR) != 0 {
        try check(path, lock, "written to by --fd in mode hardlink")
      }
    }
  }

  private func check(
    _ path: ByteString?, _ lock: borrowing HeldLock, _ purpose: StaticString
  ) throws(Failure) {
    guard let path, let file = try? FileStatus(at: path, followingLinks: true),
      let locked = try? FileStatus(at: lock.path, followingLinks: true),
      file.identity == locked.identity
    else { return }
    throw .usage("the lock file \(lock.path) cannot be \(purpose)")
  }
}
