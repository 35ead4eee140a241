internal import Launching
internal import Locking

extension LeaseCompanion {
  /// Asks the server of `serverLease` from now on.
  convenience init(_ serverLease: ServerLease) throws(LaunchError) {
    var file: Int32?
    var isOpened = false
    try self.init(lifetime: serverLease.lifetime) {
      if !isOpened { file = serverLease.open() }
      isOpened = true
      return serverLease.isRenewed(by: file)
    }
  }
}
