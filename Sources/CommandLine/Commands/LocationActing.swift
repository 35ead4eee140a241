internal import CSystem
internal import Locking
internal import SystemInterface

// What the commands have in common that act on a hardlink lock which another process took.

extension OwnerChoice {
  /// Nil is anybody.
  func resolved(for subcommand: Subcommand) throws(Failure) -> LockOwner? {
    switch self {
    case .process(let number): return .process(number)
    case .nobody: return .nobody
    case .anybody: return nil
    case .caller:
      let parent = getppid()
      // It is outside this pid namespace, where no number leads to it (pid_namespaces(7)).
      if parent == 0 {
        throw .usage(
          "the calling process has no number here: --owner says who holds the lock",
          of: subcommand)
      }
      // The machine's first process adopts whatever has lost its parent: it would hold the lock for
      // ever. It is the caller only where it is the shell of a container, say.
      if parent == 1, subcommand == .acquire, getsid(0) != getsid(1) {
        throw .usage(
          "the calling process is pid 1, or has ended: --owner says who holds the lock",
          of: subcommand)
      }
      return .process(parent)
    }
  }
}

/// Throws if `owner` is a process that does not exist: nobody would ever release its lock.
func checkExists(
  _ owner: LockOwner?, _ verb: StaticString, _ path: ByteString
) throws(Failure) {
  guard case .process(let number)? = owner, kill(number, 0) != 0, Errno.current == Errno(ESRCH)
  else { return }
  throw Failure(.systemCall, "unable to \(verb) \(path): there is no process \(number)")
}

/// What an owner can do to a lock.
enum HolderAction {
  case release
  case refresh(lifetime: Span?)
  case transfer(to: LockOwner)
}

extension LockOptions {
  /// Does `action` to the lock at `path`; if it is not held for `owner`, the error says for whom it
  /// is.
  func act(
    _ verb: StaticString, _ path: ByteString, as owner: LockOwner?, _ action: HolderAction
  ) throws(Failure) {
    let location: HardlinkLocation
    do throws(LockError) {
      location = try HardlinkLocation(path, hardlink)
    } catch {
      throw .hardlink(verb, path, error)
    }
    do throws(LockError) {
      switch action {
      case .release: try location.release(of: owner)
      case .refresh(let lifetime): try location.refresh(of: owner, lifetime: lifetime)
      case .transfer(let heir): try location.transfer(of: owner, to: heir)
      }
    } catch .notHeld {
      let holder = (try? location.report())?.holder
      throw .hardlink(verb, path, .notHeld, notHeldReason(owner, holder))
    } catch {
      throw .hardlink(verb, path, error)
    }
  }

  func notHeldReason(_ owner: LockOwner?, _ holder: HardlinkClaim?) -> Message {
    if let holder { return "it is held \(holder.ownerPhrase)" }
    return switch owner {
    case .process(let number)?: "it is not held by pid \(number)"
    case .thisProcess?: "it is not held by this process"
    case .nobody?, nil: "it is not held"
    }
  }
}
