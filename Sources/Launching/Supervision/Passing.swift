internal import CSystem

// How a watch passes signals on, and what it does about those of job control.

extension Watch {
  mutating func received(_ signal: Int32, _ information: siginfo_t) throws(LaunchError) {
    let target = job.target(of: signal, information)
    switch signal {
    case SIGTSTP, SIGTTIN, SIGTTOU:
      try stopSignalCame(signal, for: target)
    case SIGCONT:
      job.wasContinued()
      // A shell continues the whole job, command included; kill(1) perhaps just us.
      let wasStopped = job.control.commandIsStopped
      try reap()
      if outcome == nil, !(wasStopped && !job.control.commandIsStopped), !job.stopIsPending {
        passOn(signal, to: target)
        // A stop that came between the two is the later one, and is undone by this, wherever it has reached already.
        if job.isInOurGroup, job.stopIsPending { passOn(SIGTSTP, to: target) }
      }
    case SIGTERM, SIGINT, SIGHUP, SIGQUIT:
      if signal == SIGINT || signal == SIGQUIT { job.keySignalPassedOn() }
      try endSignalCame(signal, for: target)
    // Its terminal is another one, and tells it.
    case SIGWINCH where !job.sharesTerminal: break
    default:
      passOn(signal, to: target)
    }
  }

  private func passOn(_ signal: Int32, to target: JobControl.Target) {
    if target == .nobody { return }
    if termination != nil {
      if limits.leftovers != .leave { _ = family.send([signal]) }
    } else if target == .group {
      kill(-child.identifier, signal)
    } else {
      child.send(signal)
    }
  }

  /// A stopped process takes such a signal only when it goes on. So a stop from before is undone, and one
  /// that comes later is somebody's will. The kernel is asked just before the signal is sent; a stop that
  /// comes between the two is told from a later one by the signal that still waits (`Job`).
  ///
  /// A stop signal that was sent before, but is taken later, has the higher number, and is taken after
  /// this one: then a handler of the command's runs only when somebody continues it.
  private mutating func endSignalCame(
    _ signal: Int32, for target: JobControl.Target
  ) throws(LaunchError) {
    job.control.isPassingEnd = true
    defer { job.control.isPassingEnd = false }
    try reap()
    if outcome != nil { return }
    passOn(signal, to: target)
    // An init does all that itself, and knows sooner.
    if child.link == nil || target == .nobody {
      job.endWasSent(signal, byUs: target != .nobody)
    }
  }

  private mutating func stopSignalCame(
    _ signal: Int32, for target: JobControl.Target
  ) throws(LaunchError) {
    if signal != SIGTSTP, target == .group, job.terminalWasLent() { return }
    // The command may have been continued since it was last heard of, or have stopped already.
    let before = job.control.stops
    job.markStop()
    job.control.expectStop(isFromTerminal: target == .group)
    try reap()
    if outcome != nil || job.control.stops != before { return }
    job.control.expectStop(isFromTerminal: target == .group)
    if termination != nil {
      passOn(signal, to: target)
      return job.stop()
    }
    if job.control.commandIsStopped { return job.followStop(signal) }
    passOn(signal, to: target)
    try reap()
  }
}
