/// Which process a claim is held for.
package enum LockOwner: Equatable, Sendable {
  case thisProcess
  case process(Int32)
  /// None: the lock stays until it is released, or its lifetime has passed.
  case nobody
}
