// Names beside the lock by which it is taken away from a claim (`Retirement`).
extension LockName {
  /// Who may take the lock away from claim `token` links a claim of its own to this name.
  func retireName(_ token: ByteString) -> ByteString { rightPrefix + "retire-" + token }
  /// Through this name the holder of a right leaves, with what it took. A folder of that name keeps
  /// it from ever doing so.
  func exitName(_ token: ByteString) -> ByteString { rightPrefix + "exit-" + token }
  /// A claim that is to take the lock over has this name until then.
  func armName(_ token: ByteString) -> ByteString { rightPrefix + "arm-" + token }

  private var rightPrefix: ByteString { "." + base + ".swlock-" }
}
