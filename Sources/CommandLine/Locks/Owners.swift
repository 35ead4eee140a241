internal import CSystem
internal import Locking
internal import SystemInterface

/// For whom a lock is held, or whose locks are meant.
enum Owners: Equatable {
  case anybody
  /// No process: it is held until it is released.
  case nobody
  /// It is held until the last of them has ended, or is released by any. The script comes first.
  case processes([Int32])

  /// What a claim can name: one process, and of several the script.
  var first: LockOwner? {
    switch self {
    case .anybody: nil
    case .nobody: .nobody
    case .processes(let numbers): .process(numbers[0])
    }
  }

  /// A part of the script that may outlive it.
  var partner: Int32? {
    if case .processes(let numbers) = self, numbers.count > 1 { numbers.last } else { nil }
  }

  /// That of them who has the claim; the first one where none has.
  func holder(of claim: HardlinkClaim?) -> LockOwner? {
    guard case .processes(let numbers) = self, let claim, numbers.contains(claim.process) else {
      return first
    }
    return .process(claim.process)
  }
}

extension OwnerChoice {
  /// - Throws: where nobody is meant for certain, which matters only to `acquire`: whoever else asks means
  ///   those of the possible ones that have a lock.
  func resolved(for subcommand: Subcommand) throws(Failure) -> Owners {
    switch self {
    case .process(let number): return .processes([number])
    case .nobody: return .nobody
    case .anybody: return .anybody
    case .caller:
      // It is outside this pid namespace, where no number leads to it (pid_namespaces(7)).
      if getppid() == 0 {
        throw .usage(
          "the calling process has no number here: --owner says who holds the lock",
          of: subcommand)
      }
      let caller = Caller()
      if subcommand == .acquire, let doubt = caller.doubt {
        throw .usage("\(doubt): --owner says who holds the lock", of: subcommand)
      }
      var processes = caller.processes.isEmpty ? [getppid()] : caller.processes
      // The last command of `sh -c` may take the shell's place, and is the owner then.
      if subcommand != .acquire { processes.append(getpid()) }
      return .processes(processes)
    }
  }
}

/// Throws if none of `owners` exists: nobody would ever release their lock.
func checkExists(
  _ owners: Owners, _ verb: Literal, _ path: ByteString
) throws(Failure) {
  guard case .processes(let numbers) = owners,
    numbers.allSatisfy({ kill($0, 0) != 0 && Errno.current == .noProcess })
  else { return }
  throw Failure(.systemCall, .unable(to: verb, path, "there is no process \(numbers[0])"))
}
