internal import CSystem

/// What is different in a command from the process that starts it, beyond what `Command` has for
/// every one. Everything is done in the new process before its program begins, in the order in which
/// it stands here; if a step fails, the program is not started, and the error names the step.
///
/// With a user namespace limits and credentials come before all namespaces, which are made as that
/// user then.
///
/// A class, since it is large and most commands have none.
package final class ProcessSetup {
  /// `cgroup.procs` files, open here for writing: the command moves into these control groups
  /// (cgroups(7)).
  package var controlGroups: [Int32] = []
  /// Added to the nice value (nice(2)).
  package var niceness: Int32?
  package var ioPriority: IOPriority?
  package var namespaces = Namespaces()
  /// A terminal, open here, that becomes the controlling one of a new session (setsid(2), tty(4)).
  package var terminal: Int32?
  /// The command's descriptors by number: those that it gets, and those that it does not have.
  package var descriptors: [DescriptorMapping] = []
  package var limits: [ResourceLimit] = []
  package var credentials = Credentials()
  /// The file mode creation mask (umask(2)).
  package var creationMask: UInt32?
  /// Whether every descriptor above 2 is closed that neither `descriptors` nor
  /// `Command.inheritedDescriptors` names.
  package var closesOtherDescriptors = false
  /// The working directory (chdir(2)), entered as the user that the command is.
  package var folder: ByteString?
  /// The program's file, where that is not the first argument.
  package var executable: ByteString?
  /// Whether a program without a slash is looked up in the command's own $PATH. Otherwise it is a path.
  package var searchesPath = true

  package init() {}
}

/// Where a descriptor of a command comes from.
package struct DescriptorMapping: Equatable, Sendable {
  /// Its number in the command.
  package let number: Int32
  /// The descriptor of this process that it is a duplicate of (dup2(2)); nil: it is closed.
  package let source: Int32?

  package init(_ number: Int32, _ source: Int32?) {
    self.number = number
    self.source = source
  }
}

/// The scheduling of a command's input and output (ioprio_set(2)).
package struct IOPriority: Equatable, Sendable {
  package enum Class: Int32, Sendable {
    case realTime = 1
    case bestEffort, idle
  }

  package let `class`: Class
  /// 0, the highest, to 7; without a meaning for `idle`.
  package let level: Int32

  package init(_ class: Class, level: Int32) {
    self.class = `class`
    self.level = level
  }
}

/// A resource limit (setrlimit(2)).
package struct ResourceLimit: Equatable, Sendable {
  package static var unlimited: UInt64 { UInt64.max }

  /// RLIMIT_CPU and so on.
  package let resource: Int32
  /// Nil leaves it as it is.
  package let soft: UInt64?
  package let hard: UInt64?

  package init(_ resource: Int32, soft: UInt64?, hard: UInt64?) {
    self.resource = resource
    self.soft = soft
    self.hard = hard
  }
}

/// As whom a command runs (credentials(7)); what is nil stays as it is.
package struct Credentials: Equatable, Sendable {
  package var user: UInt32?
  package var group: UInt32?
  /// The supplementary groups.
  package var groups: [UInt32]?

  package init(user: UInt32? = nil, group: UInt32? = nil, groups: [UInt32]? = nil) {
    self.user = user
    self.group = group
    self.groups = groups
  }
}

// MARK: - In the new process

extension ProcessSetup {
  /// The first part, which gets the rest of it the namespaces to be done in.
  func prepare() throws(LaunchError) {
    for group in controlGroups { try check(.controlGroup, Int32(write(group, "0\n", 2))) }
    try schedule()
    try enterNamespaces()
  }

  func enterNamespaces() throws(LaunchError) {
    if namespaces.contains(.user) {
      try limit()
      try enterUserNamespace()
    }
    try namespaces.enter()
  }

  /// The rest, in the process that becomes the command. `inherited` stay open in the program, under
  /// another number where `descriptors` has the same; `kept` stays open until the program begins, and
  /// comes from `duplicate`.
  func complete(inheriting inherited: [Int32], keeping kept: Int32?) throws(LaunchError) {
    if let terminal {
      try check(.setsid, setsid())
      try check(.ioctl, csystem_take_terminal(terminal))
    }
    let inherited = try mapDescriptors(besides: inherited)
    if !namespaces.contains(.user) {
      try limit()
      try become(credentials)
    }
    if let creationMask { umask(creationMask) }
    // Before what may hang: they may be locks, or ends of pipes.
    if closesOtherDescriptors { try closeAll(besides: inherited, kept) }
    if let folder { try check(.chdir, folder.withCString { chdir($0) }) }
  }

