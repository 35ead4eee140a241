internal import Launching
internal import Locking
internal import SystemInterface

/// What the words of a command line say, each for itself. Nothing else is checked, and nothing opened.
final class Arguments {
  let subcommand: Subcommand
  /// The options in the order given, without those that a later one took back.
  private(set) var given: [OptionSpecification] = []
  private(set) var paths: [ByteString] = []
  /// The option that the last word was.
  private var last: GivenOption?
  /// Whether `--` stood before the first path.
  private var beginsWithSeparator = false
  /// Of `run`.
  private(set) var command: CommandWords?

  // The values of options: nil, empty or the default of those that were not given.

  /// Nil is `auto`.
  var mode: LockMode?
  var timeout: Span?
  var conflictExitCode: Int32?
  var range: ByteRange = .wholeFile
  var permissions: UInt32?
  var group: ByteString?
  var sidecar: SidecarNaming?
  var message: ByteString?
  var queue: WaitingQueue?
  var slots: Int?
  var replaced: ReplacedProcesses?
  var also: [AlsoLocked] = []
  /// Without the lifetime.
  var hardlink = HardlinkPolicy()
  var retriedErrors: [Errno] = []
  var style = HardlinkStyle.flufl
  /// Zero for none.
  var lifetime: Span?

  var shellCommand: ByteString?
  var leftovers: LeftoverPolicy?
  var maximumRuntime: Span?
  var killAfter: Span?
  var record: ByteString?
  var launch = LaunchOptions()
  var fakerootState: ByteString = ""
  var namespaces: [Namespaces.Kind] = []
  var optionalNamespaces: [Namespaces.Kind] = []
  var allNamespacesAreOptional = false
  var isPropagationPrivate: Bool?

  var owner = OwnerChoice.caller
  var heir: LockOwner?
  var descriptor: Int32?
  /// Whether the owner of a lock that is lost is left alone.
  var isSilentOnLoss = false

  var watch: Span?
  var kill: Int32?
  var olderThan: Span?

  init(_ subcommand: Subcommand) {
    self.subcommand = subcommand
    switch subcommand {
    case .run, .acquire: mode = .flock
    // Of any kind.
    case .wait: mode = nil
    default: mode = .hardlink
    }
  }

  func has(_ identity: OptionIdentity) -> Bool { given.contains { $0.identity == identity } }

  func usage(_ message: Message) -> Failure { .usage(message, of: subcommand) }

  func put(_ option: GivenOption) throws(Failure) {
    let row = option.row
    last = option
    given.removeAll { row.overrides.contains($0.identity) }
    given.append(row)
    try row.put?(self, option)
  }

  /// An operand; what is left in `reader` may belong to it.
  func put(_ word: ByteString, _ reader: inout OptionReader) throws(Failure) {
    if subcommand.operands == .none { throw usage("unexpected word '\(word)'") }
    let hasCommand = subcommand.operands == .pathAndCommand
    if hasCommand, !paths.isEmpty {
      command = reader.takeCommand(from: reader.index - 1)
      return
    }
    if word.isEmpty { throw usage("the lock file's name is empty") }
    if let last, last.couldHave(word), !reader.sawSeparator {
      throw usage(
        "the value of --\(last.row.long) follows an equals sign: --\(last.row.long)=\(word); a lock file of that name is ./\(word)"
      )
    }
    last = nil
    if subcommand == .wait, reader.sawSeparator, !paths.isEmpty, !beginsWithSeparator {
      throw usage(
        "wait runs no command: swlock wait PATH && COMMAND; to have the lock meanwhile: swlock run PATH -- COMMAND"
      )
    }
    if paths.isEmpty { beginsWithSeparator = reader.sawSeparator }
    if subcommand.operands == .path, !paths.isEmpty {
      throw usage("unexpected word '\(word)', there is a PATH already")
    }
    paths.append(word)
    if hasCommand, reader.sawSeparator {
      // `-- PATH -- COMMAND`: the second separator is one as well.
      reader.skipSeparator()
      if !reader.isAtEnd { command = reader.takeCommand(from: reader.index) }
    }
  }
}

// MARK: - Checks

extension Arguments {
  /// What the rows of the options say of each other.
  func checkRows() throws(Failure) {
    // First, since one of two may choose the mode.
    for row in given {
      for other in given where row.excludes.contains(other.identity) {
        let wayOut: Message =
          row.identity.wayOut(of: other.identity).map { "; \(Message(literal: $0))" } ?? ""
        throw broken(row, "--\(row.long) and --\(other.long) exclude each other\(wayOut)")
      }
    }
    for row in given {
      if !row.modes.allows(mode) { throw usage("--\(row.long) needs --mode \(row.modes.names)") }
      if row.needsFork, has(.noFork) { throw broken(row, .withoutFork("\(row.long)")) }
      if let needed = row.needs, !has(needed) {
        throw broken(row, "--\(row.long) needs --\(needed.name)")
      }
    }
  }

  private func broken(_ row: OptionSpecification, _ message: Message) -> Failure {
    usage(row.reason.map { Message(literal: $0) } ?? message)
  }
}

extension Message {
  /// After the exec of `run --no-fork` there is only the command.
  static func withoutFork(_ option: Message) -> Message {
    "--no-fork leaves no swlock behind that could do --\(option)"
  }
}

extension OptionIdentity {
  fileprivate var name: Literal { optionTable.first { $0.identity == self }?.long ?? "" }
}
