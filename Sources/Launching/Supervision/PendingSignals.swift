internal import CSystem

/// Whether a process has one of `signals` pending without blocking it (proc_pid_status(5)): stopped, it
/// takes it only when it goes on, and the stop was there first. One that was taken before the stop is not
/// pending, and one that it blocks is not kept by a stop. Nil where that cannot be read.
package func isKept(_ process: Int32, from signals: [Int32]) -> Bool? {
  let name = "/proc/" + ByteString(decimal: process) + "/status"
  guard let file = try? FileDescriptor.open(name, O_RDONLY),
    let text = try? file.readAll(limit: 1 << 16)
  else { return nil }
  var pending: UInt64 = 0
  var blocked: UInt64 = 0
  for line in text.split(separator: ascii("\n")) {
    if let mask = mask(line, "SigPnd:\t") ?? mask(line, "ShdPnd:\t") { pending |= mask }
    if let mask = mask(line, "SigBlk:\t") { blocked = mask }
  }
  return signals.contains { (pending & ~blocked) >> UInt64($0 - 1) & 1 == 1 }
}

private func mask(_ line: ArraySlice<UInt8>, _ key: Literal) -> UInt64? {
  line.dropping(prefix: key)?.number(radix: 16)
}
