internal import CSystem

/// One way that bytes take through a relay, with those that are on it.
final class RelayStream {
  /// Nil at its end.
  private var inputEnd: FileDescriptor?
  private var outputEnd: Output
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

  private enum Output: ~Copyable {
    /// Nobody sees it, or nobody is left who does.
    case none
    case own(FileDescriptor)
    /// Another stream's, of that number.
    case shared(Int32)
  }

  /// Has the output open once more, so that writing to it need not wait, and it stays as it is for
  /// everybody else who has it.
  init(_ input: consuming FileDescriptor, to target: Int32?, isLogged: Bool) throws(LaunchError) {
    self.isLogged = isLogged
    buffer = .allocate(byteCount: 1 << 17, alignment: 1 << 12)
    _ = csystem_fcntl(input.number, F_SETFL, O_NONBLOCK)
    inputEnd = .some(input)
    outputEnd = .none
    let kind = target.flatMap { try? FileStatus(of: $0) }?.kind
    outputIsSocket = kind == .socket
    guard let target else { return }
    outputIsTerminal = isatty(target) == 1
    if kind == .fifo || outputIsTerminal {
      let name = "/proc/self/fd/" + ByteString(decimal: target)
      let flags = O_WRONLY | O_NONBLOCK | O_NOCTTY
      if let opened = try? FileDescriptor.open(name, flags) {
        outputEnd = .own(opened)
        return
      }
    }
    outputEnd = .own(
      try launchStep(.fcntl) { () throws(Errno) in try FileDescriptor.duplicate(target) })
  }

  /// From a terminal to the pseudo-terminal that `stream` reads.
  init(keyboard: consuming FileDescriptor, to stream: RelayStream) {
    inputEnd = .some(keyboard)
    outputEnd = stream.input.map { .shared($0) } ?? .none
    isLogged = false
    outputIsSocket = false
    buffer = .allocate(byteCount: 1 << 10, alignment: 1)
  }

  deinit { buffer.deallocate() }

  /// Numbers, for poll(2).
  var input: Int32? { inputEnd?.number }
  var output: Int32? {
    switch outputEnd {
    case .none: nil
    case .own(let descriptor): descriptor.number
    case .shared(let number): number
    }
  }

  var isOpen: Bool { input != nil }
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
    guard let input else { return .end }
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
    while let output, !pending.isEmpty {
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
    outputEnd = .none
    pending = 0..<0
  }

  /// Nobody gets anything from it any more: the command sees that it is closed.
  func end() {
    inputEnd = nil
    endOutput()
  }
}

/// A pipe with room for much.
func makeWidePipe() throws(LaunchError) -> Pipe {
  let pipe = try launchStep(.pipe) { () throws(Errno) in try Pipe() }
  // If that is not allowed, it has the usual room.
  _ = csystem_fcntl(pipe.writing.number, F_SETPIPE_SZ, Int32(RelayStream.capacity))
  return pipe
}
