internal import CSystem

/// Where a relay's log goes: a file, perhaps through programs.
final class LogSink {
  /// Nil without a log, and after an error.
  private var descriptor: FileDescriptor?
  private let isStamped: Bool
  /// The stream whose last line is not ended yet.
  private var unfinished: Int?
  private var stamped: [UInt8] = []
  private var programs: [ChildProcess] = []
  private let processes: RelayProcesses?

  /// Starts the programs: each writes to the next one, and the last one to the file.
  init(_ plan: RelayPlan) throws(RelayError) {
    descriptor = plan.log.take()
    isStamped = plan.isStamped
    processes = plan.processes
    for (place, program) in plan.programs.enumerated().reversed() {
      do throws(LaunchError) {
        let input = try makeWidePipe()
        var command = Command(program)
        let setup = ProcessSetup()
        setup.descriptors = [
          DescriptorMapping(STDIN_FILENO, input.reading.number),
          DescriptorMapping(STDOUT_FILENO, descriptor?.number),
        ]
        command.setup = setup
        let child = try start(command)
        processes?.setProgram(place, child.identifier)
        programs.insert(child, at: 0)
        descriptor = .some(input.writing)
      } catch {
        throw RelayError(program: program[0], error: error)
      }
    }
  }

  /// Writes what the stream of that number has brought. After an error nothing is written any more.
  func write(_ bytes: UnsafeRawBufferPointer, of stream: Int) throws(Errno) {
    if descriptor == nil { return }
    do throws(Errno) {
      if isStamped {
        try writeLines(bytes, of: stream)
      } else {
        try writeAll(bytes)
      }
    } catch {
      descriptor = nil
      throw error
    }
  }

  /// Ends the log.
  ///
  /// - Returns: how the programs have ended, for those that did not exit with 0; none after an error.
  func finish() -> [(program: Int, termination: Termination)] {
    let isComplete = descriptor != nil
    descriptor = nil
    var failed: [(program: Int, termination: Termination)] = []
    for (index, program) in programs.enumerated() {
      let isThere = (try? program.waitForEnd()) != nil
      // It is not reaped before.
      processes?.remove(program.identifier)
      if isThere, let ended = try? program.wait(), isComplete, ended != .exited(code: 0) {
        failed.append((index, ended))
      }
    }
    programs = []
    return failed
  }

  private func writeAll(_ bytes: UnsafeRawBufferPointer) throws(Errno) {
    var rest = bytes
    while let number = descriptor?.number, !rest.isEmpty {
      let count = try retryingOnInterrupt {
        CSystem.write(number, rest.baseAddress, rest.count)
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  /// Each line begins with the time. A line of one stream ends where another stream comes between.
  private func writeLines(_ bytes: UnsafeRawBufferPointer, of stream: Int) throws(Errno) {
    if bytes.isEmpty { return }
    let time = timestamp()
    stamped.removeAll(keepingCapacity: true)
    if let unfinished, unfinished != stream { stamped.append(ascii("\n")) }
    var isAtStart = unfinished != stream
    var rest = bytes
    while let first = rest.baseAddress, !rest.isEmpty {
      if isAtStart { stamped += time }
      var length = rest.count
      isAtStart = false
      if let end = memchr(first, Int32(ascii("\n")), rest.count) {
        length = UnsafeRawPointer(end) - first + 1
        isAtStart = true
      }
      stamped.append(contentsOf: rest[..<length])
      if stamped.count > 1 << 16 { try flushStamped() }
      rest = UnsafeRawBufferPointer(rebasing: rest[length...])
    }
    unfinished = isAtStart ? nil : stream
    try flushStamped()
  }

  private func flushStamped() throws(Errno) {
    try stamped.withUnsafeBufferPointer { (bytes) throws(Errno) in
      try writeAll(UnsafeRawBufferPointer(bytes))
    }
    stamped.removeAll(keepingCapacity: true)
  }
}
