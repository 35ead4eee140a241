/// An option's identity: the parser switches over these exhaustively.
package enum OptionIdentity: UInt8, Sendable {
  case mode, shared, exclusive, nonblock, timeout, conflictExitCode
  case range, permissions, group, noCreate, unlink, sidecar, verbose, quiet
  case progress, message, reentrant
  case lifetime, style, clockSlop, poll, settle, retriedError
  case command, noFork, close, leftovers, maximumRuntime, killAfter
  case owner, take, any, heir, descriptor
  case folder, creationMask, setVariable, unsetVariable, clearEnvironment, argumentZero
  case user, groups, mapping, standardInput, closeDescriptors, pathLookup
  case shell, trace, sandbox, fakeroot
  case niceness, ioPriority, limit, controlGroup, warnLargeEnvironment
  case log, logOnly, logFilter, logTimestamps, pseudoTerminal
  case namespaces, optionalNamespaces, propagation, newControlGroup, sync, onExit
  case kill, strangers, unused
  case json, watch, probe
  case force, dryRun, all, olderThan
  case help, version
}

/// What an option takes after it.
package enum OptionValue: Sendable {
  case none
  case mode, leftovers, style, error
  case duration, number, text, range, permissions, group, shellCommand, poll, owner
  case directory, variable, variableName, user, groups, descriptor, null, yesOrNo
  case niceness, ioPriority, limit
  case file
  case namespaces, propagation
  /// Only in the form `--option=value`.
  case optionalSidecar, optionalDuration, optionalSignal, optionalState
  case optionalNamespaces, optionalName, optionalPath

  package var isOptional: Bool {
    switch self {
    case .optionalSidecar, .optionalDuration, .optionalSignal, .optionalState,
      .optionalNamespaces, .optionalName, .optionalPath:
      true
    default: false
    }
  }

  /// How help calls it; empty for an option without a value.
  package var placeholder: StaticString {
    switch self {
    case .none: ""
    case .mode: "MODE"
    case .leftovers: "WHAT"
    case .style: "STYLE"
    case .error: "NAME"
    case .duration, .optionalDuration: "DURATION"
    case .number: "N"
    case .text: "TEXT"
    case .range: "START[:LENGTH]"
    case .permissions: "MODE"
    case .group: "NAME"
    case .shellCommand: "STRING"
    case .poll: "MIN:MAX"
    case .owner: "PID|none"
    case .optionalSidecar: "portage"
    case .optionalSignal: "SIGNAL"
    case .directory: "DIR"
    case .variable: "NAME=VALUE"
    case .variableName: "NAME"
    case .user: "USER[:GROUP]"
    case .groups: "GROUP,..."
    case .descriptor: "N=M|FILE|-"
    case .null: "null"
    case .yesOrNo: "yes|no"
    case .niceness: "N"
    case .ioPriority: "CLASS[:LEVEL]"
    case .limit: "NAME=SOFT[:HARD]"
    case .optionalState, .file: "FILE"
    case .namespaces, .optionalNamespaces: "LIST"
    case .propagation: "TYPE"
    case .optionalName: "NAME"
    case .optionalPath: "PATH"
    }
  }

  /// What may stand there by name, where those are a fixed set.
  package var choices: [StaticString] {
    switch self {
    case .mode: ["flock", "posix", "ofd", "hardlink", "auto"]
    case .leftovers: ["keep", "wait", "kill", "release"]
    case .style: ["flufl", "portage"]
    case .error: errorNames.map { $0.name }
    case .optionalSidecar: ["portage"]
    case .null: ["null"]
    case .yesOrNo: ["yes", "no"]
    case .ioPriority: ["realtime", "best-effort", "idle"]
    case .limit: resourceNames.map { $0.name }
    case .optionalSignal: signalNames.map { $0.name }
    case .propagation: ["slave", "private"]
    default: []
    }
  }
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

/// One row of the option table.
package struct OptionSpecification: Sendable {
  package let identity: OptionIdentity
  /// The letter; 0 for an option without one.
  package let short: UInt8
  /// The name without its dashes.
  package let long: StaticString
  package let value: OptionValue
  package let section: OptionSection
  /// The subcommands that take it.
  let takers: SubcommandSet
  package let summary: StaticString

  /// Whether each time it is given counts, and not only the last one.
  package var repeats: Bool {
    switch identity {
    case .retriedError, .setVariable, .unsetVariable, .mapping, .limit, .sync, .onExit,
      .namespaces, .optionalNamespaces:
      true
    default: false
    }
  }

  /// Inlined, so that the compiler makes the table: there is nothing to do at start-up.
  @inline(__always)
  init(
    _ identity: OptionIdentity, _ short: Unicode.Scalar?, _ long: StaticString,
    _ value: OptionValue, _ section: OptionSection, _ takers: SubcommandSet,
    _ summary: StaticString
  ) {
    self.identity = identity
    self.short = short.map { UInt8($0.value) } ?? 0
    self.long = long
    self.value = value
    self.section = section
    self.takers = takers
    self.summary = summary
  }
}
