/// Ends whoever is in the way of the newest that wants a lock. Only the kernel lets anybody in.
package protocol Replacement: AnyObject {
  /// Whether those who have the lock are ended as well.
  var endsHolders: Bool { get }
  /// Ends those who wait in a queue, and returns once they have ended. Where one may not be ended, none is.
  ///
  /// - Parameter stillWaits: whether it is that process which waits.
  /// - Throws: `interrupted`, with the reason kept.
  func endWaiters(_ waiters: [Int32], stillWaits: (Int32) -> Bool) throws(LockError)
  /// Goes on to end those who have the lock; called again and again until it is won.
  func endHolders() throws(LockError)
}
