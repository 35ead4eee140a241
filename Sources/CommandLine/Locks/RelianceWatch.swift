internal import CSystem
internal import Launching
internal import Locking

/// Watches a lock that another process has, while a command runs that relies on it (`--reentrant`). A
/// companion does so: when the lock has gone it sends SIGTERM to this process, which passes that on.
final class RelianceWatch {
  private let reliance: Reliance
  private let companion: ChildProcess
  /// 1: the companion has seen the lock go.
  private let hasGone: SharedNumber

  init(_ reliance: Reliance) throws(LaunchError) {
    let hasGone = try SharedNumber()
    let watched = getpid()
    guard let companion = try forkCompanion(apart: true) else {
      _ = reliance.waitForEnd()
      hasGone.value = 1
      kill(watched, SIGTERM)
      _exit(0)
    }
    self.reliance = reliance
    self.companion = companion
    self.hasGone = hasGone
  }

  /// Whether the lock has gone, be it only now.
  var isLost: Bool { hasGone.value != 0 || !reliance.isHeld }

  func end() {
    companion.end()
  }
}
