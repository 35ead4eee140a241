/// The times and habits of locks in flufl.lock's style.
package struct FluflPolicy: Sendable {
  /// How long a claim is valid without a refresh; nil: until it is released, or its owner is known
  /// to be dead.
  package var lifetime: Span? = .seconds(15)
  /// Errors of reading a lock that are waited out. ENOENT and ESTALE always are.
  package var retriedErrors: [Errno] = []
  /// What locks in both styles have.
  package var hardlink: HardlinkPolicy

  package init(_ hardlink: HardlinkPolicy = HardlinkPolicy()) {
    self.hardlink = hardlink
  }
}
