internal import CSystem

/// Everything that has to be done between clone and exec, prepared so that it needs no memory: the plain
/// child has none of its own. Only a setup may take some, which is done in a forked one.
struct Preparation {
  private let arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private let environment: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private let inherited: [Int32]
  private let standardOutput: Int32?
  #if !hasFeature(Embedded)
    private let standardDescriptors: [Int32]
    var closesOtherDescriptors: Bool
  #endif
  private let parentDeathSignal: Int32?
  private let parent: Int32
  private let group: Command.ProcessGroup
  private let signals: Command.Signals
  private let isThisProgram: Bool
  private let setup: ProcessSetup?
  var inheritedMask = SignalSet()
  /// Where the command's own group is to be in the foreground.
  var terminal: Int32?
  /// Where the init of a pid namespace reports; nil: the command has none.
  var initLink: Int32?
  private(set) var error: LaunchError?
  private var isChild = false
  /// What this process, which is no child, did with signals: the mask that is replaced, and those that were ignored.
  private var replacedMask: SignalSet.Mask?
  private var ignored: [Int32] = []

  init(_ command: Command) {
    arguments = command.arguments.address
    environment = command.environment.address
    inherited = command.inheritedDescriptors
    standardOutput = command.standardOutput
    #if !hasFeature(Embedded)
      standardDescriptors = command.standardDescriptors
      closesOtherDescriptors = command.closesOtherDescriptors
      assert(!closesOtherDescriptors || inherited == ascending(inherited))
    #endif
    parentDeathSignal = command.parentDeathSignal
    parent = parentDeathSignal == nil ? 0 : getpid()
    group = command.group
    signals = command.signals
    isThisProgram = command.isThisProgram
    setup = command.setup
  }

  /// The child's side; what it returns is its exit status, which nobody reads. `report` stays open
  /// until the exec.
  mutating func becomeCommand(keeping report: Int32? = nil) -> Int32 {
    if group.isNew, initLink == nil {
      if setpgid(0, 0) != 0 { return fail(.setpgid) }
      if let terminal { tcsetpgrp(terminal, getpid()) }
    }
    isChild = true
    if signals == .inherited { dropHandlers() }
    becomeInPlace(keeping: report)
    return 1
  }

  /// After an exec that failed.
  func restoreSignals() {
    for signal in ignored { csystem_ignore(signal) }
    _ = try? replacedMask?.becomeMask()
  }

  mutating func becomeInPlace(keeping report: Int32? = nil) {
    if let setup {
      do throws(LaunchError) {
        try setup.prepare()
        if let initLink { try beginInit(initLink) }
        try setup.complete(inheriting: inherited, keeping: report)
      } catch {
        self.error = error
        return
      }
    }
    // Not earlier: a change of user takes it away (prctl(2)).
    if let signal = parentDeathSignal, initLink == nil {
      if csystem_prctl(PR_SET_PDEATHSIG, UInt(signal)) != 0 {
        _ = fail(.prctl)
        return
      }
      // The parent may have died before that, and nobody would tell.
      if parentHasDied(parent) { return }
    }
    if setup == nil {
      for descriptor in inherited where csystem_fcntl(descriptor, F_SETFD, 0) != 0 {
        _ = fail(.fcntl)
        return
      }
    }
    if let standardOutput, dup2(standardOutput, STDOUT_FILENO) < 0 {
      _ = fail(.dup2)
      return
    }
    #if !hasFeature(Embedded)
      for (number, descriptor) in standardDescriptors.enumerated() {
        if dup2(descriptor, Int32(number)) < 0 {
          _ = fail(.dup2)
          return
        }
      }
      // Closed, not only to be closed by the exec: that may hang, and they may be locks, or ends of pipes.
      if closesOtherDescriptors {
        do throws(LaunchError) {
          try closeDescriptors(besidesAscending: inherited)
        } catch {
          self.error = error
          return
        }
      }
    #endif
    if !setSignals() {
      _ = fail(.sigprocmask)
      return
    }
    execute()
    _ = fail(.exec)
  }

  private func beginInit(_ link: Int32) throws(LaunchError) {
    try NamespaceInit(
      link: link, group: group, terminal: terminal, parent: parent,
      parentDeathSignal: parentDeathSignal
    ).begin()
  }

  private func execute() {
    if isThisProgram {
      csystem_execute_self(arguments, environment)
    } else if let setup {
      setup.execute(arguments, environment)
    } else {
      execvpe(arguments[0]!, arguments, environment)
    }
  }

  /// The exec ends all handlers; but once signals are no longer blocked they would run before it, in
  /// the memory of the parent.
  private func dropHandlers() {
    for signal in 1..<csystem_signal_count() where csystem_has_handler(signal) != 0 {
      csystem_reset_signal(signal)
    }
  }

  /// Handlers of this process itself are left to the exec, which ends them: if there is none, the process lives on, and
  /// its other threads meanwhile.
  private mutating func setSignals() -> Bool {
    if signals == .inherited { return becomeMask(inheritedMask) }
    for signal in 1..<csystem_signal_count() {
      if signal == SIGKILL || signal == SIGSTOP { continue }
      if signal == SIGHUP, csystem_is_ignored(signal) != 0 { continue }
      if !isChild {
        if csystem_is_ignored(signal) == 0 { continue }
        ignored.append(signal)
      }
      csystem_reset_signal(signal)
    }
    return becomeMask(SignalSet())
  }

  private mutating func becomeMask(_ mask: SignalSet) -> Bool {
    guard let replaced = try? mask.becomeMask() else { return false }
    if !isChild { replacedMask = replaced }
    return true
  }

  private mutating func fail(_ step: LaunchStep) -> Int32 {
    error = LaunchError(step: step, errno: .current)
    return 1
  }
}
