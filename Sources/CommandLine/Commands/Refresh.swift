internal import Locking

/// `swlock refresh`: has the lifetime of a lock begin anew.
struct Refresh {
  private let options: HolderOptions

  init(_ options: HolderOptions) {
    self.options = options
  }

  func perform() throws(Failure) -> Int32 {
    let path = try options.lock.lockPath(options.path)
    let owner = try options.owner.resolved(for: .refresh)
    try options.lock.act("refresh", path, as: owner) { (location, owner) throws(LockError) in
      try location.refresh(of: owner, lifetime: options.lifetime)
    }
    options.lock.say("refreshed \(path)")
    return ExitStatus.done.rawValue
  }
}
