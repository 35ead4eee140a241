internal import Launching
internal import SystemInterface

/// How `run` is to start its command, where that is not the plain way.
final class LaunchOptions {
  var folder: ByteString?
  var creationMask: UInt32?
  /// In the order given.
  var environment: [EnvironmentChange] = []
  var argumentZero: ByteString?
  /// USER, or USER:GROUP, or :GROUP.
  var user: ByteString?
  var groups: ByteString?
  var mappings: [DescriptorRequest] = []
  var closesDescriptors = false
  var searchesPath = true
  var wrapper: ShellWrapper?
  var niceness: Int32?
  var ioPriority: IOPriority?
  var limits: [ResourceLimit] = []
  var controlGroup: ByteString?
  var warnsOfLargeEnvironment = false
  let output = OutputOptions()
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
  /// Whether any option was given at all.
  var isPlain = true
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
