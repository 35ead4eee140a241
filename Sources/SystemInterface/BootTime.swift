internal import CSystem

/// Nanoseconds since the machine was started, suspension included (clock_gettime(2),
/// CLOCK_BOOTTIME). Setting the machine's clock does not change it.
public func bootTime() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_BOOTTIME, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Nanoseconds since the epoch (clock_gettime(2), CLOCK_REALTIME).
public func wallTime() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_REALTIME, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}
