internal import CSystem

/// Collects what becomes of this process's children, and tells the command from the others.
struct Reaper {
  enum News: Equatable {
    case stopped(by: Int32)
    case continued
    case ended(Termination)
    /// One that is not the command.
    case otherEnded(Int32)
    /// There are children, and nothing is new.
    case nothing
    /// There is no child: nobody is left that comes from the command, if this process is the one that
    /// orphans come to.
    case nobodyLeft
  }

  private let child: ChildProcess
  private let relay: RelayProcesses?
  /// How the init ended, where the child is one.
  private var initStatus: Int32?
  private var initUsage = csystem_usage()
  private var hasEnded = false
  /// The child is an init that has nothing left to wait for.
  private(set) var initIsEnding = false
  /// Of the command, once it has ended.
  private(set) var usage: ResourceUsage?

  init(of child: ChildProcess, _ relay: RelayProcesses?) {
    self.child = child
    self.relay = relay
  }

  mutating func next() throws(LaunchError) -> News {
    while true {
      if let report = child.nextReport() {
        initIsEnding = report.isLast && initStatus == nil
        return news(report.status, report.usage)
      }
      // Its last word was there before its end.
      if let initStatus, !hasEnded { return news(initStatus, initUsage) }
      var status: Int32 = 0
      var usage = csystem_usage()
      let reaped: Int32
      do throws(Errno) {
        reaped = try retryingOnInterrupt {
          csystem_wait(-1, &status, WNOHANG | WUNTRACED | WCONTINUED, &usage)
        }
      } catch .noChild {
        return .nobodyLeft
      } catch {
        throw LaunchError(step: .waitpid, errno: error)
      }
      if reaped == 0 { return .nothing }
      let isEnd = csystem_stopped(status) == 0 && csystem_continued(status) == 0
      if reaped == child.identifier {
        if child.link == nil { return news(status, usage) }
        if isEnd {
          initStatus = status
          initUsage = usage
          initIsEnding = false
        }
      } else if isEnd {
        relay?.remove(reaped)
        return .otherEnded(reaped)
      }
    }
  }

  private mutating func news(_ status: Int32, _ usage: csystem_usage) -> News {
    if csystem_stopped(status) != 0 { return .stopped(by: csystem_stop_signal(status)) }
    if csystem_continued(status) != 0 { return .continued }
    hasEnded = true
    self.usage = ResourceUsage(usage)
    return .ended(Termination(status))
  }
}
