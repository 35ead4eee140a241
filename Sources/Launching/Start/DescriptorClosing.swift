internal import CSystem

/// Closes every descriptor from `lowest` on but these (close_range(2), since Linux 5.9; without it, those in
/// /proc/self/fd).
func closeDescriptors(
  from lowest: Int32 = STDERR_FILENO + 1, besides kept: [Int32] = []
) throws(LaunchError) {
  try closeDescriptors(from: lowest, besidesAscending: ascending(kept))
}

/// The same of numbers that are in order: needs no memory.
@inline(__always)
func closeDescriptors(
  from lowest: Int32 = STDERR_FILENO + 1, besidesAscending kept: [Int32]
) throws(LaunchError) {
  var first = lowest
  for number in kept where number >= first {
    if number > first { try close(first...(number - 1)) }
    first = number + 1
  }
  try close(first...Int32.max)
}

/// Has every descriptor above 2 closed in the programs that are executed from here on (close_range(2) with
/// CLOSE_RANGE_CLOEXEC, since Linux 5.11; without it, as above).
package func closeDescriptorsOnExec() throws(LaunchError) {
  let first = STDERR_FILENO + 1
  if csystem_close_range_on_exec(UInt32(first), UInt32.max) == 0 { return }
  try checkRange(.current)
  try forEachDescriptor(in: first...Int32.max) { _ = csystem_fcntl($0, F_SETFD, FD_CLOEXEC) }
}

private func close(_ range: ClosedRange<Int32>) throws(LaunchError) {
  let last = range.upperBound == Int32.max ? UInt32.max : UInt32(range.upperBound)
  if csystem_close_range(UInt32(range.lowerBound), last) == 0 { return }
  try checkRange(.current)
  try forEachDescriptor(in: range) { CSystem.close($0) }
}

/// Throws an error that does not just say that there is no such call, or that it is forbidden.
private func checkRange(_ error: Errno) throws(LaunchError) {
  switch error {
  case .notImplemented, .permissionNotGranted, .invalid: break
  default: throw LaunchError(step: .closeRange, errno: error)
  }
}

/// Needs no memory: this may be a child beside whose parent's threads none could be had.
private func forEachDescriptor(
  in range: ClosedRange<Int32>, _ body: (Int32) -> Void
) throws(LaunchError) {
  let folder = csystem_open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
  // Without either nobody knows what is open.
  if folder < 0 { throw LaunchError(step: .closeRange, errno: .notImplemented) }
  var count: Int32 = 1
  withUnsafeTemporaryAllocation(byteCount: 2048, alignment: 8) { buffer in
    while count > 0 {
      count = csystem_read_entries(folder, buffer.baseAddress, buffer.count)
      var offset: Int32 = 0
      while offset < count, let entry = csystem_entry_at(buffer.baseAddress, offset) {
        offset += Int32(entry.pointee.d_reclen)
        let number = Int32(atoi(csystem_kernel_name(entry)))
        // `.` and `..` are 0 here, and so is a descriptor that a range from 0 on closes anyway.
        if number != folder, range.contains(number), csystem_kernel_name(entry)[0] != CChar(46) {
          body(number)
        }
      }
    }
  }
  let error = Errno.current
  CSystem.close(folder)
  if count < 0 { throw LaunchError(step: .closeRange, errno: error) }
}
