internal import Locking

/// `swlock transfer`: has a lock held for another process, or for none. It is never free meanwhile.
struct Transfer {
  private let options: HolderOptions

  init(_ options: HolderOptions) {
    self.options = options
  }

  func perform() throws(Failure) -> Int32 {
    let path = try options.lock.lockPath(options.path)
    let owner = try options.owner.resolved(for: .transfer)
    let heir = options.heir ?? .nobody
    if case .process(let number) = heir {
      try checkExists(.processes([number]), "transfer", path)
    }
    try options.lock.act("transfer", path, as: owner) { (location, owner) throws(LockError) in
      try location.transfer(of: owner, to: heir, lifetime: options.lifetime)
    }
    if case .process(let number) = heir {
      options.lock.say("transferred \(path) to pid \(number)")
    } else {
      options.lock.say("transferred \(path) to nobody")
    }
    return ExitStatus.done.rawValue
  }
}
