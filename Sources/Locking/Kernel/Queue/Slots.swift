internal import CSystem

/// A lock that a number of holders can have at once: each has one byte of the file, the lowest that was free.
///
/// Whoever takes a byte counts the others afterwards: of several that come at the same moment the last one sees
/// all others. Each enters only if fewer than its own number have one, whatever the others' number is.
package struct Slots {
  let count: Int
  /// `ofd` or `posix`.
  let mode: KernelMode

  package static let maximum = 4096
  private static let end: Int64 = 1 << 61

  func lock(_ slot: Int) -> KernelLock {
    KernelLock(mode: mode, range: ByteRange(start: Int64(slot), length: 1) ?? .wholeFile)
  }

  /// The lowest free slot, taken; nil where there is none.
  func take(_ descriptor: Int32) throws(LockError) -> Int? {
    let probe = ByteProbe(descriptor: descriptor, mode: mode)
    for slot in 0..<count {
      do throws(LockError) {
        try lock(slot).take(descriptor, .never)
      } catch .busy {
        continue
      }
      do throws(LockError) {
        if try probe.any(Int64(count), Self.end - 1) == nil { return slot }
        if try probe.count(0, Self.end - 1, upTo: count) < count { return slot }
      } catch {
        try? lock(slot).drop(descriptor)
        throw error
      }
      try lock(slot).drop(descriptor)
      return nil
    }
    return nil
  }

  /// Waits until a slot is free, and takes it.
  ///
  /// A close of the file is heard of. The kernel tells of it just before it drops the lock, so some looks follow, in
  /// pauses that double; these also bound what an explicit unlock costs, or another host. Where there is no
  /// watch to be had the looks are more frequent.
  ///
  /// `FileNotifier.dropSpare` lets go of that, once there is time.
  func wait(_ descriptor: Int32, _ patience: Patience) throws(LockError) -> Int {
    let notifier = FileNotifier(watching: descriptor, for: UInt32(IN_CLOSE))
    let hears = notifier?.isOn == true
    let longest = hears ? Span.seconds(1) : .milliseconds(20)
    var pause = Self.shortest
    while true {
      if let slot = try take(descriptor) { return slot }
      if patience.isOver { throw .timedOut }
      if csystem_was_called_off() { throw .interrupted }
      let watched = notifier.map { [$0.number] } ?? []
      let readable = readableDescriptors(among: watched, within: patience.bounding(pause))
      if let readable, !readable.isEmpty {
        notifier?.drain()
        pause = Self.shortest
      } else {
        pause = min(pause * 2, longest)
      }
    }
  }

  private static let shortest = Span.microseconds(30)
}
