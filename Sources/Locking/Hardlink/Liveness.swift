/// Whether the owner of a claim still runs, as far as this host can tell.
package enum Liveness: Equatable, Sendable {
  case alive, dead
  /// On another host, or in another pid namespace.
  case unknown
}
