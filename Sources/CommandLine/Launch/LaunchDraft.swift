internal import CSystem
internal import Launching
internal import SystemInterface

/// The launch options of `run` while they are being read.
struct LaunchDraft {
  let options = LaunchOptions()
  private var firstWrapper: OptionSpecification?
  private var namespaces: [Namespaces.Kind] = []
  private var optional: [Namespaces.Kind] = []
  private var allOptional = false
  private var isPrivate: Bool?

  /// Whether `given` is a launch option.
  mutating func take(_ given: GivenOption) throws(Failure) -> Bool {
    guard given.option.section == .launch else { return false }
    options.isPlain = false
    switch given.identity {
    case .folder: options.folder = try given.name("the name of a folder")
    case .creationMask:
      options.creationMask = try given.checked(parsePermissions(given.value), "octal, up to 0777")
    case .setVariable: options.environment.append(try given.variable())
    case .unsetVariable: options.environment.append(.unset(try given.variableName(given.value)))
    case .clearEnvironment: options.environment.append(.clear)
    case .argumentZero: options.argumentZero = given.value
    case .user: options.user = try given.name("USER, USER:GROUP or :GROUP")
    case .groups: options.groups = given.value
    case .mapping: options.mappings.append(try given.descriptorRequest())
    case .standardInput:
      guard given.value == "null" else {
        throw given.invalid("only null; --fd 0=FILE takes a file")
      }
      options.mappings.append(DescriptorRequest(number: 0, source: .file("/dev/null", O_RDONLY)))
    case .closeDescriptors: options.closesDescriptors = true
    case .pathLookup: options.searchesPath = try given.yesOrNo()
    case .shell: try wrap(.shell, given)
    case .trace: try wrap(.trace, given)
    case .sandbox: try wrap(.sandbox, given)
    case .fakeroot: try wrap(.fakeroot(given.value), given)
    case .niceness: options.niceness = try given.niceness()
    case .ioPriority: options.ioPriority = try given.ioPriority()
    case .limit: options.limits.append(try given.limit())
    case .controlGroup: options.controlGroup = try given.name("the folder of a control group")
    case .namespaces: namespaces += try given.namespaceList()
    case .optionalNamespaces:
      if given.value.isEmpty { allOptional = true } else { optional += try given.namespaceList() }
    case .propagation: isPrivate = try given.propagation()
    case .newControlGroup: options.newControlGroup = try given.fileName()
    case .sync:
      options.synchronized =
        (options.synchronized ?? []) + (given.value.isEmpty ? [] : [given.value])
    case .onExit: options.onExit.append(given.value)
    case .warnLargeEnvironment: options.warnsOfLargeEnvironment = true
    default: try options.output.take(given)
    }
    return true
  }

  /// --shell beside --trace says the same.
  private mutating func wrap(_ wrapper: ShellWrapper, _ given: GivenOption) throws(Failure) {
    let both = [firstWrapper?.identity, given.identity]
    if let first = firstWrapper, first.identity != given.identity,
      both != [.shell, .trace], both != [.trace, .shell]
    {
      throw .usage("--\(first.long) and --\(given.option.long) exclude each other")
    }
    if firstWrapper?.identity == .trace, given.identity == .shell { return }
    firstWrapper = given.option
    options.wrapper = wrapper
  }

  /// Checks the whole. Without a process of swlock's beside the command some things cannot be done.
  func finish(noFork: Bool) throws(Failure) {
    for (index, mapping) in options.mappings.enumerated() {
      if options.mappings[..<index].contains(where: { $0.number == mapping.number }) {
        throw .usage("descriptor \(mapping.number) is given twice")
      }
    }
    try options.output.check(noFork: noFork)
    if options.wrapper != nil, options.argumentZero != nil {
      throw .usage("--argv0 is for a COMMAND that is executed as it is, not by another program")
    }
    try finishNamespaces()
    if noFork { try checkNoFork() }
  }

  private func finishNamespaces() throws(Failure) {
    if allOptional, namespaces.isEmpty { throw .usage("--unshare-optional is about --unshare") }
    for kind in allOptional ? [] : namespaces { options.namespaces.insert(kind) }
    options.optionalNamespaces = allOptional ? namespaces + optional : optional
    let all = namespaces + optional
    if let isPrivate {
      if !all.contains(.mount), !all.contains(.pid) {
        throw .usage("--propagation needs --unshare mount or pid")
      }
      options.namespaces.isPrivate = isPrivate
    }
  }

  private func checkNoFork() throws(Failure) {
    let conflict: StaticString? =
      if (namespaces + optional).contains(.pid) {
        "--unshare pid"
      } else if options.newControlGroup != nil {
        "--cgroup-new"
      } else if options.synchronized != nil { "--sync" } else if !options.onExit.isEmpty {
        "--on-exit"
      } else { nil }
    if let conflict { throw .notWithoutFork(conflict) }
  }
}
