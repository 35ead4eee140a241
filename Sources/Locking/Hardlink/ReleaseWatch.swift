internal import CSystem

/// Sleeps until a lock may have become free: its claim's file was changed or moved on this host, or a
/// process of this host that holds it has ended. Other hosts are not heard of; the caller looks
/// again from time to time.
final class ReleaseWatch {
  private let judge: Judge
  private let interruption: Int32?
  /// Nil before it is needed, or where too many are in use: then the caller's looking has to do.
  private var notifier: FileNotifier?
  private var watched: ByteString?
  private var holders: [ProcessHandle] = []

  init(_ judge: Judge, interruption: Int32?) {
    self.judge = judge
    self.interruption = interruption
  }

  /// Whether `claim` was watched already, so that nothing about it can have been missed. If not, it is
  /// from here on, and has to be looked at once more.
  func begin(_ claim: BoundClaim) -> Bool {
    if watched == claim.token { return true }
    end()
    watched = claim.token
    if let number = try? claim.number { watchFile(number) }
    if judge.liveness(of: claim.name) == .alive {
      watchProcess(claim.name.process)
      if let partner = claim.name.details?.partner { watchProcess(partner.identifier) }
    }
    return false
  }

  /// The same for a file that is not a claim, and the process that holds it.
  func begin(_ descriptor: Int32, _ identity: FileIdentity, _ process: Int32?) -> Bool {
    let key = ByteString(decimal: identity.inode) + "." + ByteString(decimal: process ?? 0)
    if watched == key { return true }
    end()
    watched = key
    watchFile(descriptor)
    if let process { watchProcess(process) }
    return false
  }

  private func watchFile(_ descriptor: Int32) {
    if let notifier {
      try? notifier.begin(descriptor)
    } else {
      notifier = FileNotifier(watching: descriptor)
    }
  }

  private func watchProcess(_ identifier: Int32) {
    if let handle = try? ProcessHandle(identifier) { holders.append(handle) }
  }

  /// Forgets what was watched.
  func end() {
    if watched == nil { return }
    notifier?.end()
    watched = nil
    holders = []
  }

  /// Sleeps for `span` at most (ppoll(2)).
  ///
  /// - Throws: `interrupted` once the caller's descriptor can be read.
  func sleep(_ span: Span) throws(LockError) {
    var numbers = holders.map { $0.number }
    if let notifier { numbers.append(notifier.number) }
    let readable = try poll(numbers, span)
    if let notifier, readable.contains(notifier.number) { notifier.drain() }
    // Not to be woken by it again, also where nobody may see that it is a zombie.
    holders.removeAll { readable.contains($0.number) }
  }

  /// Sleeps for `span`, whatever becomes of the lock meanwhile.
  func pause(_ span: Span) throws(LockError) {
    _ = try poll([], span)
  }

  /// Returns those of `descriptors` that can be read.
  private func poll(_ descriptors: [Int32], _ span: Span) throws(LockError) -> [Int32] {
    // Interrupted by a signal: the caller looks again, which does no harm.
    let readable =
      readableDescriptors(
        among: descriptors + (interruption.map { [$0] } ?? []), within: span) ?? []
    if let interruption, readable.contains(interruption) { throw .interrupted }
    return readable
  }
}
