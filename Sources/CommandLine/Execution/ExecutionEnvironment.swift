internal import CSystem
internal import Launching
internal import SystemInterface

/// Makes the command of `run` out of its launch options.
final class ExecutionEnvironment {
  let options: LaunchOptions
  private let account: Accounts.Account
  /// What was opened for the command, until this process has started it.
  private var opened: [HeldDescriptor] = []
  /// The way of the command's output, where that is not this process's own.
  let output: OutputRelay?
  var controlGroup: ControlGroup?
  /// Whether the group was made, perhaps by a process forked later.
  let hasControlGroup: SharedNumber?

  /// Looks up names, and opens nothing: the lock is not held yet.
  init(_ options: LaunchOptions) throws(Failure) {
    self.options = options
    account = try Self.account(options)
    output = try OutputRelay(options.output)
    do throws(LaunchError) {
      hasControlGroup = options.newControlGroup == nil ? nil : try SharedNumber()
    } catch {
      throw .launching(error, "swlock")
    }
  }

  /// The command, with `variables` in its environment whatever the options say. Opens its files.
  func command(
    _ words: CommandWords, setting variables: [EnvironmentVariable]
  ) throws(Failure) -> Command {
    let changes = changes + variables.map { .set($0) }
    let environment = CStringVector.environment(changes)
    warn(environment)
    let setup = ProcessSetup()
    var arguments = try wrapped(words)
    if let name = options.argumentZero {
      setup.executable = arguments[0]
      arguments[0] = name
    }
    setup.searchesPath = options.searchesPath
    setup.folder = options.folder
    setup.creationMask = options.creationMask
    setup.credentials = account.credentials
    setup.niceness = options.niceness
    setup.ioPriority = options.ioPriority
    setup.limits = options.limits
    setup.closesOtherDescriptors = options.closesDescriptors
    for request in options.mappings { setup.descriptors.append(try mapping(request)) }
    if options.newControlGroup != nil {
      setup.controlGroups = try makeControlGroup()
    } else if let path = options.controlGroup {
      setup.controlGroups = [try open(path + "/cgroup.procs", O_WRONLY)]
    }
    setup.namespaces = chooseNamespaces(setup, words.name)
    var command = Command(CStringVector(arguments), environment: environment)
    command.setup = setup
    try output?.begin(&command, setup)
    return command
  }

  /// What the command was not started for.
  func failure(_ error: LaunchError, _ name: ByteString, _ command: Command) -> Failure {
    let subject: ByteString? =
      switch error.step {
      case .chdir: options.folder
      case .setuid, .setgid: options.user
      case .setgroups: options.groups ?? options.user
      case .controlGroup: options.newControlGroup == nil ? options.controlGroup : nil
      case .setrlimit: options.limits.first { !$0.canBeSet }?.name
      default: nil
      }
    if let failure = Self.namespaceFailure(error, name, options) { return failure }
    guard let subject else { return .launching(error, name, command) }
    return Failure(
      Failure.status(error),
      .unable(to: "run", name, "\(error.step.name) \(subject): \(error.errno.text)\(error.hint)"))
  }

  // MARK: - Files

  private func mapping(_ request: DescriptorRequest) throws(Failure) -> DescriptorMapping {
    switch request.source {
    case .closed: return DescriptorMapping(request.number, nil)
    case .file(let path, let flags):
      return DescriptorMapping(request.number, try open(path, flags))
    case .descriptor(let number):
      // Those of swlock's own are close-on-exec, and nobody can mean them.
      let flags = csystem_fcntl(number, F_GETFD, 0)
      if flags < 0 || flags & FD_CLOEXEC != 0 {
        throw Failure(
          .systemCall, .unable(to: "give descriptor", "\(number) to the command", "it is not open"))
      }
      return DescriptorMapping(request.number, number)
    }
  }

  private func open(_ path: ByteString, _ flags: Int32) throws(Failure) -> Int32 {
    do throws(Errno) {
      let held = HeldDescriptor(try FileDescriptor.open(path, flags, permissions: 0o666))
      opened.append(held)
      return held.number
    } catch {
      throw .opening(path, error)
    }
  }

  // MARK: - The program

  private func wrapped(_ words: CommandWords) throws(Failure) -> [ByteString] {
    switch options.wrapper {
    case nil: return words.arguments
    case .shell?: return ["bash", "-c"] + words.shellArguments
    case .trace?: return ["bash", "-x", "-c"] + words.shellArguments
    case .sandbox?:
      do throws(Errno) {
        _ = try findExecutable("sandbox")
        return ["sandbox", words.shellCommand]
      } catch {
        Output.say("no sandbox(1) here, running the command without: \(error.text)")
        return ["bash", "-c"] + words.shellArguments
      }
    case .fakeroot(let state)?:
      var arguments: [ByteString] = ["fakeroot"]
      if !state.isEmpty {
        arguments += ["-s", state]
        // It cannot load a file that does not exist.
        if (try? FileStatus(at: state, followingLinks: true)) != nil { arguments += ["-i", state] }
      }
      return arguments + ["--"] + words.arguments
    }
  }

  private func warn(_ environment: CStringVector) {
    guard options.warnsOfLargeEnvironment else { return }
    let size = environment.size
    if size.total > 96 * 1024 {
      let name = split(size.largest, at: "=")?.0 ?? size.largest
      Output.say(
        "the environment has \(Int64(size.total)) bytes, of which \(name) is the largest variable with \(Int64(size.largest.count))"
      )
    }
  }

  /// What the account says goes before what the options say, but behind --clear-env.
  private var changes: [EnvironmentChange] {
    if options.keepsEnvironment { return options.environment }
    let place = (options.environment.lastIndex(of: .clear) ?? -1) + 1
    return options.environment[..<place] + account.variables + options.environment[place...]
  }

  // MARK: - Names

  private static func account(_ options: LaunchOptions) throws(Failure) -> Accounts.Account {
    var account = Accounts.Account()
    if let user = options.user {
      let (name, group) = split(user, at: ":") ?? (user, nil)
      if !name.isEmpty { account = try Accounts.user(name) }
      if let group {
        if group.isEmpty { throw .usage("invalid value '\(user)' for --user: no group behind ':'") }
        account.credentials.group = try Accounts.group(group, of: .run)
      }
      if account.credentials.user != nil, account.credentials.group == nil {
        throw .usage("there is no user '\(name)': --user \(name):GROUP says its group")
      }
      // Not those of the user that swlock is.
      if account.credentials.user != nil, account.credentials.groups == nil {
        account.credentials.groups = []
      }
    }
    if let list = options.groups {
      var groups: [UInt32] = []
      for name in list.bytes.split(separator: ascii(",")) {
        groups.append(try Accounts.group(ByteString(name), of: .run))
      }
      account.credentials.groups = groups
    }
    return account
  }
}
