internal import CSystem
internal import Locking
internal import SystemInterface

// How processes are described to people, and what they were started with.

extension ObservedProcess {
  /// A variable of the environment that it was started with (/proc/PID/environ), which it may have changed
  /// since; nil where that may not be read.
  func variable(_ name: Literal) -> ByteString? {
    startingEnvironment.flatMap { Self.variable(name, in: $0) }
  }

  /// All of that environment.
  var startingEnvironment: [UInt8]? {
    let file = "/proc/" + ByteString(decimal: identifier) + "/environ"
    return try? FileDescriptor.open(file, O_RDONLY).readAll(limit: 1 << 20)
  }

  static func variable(_ name: Literal, in text: [UInt8]) -> ByteString? {
    // Of what begins with a name and `=`, byte by byte: there may be many, of many processes.
    var place = 0
    while place < text.count {
      var end = place
      while end < text.count, text[end] != 0 { end += 1 }
      let value = place + name.utf8.count + 1
      if value <= end, text[value - 1] == ascii("="),
        text[place..<(value - 1)] == name
      {
        return ByteString(text[value..<end])
      }
      place = end + 1
    }
    return nil
  }

  /// Whether swlock has started it, or what it comes from, under the lock at `path`, by its environment.
  func isUnderLock(at path: ByteString) -> Bool {
    variable("SWLOCK_HELD").map { HeldList.names(path, in: $0) } ?? false
  }
}

extension ObservedProcess {
  /// `pid 4711 (rsync -a /srv/ backup:/srv/, root)`; of a process that keeps a lock for another, the
  /// other.
  var phrase: Message { phrase(commandUpTo: 40) }

  func phrase(commandUpTo width: Int) -> Message {
    let process = beneficiary ?? self
    return
      "pid \(process.identifier) (\(process.commandText(upTo: width)), \(userName(process.user))\(process.stopRemark))"
  }

  /// `, stopped`, or nothing: one that is stopped gives nothing back until it goes on.
  var stopRemark: Literal { isStopped ? ", stopped" : "" }

  /// By a signal, or by whoever traces it.
  var isStopped: Bool { state == ascii("T") || state == ascii("t") }

  /// For whom this process keeps a lock, if it does: of several, the script.
  var beneficiary: ObservedProcess? { KeptLock(of: self)?.livingOwners.first }

  /// The command, cut where it would be wider than `width`.
  func commandText(upTo width: Int) -> Message { Message(command, upTo: width) }
}

extension Message {
  /// `text`, escaped, and cut where it would be wider than `width`.
  init(_ text: ByteString, upTo width: Int) {
    self.init()
    var rest = text.bytes
    var columns = 0
    while !rest.isEmpty {
      let length = max(1, Self.lengthOfPrintable(rest))
      let piece = Message("\(ByteString(rest.prefix(length)))")
      // What has more bytes may be two columns wide.
      let columnsOfPiece = length > 2 ? 2 : length > 1 ? 1 : piece.count
      let isLast = rest.count == length
      if columns + columnsOfPiece > (isLast ? width : width - 1) {
        append("…")
        return
      }
      append(piece)
      columns += columnsOfPiece
      rest = rest.dropFirst(length)
    }
  }
}

/// The name of a user (passwd(5)), or the number of one without.
func userName(_ user: UInt32?) -> ByteString {
  guard let user else { return "?" }
  let number = ByteString(decimal: user)
  guard let file = try? FileDescriptor.open("/etc/passwd", O_RDONLY),
    let text = try? file.readAll(limit: 1 << 20)
  else { return number }
  for line in text.split(separator: ascii("\n")) {
    let fields = line.split(
      separator: ascii(":"), maxSplits: 3, omittingEmptySubsequences: false)
    if fields.count > 2, fields[2].elementsEqual(number.bytes) { return ByteString(fields[0]) }
  }
  return number
}

/// What is said to an ordinary user of something that root may do.
var rootHint: Literal { geteuid() == 0 ? "" : " (try as root)" }
