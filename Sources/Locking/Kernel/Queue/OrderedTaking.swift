/// Takes a lock in order of arrival, or one of several slots, which are always taken so.
struct OrderedTaking {
  private let lock: KernelLock
  private let slots: Slots?
  /// How many may wait; nil: any number.
  private let limit: Int?

  /// What was won, and what heard of it.
  struct Won {
    let lock: KernelLock
    var slot: Int?
    var notifier: FileNotifier?
  }

  /// Nil where the kernel's own order will do.
  init?(_ request: LockRequest, _ taking: KernelTaking) throws(LockError) {
    if request.queue == nil, request.slots == nil { return nil }
    let lock = taking.lock
    if let count = request.slots {
      guard taking.second == nil, lock.mode.isRecordLock, lock.sharing == .exclusive,
        lock.range == .wholeFile,
        (1...Slots.maximum).contains(count)
      else { throw .unsupported(.slots) }
      slots = Slots(count: count, mode: lock.mode)
    } else {
      // A record lock of the whole file would be one on the tickets as well.
      if lock.mode.isRecordLock { throw .unsupported(.queueOfRecordLocks) }
      slots = nil
    }
    self.lock = lock
    limit = request.queue?.limit
  }

  func take(_ descriptor: Int32, _ patience: Patience) throws(LockError) -> Won {
    if slots == nil, try SharedFileSystem(of: descriptor)?.hasOneKindOfLock() == true {
      throw .unsupported(.oneKindOfLock)
    }
    let queue = TicketQueue(descriptor: descriptor, patience: patience)
    if try queue.isEmpty(), let won = try attempt(descriptor) { return won }
    if patience == .never || limit == 0 { throw .busy }
    let ticket = try queue.enter(limit: limit)
    defer { queue.leave() }
    try queue.waitForTurn(ticket)
    return try wait(descriptor, patience)
  }

  private func attempt(_ descriptor: Int32) throws(LockError) -> Won? {
    if let slots {
      return try slots.take(descriptor).map { Won(lock: slots.lock($0), slot: $0) }
    }
    do throws(LockError) {
      try lock.take(descriptor, .never)
      return Won(lock: lock)
    } catch .busy {
      return nil
    }
  }

  private func wait(_ descriptor: Int32, _ patience: Patience) throws(LockError) -> Won {
    if let slots {
      let (slot, notifier) = try slots.wait(descriptor, patience)
      return Won(lock: slots.lock(slot), slot: slot, notifier: notifier)
    }
    try lock.take(descriptor, patience)
    return Won(lock: lock)
  }
}
