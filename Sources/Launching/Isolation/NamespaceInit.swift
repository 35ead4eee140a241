internal import CSystem

// A command in a pid namespace of its own has a process above it, the namespace's init
// (pid_namespaces(7)): the kernel keeps signals from the first process of a namespace that it has no
// handler for, and ends all others with it; a command that was it could not be ended by its own
// signals, and would have to reap orphans.
//
// The starting process forks once as for every setup. That child makes the namespaces and forks the
// init as a sibling of its own (CLONE_PARENT), so that the init is the starting process's child, to be
// waited for and to die with it; then it ends. The init forks the command, and stays until the last
// process of the namespace has ended: a leftover that the caller wants to keep, or to wait for, would
// die with it. It holds no descriptor but the one of its reports, and stays what the starting process
// was, unless that user may not make the namespaces.
//
// The init is never stopped, and cannot die as the command did. So it reports each change of the
// command, as waitpid(2) told it, over a socket that makes SIGCHLD for the starting process.

/// What an init reports, in the starting process.
final class InitReports: Sendable {
  /// What a report is about.
  enum Kind: Int32 {
    /// There is an init; the status is its number.
    case began
    /// The command is about to begin, and is the sender.
    case commandBegan
    /// The command was stopped or continued, or has ended and left something.
    case changed
    /// The command has ended, and the init is about to.
    case ended
  }

  struct Report {
    var kind: Int32 = 0
    /// As waitpid(2) has it.
    var status: Int32 = 0
    /// Of a command that has ended.
    var usage = csystem_usage()

    static var size: Int { MemoryLayout<Report>.size }
  }

  private let reader: FileDescriptor

  init(_ reader: consuming FileDescriptor) {
    self.reader = reader
  }

  /// The next one; nil where there is none yet.
  func receive() -> (kind: Kind, report: Report, sender: Int32)? {
    var report = Report()
    var sender: Int32 = 0
    guard csystem_receive(reader.number, &report, Report.size, &sender) == 1,
      let kind = Kind(rawValue: report.kind)
    else { return nil }
    return (kind, report, sender)
  }
}

/// Between a process that starts a command and the init.
final class InitLink {
  private let reports: InitReports
  private var writer: FileDescriptor?
  /// Of where the init writes.
  let number: Int32

  init() throws(LaunchError) {
    let ends = try launchStep(.socketpair) { () throws(Errno) in
      try SocketPair(signallingMessages: SIGCHLD)
    }
    number = ends.far.number
    reports = InitReports(ends.near)
    writer = .some(ends.far)
  }

  /// In the starting process, once the command has begun (`error` is nil) or never will.
  func started(_ error: LaunchError?) throws(LaunchError) -> ChildProcess {
    writer = nil
    var initProcess: Int32?
    var command: Int32?
    while command == nil, let (kind, report, sender) = reports.receive() {
      if kind == .began { initProcess = report.status }
      if kind == .commandBegan { command = sender }
    }
    if error == nil, let initProcess, let command {
      return ChildProcess(initProcess, command: command, link: reports)
    }
    if let initProcess { ChildProcess(identifier: initProcess).end() }
    // Somebody killed one of the two before there was a command.
    throw error ?? LaunchError(step: .namespaceInit, errno: .noChild)
  }
}

extension ChildProcess {
  /// Sends the command a signal, by way of its init where it has one; false if that is not allowed.
  /// KILL ends the whole namespace.
  @discardableResult
  func send(_ signal: Int32) -> Bool {
    (link == nil || signal == SIGKILL
      ? kill(identifier, signal) : csystem_signal_marked(identifier, signal)) == 0
  }

  /// The next change of the command that its init has reported: nil where there is none yet.
  func nextReport() -> (status: Int32, usage: csystem_usage, isLast: Bool)? {
    guard let link else { return nil }
    while let (kind, report, _) = link.receive() {
      switch kind {
      case .changed: return (report.status, report.usage, false)
      case .ended: return (report.status, report.usage, true)
      case .began, .commandBegan: break
      }
    }
    return nil
  }

  /// How the command ended, where `status` is how its init did.
  func commandStatus(_ status: Int32) -> Int32 {
    while let report = nextReport() {
      if csystem_stopped(report.status) == 0, csystem_continued(report.status) == 0 {
        return report.status
      }
    }
    return status
  }
}

/// The init, and the way there; all of it in new processes.
struct NamespaceInit {
  /// Of where it reports.
  let link: Int32
  let group: Command.ProcessGroup
  /// Where the command's own group is to be in the foreground.
  let terminal: Int32?
  let parent: Int32
  let parentDeathSignal: Int32?

