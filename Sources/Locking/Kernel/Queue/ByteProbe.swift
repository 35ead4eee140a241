internal import CSystem

/// What others have locked of a file for writing, found by asking for a read lock (fcntl(2), F_GETLK,
/// F_OFD_GETLK). Read locks of others do not show, nor what this process, or with `ofd` this open file, has
/// itself.
struct ByteProbe {
  let descriptor: Int32
  /// `posix` or `ofd`.
  let mode: KernelMode

  /// A locked range, and who has it: not known (-1) of an open file, and 0 of another pid namespace.
  struct Found {
    let first: Int64
    let last: Int64
    let process: Int32
  }

  /// Some lock within `first...last`, cut to that; nil where there is none.
  func any(_ first: Int64, _ last: Int64) throws(LockError) -> Found? {
    if first > last { return nil }
    var record = flock()
    record.l_type = Int16(F_RDLCK)
    record.l_whence = Int16(SEEK_SET)
    record.l_start = Int(first)
    record.l_len = last == .max ? 0 : Int(last - first + 1)
    let command = mode == .ofd ? F_OFD_GETLK : F_GETLK
    try step(.fcntl) { () throws(Errno) in
      _ = try retryingOnInterrupt { csystem_fcntl_lock(descriptor, command, &record) }
    }
    if record.l_type == Int16(F_UNLCK) { return nil }
    let start = Int64(record.l_start)
    let end = record.l_len == 0 ? Int64.max : start + Int64(record.l_len) - 1
    return Found(first: max(start, first), last: min(end, last), process: record.l_pid)
  }

  /// All locks within `first...last`, in order.
  func all(_ first: Int64, _ last: Int64) throws(LockError) -> [Found] {
    guard let found = try any(first, last) else { return [] }
    let before = found.first > first ? try all(first, found.first - 1) : []
    let behind = found.last < last ? try all(found.last + 1, last) : []
    return before + [found] + behind
  }

  /// How many bytes within `first...last` are locked, counted up to `limit`.
  func count(_ first: Int64, _ last: Int64, upTo limit: Int) throws(LockError) -> Int {
    guard limit > 0, let found = try any(first, last) else { return 0 }
    var count = Int(min(found.last - found.first, Int64(limit - 1))) + 1
    if found.first > first {
      count += try self.count(first, found.first - 1, upTo: limit - count)
    }
    if found.last < last { count += try self.count(found.last + 1, last, upTo: limit - count) }
    return count
  }

  /// The last locked byte within `first...last`; nil where there is none. In steps that double, since
  /// the bytes of a queue stand close together: some two times the logarithm of their number.
  func highest(_ first: Int64, _ last: Int64) throws(LockError) -> Int64? {
    guard var low = try any(first, last)?.last else { return nil }
    var high = last
    var stride: Int64 = 2
    while low < high {
      let from = high - low < stride ? high : low + stride
      if let found = try any(from, high) {
        low = found.last
        stride = stride > Int64.max / 2 ? stride : stride * 2
      } else {
        high = from - 1
        stride = max(1, (high - low) / 2)
      }
    }
    return low
  }
}
