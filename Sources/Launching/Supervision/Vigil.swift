internal import CSystem

/// One wait for a command.
package final class Vigil {
  package enum Event: Equatable, Sendable {
    case ended(Supervisor.Outcome)
    /// `Limits.lease` is to be renewed: `renewed` says what came of that.
    case renewalIsDue
    /// `Limits.isInterruptible`: SIGTERM, SIGINT, SIGHUP or SIGQUIT has come.
    case interrupted(signal: Int32)
    /// Something that is to be ended goes on; said once of each.
    case hindered(Supervisor.Obstacle)
  }

  private var watch: Watch
  private let signals: SignalSet
  private let lease: LeaseWatch?
  private let child: ChildProcess
  private let limits: Supervisor.Limits
  private let family: Family

  init(
    watch: consuming Watch, signals: SignalSet, lease: LeaseWatch?, child: ChildProcess,
    limits: Supervisor.Limits, family: Family
  ) {
    self.watch = watch
    self.signals = signals
    self.lease = lease
    self.child = child
    self.limits = limits
    self.family = family
  }

  /// Waits for the next thing that the caller has to know.
  package func next() throws(LaunchError) -> Event {
    do throws(LaunchError) {
      while true {
        if let obstacle = watch.takeObstacle() { return .hindered(obstacle) }
        if let outcome = watch.outcome { return .ended(outcome) }
        if watch.attend(to: lease) { return .renewalIsDue }
        if let signal = try takeSignal() { return .interrupted(signal: signal) }
      }
    } catch {
      if limits.mustNotOutlive { killCommand() }
      throw error
    }
  }

  package func renewed(_ renewal: Lease.Renewal) {
    lease?.renewed(renewal)
  }

  /// Ends the command as at the end of the lease, but asks it first: SIGTERM, and after `Limits.grace` SIGKILL.
  package func giveUp() { watch.giveUp() }

  private var nextDeadline: Deadline? {
    guard let look = lease?.nextLook else { return watch.nextDeadline }
    return min(look, watch.nextDeadline ?? look)
  }

  private func takeSignal() throws(LaunchError) -> Int32? {
    var information = siginfo_t()
    let deadline = nextDeadline
    var signals = self.signals
    if let mark = watch.job.keptBack { signals = signals.without(mark) }
    let awaited = signals
    var signal = watch.job.takeOvertaken(&information)
    if signal == nil {
      signal = try launchStep(.sigtimedwait) { () throws(Errno) in
        try awaited.take(&information, by: deadline)
      }
    }
    switch signal {
    case nil: try watch.deadlinePassed()
    case SIGCHLD?: try watch.reap()
    // Of the lease's timer: the lease is looked at after every signal.
    case csystem_wakeup_signal()? where limits.lease != nil: break
    case csystem_news_signal()? where limits.lease != nil: lease?.woken()
    case SIGTERM?, SIGINT?, SIGHUP?, SIGQUIT?:
      if limits.isInterruptible {
        // That is nohup(1).
        if signal == SIGHUP, isIgnored(SIGHUP) { break }
        return signal
      }
      try watch.received(signal!, information)
    case let signal?: try watch.received(signal, information)
    }
    // Where one signal follows the other, it would never be time.
    if signal != nil, deadline?.hasPassed == true { try watch.deadlinePassed() }
    return nil
  }

  /// Whoever cannot be killed is not waited for any longer.
  private static let longestKilling = Span.seconds(5)
  private static let killingPause = Span.milliseconds(5)

  private func killCommand() {
    let deadline = Deadline.after(Self.longestKilling)
    var status: Int32 = 0
    repeat {
      if family.send([SIGKILL]).blindness != nil, childState(child.identifier) != .none {
        child.send(SIGKILL)
      }
      var reaped: Int32 = 1
      while reaped > 0 { reaped = waitpid(-1, &status, WNOHANG) }
      if reaped < 0 || family.isOnlyRelay { return }
      Deadline.after(Self.killingPause).sleep()
    } while !deadline.hasPassed
  }
}