  /// Returns in the command's process.
  func begin() throws(LaunchError) {
    let gate = try launchStep(.socketpair) { () throws(Errno) in try SocketPair() }
    let process = csystem_fork_sibling()
    try check(.clone, process)
    if process > 0 {
      try? gate.far.close()
      send(.began, process)
      letPass(gate.near.number)
      _exit(0)
    }
    try? gate.near.close()
    if group.isNew {
      try check(.setpgid, setpgid(0, 0))
      if let terminal { tcsetpgrp(terminal, getpid()) }
    }
    if let signal = parentDeathSignal {
      try check(.prctl, csystem_prctl(PR_SET_PDEATHSIG, UInt(signal)))
    }
    if !pass(gate.far.number) { _exit(1) }
    try? gate.far.close()
    try makeChildrenWaitable()
    try Namespaces.mountProc()
    // Whether that can be done has to be known before there is a command.
    try closeDescriptors(from: Int32.max)
    let command = csystem_fork()
    try check(.clone, command)
    if command == 0 {
      send(.commandBegan)
      return
    }
    serve(command)
  }

  // The init does not see who its parent is; its sibling does, which is reparented no later. So once
  // the init has asked for its parent's death, its sibling looks whether that has come already.

  private func letPass(_ gate: Int32) {
    var byte: UInt8 = 0
    let hasAsked = (try? retryingOnInterrupt { read(gate, &byte, 1) }) == 1
    if !hasAsked || (parentDeathSignal != nil && parentHasDied(parent)) { return }
    _ = CSystem.send(gate, &byte, 1, Int32(MSG_NOSIGNAL))
  }

  private func pass(_ gate: Int32) -> Bool {
    var byte: UInt8 = 0
    return CSystem.send(gate, &byte, 1, Int32(MSG_NOSIGNAL)) == 1
      && (try? retryingOnInterrupt { read(gate, &byte, 1) }) == 1
  }

  private func send(
    _ kind: InitReports.Kind, _ status: Int32 = 0, _ usage: csystem_usage = csystem_usage(),
    _ flags: Int32 = 0
  ) {
    var message = InitReports.Report(kind: kind.rawValue, status: status, usage: usage)
    // Where nobody listens any more the command had inherited the lock, and goes on.
    _ = try? retryingOnInterrupt {
      CSystem.send(link, &message, InitReports.Report.size, flags | Int32(MSG_NOSIGNAL))
    }
  }

  /// All signals are blocked, and taken one by one.
  private func serve(_ command: Int32) -> Never {
    _ = try? closeDescriptors(from: 0, besides: [link])
    _ = chdir("/")
    csystem_name_process("swlock init")
    var watched = Watched(command: command)
    var isAnnounced = false
    while true {
      reap(&watched)
      if let ended = watched.ended, !isAnnounced {
        isAnnounced = true
        // Whoever outlives the command outlives swlock as well.
        csystem_prctl(PR_SET_PDEATHSIG, 0)
        send(.changed, ended, watched.usage)
      }
      var information = siginfo_t()
      guard let signal = try? SignalSet.all.take(&information) else { continue }
      if signal != SIGCHLD, watched.ended == nil, isForCommand(information) {
        pass(signal, &watched)
      }
    }
  }

  /// What is known of the command.
  private struct Watched {
    let command: Int32
    var isStopped = false
    /// Signals that were to end it.
    var ends: [Int32] = []
    var ended: Int32?
    var usage = csystem_usage()
  }

  /// For one that is to end the command, a stop from before is undone: see `Watch`.
  private func pass(_ signal: Int32, _ watched: inout Watched) {
    switch signal {
    case SIGTERM, SIGINT, SIGHUP, SIGQUIT:
      reap(&watched)
      if watched.ended != nil { return }
      kill(watched.command, signal)
      if !watched.ends.contains(signal) { watched.ends.append(signal) }
      if watched.isStopped { kill(watched.command, SIGCONT) }
    default: kill(watched.command, signal)
    }
  }

  /// Reaps everything that has ended, and ends when there is nothing left.
  private func reap(_ watched: inout Watched) {
    while true {
      var status: Int32 = 0
      var usage = csystem_usage()
      let child = csystem_wait(-1, &status, WNOHANG | WUNTRACED | WCONTINUED, &usage)
      if child == 0 { return }
      if child < 0 {
        if Errno.current == .interrupted { continue }
        if let ended = watched.ended { send(.ended, ended, watched.usage) }
        _exit(0)
      }
      if child != watched.command { continue }
      watched.isStopped = csystem_stopped(status) != 0
      if watched.isStopped || csystem_continued(status) != 0 {
        if watched.isStopped, !watched.ends.isEmpty,
          isKept(watched.command, from: watched.ends) == true
        {
          kill(watched.command, SIGCONT)
        }
        send(.changed, status, usage, Int32(MSG_DONTWAIT))
      } else {
        watched.ended = status
        watched.usage = usage
      }
    }
  }

  /// What was sent to the init from outside the namespace, where no process has a number that is seen
  /// here, is meant for the command; but the terminal, and whoever signals a group, has reached it
  /// already. In a group of its own only what swlock has marked is passed on.
  private func isForCommand(_ information: siginfo_t) -> Bool {
    let sender = withUnsafePointer(to: information) { csystem_signal_sender($0) }
    return sender == 0
      && (information.si_code == SI_QUEUE
        || (information.si_code == SI_USER && group == .inherited))
  }
}
