internal import CSystem

/// A process of this pid namespace as /proc shows it, for telling it from a later one that has its
/// number.
struct ProcessMark: Equatable {
  let identifier: Int32
  /// Clock ticks from the start of the machine to that of the process (proc(5), stat, field 22); 0:
  /// not known.
  let start: UInt64

  /// The process that has this number now; `noProcess` where none has, or one that has ended and is
  /// not reaped yet.
  init(_ identifier: Int32) throws(Errno) {
    self.identifier = identifier
    start = try Self.start(of: identifier)
  }

  init(_ identifier: Int32, start: UInt64) {
    self.identifier = identifier
    self.start = start
  }

  static func ofThisProcess() -> ProcessMark {
    let own = getpid()
    return ProcessMark(own, start: (try? start(of: own)) ?? 0)
  }

  /// Whether this very process still runs.
  var liveness: Liveness {
    do throws(Errno) {
      let now = try Self.start(of: identifier)
      return start == 0 || now == 0 || now == start ? .alive : .dead
    } catch .noProcess {
      return .dead
    } catch {
      return .unknown
    }
  }

  /// Nanoseconds since it was started, as far as that is known.
  var age: Int64? {
    guard start > 0, let now = try? Self.start(of: identifier), now > 0 else { return nil }
    let ticks = Int64(sysconf(Int32(_SC_CLK_TCK)))
    let (started, tooLarge) = Int64(clamping: now).multipliedReportingOverflow(
      by: 1_000_000_000 / max(1, ticks))
    return tooLarge ? nil : bootTime() - started
  }

  /// 0 where /proc cannot tell.
  private static func start(of identifier: Int32) throws(Errno) -> UInt64 {
    let own = getpid()
    // One that was mounted in another pid namespace has other processes by these numbers.
    if identifier != own, !procIs(of: own) { return try existence(of: identifier) }
    let name: ByteString =
      identifier == own ? "/proc/self/stat" : "/proc/" + ByteString(decimal: identifier) + "/stat"
    let text: [UInt8]
    do throws(Errno) {
      text = try FileDescriptor.open(name, O_RDONLY).readAll(limit: 4096)
    } catch  where error == .missing || error == .noProcess {
      // A /proc that hides other users' processes, or none at all.
      return try existence(of: identifier)
    }
    // The command's name before the other fields may hold anything, `)` included.
    guard let end = text.lastIndex(of: ascii(")")) else { return 0 }
    let fields = text[(end + 1)...].split(separator: ascii(" "), maxSplits: 20)
    guard fields.count > 19 else { return 0 }
    if fields[0].first == ascii("Z") || fields[0].first == ascii("X") { throw .noProcess }
    return decimalNumber(fields[19]) ?? 0
  }
}

extension ProcessMark {
  /// 0, if there is such a process; that is all that kill(2) knows.
  private static func existence(of identifier: Int32) throws(Errno) -> UInt64 {
    if kill(identifier, 0) == 0 || Errno.current == .permissionNotGranted { return 0 }
    throw .noProcess
  }

  /// Whether /proc shows this process by its own number: that of this pid namespace.
  private static func procIs(of own: Int32) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 16)
    let length = buffer.withUnsafeMutableBytes { buffer in
      readlink("/proc/self", buffer.baseAddress!.assumingMemoryBound(to: CChar.self), buffer.count)
    }
    return length > 0 && decimalNumber(buffer.prefix(length)) == UInt64(own)
  }
}

/// This machine since its last start, and the pid namespace of this process: where a process number
/// means something.
struct Realm: Equatable {
  /// The inode number of the pid namespace (namespaces(7)); 0: not known.
  let namespace: UInt64
  /// The first half of the boot id (random(4)), in hexadecimal digits; empty: not known.
  let boot: ByteString

  static func current() -> Realm {
    let namespace = try? FileStatus(at: "/proc/self/ns/pid", followingLinks: true)
    let file = try? FileDescriptor.open("/proc/sys/kernel/random/boot_id", O_RDONLY)
    let boot = (try? file?.readAll(limit: 64)) ?? []
    return Realm(
      namespace: namespace?.identity.inode ?? 0,
      boot: ByteString(boot.filter { isHexadecimal($0) }.prefix(16)))
  }

  var isKnown: Bool { namespace != 0 && !boot.isEmpty }
}

/// The number that these digits spell in base 10; nil for anything else, or too large a number.
func decimalNumber(_ digits: ArraySlice<UInt8>) -> UInt64? {
  if digits.isEmpty { return nil }
  var value: UInt64 = 0
  for digit in digits {
    guard digit >= ascii("0"), digit <= ascii("9") else { return nil }
    let (product, tooLarge) = value.multipliedReportingOverflow(by: 10)
    let (sum, overflow) = product.addingReportingOverflow(UInt64(digit - ascii("0")))
    if tooLarge || overflow { return nil }
    value = sum
  }
  return value
}

func isHexadecimal(_ byte: UInt8) -> Bool {
  (byte >= ascii("0") && byte <= ascii("9")) || (byte >= ascii("a") && byte <= ascii("f"))
}
