/// A program to start, and what it starts with.
package struct Command {
  /// The program and its arguments; the first is looked up in $PATH unless it has a slash, and a
  /// file that the kernel does not know how to execute is given to /bin/sh (execvp(3)).
  package var arguments: CStringVector
  package var environment: CStringVector
  /// Descriptors that stay open in the command although they are close-on-exec here.
  package var inheritedDescriptors: [Int32] = []
  /// A descriptor of this process that becomes the command's standard output.
  package var standardOutput: Int32?
  #if !hasFeature(Embedded)
    /// Descriptors of this process above 2 that become the command's 0, 1 and 2; none: it has those of this process.
    var standardDescriptors: [Int32] = []
    /// Whether it has no other descriptors than those and `inheritedDescriptors`, which are in ascending order then;
    /// without a setup, which has an option of its own.
    var closesOtherDescriptors = false
  #endif
  /// A signal for the command when the process that started it dies (prctl(2), PR_SET_PDEATHSIG).
  package var parentDeathSignal: Int32?
  package var group: ProcessGroup = .inherited
  package var signals: Signals = .reset
  /// The program is that of this process; the first argument is only what it is called.
  package var isThisProgram = false
  /// Whatever else is to be different in the command. Without, nothing of it costs anything.
  package var setup: ProcessSetup?

  package enum Signals: Equatable, Sendable {
    /// Default dispositions and an empty mask, whatever was inherited: a job that ignores TERM
    /// because the caller of its lock did cannot be ended. Only an ignored SIGHUP stays: that is
    /// nohup(1).
    case reset
    /// What this process ignores or blocks the command ignores or blocks (execve(2)).
    case inherited
  }

  package enum ProcessGroup: Equatable, Sendable {
    case inherited
    /// One of its own. It becomes the terminal's foreground group where the starting process's
    /// group is that now: nobody else in that can use the terminal then.
    case new
    /// One of its own, to which a supervisor lends the terminal once the command needs it.
    case newInBackground
    /// One of its own, in a session of its own, on the terminal that is `ProcessSetup.terminal`.
    case ofNewSession

    /// Whether it is another one in the same session.
    var isNew: Bool { self == .new || self == .newInBackground }
  }

  package init(
    _ arguments: CStringVector,
    environment: CStringVector = .environment(setting: [])
  ) {
    self.arguments = arguments
    self.environment = environment
  }

  package init(_ arguments: [ByteString]) {
    self.init(CStringVector(arguments))
  }
}

/// Why a command was not started, and then nothing of it runs; or why it could not be waited for.
public struct LaunchError: Error, Equatable, Sendable {
  /// What failed.
  public let step: LaunchStep
  /// Why.
  public let errno: ErrorNumber

  package init(step: LaunchStep, errno: Errno) {
    self.step = step
    self.errno = errno
  }
}

/// The step that failed, mostly by the name of its system call.
#if hasAttribute(nonexhaustive)
  @nonexhaustive
#endif
public enum LaunchStep: Int32, Equatable, Sendable {
  /// In the new process, for every program.
  case clone, setpgid, prctl, dup2, fcntl, sigprocmask, exec
  /// In the new process, for what is to be different in it.
  case pipe, ioctl, closeRange, controlGroup, setpriority, ioprioSet, setrlimit
  /// Who it is, and where.
  case setgroups, setgid, setuid, chdir
  /// Signals, and waiting.
  case sigaction, sigtimedwait, waitpid
  /// In this process.
  case mmap, open, lookForChildren
  /// Not thrown any more: a lease without a timer is looked at each second.
  case timer
  /// In this process, to look after what was started.
  case socketpair, setsid, pidfdOpen, signalfd, poll, kill
  /// Namespaces.
  case unshareUser, unshareMount, unshareIPC, unshareUTS, unshareNet, unsharePID
  /// What is set up in them.
  case userMap, propagation, mountProc, setHostName, loopback, namespaceInit

  package var name: Literal {
    switch self {
    case .clone: "clone"
    case .setpgid: "setpgid"
    case .pipe: "pipe"
    case .ioctl: "ioctl"
    case .closeRange: "close_range"
    case .controlGroup: "write to cgroup.procs"
    case .setpriority: "setpriority"
    case .ioprioSet: "ioprio_set"
    case .setrlimit: "setrlimit"
    case .setgroups: "setgroups"
    case .setgid: "setresgid"
    case .setuid: "setresuid"
    case .chdir: "chdir"
    case .prctl: "prctl"
    case .dup2: "dup2"
    case .fcntl: "fcntl"
    case .exec: "execve"
    case .sigprocmask: "sigprocmask"
    case .sigaction: "sigaction"
    case .sigtimedwait: "sigtimedwait"
    case .waitpid: "waitpid"
    case .mmap: "mmap"
    case .timer: "timer_create"
    case .open: "open"
    case .lookForChildren: "open or read /proc"
    case .socketpair: "socketpair"
    case .setsid: "setsid"
    case .pidfdOpen: "pidfd_open"
    case .signalfd: "signalfd"
    case .poll: "poll"
    case .kill: "kill"
    case .unshareUser: "unshare user"
    case .unshareMount: "unshare mount"
    case .unshareIPC: "unshare ipc"
    case .unshareUTS: "unshare uts"
    case .unshareNet: "unshare net"
    case .unsharePID: "unshare pid"
    case .userMap: "write to uid_map and gid_map"
    case .propagation: "change mount propagation"
    case .mountProc: "mount /proc"
    case .setHostName: "sethostname"
    case .loopback: "set up lo"
    case .namespaceInit: "start the namespace's init"
    }
  }
}

/// Runs `body`, and says of its error which step it was.
@inline(__always)
func launchStep<Value: ~Copyable>(
  _ step: LaunchStep, _ body: () throws(Errno) -> Value
) throws(LaunchError) -> Value {
  do throws(Errno) {
    return try body()
  } catch {
    throw LaunchError(step: step, errno: error)
  }
}

func check(_ step: LaunchStep, _ result: Int32) throws(LaunchError) {
  if result < 0 { throw LaunchError(step: step, errno: .current) }
}

/// How a process ended (wait(2)).
public enum Termination: Equatable, Sendable {
  /// By itself.
  case exited(code: Int32)
  /// By a signal.
  case signalled(number: Int32, coreDumped: Bool)

  /// As waitpid(2) reports it on Linux.
  package var waitStatus: Int32 {
    switch self {
    case .exited(let code): code << 8
    case .signalled(let number, let coreDumped): coreDumped ? number | 0x80 : number
    }
  }

  /// As a shell reports it: the code, or 128 and the number of the signal.
  public var exitStatus: Int32 {
    switch self {
    case .exited(let code): code
    case .signalled(let number, _): 128 + number
    }
  }
}