  /// All sources are moved out of the way first, so that a number may be another one's source.
  ///
  /// - Returns: where `inherited` are now.
  private func mapDescriptors(besides inherited: [Int32]) throws(LaunchError) -> [Int32] {
    var stay: [Int32] = []
    for number in inherited {
      let copy = isMapped(number) ? duplicate(number) : number
      try check(.fcntl, copy)
      try check(.fcntl, csystem_fcntl(copy, F_SETFD, 0))
      stay.append(copy)
    }
    var copies: [Int32?] = []
    for mapping in descriptors {
      let copy = mapping.source.map { duplicate($0) }
      try check(.fcntl, copy ?? 0)
      copies.append(copy)
    }
    for (mapping, copy) in zip(descriptors, copies) {
      if let copy {
        try check(.dup2, dup2(copy, mapping.number))
        close(copy)
      } else {
        close(mapping.number)
      }
    }
    return stay
  }

  private func schedule() throws(LaunchError) {
    if let niceness {
      var current: Int32 = 0
      try check(.setpriority, csystem_get_priority(&current))
      let wanted = min(max(current + niceness, -20), 19)
      try check(.setpriority, csystem_set_priority(wanted))
    }
    if let ioPriority {
      try check(.ioprioSet, csystem_set_io_priority(ioPriority.class.rawValue, ioPriority.level))
    }
  }

  private func limit() throws(LaunchError) {
    for limit in limits {
      var soft: rlim_t = 0
      var hard: rlim_t = 0
      try check(.setrlimit, csystem_get_limit(limit.resource, &soft, &hard))
      soft = limit.soft.map { rlim_t($0) } ?? soft
      hard = limit.hard.map { rlim_t($0) } ?? hard
      try check(.setrlimit, csystem_set_limit(limit.resource, soft, hard))
    }
  }

  /// Groups first: whoever is no longer root may not change them. What the kernel says it has done is
  /// looked at, and whether the way back is shut.
  func become(_ credentials: Credentials) throws(LaunchError) {
    // Only root may even ask for those that it has.
    if let groups = credentials.groups, !areSupplementaryGroups(groups) {
      try check(.setgroups, csystem_set_groups(groups.count, groups))
    }
    if let group = credentials.group {
      try check(.setgid, csystem_set_group(group))
      guard isGroup(group) else {
        throw LaunchError(step: .setgid, errno: .permissionNotGranted)
      }
    }
    if let user = credentials.user {
      try check(.setuid, csystem_set_user(user))
      guard isUser(user), user == 0 || csystem_set_user(0) != 0 else {
        throw LaunchError(step: .setuid, errno: .permissionNotGranted)
      }
    }
  }

  /// Whether this process has these groups already, in whatever order (getgroups(2)).
  private func areSupplementaryGroups(_ wanted: [UInt32]) -> Bool {
    var groups = [UInt32](repeating: 0, count: Int(max(0, getgroups(0, nil))))
    let count = getgroups(Int32(groups.count), &groups)
    guard count == Int32(wanted.count) else { return false }
    return ascending(groups.map { Int32(bitPattern: $0) })
      == ascending(wanted.map { Int32(bitPattern: $0) })
  }

  private func closeAll(besides inherited: [Int32], _ kept: Int32?) throws(LaunchError) {
    var open = inherited
    for mapping in descriptors where mapping.source != nil { open.append(mapping.number) }
    if let kept { open.append(kept) }
    try closeDescriptors(besides: open)
  }

  private func isMapped(_ number: Int32) -> Bool {
    descriptors.contains { $0.number == number }
  }

  /// Duplicates a descriptor under a number above 2 that `descriptors` does not have, close-on-exec
  /// (fcntl(2)); -1 if that fails.
  func duplicate(_ number: Int32) -> Int32 {
    var lowest = STDERR_FILENO + 1
    while true {
      let copy = csystem_fcntl(number, F_DUPFD_CLOEXEC, lowest)
      if copy < 0 || !isMapped(copy) { return copy }
      close(copy)
      lowest = copy + 1
    }
  }

  /// Executes the program: returns only if that fails.
  func execute(
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>,
    _ environment: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  ) {
    // execvp(3) searches the $PATH of the process that calls it.
    csystem_set_environment(environment)
    let name = executable ?? ByteString(cString: arguments[0]!)
    let file = searchesPath || name.contains(ascii("/")) ? name : "./" + name
    file.withCString { _ = execvp($0, arguments) }
  }
}
