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
