internal import CSystem

/// Renews a lease from a process of its own, since a call that does so may hang for as long as whoever
/// grants the lease is silent: a supervisor that watches the lease (`Limits.lease`) goes on meanwhile.
///
/// The lease lasts for its lifetime from the *sending* of the last question that was answered, and an answer
/// that comes after its end does not renew it. Once it is lost, this process gets a SIGCHLD.
package final class LeaseCompanion {
  package let lease: Lease
  private let process: ChildProcess

  /// Starts asking. `ask` says whether the lease was granted anew; it is called in the companion, which shares
  /// the descriptor table with this process, and is killed with it.
  package init(lifetime: Span, ask: () -> Bool) throws(LaunchError) {
    let lease = try Lease(lifetime: lifetime)
    // What this process has was granted a moment ago; the first answer says when for sure.
    lease.deadline = .now + (lifetime - Self.interval(lease))
    guard let process = try forkCompanion(apart: true, sharingFiles: true) else {
      // A terminal's keys are for others.
      _ = try? SignalSet.all.block()
      Self.keep(lease, ask)
      _exit(0)
    }
    self.lease = lease
    self.process = process
  }

  private static let endingTime = Span.seconds(1)

  private static func interval(_ lease: Lease) -> Span { lease.lifetime / 6 }

  /// Asks again and again until the lease has ended.
  private static func keep(_ lease: Lease, _ ask: () -> Bool) {
    while true {
      let sent = BootTime.now
      let isGranted = ask()
      if let deadline = lease.deadline, .now >= deadline { return }
      if isGranted {
        lease.deadline = sent + lease.lifetime
        Deadline.after(max(.zero, sent + interval(lease) - .now)).sleep()
      } else {
        Deadline.after(lease.retryInterval).sleep()
      }
    }
  }

  package var isLost: Bool { remaining <= .zero }

  /// Whether it will soon be lost: it is time to warn.
  package var isEnding: Bool { remaining <= lease.warning }

  private var remaining: Span { (lease.deadline ?? .distantFuture) - .now }

  /// Ends the companion, which may hang; it is not waited for then.
  package func end() {
    kill(process.identifier, SIGKILL)
    _ = try? process.wait(by: .after(Self.endingTime))
  }
}

/// To close a file on a server that is silent takes until it answers, and an exit(2) waits for that too: so
/// have the descriptors of this process closed by another one that is killed when this one has ended, and
/// does not wait.
package func leaveDescriptorsOpen() {
  do throws(LaunchError) {
    if try forkCompanion(apart: true, sharingFiles: true) != nil { return }
    _ = try? SignalSet.all.block()
    while true { pause() }
  } catch {}
}
