internal import CSystem

/// Takes a lock in order of arrival, or one of several slots, which are always taken so.
struct OrderedTaking {
  private let lock: KernelLock
  private let slots: Slots?
  /// How many may wait; nil: any number.
  private let limit: Int?
  private let replacement: (any Replacement)?
  /// How often it is looked whether somebody else has the lock by now who is to be ended.
  private static let look = Span.milliseconds(100)

  /// What was won.
  struct Won {
    var slot: Int?
  }

  /// Nil where the kernel's own order will do.
  init?(_ request: LockRequest, _ taking: KernelTaking) throws(LockError) {
    if !request.isOrdered { return nil }
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
    replacement = request.replacement
  }

  func take(_ descriptor: Int32, _ patience: Patience) throws(LockError) -> Won {
    if slots == nil, try SharedFileSystem(of: descriptor)?.hasOneKindOfLock() == true {
      throw .unsupported(.oneKindOfLock)
    }
    let queue = TicketQueue(descriptor: descriptor, patience: patience)
    if try queue.isEmpty(), let won = try attempt(descriptor) { return won }
    if patience == .never || limit == 0 { throw .busy }
    defer { queue.leave() }
    let ticket =
      if let replacement { try queue.enter(replacing: replacement) } else {
        try queue.enter(limit: limit)
      }
    try queue.waitForTurn(ticket)
    return try wait(descriptor, patience)
  }

  /// Gives back what was won, so that also those do not have it who share the open file.
  func drop(_ won: Won, _ descriptor: Int32) {
    let lock =
      if let slots, let slot = won.slot { slots.lock(slot) } else { self.lock }
    try? lock.drop(descriptor)
  }

  private func attempt(_ descriptor: Int32) throws(LockError) -> Won? {
    if let slots {
      return try slots.take(descriptor).map { Won(slot: $0) }
    }
    do throws(LockError) {
      try lock.take(descriptor, .never)
      return Won()
    } catch .busy {
      return nil
    }
  }

  private func wait(_ descriptor: Int32, _ patience: Patience) throws(LockError) -> Won {
    if let slots {
      return Won(slot: try slots.wait(descriptor, patience))
    }
    if let replacement, replacement.endsHolders {
      try wait(descriptor, patience, replacing: replacement)
    } else {
      try lock.take(descriptor, patience)
    }
    return Won()
  }

  private func wait(
    _ descriptor: Int32, _ patience: Patience, replacing replacement: any Replacement
  ) throws(LockError) {
    while true {
      try endHolders(replacement)
      do throws(LockError) {
        return try lock.take(descriptor, patience.cut(at: .after(Self.look)))
      } catch .timedOut where !patience.isOver {
        continue
      }
    }
  }

  private func endHolders(_ replacement: any Replacement) throws(LockError) {
    csystem_leave_wait()
    defer { csystem_return_to_wait() }
    try replacement.endHolders()
  }
}
