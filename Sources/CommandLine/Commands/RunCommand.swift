internal import CSystem
internal import Launching
internal import Locking

// The command of `run`: its environment, and the files it must not have.

extension Run {
  func variables(_ lock: borrowing HeldLock) -> [EnvironmentVariable] {
    let paths = paths.map { kind.isOfFile ? $0.absolutePath : $0 }
    let mode = lock.kind.mode.name
    var held: ByteString = CStringVector.environmentValue("SWLOCK_HELD") ?? ""
    for path in paths {
      if !held.isEmpty { held = held + ":" }
      held = held + mode + "=" + HeldList.escaped(path)
    }
    var variables = [
      EnvironmentVariable("SWLOCK_PATH", paths[0]),
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
    if let token = lock.token {
      variables.append(EnvironmentVariable("SWLOCK_TOKEN", token))
    } else if lock.announcesNews, CStringVector.environmentValue("SWLOCK_TOKEN") != nil {
      variables.append(EnvironmentVariable("SWLOCK_TOKEN", ""))
    }
    for variable in lock.variables {
      guard let (name, value) = split(variable, at: "=") else { continue }
      variables.append(EnvironmentVariable(name, value))
    }
    return variables
  }

  func command(_ lock: borrowing HeldLock) throws(Failure) -> Command {
    let variables = variables(lock)
    if let environment {
      // To open a FIFO may take for ever. The front releases the lock of a holder that is killed.
      if kind.isTakenByHolder { dieOfTerminationSignals() }
      defer { if kind.isTakenByHolder { holdBackTerminationSignals() } }
      return try environment.command(options.command, setting: variables)
    }
    return Command(options.command.vector, environment: .environment(setting: variables))
  }

  func failure(_ error: LaunchError, _ command: Command) -> Failure {
    environment?.failure(error, name, command) ?? .launching(error, name, command)
  }

  /// To open and close the lock file would drop a lock of posix mode; and in hardlink mode what is written
  /// to it would spoil it.
  func checkFiles() throws(Failure) {
    do throws(Failure) {
      try check(options.record, "the record as well")
    } catch {
      record?.abandon()
      throw error
    }
    guard let launch = options.launch else { return }
    try check(launch.output.log, "the log as well")
    if !kind.hasClaim { return }
    for mapping in launch.mappings {
      if case .file(let path, let flags) = mapping.source, flags & (O_WRONLY | O_RDWR) != 0 {
        try check(path, "written to by --fd in mode hardlink")
      }
    }
  }

  private func check(_ path: ByteString?, _ purpose: Literal) throws(Failure) {
    guard kind.isOfFile, let path, let file = try? FileStatus(at: path, followingLinks: true) else {
      return
    }
    for locked in paths
    where (try? FileStatus(at: locked, followingLinks: true))?.identity == file.identity {
      throw .usage("the lock file \(locked) cannot be \(purpose)")
    }
  }
}
