/// What stands behind a `HeldLock`: one class a kind of lock, which releases the lock at the end of its life.
/// The defaults are those of a lock that is no descriptor and has no lifetime.
protocol Hold: AnyObject {
  var path: ByteString { get }
  var descriptor: Int32? { get }
  var descriptors: [Int32] { get }
  var reliance: Reliance? { get }
  var mayBeHardlinkLock: Bool { get }
  var slot: Int? { get }
  var deadline: BootTime { get }
  /// Whether somebody has broken it, as far as that can be seen before its release says so.
  var isBroken: Bool { get }
  /// What makes the lock's holders different, growing with each; nil for a lock without.
  var token: ByteString? { get }
  /// `NAME=VALUE`, for a command that runs under it.
  var variables: [ByteString] { get }
  /// Why it is to be given back, where somebody has asked for that.
  var requestToEnd: ByteString? { get }
  /// Whether this process is woken as soon as there is something for `refresh` to take.
  var announcesNews: Bool { get }
  /// The descriptor that must stay open for the lock to stay, and which nobody inherits with the lock.
  var socket: Int32? { get }
  func serverLease() throws(LockError) -> ServerLease?
  func refresh() throws(LockError)
  func transfer(to heir: LockOwner) throws(LockError)
  func release() throws(LockError)
  func release(_ failed: (ByteString, LockError) -> Void)
  /// From here on the end of its life releases nothing that outlives this process.
  func leaveBehind()
  func leaveOpen()
}

extension Hold {
  var descriptor: Int32? { nil }
  var descriptors: [Int32] { descriptor.map { [$0] } ?? [] }
  var reliance: Reliance? { nil }
  var mayBeHardlinkLock: Bool { false }
  var slot: Int? { nil }
  var deadline: BootTime { .distantFuture }
  var isBroken: Bool { false }
  var token: ByteString? { nil }
  var variables: [ByteString] { [] }
  var requestToEnd: ByteString? { nil }
  var announcesNews: Bool { false }
  var socket: Int32? { nil }
  func serverLease() throws(LockError) -> ServerLease? { nil }
  func refresh() throws(LockError) {}
  func transfer(to heir: LockOwner) throws(LockError) { throw .unsupported(.noLifetime) }
  func release(_ failed: (ByteString, LockError) -> Void) {
    do throws(LockError) {
      try release()
    } catch {
      failed(path, error)
    }
  }
  func leaveBehind() {}
  func leaveOpen() {}
}
