internal import Locking
internal import SystemInterface

// What the commands have in common that act on a hardlink lock which another process took.

extension LockOptions {
  /// Does `action` to the lock at `path`; if it is not held for `owner`, the error says for whom it
  /// is.
  func act(
    _ verb: Literal, _ path: ByteString, as owners: Owners,
    _ action: (HardlinkLocation, LockOwner?) throws(LockError) -> Void
  ) throws(Failure) {
    let location: HardlinkLocation
    do throws(LockError) {
      location = try claimKind.location(at: path)
    } catch {
      throw .hardlink(verb, path, error)
    }
    do throws(LockError) {
      try action(location, owners.holder(of: try location.report().holder))
    } catch .notHeld {
      let holder = (try? location.report())?.holder
      if holder == nil { try checkIsNotKernels(path, verb) }
      throw expected(.hardlink(verb, path, .notHeld, notHeldReason(owners, holder)))
    } catch {
      if case .refused = error { try checkIsNotKernels(path, verb) }
      throw .hardlink(verb, path, error)
    }
  }

  /// Throws where a lock of the kernel's is there, which this cannot be done to.
  private func checkIsNotKernels(_ path: ByteString, _ verb: Literal) throws(Failure) {
    guard let mode = (try? inspection(of: path, verb))??.locks.first?.mode else { return }
    throw Failure(
      .unsupported,
      .unable(to: verb, path, "\(subcommand.isForClaims), and this is of mode \(mode.name)"))
  }

  func notHeldReason(_ owners: Owners, _ holder: HardlinkClaim?) -> Message {
    if let holder { return "it is held \(holder.ownerPhrase)" }
    return switch owners {
    case .processes(let numbers): "it is not held by pid \(numbers[0])"
    case .nobody, .anybody: "it is not held"
    }
  }
}
/// Who has kernel locks at `path`; nil where no file is there.
func inspection(
  of path: ByteString, _ verb: Literal
) throws(Failure) -> LockInspection? {
  do throws(LockError) {
    return try inspectLocks(at: path)
  } catch .system(.open, .missing) {
    return nil
  } catch {
    throw .hardlink(verb, path, error)
  }
}
