internal import CSystem

/// Starts a program that speaks with this process by a socket, and is neither its child nor that of any process
/// which comes from it: so no supervisor takes it for the command's, and it outlives them. It is in a session of its
/// own, ignores SIGTERM, SIGINT and SIGHUP, which are sent to all of a service or a terminal, and has nothing open
/// but the socket as its standard input and output, and /dev/null or this process's as its standard error.
///
/// To be called before this process becomes the one that orphans come to (`Supervisor`).
///
/// - Parameters:
///   - program: a path; it is the first argument as well.
///   - arguments: those after it.
///   - sharingErrors: whether its standard error is that of this process.
/// - Returns: this process's end of the socket.
package func startHelper(
  _ program: ByteString, _ arguments: [ByteString], sharingErrors: Bool
) throws(LaunchError) -> FileDescriptor {
  // Whatever is closed of 0, 1 and 2 is opened with this, and no end of the socket is one of them.
  let null = try launchStep(.open) { () throws(Errno) in
    try FileDescriptor.open("/dev/null", O_RDWR)
  }
  let ends = try launchStep(.socketpair) { () throws(Errno) in try SocketPair() }
  try makeChildrenWaitable()
  // It may have been made so before an exec(2).
  csystem_prctl(PR_SET_CHILD_SUBREAPER, 0)
  // The child has not yet been told which signals are not for it.
  let mask = try launchStep(.sigprocmask) { () throws(Errno) in try SignalSet.all.becomeMask() }
  let child = csystem_fork()
  let cloneError = Errno.current
  if child != 0 { _ = try? mask.becomeMask() }
  if child < 0 { throw LaunchError(step: .clone, errno: cloneError) }
  if child == 0 {
    let error = becomeParentOfHelper(
      Command([program] + arguments), socket: ends.far.number,
      errors: sharingErrors ? nil : null.number)
    _exit(error?.code ?? 0)
  }
  let ended = try launchStep(.waitpid) { () throws(Errno) in
    try ChildProcess(identifier: child).wait()
  }
  null.keepOpen()
  try? ends.far.close()
  switch ended {
  case .exited(code: 0): return ends.near
  case .exited(let code): throw LaunchError(step: .exec, errno: Errno(code))
  case .signalled: throw LaunchError(step: .clone, errno: .interrupted)
  }
}

/// In the child, which ends then, so that the helper has lost its parent.
private func becomeParentOfHelper(
  _ command: Command, socket: Int32, errors: Int32?
) -> Errno? {
  if setsid() < 0 { return .current }
  for number in [STDIN_FILENO, STDOUT_FILENO] where dup2(socket, number) < 0 { return .current }
  if let errors, dup2(errors, STDERR_FILENO) < 0 { return .current }
  for signal in 1..<csystem_signal_count() { csystem_reset_signal(signal) }
  for signal in [SIGTERM, SIGINT, SIGHUP] { csystem_ignore(signal) }
  var command = command
  command.signals = .inherited
  do throws(LaunchError) {
    try closeDescriptors()
    _ = try startProcess(command, mask: SignalSet())
    return nil
  } catch {
    return error.errno
  }
}

/// Takes a variable out of this process's environment, also out of the memory that others may read as
/// /proc/PID/environ (proc_pid_environ(5)), and which a core has.
package func forgetVariable(_ name: ByteString) {
  name.withCString { name in
    while let value = getenv(name) {
      memset(value, Int32(ascii("x")), strlen(value))
      if unsetenv(name) != 0 { return }
    }
  }
}
