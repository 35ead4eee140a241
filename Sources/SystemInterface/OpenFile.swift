internal import CSystem

/// Whether two descriptors of this process are one open file, with one offset (open(2)): as after
/// dup(2), and not when the same file was opened twice.
package func areOneOpenFile(_ one: Int32, _ other: Int32) -> Bool {
  if one == other { return true }
  let result = csystem_compare_descriptors(getpid(), one, getpid(), other)
  if result >= 0 { return result == 0 }
  // A sandbox may refuse that (seccomp(2)), or the kernel not have it.
  return csystem_fcntl(one, F_GETFL, 0) == csystem_fcntl(other, F_GETFL, 0)
    && lseek(one, 0, SEEK_CUR) == lseek(other, 0, SEEK_CUR) && areMarkedTogether(one, other)
}

/// Marks one open file, and looks whether the other is marked: with the signal for input and output,
/// which means nothing without O_ASYNC (F_SETSIG in fcntl(2)).
private func areMarkedTogether(_ one: Int32, _ other: Int32) -> Bool {
  // Somebody else who has it may do the same at the same time.
  for _ in 0..<3 {
    let before = csystem_fcntl(one, csystem_get_signal(), 0)
    let mark = before == SIGIO ? SIGURG : SIGIO
    // If it cannot be marked: what has the same offset all the time mostly is one.
    guard before >= 0, csystem_fcntl(one, csystem_set_signal(), mark) == 0 else { return true }
    let isSeen = csystem_fcntl(other, csystem_get_signal(), 0) == mark
    _ = csystem_fcntl(one, csystem_set_signal(), before)
    if isSeen { return true }
  }
  return false
}
