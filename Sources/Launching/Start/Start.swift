internal import CSystem

/// Starts `command`. `mask` is what it inherits as signal mask, if it is to inherit one; without,
/// that is this thread's.
package func start(
  _ command: Command, mask: SignalSet? = nil
) throws(LaunchError) -> ChildProcess {
  try startProcess(command, mask: mask)
}

/// The same, by a name that no method has.
func startProcess(_ command: Command, mask: SignalSet?) throws(LaunchError) -> ChildProcess {
  if let setup = command.setup { return try start(command, setup, mask: mask) }
  return try startPlain(command, mask: mask)
}

/// The child borrows this process's memory until its exec (CLONE_VM|CLONE_VFORK, as vfork(2)), and
/// its stack: nothing is copied, and its failure is simply read from that memory. All
/// signals are blocked meanwhile, so that no handler of this process runs in the child.
private func startPlain(
  _ command: Command, mask: SignalSet?
) throws(LaunchError) -> ChildProcess {
  var preparation = Preparation(command)
  let terminal = command.group == .new ? Terminal.inForeground() : nil
  preparation.terminal = terminal?.number

  let previous = try launchStep(.sigprocmask) { () throws(Errno) in try SignalSet.all.becomeMask() }
  preparation.inheritedMask = mask ?? previous
  let identifier = withExtendedLifetime(command) {
    withUnsafeMutablePointer(to: &preparation) { preparation in
      csystem_clone_vfork(
        { $0!.assumingMemoryBound(to: Preparation.self).pointee.becomeCommand() }, preparation)
    }
  }
  let cloneError = Errno.current
  if preparation.error != nil { terminal?.give(to: getpgrp()) }
  _ = try? previous.becomeMask()

  if identifier < 0 { throw LaunchError(step: .clone, errno: cloneError) }
  if let error = preparation.error {
    _ = try? ChildProcess(identifier: identifier).wait()
    throw error
  }
  return ChildProcess(identifier: identifier)
}

/// The same for a command with a setup, in a process with a memory of its own (fork(2)): a process of
/// another user must not share this one's. The child tells of its failure through a pipe, which its
/// exec closes.
private func start(
  _ command: Command, _ setup: ProcessSetup, mask: SignalSet?
) throws(LaunchError) -> ChildProcess {
  var preparation = Preparation(command)
  let terminal = command.group == .new ? Terminal.inForeground() : nil
  preparation.terminal = terminal?.number
  let report = try FailureReport(setup)
  let link: InitLink? = setup.namespaces.contains(.pid) ? try InitLink() : nil
  preparation.initLink = link?.number
  let previous = try launchStep(.sigprocmask) { () throws(Errno) in try SignalSet.all.becomeMask() }
  preparation.inheritedMask = mask ?? previous
  let identifier = csystem_fork()
  let cloneError = Errno.current
  if identifier == 0 {
    withExtendedLifetime(command) { _ = preparation.becomeCommand(keeping: report.number) }
    if let error = preparation.error { report.write(error) }
    _exit(1)
  }
  let error = identifier < 0 ? LaunchError(step: .clone, errno: cloneError) : report.read()
  if error != nil {
    terminal?.give(to: getpgrp())
  }
  if identifier > 0, error != nil || link != nil {
    _ = try? ChildProcess(identifier: identifier).wait()
  }
  _ = try? previous.becomeMask()
  if let link {
    do throws(LaunchError) {
      return try link.started(error)
    } catch {
      terminal?.give(to: getpgrp())
      throw error
    }
  }
  if let error { throw error }
  return ChildProcess(identifier: identifier)
}

/// Becomes `command`: returns only if that fails, with its error. Descriptors named in
/// `inheritedDescriptors` stay open. It cannot have a pid namespace of its own, whose init would be
/// another process.
package func replaceProcess(with command: Command) -> LaunchError {
  if command.setup?.namespaces.contains(.pid) == true {
    return LaunchError(step: .unsharePID, errno: .invalid)
  }
  csystem_join_sentry()
  var preparation = Preparation(command)
  if command.signals == .inherited { preparation.inheritedMask = .current }
  #if !hasFeature(Embedded)
    // This process has them yet if there is no such program, or no such folder.
    if preparation.closesOtherDescriptors || command.setup?.closesOtherDescriptors == true {
      preparation.closesOtherDescriptors = false
      command.setup?.closesOtherDescriptors = false
      do throws(LaunchError) {
        try closeDescriptorsOnExec()
      } catch {
        return error
      }
    }
  #endif
  #if !hasFeature(Embedded)
    let kept: KeptDescriptors
    do throws(LaunchError) {
      kept = try KeptDescriptors(0..<Int32(command.standardDescriptors.count))
    } catch {
      return error
    }
  #endif
  withExtendedLifetime(command) { preparation.becomeInPlace() }
  preparation.restoreSignals()
  #if !hasFeature(Embedded)
    kept.restore()
  #endif
  return preparation.error ?? LaunchError(step: .exec, errno: .invalid)
}
