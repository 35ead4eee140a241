internal import CSystem

/// Namespaces that a command gets anew, and what is done in them (namespaces(7), unshare(2)).
package struct Namespaces: Equatable, Sendable {
  /// Those that there are, in the order in which they are made: the user namespace first, in which an
  /// ordinary user may make the others, and then those that bring others with them.
  package enum Kind: Int32, Sendable, CaseIterable {
    case user = 0x1000_0000
    /// With a loopback interface that is up, and the host name `localhost`.
    case net = 0x4000_0000
    /// With an init of its own (see `NamespaceInit`) and a new /proc.
    case pid = 0x2000_0000
    /// The mounts of before are there, and what is mounted outside later on, but not the other way
    /// round; with `Namespaces.isPrivate` neither.
    case mount = 0x0002_0000
    case ipc = 0x0800_0000
    case uts = 0x0400_0000

    package var name: Literal {
      switch self {
      case .user: "user"
      case .mount: "mount"
      case .ipc: "ipc"
      case .uts: "uts"
      case .net: "net"
      case .pid: "pid"
      }
    }

    var step: LaunchStep {
      switch self {
      case .user: .unshareUser
      case .mount: .unshareMount
      case .ipc: .unshareIPC
      case .uts: .unshareUTS
      case .net: .unshareNet
      case .pid: .unsharePID
      }
    }
  }

  private var flags: Int32 = 0
  /// Whether mounts of the outside no longer appear inside.
  package var isPrivate = false

  package init() {}

  package var isEmpty: Bool { flags == 0 }

  package func contains(_ kind: Kind) -> Bool { flags & kind.rawValue != 0 }

  /// With what it does not go without: `net` names the host, `pid` mounts /proc.
  package mutating func insert(_ kind: Kind) {
    flags |= kind.rawValue
    if kind == .net { insert(.uts) }
    if kind == .pid { insert(.mount) }
  }
}

// MARK: - In the new process

extension Namespaces {
  /// Makes this process's namespaces but for that of users. The next process that it forks is the
  /// first one of a new pid namespace.
  func enter() throws(LaunchError) {
    for kind in Kind.allCases where kind != .user && contains(kind) {
      try check(kind.step, unshare(kind.rawValue))
      switch kind {
      case .mount:
        let type = UInt(MS_REC) | (isPrivate ? UInt(MS_PRIVATE) : UInt(MS_SLAVE))
        try check(.propagation, mount(nil, "/", nil, type, nil))
      case .uts where contains(.net): try check(.setHostName, sethostname("localhost", 9))
      case .net: try raiseLoopback()
      default: break
      }
    }
  }

  /// In the first process of a pid namespace, and in a new mount namespace.
  static func mountProc() throws(LaunchError) {
    let flags = UInt(MS_NOSUID) | UInt(MS_NODEV) | UInt(MS_NOEXEC)
    try check(.mountProc, mount("proc", "/proc", "proc", flags, nil))
  }

  /// `lo` with an address that is not a loopback one beside 127.0.0.1 and ::1: without one,
  /// getaddrinfo(3) finds no address at all where it is asked for such as are configured
  /// (AI_ADDRCONFIG).
  private func raiseLoopback() throws(LaunchError) {
    let socket = try Self.makeSocket(AF_INET)
    try check(.loopback, csystem_raise_interface(socket.number, "lo"))
    let address: [UInt8] = [10, 0, 0, 1]
    let mask: [UInt8] = [255, 0, 0, 0]
    try check(
      .loopback, csystem_set_interface_address(socket.number, "lo:1", address, mask))
    // A kernel without IPv6, or one in which it is disabled.
    guard let other = try? Self.makeSocket(AF_INET6) else { return }
    if csystem_can_bind_loopback6(other.number) == 0 { return }
    var address6 = [UInt8](repeating: 0, count: 16)
    address6[0] = 0xfd
    address6[15] = 1
    try check(.loopback, csystem_add_interface_address6(other.number, "lo", address6, 8))
  }

  private static func makeSocket(_ family: Int32) throws(LaunchError) -> FileDescriptor {
    let number = csystem_datagram_socket(family)
    try check(.loopback, number)
    return FileDescriptor(taking: number)
  }
}

extension ProcessSetup {
  /// Becomes the user that the command is, in a user namespace that has this user and its group, under
  /// their own numbers, and no others.
  ///
  /// A helper that stays outside writes the maps: after a change of user this process may not open its
  /// own, and making it dumpable for that (prctl(2)) would show its memory to that user.
  func enterUserNamespace() throws(LaunchError) {
    try makeChildrenWaitable()
    let pipe = try launchStep(.pipe) { () throws(Errno) in try Pipe() }
    let helper = csystem_fork()
    try check(.clone, helper)
    if helper == 0 {
      try? pipe.writing.close()
      var byte: UInt8 = 0
      let reader = pipe.reading.number
      if (try? retryingOnInterrupt({ read(reader, &byte, 1) })) != 1 { _exit(0) }
      _exit(writeMaps(of: "/proc/" + ByteString(decimal: getppid())).code)
    }
    try? pipe.reading.close()
    try become(credentials)
    try check(.unshareUser, unshare(Namespaces.Kind.user.rawValue))
    var byte: UInt8 = 0
    try check(.userMap, Int32(write(pipe.writing.number, &byte, 1)))
    try? pipe.writing.close()
    let ended = try launchStep(.userMap) { () throws(Errno) in
      try ChildProcess(identifier: helper).wait()
    }
    switch ended {
    case .exited(code: 0): break
    case .exited(let code): throw LaunchError(step: .userMap, errno: Errno(code))
    case .signalled: throw LaunchError(step: .userMap, errno: .interrupted)
    }
  }

  /// setgroups(2) has to be given up by whoever is no longer root (user_namespaces(7)).
  private func writeMaps(of process: ByteString) -> Errno {
    let user = ByteString(decimal: credentials.user ?? geteuid())
    let group = ByteString(decimal: credentials.group ?? getegid())
    do throws(Errno) {
      try Self.fill("deny", into: process + "/setgroups")
      try Self.fill(user + " " + user + " 1", into: process + "/uid_map")
      try Self.fill(group + " " + group + " 1", into: process + "/gid_map")
      return Errno(0)
    } catch {
      return error
    }
  }

  private static func fill(_ text: ByteString, into path: ByteString) throws(Errno) {
    let file = try FileDescriptor.open(path, O_WRONLY)
    try writeAll(Array(text.bytes), to: file.number)
  }
}

// MARK: - Beforehand

extension ProcessSetup {
  /// Whether a command could have `candidates` as its namespaces: tried in a process that then ends.
  package func failure(of candidates: Namespaces) -> LaunchError? {
    let wanted = namespaces
    namespaces = candidates
    defer { namespaces = wanted }
    do throws(LaunchError) {
      let report = try FailureReport(self)
      let process = csystem_fork()
      try check(.clone, process)
      if process == 0 {
        tryNamespaces(report)
        _exit(0)
      }
      let error = report.read()
      _ = try? ChildProcess(identifier: process).wait()
      return error
    } catch {
      return error
    }
  }

  private func tryNamespaces(_ report: FailureReport) {
    do throws(LaunchError) {
      try enterNamespaces()
      if !namespaces.contains(.pid) { return }
      let first = csystem_fork()
      try check(.clone, first)
      if first > 0 {
        _ = try? ChildProcess(identifier: first).wait()
      } else {
        try Namespaces.mountProc()
      }
    } catch {
      report.write(error)
    }
  }
}
