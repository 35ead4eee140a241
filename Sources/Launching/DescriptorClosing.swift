internal import CSystem

/// Closes every descriptor above 2 but these (close_range(2)).
func closeDescriptors(besides kept: [Int32]) throws(LaunchError) {
  var first = UInt32(STDERR_FILENO) + 1
  for number in ascending(kept) where number >= Int32(first) {
    if UInt32(number) > first { try closeRange(first, UInt32(number) - 1) }
    first = UInt32(number) + 1
  }
  try closeRange(first, UInt32.max)
}

private func closeRange(_ first: UInt32, _ last: UInt32) throws(LaunchError) {
  if csystem_close_range(first, last) < 0 {
    throw LaunchError(step: .closeRange, errno: .current)
  }
}
