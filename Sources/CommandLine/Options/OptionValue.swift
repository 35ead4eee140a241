/// What an option takes after it.
package enum OptionValue: Sendable {
  case none
  case mode, engine, leftovers, style, error, lossAction
  case duration, number, text, range, permissions, group, shellCommand, poll, owner
  case directory, variable, variableName, user, groups, descriptor, null, yesOrNo
  case niceness, ioPriority, limit
  case file, lockFile
  case namespaces, propagation
  /// Only in the form `--option=value`.
  case optionalSidecar, optionalDuration, optionalSignal, optionalState
  case optionalNamespaces, optionalName, optionalPath, optionalNumber, optionalReplaced

  package var isOptional: Bool {
    switch self {
    case .optionalSidecar, .optionalDuration, .optionalSignal, .optionalState,
      .optionalNamespaces, .optionalName, .optionalPath, .optionalNumber,
      .optionalReplaced:
      true
    case .none, .mode, .engine, .leftovers, .style, .error, .lossAction, .duration, .number, .text,
      .range, .permissions,
      .group, .shellCommand, .poll, .owner, .directory, .variable, .variableName, .user, .groups,
      .descriptor, .null, .yesOrNo, .niceness, .ioPriority, .limit, .file, .lockFile, .namespaces,
      .propagation:
      false
    }
  }

  /// How help calls it; empty for an option without a value.
  package var placeholder: Literal {
    switch self {
    case .none: ""
    case .mode: "MODE"
    case .engine: "ENGINE"
    case .leftovers: "WHAT"
    case .style: "STYLE"
    case .lossAction: "WHAT"
    case .error: "NAME"
    case .duration, .optionalDuration: "DURATION"
    case .number, .optionalNumber: "N"
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
    case .optionalPath, .lockFile: "PATH"
    case .optionalReplaced: "waiting"
    }
  }

  /// What may stand there by name, where those are a fixed set.
  package var choices: [Literal] {
    switch self {
    case .mode: LockMode.all.map { $0.ownName } + ["auto", "etcd"]
    case .engine: ["etcd"]
    case .leftovers: ["keep", "wait", "kill", "release"]
    case .style: ["flufl", "portage"]
    case .lossAction: ["term", "none"]
    case .error: errorNames.map { $0.name }
    case .optionalSidecar: ["portage"]
    case .optionalReplaced: ["waiting"]
    case .null: ["null"]
    case .yesOrNo: ["yes", "no"]
    case .ioPriority: ["realtime", "best-effort", "idle"]
    case .limit: resourceNames.map { $0.name }
    case .optionalSignal: signalNames.map { $0.name }
    case .propagation: ["slave", "private"]
    case .none, .duration, .number, .text, .range, .permissions, .group, .shellCommand, .poll,
      .owner, .directory, .variable, .variableName, .user, .groups, .descriptor, .niceness, .file,
      .lockFile,
      .namespaces, .optionalDuration, .optionalState, .optionalNamespaces, .optionalName,
      .optionalPath, .optionalNumber:
      []
    }
  }
}
