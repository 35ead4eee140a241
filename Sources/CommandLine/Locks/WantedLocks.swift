internal import Launching
internal import Locking

/// The locks that a process is to have at once: one, or with `--also` several.
final class WantedLocks {
  /// That of PATH is the first one.
  let requests: [LockRequest]
  /// Which one is waited for, also for the process that tells of it.
  private let place: SharedNumber?

  init(_ requests: [LockRequest]) {
    self.requests = requests
    place = requests.count > 1 ? try? SharedNumber() : nil
  }

  /// The one that is waited for, or that was not to be had.
  var current: LockRequest { requests[index] }

  var index: Int { Int(place?.value ?? 0) }

  /// All of them, that one first.
  var indicesFromCurrent: [Int] { [index] + requests.indices.filter { $0 != index } }

  var areSeveral: Bool { requests.count > 1 }

  func take(_ patience: Patience) throws(LockError) -> HeldLock {
    do throws(LockError) {
      return try areSeveral ? takeAll(patience) : takeOne(patience)
    } catch .system(.fcntl, .invalid) where requests[0].kind.includes(.ofd) {
      // Kernels before Linux 3.15 do not know such locks.
      throw .system(.fcntl, .notImplemented)
    }
  }

  private func takeOne(_ patience: Patience) throws(LockError) -> HeldLock {
    var request = requests[0]
    request.patience = patience
    return try acquire(request)
  }

  private func takeAll(_ patience: Patience) throws(LockError) -> HeldLock {
    var requests = requests
    requests[0].patience = patience
    do throws(FailedRequest) {
      return try acquire(requests) { self.place?.value = Int64($0) }
    } catch {
      place?.value = Int64(error.index)
      throw error.error
    }
  }
}
