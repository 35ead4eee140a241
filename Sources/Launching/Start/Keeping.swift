internal import CSystem

/// A process that is to stay and keep something when the one that made it has ended, and the word
/// between the two: the front returns to its caller once the keeper says that all is well.
///
/// Until then the keeper ends with its front, and the front tells how the keeper ended. Neither can be
/// wrong about the other: the keeper stays only if the front has answered, and from then on the front
/// exits with 0, whatever comes.
package struct Keeping: ~Copyable {
  /// The keeper's number, in the front.
  private let keeper: Int32?
  private let link: FileDescriptor

  /// Forks. What the keeper inherits is closed in it, but for standard error, so that nobody waits for
  /// a pipe which only it has open. Its word to the front is its standard input.
  ///
  /// That is done now, before there is a lock: closing a descriptor of the lock file would drop one of
  /// `posix` mode.
  package static func begin() throws(LaunchError) -> Keeping {
    // Whatever is closed of 0, 1 and 2 is opened with this.
    let null = try? FileDescriptor.open("/dev/null", O_RDWR)
    try makeChildrenWaitable()
    let ends = try launchStep(.socketpair) { () throws(Errno) in try SocketPair() }
    let front = getpid()
    // For both: as soon as somebody can see that the keeper waits, a signal to the front ends both.
    exitOnTerminationSignals()
    let keeper = try launchStep(.clone) { () throws(Errno) in
      try retryingOnInterrupt { csystem_fork() }
    }
    if keeper > 0 {
      try? ends.far.close()
      return Keeping(keeper: keeper, link: ends.near)
    }
    try endWithParent(front)
    // `closeDescriptors` closes them all.
    _ = ends.near.leak()
    if dup2(ends.far.leak(), STDIN_FILENO) < 0 { throw LaunchError(step: .dup2, errno: .current) }
    if let null { dup2(null.leak(), STDOUT_FILENO) }
    try closeDescriptors()
    return Keeping(keeper: nil, link: FileDescriptor(taking: STDIN_FILENO))
  }

  package var isFront: Bool { keeper != nil }

  /// In the front: waits for the keeper's word, on behalf of `caller`, its parent. One that has ended
  /// meanwhile does not learn of it: then the keeper is not answered, and ends.
  ///
  /// - Parameters:
  ///   - caller: the process that called this one.
  ///   - show: is given the number that the keeper has told, if all is well.
  /// - Returns: the exit status: 0, or that with which the keeper has ended without a word.
  package consuming func wait(for caller: Int32, _ show: (Int) -> Void) -> Int32 {
    guard let keeper else { return 0 }
    let number = link.number
    var told: Int?
    var word = hear(number)
    if word == Self.numberFollows {
      if let high = hear(number), let low = hear(number) { told = Int(high) << 8 | Int(low) }
      word = hear(number)
    }
    if word != nil {
      _ = try? SignalSet.all.block()
      if getppid() == caller, answer(number) {
        if let told { show(told) }
        return 0
      }
      shutdown(number, Int32(SHUT_RDWR))
    }
    // It cannot be anybody else's to wait for.
    return (try? ChildProcess(identifier: keeper).wait())?.exitStatus ?? EX_OSERR
  }

  private static let numberFollows: UInt8 = 2

  /// In the keeper: tells the front a number below 65,536, before it becomes something else.
  package func tell(_ value: Int) {
    for byte in [
      Self.numberFollows, UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value),
    ] {
      answer(link.number, byte)
    }
  }

  /// In the keeper: becomes `command` in this process, which is to call `confirmKeeping`. In a session
  /// of its own, and in no folder that somebody may want to unmount.
  package func become(_ command: Command) -> LaunchError {
    if setsid() < 0 { return LaunchError(step: .setsid, errno: .current) }
    _ = chdir("/")
    return replaceProcess(with: command)
  }
}

private func endWithParent(_ parent: Int32) throws(LaunchError) {
  if csystem_prctl(PR_SET_PDEATHSIG, UInt(SIGTERM)) != 0 {
    throw LaunchError(step: .prctl, errno: .current)
  }
  if parentHasDied(parent) { _exit(1) }
}

/// Reads a byte; nil where there is none to come.
private func hear(_ descriptor: Int32) -> UInt8? {
  var byte: UInt8 = 0
  let count = try? retryingOnInterrupt { read(descriptor, &byte, 1) }
  return count == 1 ? byte : nil
}

/// Writes a byte, mostly the one that is the word; the other end may be gone (SIGPIPE).
@discardableResult
private func answer(_ descriptor: Int32, _ byte: UInt8 = 1) -> Bool {
  var byte = byte
  return send(descriptor, &byte, 1, Int32(MSG_NOSIGNAL)) == 1
}

/// In the program that the keeper has become: tells the front that all is well, and has /dev/null as
/// standard input, output and error from then on.
///
/// - Returns: false if the front has gone meanwhile: nobody knows then that something is kept.
package func confirmKeeping() -> Bool {
  // From here on it is the front's answer that tells, or that there will be none.
  csystem_prctl(PR_SET_PDEATHSIG, 0)
  guard answer(STDIN_FILENO), hear(STDIN_FILENO) != nil else { return false }
  if let null = try? FileDescriptor.open("/dev/null", O_RDWR) {
    for number in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] { dup2(null.number, number) }
  }
  return true
}

/// Forks a process that does something beside this one, and ends with it at the latest. One that is `apart`
/// is none of the children that a supervisor waits for, and its end makes no SIGCHLD; it may share this
/// process's descriptor table.
///
/// - Returns: nil in that process.
package func forkCompanion(
  apart: Bool = false, sharingFiles: Bool = false
) throws(LaunchError) -> ChildProcess? {
  let parent = getpid()
  try makeChildrenWaitable()
  let child = try launchStep(.clone) { () throws(Errno) in
    try retryingOnInterrupt { apart ? csystem_fork_apart(sharingFiles) : csystem_fork() }
  }
  if child > 0 { return ChildProcess(identifier: child) }
  csystem_prctl(PR_SET_PDEATHSIG, UInt(SIGKILL))
  if parentHasDied(parent) { _exit(1) }
  return nil
}

extension ChildProcess {
  /// Kills it, and returns once it has ended.
  package func end() {
    kill(identifier, SIGKILL)
    _ = try? wait()
  }
}
