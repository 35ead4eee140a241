internal import Locking

/// `swlock release`: ends a lock that was acquired.
struct Release {
  private let options: HolderOptions

  init(_ options: HolderOptions) {
    self.options = options
  }

  func perform() throws(Failure) -> Int32 {
    let path = try options.lock.lockPath(options.path)
    let owner = try options.owner.resolved(for: .release)
    try options.lock.act("release", path, as: owner, .release)
    options.lock.say("released \(path)")
    return ExitStatus.done.rawValue
  }
}
