/// Several locks of the kernel's, which are held and released together.
final class SeveralHold: Hold {
  /// In the order in which they were taken.
  private let holds: [KernelHold]
  private let first: KernelHold?
  let path: ByteString
  let descriptors: [Int32]

  init(_ files: [WantedFile], _ requests: [LockRequest]) {
    path = requests[0].path
    descriptors = requests.indices.map { place in
      files.first { $0.places.contains(place) }?.number ?? -1
    }
    var holds: [KernelHold] = []
    var first: KernelHold?
    for file in files {
      guard let hold = file.makeHold(requests[file.places.min() ?? 0]) else { continue }
      if file.places.contains(0) { first = hold }
      holds.append(hold)
    }
    self.holds = holds
    self.first = first
  }

  var descriptor: Int32? { first?.descriptor }

  var mayBeHardlinkLock: Bool { first?.mayBeHardlinkLock == true }

  /// The shortest one.
  func serverLease() throws(LockError) -> ServerLease? {
    var shortest: ServerLease?
    for hold in holds {
      guard let lease = try hold.serverLease() else { continue }
      if let known = shortest, known.lifetime <= lease.lifetime { continue }
      shortest = lease
    }
    return shortest
  }

  func release() throws(LockError) {
    var failure: LockError?
    release { _, error in failure = failure ?? error }
    if let failure { throw failure }
  }

  func release(_ failed: (ByteString, LockError) -> Void) {
    for hold in holds.reversed() { hold.release(failed) }
  }

  func leaveOpen() {
    for hold in holds { hold.leaveOpen() }
  }
}
