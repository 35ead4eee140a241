internal import CSystem

/// A `hardlink` lock in portage's style: L, an empty file, is held by whoever has the only other link to
/// it, a placeholder `.BASE.hardlock-HOST-PID`. It has no lifetime.
final class PortageHold: Hold {
  private let lock: LockName
  private let placeholder: Placeholder
  private let identity: FileIdentity
  private let removesFile: Bool
  private let process = getpid()
  private var isHeld = true

  init(
    _ lock: LockName, _ placeholder: Placeholder, _ identity: FileIdentity, removesFile: Bool
  ) {
    self.lock = lock
    self.placeholder = placeholder
    self.identity = identity
    self.removesFile = removesFile
  }

  deinit {
    try? release()
  }

  var path: ByteString { lock.path }

  var isBroken: Bool { (try? lock.status(of: placeholder.fileName))?.identity != identity }

  func release() throws(LockError) {
    if !isHeld || process != getpid() { throw .notHeld }
    isHeld = false
    try lock.releasePortage(placeholder, identity, removesFile: removesFile)
  }

  func leaveBehind() {
    isHeld = false
  }
}
