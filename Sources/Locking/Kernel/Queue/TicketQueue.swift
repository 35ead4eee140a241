internal import CSystem

/// Those who wait for a lock in order of arrival, on the lock file itself, in locks of the kernel's alone: of one
/// that dies, however it does, nothing is left. The file's contents do not matter, and its length does not.
///
/// | bytes | lock | whose |
/// |---|---|---|
/// | below 2^61 | of the mode of the slots | of whoever has that slot (`Slots`) |
/// | 2^62 | posix, for writing | of whoever takes a ticket, for microseconds |
/// | 2^62+2+2t | posix, for writing | of the waiter with ticket t |
///
/// A ticket is a posix lock because that names its process and is not inherited; every other byte, because the
/// kernel makes one lock of two neighbours. Who waits asks for a *read* lock on the ticket before its own: so
/// one wakes when that ends, and the others' looks, which ask for read locks too, do not see it.
///
/// What may go wrong, at each step:
///
/// - Killed with the gate, or with a ticket: the kernel frees it. Whoever was behind wakes, and waits for the next
///   lower ticket that is still held.
/// - The gate is held by one that is stopped there: nobody enters until it goes on or ends. SIGTSTP is held back
///   meanwhile.
/// - A ticket is held by one that is stopped: those behind it wait. One that takes SIGTSTP first gives its
///   ticket back, and enters anew when it goes on.
/// - Another descriptor of the file is closed in this process: that drops the ticket. So none is opened while there
///   is one (`PosixRegistry`).
struct TicketQueue {
  let descriptor: Int32
  let patience: Patience

  private static let gate: Int64 = 1 << 62
  private static let first = gate + 2

  /// What of the file are tickets, or the gate.
  static func contains(_ range: ByteRange) -> Bool { range.start >= gate }

  /// The place of a ticket among those that were ever given; nil for what is none.
  static func number(of range: ByteRange) -> Int64? {
    range.start >= first && range.length == 1 ? (range.start - first) / 2 : nil
  }

  private var probe: ByteProbe { ByteProbe(descriptor: descriptor, mode: .posix) }

  /// Whether nobody waits, nor is about to.
  func isEmpty() throws(LockError) -> Bool { try probe.any(Self.gate, .max) == nil }

  /// The processes that wait, in order; 0 and below for one that has no number here.
  func waiters() throws(LockError) -> [Int32] { try probe.all(Self.first, .max).map { $0.process } }

  /// Takes a ticket, behind all others.
  ///
  /// - Throws: `busy` where `limit` or more have one.
  func enter(limit: Int?) throws(LockError) -> Ticket {
    try withGate { () throws(LockError) in try takeTicket(limit: limit) }
  }

  /// The same, once all others have been ended.
  func enter(replacing replacement: any Replacement) throws(LockError) -> Ticket {
    try withGate { () throws(LockError) in
      while true {
        let waiters = try waiters()
        if waiters.isEmpty { return try takeTicket(limit: nil) }
        csystem_leave_wait()
        defer { csystem_return_to_wait() }
        try replacement.endWaiters(waiters) { waiter in
          (try? self.waiters().contains(waiter)) == true
        }
      }
    }
  }

  /// Runs `body` while nobody else can enter.
  private func withGate<Value: ~Copyable>(
    _ body: () throws(LockError) -> Value
  ) throws(LockError) -> Value {
    try lock(Self.gate).take(descriptor, patience)
    // One that is stopped with the gate would stop them all.
    let mask = try? SignalSet([SIGTSTP]).block()
    defer {
      try? lock(Self.gate).drop(descriptor)
      _ = try? mask?.becomeMask()
    }
    return try body()
  }

  /// Under the gate.
  private func takeTicket(limit: Int?) throws(LockError) -> Ticket {
    if let limit, try probe.count(Self.first, .max, upTo: limit) >= limit { throw .busy }
    let before = try probe.highest(Self.first, .max)
    // Somebody else's lock stands where the file ends.
    if let before, before > Int64.max - 2 { throw .busy }
    let ticket = Ticket(byte: before.map { $0 + 2 } ?? Self.first, before: before)
    try lock(ticket.byte).take(descriptor, .never)
    csystem_hold_ticket(descriptor, Self.gate)
    return ticket
  }

  /// Waits until all who came before have gone.
  func waitForTurn(_ ticket: Ticket) throws(LockError) {
    var before = ticket.before
    while let place = before {
      // A stop has given the ticket back, perhaps between two waits.
      if csystem_was_called_off() { throw .interrupted }
      let turn = lock(place, .shared)
      try turn.take(descriptor, patience)
      try turn.drop(descriptor)
      // It may have given up while those before it still wait.
      before = try probe.highest(Self.first, ticket.byte - 1)
    }
  }

  /// Gives back whatever this process has of tickets.
  func leave() {
    csystem_hold_ticket(-1, 0)
    guard let range = ByteRange(start: Self.gate, length: 0) else { return }
    try? KernelLock(mode: .posix, range: range).drop(descriptor)
  }

  private func lock(_ byte: Int64, _ sharing: Sharing = .exclusive) -> KernelLock {
    KernelLock(
      mode: .posix, sharing: sharing, range: ByteRange(start: byte, length: 1) ?? .wholeFile)
  }

  struct Ticket {
    let byte: Int64
    /// The highest one that there was.
    let before: Int64?
  }
}
