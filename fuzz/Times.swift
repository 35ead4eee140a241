import CSystem
import SystemInterface

@testable import CommandLine
@testable import Locking
@testable import SystemInterface

/// Seven numbers of eight bytes: the seconds that a claim's time stamps and the folder's clock have, a
/// lifetime, a slop, and two more. What is behind them is a duration on a command line.
func complaintAboutTimes(_ bytes: [UInt8]) -> String? {
  var rest = bytes[...]
  var numbers: [Int64] = []
  while numbers.count < 7 {
    var number: UInt64 = 0
    for byte in rest.prefix(8) { number = number << 8 | UInt64(byte) }
    rest = rest.dropFirst(8)
    numbers.append(Int64(bitPattern: number))
  }
  return complaint(aboutSumOf: numbers[5], numbers[6])
    ?? complaint(aboutClaimWith: numbers)
    ?? complaint(aboutFileOf: numbers[0])
    ?? complaint(aboutDuration: ByteString(rest))
}

private func clamped(_ exact: Int128) -> Span { .nanoseconds(Int64(clamping: exact)) }

private func complaint(aboutSumOf one: Int64, _ other: Int64) -> String? {
  let (left, right) = (Span.nanoseconds(one), Span.nanoseconds(other))
  if left + right != clamped(Int128(one) + Int128(other)) { return "\(one) + \(other)" }
  if left - right != clamped(Int128(one) - Int128(other)) { return "\(one) - \(other)" }
  if left * other != clamped(Int128(one) * Int128(other)) { return "\(one) * \(other)" }
  if Deadline.after(left).remaining > max(left, .zero) { return "a wait that is too long" }
  let expiry = ClaimExpiry(WallTime(sinceZero: left))
  return (1...0x7fff_ffff).contains(expiry.seconds) ? nil : "a claim that expires at \(expiry)"
}

/// Judged by time alone: taken neither too early, nor never.
private func complaint(aboutClaimWith numbers: [Int64]) -> String? {
  let (modified, changed, now) = (numbers[0], numbers[1], numbers[2])
  let lifetime = Span.milliseconds(max(1, numbers[3]))
  let slop = Span.nanoseconds(numbers[4]).magnitude
  var raw = stat()
  raw.st_mtim.tv_sec = Int(modified)
  raw.st_ctim.tv_sec = Int(changed)
  var policy = HardlinkPolicy()
  policy.clockSlop = slop
  let judge = Judge(claimant: .nobody(), policy: policy)
  let clock = FolderClock(
    stamp: WallTime(sinceZero: Span(seconds: now, nanoseconds: 0)), bootTime: .now)
  guard
    let lock = try? LockName("/dev/null"), let file = try? lock.folder.open("null", O_RDONLY),
    let name = try? ClaimName(
      base: "null", host: "elsewhere", owner: ProcessMark(4711, start: 1), partner: nil,
      realm: Realm(namespace: 1, boot: "ab"), lifetime: lifetime)
  else { return "unable to make a claim" }
  let claim = BoundClaim(name, FileStatus(raw), file)
  let verdict = judge.verdict(claim, clock)
  _ = judge.mayOvertake(claim, clock, rightLifetime: lifetime)
  _ = claim.statedExpiry
  _ = claim.statedExpirySeconds
  if modified == 0 { return verdict == .stale ? nil : "given up, and not free" }

  let second: Int128 = 1_000_000_000
  let end =
    max(Int128(modified) * second, Int128(changed) * second + Int128(lifetime.nanoseconds))
    + Int128(slop.nanoseconds)
  // A minute for what runs meanwhile.
  if Int128(now) * second + 60 * second < end, verdict != .live { return "taken too early" }
  let fits = [modified, changed, now].allSatisfy { abs(Int128($0) * second) < Int64.max }
  if fits, end < Int64.max, Int128(now) * second > end, verdict != .stale { return "never taken" }
  return nil
}

/// A lock that a process elsewhere has, with that time stamp, as far as the file system has such.
private func complaint(aboutFileOf modified: Int64) -> String? {
  let name = "lock|elsewhere|4711|123" as ByteString
  let path = scratch + "/lock"
  do {
    let folder = try Folder(scratch)
    let file = try folder.open(name, O_CREAT | O_WRONLY | O_TRUNC, permissions: 0o600)
    try writeAll(Array((scratch + "/" + name).bytes), to: file.number)
    let time = timespec(tv_sec: Int(modified), tv_nsec: 0)
    try retryingOnInterrupt { futimens(file.number, [time, time]) }
    try? folder.unlink("lock")
    try folder.link(name, to: "lock")
    let report = try LockKind.flufl(FluflPolicy()).location(at: path).report()
    for text in [
      PathReport(path: path, hardlink: report).text,
      JSON.report(PathReport(path: path, hardlink: report)),
    ] {
      if text.bytes.contains(ascii("\0")) || text.bytes.last != ascii("\n") { return "no line" }
    }
    let free = (report.state == .unlocked)
    if free == report.isHeld { return "held and free" }
  } catch {
    return "\(error)"
  }
  return nil
}

private func complaint(aboutDuration text: ByteString) -> String? {
  guard let span = parseDuration(text) else { return nil }
  return span < .zero ? "a duration of \(span)" : nil
}

/// A folder of its own for this process; removed at its end. In memory, where there is room for every
/// time stamp.
private let scratch: ByteString = {
  var template = Array("/dev/shm/swlock-fuzz-XXXXXX".utf8CString)
  if mkdtemp(&template) == nil {
    template = Array("/tmp/swlock-fuzz-XXXXXX".utf8CString)
    mkdtemp(&template)
  }
  atexit {
    if let folder = try? Folder(scratch) {
      for name in ["lock", "lock|elsewhere|4711|123"] as [ByteString] { try? folder.unlink(name) }
    }
    scratch.withCString { _ = rmdir($0) }
  }
  return ByteString(cString: template)
}()
