/// What swlock exits with when it is not the command's own status (sysexits(3) where that has a
/// number for it).
package enum ExitStatus: Int32, CaseIterable {
  case done = 0
  case free = 1
  case usage = 64
  case notALock = 65
  case missing = 66
  case unsupported = 69
  case engineDied = 70
  case systemCall = 71
  case cannotCreate = 73
  case inputOutput = 74
  case busy = 75
  case notHeld = 76
  case notPermitted = 77
  case outOfTime = 124
  case cannotExecute = 126
  case notFound = 127

  package var summary: Literal {
    switch self {
    case .done: "Done."
    case .free: "A lock is free, where status --quiet asks."
    case .usage: "Usage error."
    case .notALock:
      "The file at PATH is not one that can be locked, or is not swlock's to remove; nothing was changed."
    case .missing: "There is no such lock file; of run and acquire only with --no-create."
    case .unsupported:
      "This file system or kernel cannot do that; or there is no such engine, or its servers do not answer."
    case .engineDied: "An engine has ended, or failed, before it had the lock."
    case .systemCall: "A system call failed."
    case .cannotCreate:
      "The lock file cannot be created: missing folder, read-only file system, full disk."
    case .inputOutput: "Input-output error; or a result could not be written."
    case .busy: "The lock is busy, or was not free in time (--conflict-exit-code changes it)."
    case .notHeld:
      "The lock is not held, or was lost: its lifetime had passed, or somebody broke it."
    case .notPermitted: "Not permitted."
    case .outOfTime: "--max-runtime ended the command."
    case .cannotExecute: "COMMAND cannot be executed."
    case .notFound: "COMMAND was not found."
    }
  }
}
