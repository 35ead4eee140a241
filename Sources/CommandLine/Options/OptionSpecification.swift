internal import Locking

/// An option's identity: what it means, by whatever name.
package enum OptionIdentity: UInt8, CaseIterable, Sendable {
  case mode, shared, exclusive, nonblock, timeout, conflictExitCode
  case range, permissions, group, noCreate, unlink, sidecar, verbose, quiet
  case progress, message, reentrant, gone
  case also, alsoShared
  case queue, slots, replace
  case lifetime, style, clockSlop, poll, settle, retriedError
  case command, noFork, close, leftovers, maximumRuntime, killAfter, record
  case owner, take, any, heir, descriptor
  case folder, creationMask, setVariable, unsetVariable, clearEnvironment, argumentZero
  case user, keepEnvironment, groups, mapping, standardInput, closeDescriptors, pathLookup
  case shell, trace, sandbox, fakeroot
  case niceness, ioPriority, limit, controlGroup, warnLargeEnvironment
  case log, logOnly, logFilter, logTimestamps, pseudoTerminal
  case namespaces, optionalNamespaces, propagation, newControlGroup, sync, onExit
  case kill, strangers, unused, onLoss
  case json, watch, probe
  case force, dryRun, all, olderThan
  case help, version
}

/// Options that stand together in help and in the man page.
package enum OptionSection: Sendable {
  case lock, hardlink
  /// How a command is started.
  case launch
  /// What a subcommand does not share with those that take locks.
  case own
  case general

  package static var all: [OptionSection] { [.lock, .hardlink, .own, .launch, .general] }
}

/// The modes that an option needs.
enum ModeRule: Sendable {
  case any, hardlink, hardlinkOrAuto, flockOrOFD, flock
  /// Those whose locks are of files.
  case ofFiles
  /// Those whose locks may have a lifetime, and the one that may become such.
  case withLifetime
  /// Those whose locks can be several, and be numbered.
  case withSlots
  case engine

  /// - Parameter mode: nil is `auto`.
  func allows(_ mode: LockMode?) -> Bool {
    switch self {
    case .any: true
    case .ofFiles: mode?.engine == nil
    case .withLifetime: mode == .hardlink || mode == nil || mode?.engine != nil
    case .engine: mode?.engine != nil
    case .hardlink: mode == .hardlink
    case .hardlinkOrAuto: mode == .hardlink || mode == nil
    case .flockOrOFD: mode == .flock || mode == .ofd
    case .flock: mode == .flock
    case .withSlots: mode == .ofd || mode == .posix || mode?.engine != nil
    }
  }

  var names: Literal {
    switch self {
    case .any: ""
    case .ofFiles: "flock, posix, ofd, flock+ofd or hardlink"
    case .withLifetime: "hardlink, or that of an engine"
    case .engine: "of an engine, such as etcd"
    case .hardlink, .hardlinkOrAuto: "hardlink"
    case .flockOrOFD: "flock or ofd"
    case .flock: "flock"
    case .withSlots: "ofd or posix, or that of an engine"
    }
  }
}

/// A few options. No array: then the compiler would not make the table.
struct OptionGroup: Sendable {
  private typealias Member = OptionIdentity?
  private let members: (Member, Member, Member, Member, Member, Member)

  static var none: OptionGroup {
    @inline(__always) get { OptionGroup(members: (nil, nil, nil, nil, nil, nil)) }
  }

  @inline(__always)
  static func these(
    _ first: OptionIdentity, _ second: OptionIdentity? = nil, _ third: OptionIdentity? = nil,
    _ fourth: OptionIdentity? = nil, _ fifth: OptionIdentity? = nil, _ sixth: OptionIdentity? = nil
  ) -> OptionGroup {
    OptionGroup(members: (first, second, third, fourth, fifth, sixth))
  }

  func contains(_ option: OptionIdentity) -> Bool {
    members.0 == option || members.1 == option || members.2 == option || members.3 == option
      || members.4 == option || members.5 == option
  }
}

/// One row of the option table.
package struct OptionSpecification: Sendable {
  typealias Put = @Sendable (Arguments, GivenOption) throws(Failure) -> Void

  package let identity: OptionIdentity
  /// The letter; 0 for an option without one.
  package let short: UInt8
  /// The name without its dashes.
  package let long: Literal
  package let value: OptionValue
  package let section: OptionSection
  /// The subcommands that take it.
  let takers: SubcommandSet
  package let summary: Literal
  /// Whether it is one of the dozen or so that people use.
  package let isCommon: Bool
  /// What a line of short help says of it, where the summary is longer than that.
  let brief: Literal?
  /// Whether each time it is given counts, and not only the last one.
  package let repeats: Bool
  /// Whether swlock has something to do for it once the command runs.
  let needsFork: Bool
  let modes: ModeRule
  let needs: OptionIdentity?
  let excludes: OptionGroup
  /// What it takes back of that which was given before it.
  let overrides: OptionGroup
  /// What is said instead of the plain words where one of these rules is broken.
  let reason: Literal?
  /// Puts its value into the record; nil for one that only is there or not.
  let put: Put?

  /// Inlined, so that the compiler makes the table: there is nothing to do at start-up.
  @inline(__always)
  init(
    _ identity: OptionIdentity, _ short: Unicode.Scalar?, _ long: Literal,
    _ value: OptionValue, _ section: OptionSection, _ takers: SubcommandSet,
    _ summary: Literal, isCommon: Bool = false, brief: Literal? = nil,
    repeats: Bool = false, needsFork: Bool = false, modes: ModeRule = .any,
    needs: OptionIdentity? = nil, excludes: OptionGroup = .none, overrides: OptionGroup = .none,
    because reason: Literal? = nil,
    put: Put? = nil
  ) {
    self.identity = identity
    if let short { self.short = UInt8(truncatingIfNeeded: short.value) } else { self.short = 0 }
    self.long = long
    self.value = value
    self.section = section
    self.takers = takers
    self.summary = summary
    self.isCommon = isCommon
    self.brief = brief
    self.repeats = repeats
    self.needsFork = needsFork
    self.modes = modes
    self.needs = needs
    self.excludes = excludes
    self.overrides = overrides
    self.reason = reason
    self.put = put
  }
}
