import CommandLine

/// What a shell offers where the value of an option stands.
enum Candidates: Equatable {
  /// Only the user knows it.
  case nothing
  case words([String])
  /// Words that more follows, after `=`.
  case names([String])
  case files, folders
  case users, groups
  /// Names of variables in the environment.
  case variables
  /// Processes, and the word none.
  case owners
  /// Descriptors that the shell has open.
  case descriptors
}

extension OptionSpecification {
  var candidates: Candidates {
    let choices = value.choices.map { "\($0)" }
    return switch value {
    case .none, .duration, .text, .range, .permissions, .shellCommand, .poll, .variable,
      .descriptor, .niceness, .optionalDuration, .namespaces, .optionalNamespaces,
      .optionalName, .optionalNumber:
      .nothing
    case .number: identity == .descriptor ? .descriptors : .nothing
    case .mode, .engine, .leftovers, .style, .error, .lossAction, .null, .yesOrNo, .ioPriority,
      .propagation,
      .optionalSidecar, .optionalReplaced,
      .optionalSignal:
      .words(choices)
    case .limit: .names(choices)
    case .directory: .folders
    case .optionalState, .optionalPath, .file, .lockFile: .files
    case .user: .users
    case .group, .groups: .groups
    case .variableName: .variables
    case .owner: .owners
    }
  }
}

extension Subcommand {
  /// Whether it acts on a lock that is held, in any mode: those that `swlock status` shows are offered.
  var wantsHeldLock: Bool {
    switch self {
    case .release, .wait, .status, .break: true
    case .run, .acquire, .refresh, .transfer, .cleanup, .as, .help, .version: false
    }
  }
}
