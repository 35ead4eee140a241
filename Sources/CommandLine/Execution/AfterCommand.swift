internal import CSystem
internal import Launching
internal import Locking

// What is done between the command's end and the lock's, and in which order: what is left in the
// control group is killed, so that nothing of it writes any more, and the log is complete; the commands
// of --on-exit run; and what all of them have written is put on disk.

extension Run {
  /// - Returns: the status to exit with.
  func afterCommand(_ status: Int32, _ lock: borrowing HeldLock) -> Int32 {
    guard let environment else { return status }
    var result = status
    if !environment.endControlGroup(options.lock), result == 0 {
      result = ExitStatus.systemCall.rawValue
    }
    finishOutput(lock)
    for string in environment.options.onExit.reversed() {
      if onExit(string, status, lock) == .lost { return ExitStatus.notHeld.rawValue }
    }
    guard var paths = environment.options.synchronized else { return result }
    if paths.isEmpty { paths = [environment.options.folder ?? "."] }
    switch sync(paths, lock) {
    case .done: return result
    case .failed: return result == 0 ? ExitStatus.inputOutput.rawValue : result
    case .lost: return ExitStatus.notHeld.rawValue
    case .interrupted(let signal): return 128 + signal
    }
  }

  // MARK: - --on-exit

  private enum LockState {
    case held, lost
  }

  private func onExit(
    _ string: ByteString, _ status: Int32, _ lock: borrowing HeldLock
  ) -> LockState {
    let words = CommandWords.shell(string)
    let variables =
      variables(lock) + [EnvironmentVariable("SWLOCK_STATUS", ByteString(decimal: status))]
    var command = Command(words.vector, environment: .environment(setting: variables))
    bind(&command, to: lock)
    var limits = limits
    limits.runtime = nil
    do throws(LaunchError) {
      let supervisor = try Supervisor(limits)
      let child = try supervisor.start(command)
      let outcome = try wait(for: child, command.group, supervisor, lock)
      if outcome.lostLease {
        sayEnded("--on-exit '\(string)'", lock.path)
        return .lost
      }
      let status = outcome.termination.exitStatus
      if status != 0 { Output.say("--on-exit '\(string)' ended with status \(status)") }
    } catch {
      Output.say(Failure.launching(error, words.name).message)
    }
    return .held
  }

  // MARK: - --sync

  private enum SyncResult {
    case done, failed, lost
    case interrupted(Int32)
  }

  private func sync(_ paths: [ByteString], _ lock: borrowing HeldLock) -> SyncResult {
    var limits = Supervisor.Limits()
    limit(&limits)
    limits.isInterruptible = true
    limits.relay = environment?.output?.processes
    do throws(LaunchError) {
      let supervisor = try Supervisor(limits)
      let synchronization = try Synchronization(paths)
      let vigil = supervisor.begin(synchronization.child)
      while true {
        switch try vigil.next() {
        case .renewalIsDue: vigil.renewed(renew(lock))
        case .hindered(let obstacle): sayHindered(obstacle)
        case .interrupted(let signal):
          kill(synchronization.child.identifier, SIGKILL)
          Output.say("a signal ended --sync, not all that was written may be on disk")
          return .interrupted(signal)
        case .ended(let outcome):
          if outcome.lostLease {
            sayEnded("--sync", lock.path)
            return .lost
          }
          var result = SyncResult.done
          for failure in synchronization.failures() {
            Output.say(.unable(to: "sync", paths[failure.place], "\(failure.errno.text)"))
            result = .failed
          }
          if outcome.termination == .exited(code: 0) { return result }
          Output.say(.unable(to: "sync", "the process that did it was killed"))
          return .failed
        }
      }
    } catch {
      Output.say(.unable(to: "sync", error.text))
      return .failed
    }
  }
}
