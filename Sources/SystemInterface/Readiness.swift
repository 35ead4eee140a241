internal import CSystem

/// Waits until one of these descriptors can be read, or is at its end (poll(2)).
///
/// - Returns: the place of the first one that can; nil once `deadline` has passed.
package func waitUntilReadable(
  _ descriptors: [Int32], by deadline: Deadline? = nil
) throws(Errno) -> Int? {
  try wait(for: POLLIN, of: descriptors, by: deadline)
}

/// Waits until nobody is left who reads what is written to `descriptor`, or hangs up; false once
/// `deadline` has passed.
package func waitUntilBroken(
  _ descriptor: Int32, by deadline: Deadline
) throws(Errno) -> Bool {
  try wait(for: 0, of: [descriptor], by: deadline) != nil
}

private func wait(
  for events: Int32, of descriptors: [Int32], by deadline: Deadline?
) throws(Errno) -> Int? {
  var polled = descriptors.map { pollfd(fd: $0, events: Int16(events), revents: 0) }
  while true {
    var pause: Int32 = -1
    if let deadline {
      // Rounded up, not to be awake before it has passed.
      let span = deadline.remaining + .nanoseconds(999_999)
      pause = Int32(clamping: span.wholeMilliseconds)
    }
    do throws(Errno) {
      // Not again with the same pause after a signal: that would begin it anew.
      let count = poll(&polled, nfds_t(polled.count), pause)
      if count < 0 { throw .current }
      if count > 0 { return polled.firstIndex { $0.revents != 0 } }
      if let deadline, deadline.hasPassed { return nil }
    } catch .interrupted {
      continue
    }
  }
}

/// Sleeps until one of these descriptors can be read, or is at its end, and for `span` at most (ppoll(2)).
///
/// - Returns: those that can; nil after a signal.
package func readableDescriptors(among descriptors: [Int32], within span: Span) -> [Int32]? {
  var polled = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
  let time = span.timeSpecification
  var timeout = timespec(tv_sec: time.seconds, tv_nsec: time.nanoseconds)
  if ppoll(&polled, nfds_t(polled.count), &timeout, nil) < 0 { return nil }
  return polled.filter { $0.revents != 0 }.map { $0.fd }
}
