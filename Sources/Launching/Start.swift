internal import CSystem

/// A process that was started, until it is waited for.
public struct ChildProcess: Equatable, Sendable {
  public let identifier: Int32

  /// Waits until it ends (waitpid(2)). Once only: afterwards the number may belong to another.
  public func wait() throws(Errno) -> Termination {
    var status: Int32 = 0
    try retryingOnInterrupt { waitpid(identifier, &status, 0) }
    return Termination(status)
  }
}

/// Gives SIGCHLD its default disposition: with SIG_IGN, which may be inherited, the kernel reaps
/// children itself, and nobody learns their status (wait(2)).
public func makeChildrenWaitable() throws(LaunchError) {
  try step(.sigaction) { () throws(Errno) in
    _ = try retryingOnInterrupt { csystem_set_handler(SIGCHLD, csystem_signal_default()) }
  }
}

extension Termination {
  init(_ status: Int32) {
    self =
      csystem_exited(status) != 0
      ? .exited(code: csystem_exit_code(status))
      : .signalled(
        number: csystem_termination_signal(status),
        coreDumped: csystem_dumped_core(status) != 0)
  }
}

/// Starts `command`. `mask` is what it inherits as signal mask, if it is to inherit one; without,
/// that is this thread's.
///
/// The child borrows this process's memory until its exec (CLONE_VM|CLONE_VFORK, as vfork(2)), on
/// a stack of its own: nothing is copied, and its failure is simply read from that memory. All
/// signals are blocked meanwhile, so that no handler of this process runs in the child.
public func start(
  _ command: Command, mask: SignalSet? = nil
) throws(LaunchError) -> ChildProcess {
  var preparation = Preparation(command)
  let terminal = command.group == .new ? Terminal.inForeground() : nil
  preparation.terminal = terminal?.number
  // execvp(3) keeps a path and, for a script without #!, a second argv on the stack.
  let stackSize = 64 * 1024 + command.arguments.count * MemoryLayout<Int>.size
  let stack = UnsafeMutableRawPointer.allocate(byteCount: stackSize, alignment: 16)
  defer { stack.deallocate() }

  let previous = try step(.sigprocmask) { () throws(Errno) in try SignalSet.all.becomeMask() }
  preparation.inheritedMask = mask ?? previous
  let identifier = withExtendedLifetime(command) {
    withUnsafeMutablePointer(to: &preparation) { preparation in
      csystem_clone(
        { $0!.assumingMemoryBound(to: Preparation.self).pointee.becomeCommand() },
        stack + (stackSize & ~15), CLONE_VM | CLONE_VFORK | SIGCHLD, preparation)
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

/// Becomes `command`: returns only if that fails, with its error. Descriptors named in
/// `inheritedDescriptors` stay open.
public func replaceProcess(with command: Command) -> LaunchError {
  var preparation = Preparation(command)
  if command.signals == .inherited { preparation.inheritedMask = .current }
  withExtendedLifetime(command) { preparation.becomeInPlace() }
  return preparation.error ?? LaunchError(step: .exec, errno: .invalid)
}

/// Everything that has to be done between clone and exec, prepared so that it needs no memory.
private struct Preparation {
  private let arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private let environment: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private let inherited: [Int32]
  private let standardOutput: Int32?
  private let parentDeathSignal: Int32?
  private let parent: Int32
  private let group: Command.ProcessGroup
  private let signals: Command.Signals
  private let isThisProgram: Bool
  var inheritedMask = SignalSet()
  /// Where the command's own group is to be in the foreground.
  var terminal: Int32?
  private(set) var error: LaunchError?

  init(_ command: Command) {
    arguments = command.arguments.address
    environment = command.environment.address
    inherited = command.inheritedDescriptors
    standardOutput = command.standardOutput
    parentDeathSignal = command.parentDeathSignal
    parent = parentDeathSignal == nil ? 0 : getpid()
    group = command.group
    signals = command.signals
    isThisProgram = command.isThisProgram
  }

  /// The child's side; what it returns is its exit status, which nobody reads.
  mutating func becomeCommand() -> Int32 {
    if group == .new {
      if setpgid(0, 0) != 0 { return fail(.setpgid) }
      if let terminal { tcsetpgrp(terminal, getpid()) }
    }
    if let signal = parentDeathSignal {
      if csystem_prctl(PR_SET_PDEATHSIG, UInt(signal)) != 0 { return fail(.prctl) }
      // The parent may have died before that, and nobody would tell.
      if parentHasDied(parent) { return 1 }
    }
    if signals == .inherited { dropHandlers() }
    becomeInPlace()
    return 1
  }

  mutating func becomeInPlace() {
    for descriptor in inherited where csystem_fcntl(descriptor, F_SETFD, 0) != 0 {
      _ = fail(.fcntl)
      return
    }
    if let standardOutput, dup2(standardOutput, STDOUT_FILENO) < 0 {
      _ = fail(.dup2)
      return
    }
    if !setSignals() {
      _ = fail(.sigprocmask)
      return
    }
    if isThisProgram {
      csystem_execute_self(arguments, environment)
    } else {
      execvpe(arguments[0]!, arguments, environment)
    }
    _ = fail(.exec)
  }

  /// The exec ends all handlers; but once signals are no longer blocked they would run before it, in
  /// the memory of the parent.
  private func dropHandlers() {
    for signal in 1..<csystem_signal_count() where csystem_has_handler(signal) != 0 {
      csystem_reset_signal(signal)
    }
  }

  private func setSignals() -> Bool {
    if signals == .inherited { return (try? inheritedMask.becomeMask()) != nil }
    for signal in 1..<csystem_signal_count() {
      if signal == SIGKILL || signal == SIGSTOP { continue }
      if signal == SIGHUP, csystem_is_ignored(signal) != 0 { continue }
      csystem_reset_signal(signal)
    }
    return (try? SignalSet().becomeMask()) != nil
  }

  private mutating func fail(_ step: LaunchStep) -> Int32 {
    error = LaunchError(step: step, errno: .current)
    return 1
  }
}
