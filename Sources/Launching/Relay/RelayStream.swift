internal import CSystem

/// One way that bytes take through a relay, with those that are on it.
final class RelayStream {
  /// -1 at its end.
  private(set) var input: Int32
  /// -1 where nobody sees it, or nobody is left who does.
  private(set) var output: Int32
  let isLogged: Bool
  private let outputIsSocket: Bool
  /// What is shown there is not kept, and may be lost.
  private(set) var outputIsTerminal = false
  private let buffer: UnsafeMutableRawBufferPointer
  private var pending: Range<Int> = 0..<0
  /// Bytes that may have been in it when the command ended, and are not known to be through.
  var due = 0

  /// More than a pipe or a terminal holds.
  static let capacity = 1 << 20

  /// Has the output open once more, so that writing to it need not wait, and it stays as it is for
  /// everybody else who has it.
  init(_ route: RelayRoute) throws(LaunchError) {
    input = route.input
    isLogged = route.isLogged
    buffer = .allocate(byteCount: 1 << 17, alignment: 1 << 12)
    _ = csystem_fcntl(input, F_SETFL, O_NONBLOCK)
    guard let target = route.output else {
      output = -1
      outputIsSocket = false
      return
    }
    let kind = (try? FileStatus(of: target))?.kind
    outputIsSocket = kind == .socket
    outputIsTerminal = isatty(target) == 1
    output = -1
    if kind == .fifo || outputIsTerminal {
      let name = "/proc/self/fd/" + ByteString(decimal: target)
      let flags = O_WRONLY | O_NONBLOCK | O_NOCTTY
      if let opened = try? FileDescriptor.open(name, flags) { output = opened.leak() }
    }
    if output < 0 {
      output = csystem_fcntl(target, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
      if output < 0 { throw LaunchError(step: .fcntl, errno: .current) }
    }
  }

  /// From a terminal to a pseudo-terminal, whose descriptors are another's to close.
  init(keyboard: Int32, master: Int32) {
    input = keyboard
    output = master
    isLogged = false
    outputIsSocket = false
    buffer = .allocate(byteCount: 1 << 10, alignment: 1)
  }

  deinit { buffer.deallocate() }

  var isOpen: Bool { input >= 0 }
  var hasPending: Bool { !pending.isEmpty }

  /// Whether all is through that the command can have written.
  var isThrough: Bool { !isOpen || due <= 0 && !hasPending }

  enum Reading {
    case bytes(UnsafeRawBufferPointer)
    case nothing
    case end
  }

  /// Only where nothing is pending; what it returns is then.
  func read() -> Reading {
    let count: Int
    do throws(Errno) {
      count = try retryingOnInterrupt { CSystem.read(input, buffer.baseAddress, buffer.count) }
    } catch {
      // A pseudo-terminal that nobody has open any more gives EIO.
      return error == .wouldBlock ? .nothing : .end
    }
    if count == 0 { return .end }
    due -= count
    pending = 0..<count
    return .bytes(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
  }

  /// Writes what is pending, as far as that can be done without waiting.
  func flush() throws(Errno) {
    while output >= 0, !pending.isEmpty {
      let rest = UnsafeRawBufferPointer(rebasing: buffer[pending])
      do throws(Errno) {
        let count = try retryingOnInterrupt {
          outputIsSocket
            ? send(output, rest.baseAddress, rest.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
            : write(output, rest.baseAddress, rest.count)
        }
        pending = pending.lowerBound + count..<pending.upperBound
      } catch {
        if error == .wouldBlock { return }
        endOutput()
        throw error
      }
    }
    pending = 0..<0
  }

  /// Instead of what was read, that is to be written.
  func replacePending(with byte: UInt8) {
    buffer[0] = byte
    pending = 0..<1
  }

  private func endOutput() {
    close(output)
    output = -1
    pending = 0..<0
  }

  /// Nobody gets anything from it any more: the command sees that it is closed.
  func end() {
    if isOpen { close(input) }
    input = -1
    if output >= 0 { endOutput() }
  }

  /// The same without closing.
  func abandon() {
    input = -1
    output = -1
    pending = 0..<0
  }
}

/// A pipe with room for much.
struct WidePipe {
  let reader: Int32
  let writer: Int32

  init() throws(LaunchError) {
    (reader, writer) = try makePipe()
    // If that is not allowed, it has the usual room.
    _ = csystem_fcntl(writer, F_SETPIPE_SZ, Int32(RelayStream.capacity))
  }
}
