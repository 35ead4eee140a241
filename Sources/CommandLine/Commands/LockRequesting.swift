internal import Launching
internal import Locking

// From lock options to a lock: what every command that takes a lock does.

extension LockOptions {
  func request(for path: ByteString) throws(Failure) -> LockRequest {
    var request = LockRequest(path: path)
    if let sidecar {
      guard let beside = path.sidecar(sidecar) else {
        throw .usage("'\(path)' has no name that a lock file beside it could have")
      }
      request.path = beside
    }
    request.mode = mode
    request.sharing = sharing
    request.range = range
    request.removesFile = unlink
    if mustExist {
      request.creation = .never
    } else {
      var number: UInt32?
      if let group { number = try groupNumber(group) }
      request.creation = .ifMissing(permissions: permissions, group: number)
    }
    return request
  }

  /// Takes the lock, and waits for it as the options say. While it waits, a signal that ends
  /// processes ends this one.
  func acquire(_ request: LockRequest) throws(Failure) -> HeldLock {
    var request = request
    let patience = patience
    request.patience = .never
    do throws(LockError) {
      return try announced(try Locking.acquire(request))
    } catch .busy where patience != .never {
      say("waiting for \(request.path)")
      exitOnTerminationSignals()
      request.patience = patience
    } catch {
      throw .locking(error, request.path, self)
    }
    do throws(LockError) {
      return try announced(try Locking.acquire(request))
    } catch {
      throw .locking(error, request.path, self)
    }
  }

  private var patience: Patience {
    if nonblock || timeout == 0 { return .never }
    return timeout.map { .until(Deadline(nanosecondsFromNow: $0)) } ?? .forever
  }

  private func announced(_ lock: consuming HeldLock) throws(LockError) -> HeldLock {
    if verbose {
      let chosen: StaticString = mode == nil ? ", chosen because it excludes there" : ""
      let kind: StaticString = sharing == .shared ? "shared" : "exclusive"
      say("locked \(lock.path) (\(lock.mode.name), \(kind)\(chosen))")
    }
    return lock
  }

  /// Under -v only.
  func say(_ message: @autoclosure () -> Message) {
    if verbose { Output.say(message()) }
  }

  /// Releases the lock. What goes wrong then is said, and changes no exit status: the lock is free.
  func release(_ lock: consuming HeldLock) {
    let path = lock.path
    do throws(LockError) {
      try lock.release()
      say("released \(path)")
    } catch {
      Output.say("unable to remove \(path): \(Failure.reason(error, self))")
    }
  }
}

extension LockMode {
  var name: StaticString {
    switch self {
    case .flock: "flock"
    case .posix: "posix"
    case .ofd: "ofd"
    case .hardlink: "hardlink"
    }
  }
}
