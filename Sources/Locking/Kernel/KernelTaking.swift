/// What is taken on one file for one request: a lock of the kernel's, or one of each kind.
struct KernelTaking {
  /// The one that the file is opened for.
  private(set) var lock: KernelLock
  /// Taken after that, which is held meanwhile: in the order of lockrun, which takes both kinds as well.
  private(set) var second: KernelLock?

  init(_ kind: LockKind, _ sharing: Sharing = .exclusive) {
    lock = KernelLock(mode: kind.kernelMode ?? .ofd, sharing: sharing, range: kind.range)
    if case .flockAndOFD = kind { second = KernelLock(mode: .flock, sharing: sharing) }
  }

  init(checked request: LockRequest) throws(LockError) {
    self.init(request.kind, request.sharing)
    if lock.mode == .flock, lock.range != .wholeFile { throw .unsupported(.rangeInFlockMode) }
  }

  /// - Throws: as `KernelLock.take`; then neither is held, unless `descriptor` had the first one before.
  func take(_ descriptor: Int32, _ patience: Patience) throws(LockError) {
    try lock.take(descriptor, patience)
    guard let second else { return }
    do throws(LockError) {
      // There the second one would be refused because of the first.
      if try SharedFileSystem(of: descriptor)?.hasOneKindOfLock() == true { return }
      try second.take(descriptor, patience)
    } catch {
      try? lock.drop(descriptor)
      throw error
    }
  }

  /// Gives back what was taken, so that also those do not have it who share the open file.
  func drop(_ descriptor: Int32) {
    try? second?.drop(descriptor)
    try? lock.drop(descriptor)
  }

  /// Becomes what does for `other` as well, which is shared if this is.
  mutating func widen(for other: KernelTaking) {
    if lock.range == other.lock.range { return }
    lock = KernelLock(mode: lock.mode, sharing: lock.sharing)
  }
}
