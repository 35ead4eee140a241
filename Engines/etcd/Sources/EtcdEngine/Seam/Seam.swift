internal import CLibrary

/// The socket between swlock and the engine: lines both ways, without ever waiting (etcd.md 4).
final class Seam {
  let descriptor: CInt
  /// End of file, or nobody there to be told: swlock is gone.
  private(set) var ended = false
  private var incoming = Bytes()
  private var outgoing: [SeamLine] = []
  private var unsent = Bytes()

  init(descriptor: CInt) {
    self.descriptor = descriptor
    _ = clibrary_set_nonblocking(descriptor)
  }

  /// Whether something was said that swlock has not yet had room for.
  var hasMore: Bool { !unsent.isEmpty || !outgoing.isEmpty }

  /// Says a line, now or when swlock has room. A swlock that is stopped does not pile up renewals:
  /// of those which wait only the newest is kept.
  func say(_ line: SeamLine) {
    if line.bytes.hasPrefix("until "), outgoing.last?.bytes.hasPrefix("until ") == true {
      outgoing.removeLast()
    }
    outgoing.append(line)
    if !line.bytes.hasPrefix("until ") { log(line.bytes.text) }
    send()
  }

  func send() {
    while !ended {
      if unsent.isEmpty {
        if outgoing.isEmpty { return }
        unsent = outgoing.removeFirst().terminated
      }
      let count = write(descriptor, unsent, unsent.count)
      if count >= 0 {
        unsent.removeFirst(count)
      } else if clibrary_errno() == EINTR {
        continue
      } else {
        if clibrary_errno() != EAGAIN { ended = true }
        return
      }
    }
  }

  /// Whether swlock has said `release` since this was asked last. Unknown lines are ignored.
  func hasRelease() -> Bool {
    var found = false
    var buffer = Bytes(repeating: 0, count: 4096)
    while !ended {
      let count = read(descriptor, &buffer, buffer.count)
      if count == 0 || (count < 0 && clibrary_errno() != EAGAIN && clibrary_errno() != EINTR) {
        ended = true
      }
      if count < 0 && clibrary_errno() == EINTR { continue }
      if count <= 0 { break }
      incoming += buffer[..<count]
      while let end = incoming.firstIndex(of: 0x0a) {
        if incoming[..<end].elementsEqual("release".utf8) { found = true }
        incoming.removeFirst(end + 1)
      }
      // Nothing that swlock says is longer than a line may be.
      if incoming.count > SeamLine.longest { incoming.removeAll() }
    }
    return found
  }
}

/// A line on standard error, which is /dev/null unless swlock was called with -v. It is left out where it
/// would have to wait: for a pager, or for a terminal that was stopped.
func log(_ text: String) {
  let line = Bytes(text: "swlock-etcd: \(text)\n")
  var ready = pollfd(fd: 2, events: Int16(POLLOUT), revents: 0)
  guard poll(&ready, 1, 0) == 1, ready.revents & Int16(POLLOUT) != 0 else { return }
  _ = write(2, line, line.count)
}
