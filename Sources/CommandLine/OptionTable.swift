/// An option's identity: the parser switches over these exhaustively.
package enum OptionIdentity: Sendable {
  case mode, shared, exclusive, nonblock, timeout, conflictExitCode
  case range, permissions, group, noCreate, unlink, sidecar, verbose
  case command, noFork, close, leftovers, maximumRuntime, killAfter
  case help, version
}

/// What an option takes after it.
package enum OptionValue: Sendable {
  case none
  case mode, leftovers
  case duration, number, range, permissions, group, shellCommand
  /// Only in the form `--option=value`.
  case optionalSidecar

  package var isOptional: Bool {
    if case .optionalSidecar = self { true } else { false }
  }

  /// How help calls it; empty for an option without a value.
  package var placeholder: StaticString {
    switch self {
    case .none: ""
    case .mode: "MODE"
    case .leftovers: "WHAT"
    case .duration: "DURATION"
    case .number: "N"
    case .range: "START[:LENGTH]"
    case .permissions: "MODE"
    case .group: "NAME"
    case .shellCommand: "STRING"
    case .optionalSidecar: "portage"
    }
  }

  /// All that may stand there, where that is a fixed set.
  package var choices: [StaticString] {
    switch self {
    case .mode: ["flock", "posix", "ofd", "auto"]
    case .leftovers: ["keep", "wait", "kill", "release"]
    case .optionalSidecar: ["portage"]
    default: []
    }
  }
}

package enum OptionSection: Sendable {
  case lock, run, general

  package var title: StaticString {
    switch self {
    case .lock: "Lock options"
    case .run: "Options of run"
    case .general: "General options"
    }
  }

  package static var all: [OptionSection] { [.lock, .run, .general] }
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
  package let summary: StaticString

  fileprivate init(
    _ identity: OptionIdentity, _ short: Unicode.Scalar?, _ long: StaticString,
    _ value: OptionValue, _ section: OptionSection, _ summary: StaticString
  ) {
    self.identity = identity
    self.short = short.map { UInt8($0.value) } ?? 0
    self.long = long
    self.value = value
    self.section = section
    self.summary = summary
  }
}

/// Every option there is. The parser, help, the man page and the completions are made from it.
package let optionTable: [OptionSpecification] = [
  .init(
    .mode, "m", "mode", .mode, .lock,
    "kind of lock: flock (default), posix (fcntl F_SETLK), ofd (fcntl F_OFD_SETLK), or auto: flock, once it is shown to exclude at PATH"
  ),
  .init(.shared, "s", "shared", .none, .lock, "share the lock with other shared holders"),
  .init(.exclusive, "x", "exclusive", .none, .lock, "share it with nobody (default)"),
  .init(.nonblock, "n", "nonblock", .none, .lock, "do not wait for the lock"),
  .init(
    .timeout, "w", "timeout", .duration, .lock,
    "wait for the lock at most that long; 0 is --nonblock"),
  .init(
    .conflictExitCode, "E", "conflict-exit-code", .number, .lock,
    "exit status when the lock is busy or not free in time, 0 to 255; default 75"),
  .init(
    .range, nil, "range", .range, .lock,
    "lock only these bytes, in the modes posix and ofd; without LENGTH or with 0, to the end"),
  .init(
    .permissions, nil, "perm", .permissions, .lock,
    "octal permissions of a lock file that is created, whatever the umask; default 0600"),
  .init(.group, nil, "group", .group, .lock, "group of a lock file that is created"),
  .init(.noCreate, nil, "no-create", .none, .lock, "the lock file must exist"),
  .init(
    .unlink, nil, "unlink", .none, .lock,
    "remove the lock file when releasing it, if it is empty and nobody else has locked it"),
  .init(
    .sidecar, nil, "sidecar", .optionalSidecar, .lock,
    "lock .NAME.swlock beside PATH instead of PATH itself; with =portage, .NAME.portage_lockfile"
  ),
  .init(.verbose, "v", "verbose", .none, .lock, "say each step on standard error"),
  .init(
    .command, "c", "command", .shellCommand, .run,
    "run $SHELL -c STRING (default /bin/sh) instead of COMMAND"),
  .init(
    .noFork, "F", "no-fork", .none, .run,
    "take the lock, then become the command instead of starting it"),
  .init(
    .close, "o", "close", .none, .run,
    "do not give the lock to the command: the same as --leftovers=release"),
  .init(
    .leftovers, nil, "leftovers", .leftovers, .run,
    "processes that outlive the command: keep the lock (default), wait for them, kill them, or release the lock without regard to them"
  ),
  .init(
    .maximumRuntime, nil, "max-runtime", .duration, .run,
    "after that long, send SIGTERM to the command's process group, and exit with 124"),
  .init(
    .killAfter, nil, "kill-after", .duration, .run,
    "send SIGKILL that long after SIGTERM; default 10s"),
  .init(.help, "h", "help", .none, .general, "show this help"),
  .init(.version, "V", "version", .none, .general, "show the version"),
]
