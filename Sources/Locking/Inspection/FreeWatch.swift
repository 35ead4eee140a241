internal import CSystem

/// Sleeps until a path may have become free: in poll(2), on handles of the processes that hold it, on what becomes
/// of its file, and until it is time for a look in any case. Pauses without news double, up to a second.
///
/// News is not followed as fast as it comes where it makes no difference: a file that others open and close all
/// the time, or holders that take turns. A look then costs all who lock, and there may be many who wait.
final class FreeWatch {
  /// Nil before it is needed, or where too many are in use: then the pauses have to do.
  private var events: FileEvents?
  private var watched: Occupancy?
  private var holders: [ProcessHandle] = []
  private var pauses = Backoff(from: .milliseconds(10), to: .seconds(1))
  private var spread = Jitter()
  /// The pause after an event that made no difference, and after the next holder.
  private var eventSpacing = Span.zero
  private var turnSpacing = Span.zero
  private var hadEvent = false

  /// Whether `found` was watched already, so that nothing can have been missed. If not, it is from here on,
  /// and has to be looked at once more.
  ///
  /// - Parameter span: how long holders that take turns may delay that.
  func begin(_ found: Occupancy, _ sources: [FileEvents.Source], _ span: Span) -> Bool {
    if let watched, watched.isSame(as: found) { return true }
    let isTurn = watched != nil
    watched = found
    holders = []
    // Many that share it: the first of them have to end first.
    for process in found.processes.prefix(16) where process > 0 {
      if let handle = try? ProcessHandle(process) { holders.append(handle) }
    }
    if events == nil { events = FileEvents() }
    events?.watch(sources)
    if isTurn {
      let pause = turnSpacing / 2 + spread.span(upTo: turnSpacing / 2)
      _ = readableDescriptors(among: [], within: min(pause, span))
      turnSpacing = longer(turnSpacing, from: .milliseconds(16))
    }
    hadEvent = false
    eventSpacing = .zero
    return false
  }

  private func longer(_ spacing: Span, from shortest: Span) -> Span {
    min(max(shortest, spacing * 2), .seconds(1))
  }

  func sleep(_ span: Span) {
    let pause = min(span, pauses.next())
    let end = Deadline.after(pause)
    // The last event has made no difference. The end of a holder does.
    if hadEvent {
      hadEvent = false
      if waitForEnd(min(eventSpacing, end.remaining)) { return }
      eventSpacing = longer(eventSpacing, from: .milliseconds(4))
    }
    while !end.hasPassed {
      let readable = readableDescriptors(
        among: holders.map { $0.number } + (events.map { [$0.number] } ?? []),
        within: end.remaining)
      let someEnded = forget(readable)
      let someHappened = events?.take() ?? false
      hadEvent = someHappened && !someEnded
      if someEnded || someHappened || readable == nil { return }
    }
    // It has been quiet.
    if pause >= .milliseconds(500) {
      eventSpacing = .zero
      turnSpacing = .zero
    }
  }

  /// Whether a holder has ended within that time.
  private func waitForEnd(_ span: Span) -> Bool {
    if span <= .zero { return false }
    let pause = span / 2 + spread.span(upTo: span / 2)
    return forget(readableDescriptors(among: holders.map { $0.number }, within: pause))
  }

  /// Not to be woken by those again, also where nobody may see that they are zombies.
  private func forget(_ readable: [Int32]?) -> Bool {
    guard let readable else { return false }
    let count = holders.count
    holders.removeAll { readable.contains($0.number) }
    return holders.count < count
  }
}

/// Hears of what becomes of some files (inotify(7)).
final class FileEvents {
  struct Source {
    let path: ByteString
    let mask: UInt32
    /// In the folder `path`, the only file that matters.
    var name: ByteString?
    /// What to watch where this may not be (the file may not be read).
    var isFallback = false
  }

  private let descriptor: FileDescriptor
  private var watches: [(number: Int32, name: ByteString?)] = []
  private var buffer = [UInt8](repeating: 0, count: 4096)

  init?() {
    let number = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
    if number < 0 { return nil }
    descriptor = FileDescriptor(taking: number)
  }

  var number: Int32 { descriptor.number }

  /// These from here on, and nothing else.
  func watch(_ sources: [Source]) {
    for watch in watches { inotify_rm_watch(number, watch.number) }
    watches = []
    var isRefused = false
    for source in sources where !source.isFallback || isRefused {
      let added = source.path.withCString { inotify_add_watch(number, $0, source.mask) }
      if added < 0 {
        isRefused = true
      } else {
        watches.append((added, source.name))
      }
    }
  }

  /// Reads what has come: whether some of it matters.
  func take() -> Bool {
    var matters = false
    while true {
      let count = read(number, &buffer, buffer.count)
      if count <= 0 { return matters }
      var rest = buffer[..<count]
      while rest.count >= MemoryLayout<inotify_event>.size {
        let event = rest.withUnsafeBytes { $0.loadUnaligned(as: inotify_event.self) }
        let name = rest.dropFirst(MemoryLayout<inotify_event>.size).prefix(Int(event.len))
        rest = rest.dropFirst(MemoryLayout<inotify_event>.size + Int(event.len))
        if concerns(event, ByteString(name.prefix { $0 != 0 })) { matters = true }
      }
    }
  }

  private func concerns(_ event: inotify_event, _ name: ByteString) -> Bool {
    if event.mask & UInt32(IN_Q_OVERFLOW) != 0 { return true }
    // A watch of before, or that of a folder, where much happens that is none of our business.
    return watches.contains { $0.number == event.wd && (name.isEmpty || name == $0.name) }
  }
}
