internal import Launching
internal import SystemInterface

/// How `run` is to start its command, where that is not the plain way.
struct LaunchOptions {
  var folder: ByteString?
  var creationMask: UInt32?
  /// In the order given.
  var environment: [EnvironmentChange] = []
  var argumentZero: ByteString?
  /// USER, or USER:GROUP, or :GROUP.
  var user: ByteString?
  var groups: ByteString?
  /// Not HOME, USER, LOGNAME and SHELL of the user either.
  var keepsEnvironment = false
  var mappings: [DescriptorRequest] = []
  var closesDescriptors = false
  var searchesPath = true
  var wrapper: ShellWrapper?
  var niceness: Int32?
  var ioPriority: IOPriority?
  var limits: [ResourceLimit] = []
  var controlGroup: ByteString?
  var warnsOfLargeEnvironment = false
  var output = OutputOptions()
  /// Without these the command is not started.
  var namespaces = Namespaces()
  /// Those that it is started without where they cannot be had.
  var optionalNamespaces: [Namespaces.Kind] = []
  /// A control group is made; empty: with a name of swlock's.
  var newControlGroup: ByteString?
  /// What is on disk before the lock is released; empty: the file system of the command's folder.
  var synchronized: [ByteString]?
  /// Shell commands, in the order given.
  var onExit: [ByteString] = []
}

extension LaunchOptions {
  /// The values that were given, checked as a whole.
  init(_ arguments: Arguments) throws(Failure) {
    self = arguments.launch
    closesDescriptors = arguments.has(.closeDescriptors)
    keepsEnvironment = arguments.has(.keepEnvironment)
    warnsOfLargeEnvironment = arguments.has(.warnLargeEnvironment)
    output.isShown = !arguments.has(.logOnly)
    output.isStamped = arguments.has(.logTimestamps)
    output.usesPseudoTerminal = arguments.has(.pseudoTerminal)
    if arguments.has(.fakeroot) {
      wrapper = .fakeroot(arguments.fakerootState)
    } else if arguments.has(.sandbox) {
      wrapper = .sandbox
    } else if arguments.has(.trace) {
      wrapper = .trace
    } else if arguments.has(.shell) {
      wrapper = .shell
    }
    for (index, mapping) in mappings.enumerated() {
      if mappings[..<index].contains(where: { $0.number == mapping.number }) {
        throw .usage("descriptor \(mapping.number) is given twice")
      }
    }
    try takeNamespaces(arguments)
  }

  private mutating func takeNamespaces(_ arguments: Arguments) throws(Failure) {
    let required = arguments.namespaces
    let optional = arguments.optionalNamespaces
    let allAreOptional = arguments.allNamespacesAreOptional
    if allAreOptional, required.isEmpty { throw .usage("--unshare-optional is about --unshare") }
    for kind in allAreOptional ? [] : required { namespaces.insert(kind) }
    optionalNamespaces = allAreOptional ? required + optional : optional
    if let isPrivate = arguments.isPropagationPrivate {
      if !(required + optional).contains(where: { $0 == .mount || $0 == .pid }) {
        throw .usage("--propagation needs --unshare mount or pid")
      }
      namespaces.isPrivate = isPrivate
    }
  }
}

/// What becomes of the output of `run`'s command, where it does not just go where swlock's own goes.
struct OutputOptions {
  var log: ByteString?
  var isShown = true
  var filter: ByteString?
  var isStamped = false
  var usesPseudoTerminal = false

  var isPlain: Bool { log == nil && !usesPseudoTerminal }

  /// The programs that the log goes through.
  var programs: [[ByteString]] {
    var programs: [[ByteString]] = []
    if let filter { programs.append(["sh", "-c", filter]) }
    if let log, log.bytes.suffix(3) == ".gz" {
      programs.append(["gzip", "-c"])
    }
    return programs
  }
}

/// `--fd N=...`
struct DescriptorRequest {
  enum Source {
    case closed
    case descriptor(Int32)
    /// A file, and the flags of open(2).
    case file(ByteString, Int32)
  }

  let number: Int32
  let source: Source
}

/// A program that the command is run by.
enum ShellWrapper {
  case shell, trace, sandbox
  /// With the file that keeps the state, if any.
  case fakeroot(ByteString)
}
