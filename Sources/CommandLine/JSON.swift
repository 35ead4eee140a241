internal import Locking
internal import SystemInterface

/// JSON (RFC 8259), one object a line.
///
/// Names on Unix are bytes and JSON strings are text: a byte that is not part of well-formed UTF-8
/// becomes `\udcXX`, XX being the byte in hexadecimal, as Python's surrogateescape has it
/// (`os.fsencode` makes the bytes again). What a terminal might obey is escaped as well.
enum JSON {
  static func report(_ report: PathReport) -> Message {
    let hardlink = report.hardlink
    var waiters = Message()
    for waiter in hardlink.waiters {
      if waiters.count > 0 { waiters.append(",") }
      waiters.append(claim(waiter))
    }
    let holder = hardlink.holder.map(claim) ?? "null"
    let path = string(report.path)
    return
      "{\"path\":\(path),\"mode\":\"hardlink\",\"state\":\"\(hardlink.state.name)\",\"holder\":\(holder),\"waiters\":[\(waiters)]}\n"
  }

  static func removal(_ removal: HardlinkRemoval, isDryRun: Bool) -> Message {
    let removed: StaticString = isDryRun ? "false" : "true"
    let path = string(removal.path)
    return
      "{\"path\":\(path),\"kind\":\"\(removal.kind.name)\",\"removed\":\(removed)}\n"
  }

  private static func claim(_ claim: HardlinkClaim) -> Message {
    let alive: StaticString =
      switch claim.liveness {
      case .alive: "true"
      case .dead: "false"
      case .unknown: "null"
      }
    let process: Message = claim.process == 0 ? "null" : "\(claim.process)"
    let expiry: Message = claim.expiry.map { "\($0)" } ?? "null"
    let foreign: StaticString = claim.isForeign ? "true" : "false"
    let (host, file) = (string(claim.host), string(claim.fileName))
    return
      "{\"host\":\(host),\"pid\":\(process),\"expiry\":\(expiry),\"alive\":\(alive),\"foreign\":\(foreign),\"file\":\(file)}"
  }

  static func string(_ text: ByteString) -> Message {
    var string: Message = "\""
    var rest = text.bytes
    while let byte = rest.first {
      let length = Message.lengthOfPrintable(rest)
      if length > 0, byte != ascii("\"") {
        for byte in rest.prefix(length) { string.append(byte: byte) }
        rest = rest.dropFirst(length)
      } else if byte == ascii("\"") || byte == ascii("\\") {
        string.append(byte: ascii("\\"))
        string.append(byte: byte)
        rest = rest.dropFirst()
      } else if let (scalar, length) = Message.firstScalar(rest) {
        append(scalar, to: &string)
        rest = rest.dropFirst(length)
      } else {
        append(unit: 0xdc00 + UInt32(byte), to: &string)
        rest = rest.dropFirst()
      }
    }
    string.append("\"")
    return string
  }

  /// As one UTF-16 code unit or as two.
  private static func append(_ scalar: UInt32, to string: inout Message) {
    if scalar < 0x10000 {
      append(unit: scalar, to: &string)
    } else {
      append(unit: 0xd800 + ((scalar - 0x10000) >> 10), to: &string)
      append(unit: 0xdc00 + ((scalar - 0x10000) & 0x3ff), to: &string)
    }
  }

  private static func append(unit: UInt32, to string: inout Message) {
    string.append("\\u")
    for shift: UInt32 in [12, 8, 4, 0] {
      string.append(byte: Message.hexDigit(UInt8((unit >> shift) & 15)))
    }
  }
}

extension HardlinkState {
  /// The name that flufl.lock gives it.
  var name: StaticString {
    switch self {
    case .unlocked: "unlocked"
    case .ours: "ours"
    case .oursExpired: "ours-expired"
    case .stale: "stale"
    case .theirsExpired: "theirs-expired"
    case .theirs: "unknown"
    }
  }
}
