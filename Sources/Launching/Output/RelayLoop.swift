internal import CSystem

/// What a relay does until it ends.
package final class RelayLoop {
  /// What somebody has to be told, once.
  package enum Problem: Equatable, Sendable {
    /// The log could not be written, and is not written any more.
    case log(Errno)
    /// Where the command's output is seen could not be written to.
    case output(Errno)
    /// The program of that number in `RelayPlan.programs` has not exited with 0.
    case program(Int, Termination)
  }

  private let streams: [RelayStream]
  private let keys: RelayStream?
  /// The command's end of the pseudo-terminal, until it has ended: if it closes that itself, or nobody has
  /// opened it yet, the terminal is not at its end, and the command is not to get SIGHUP.
  private var terminal: FileDescriptor?
  private let keyboard: Keyboard?
  private let sizeModel: Int32?
  private let log: LogSink
  private var link: FileDescriptor?
  private let signals: FileDescriptor
  private let signalSet: SignalSet
  private var problems: [Problem] = []
  private var keysAreOurs = false
  /// The command has ended.
  private var isEnding = false
  private var hasAnswered = false
  private var hasLostOutput = false
  private var isFinished = false

  /// In the new process: takes it away from all that it has in common with the one that forked it, but for
  /// the descriptor `link`.
  init(_ plan: RelayPlan, keeping link: Int32) throws(RelayError) {
    csystem_name_process("swlock log")
    // Blocked, they do what they do where they are ignored; and a blocked SIGTTOU stops nobody.
    signalSet = SignalSet([SIGWINCH, SIGCONT])
    // The keys of a terminal are only for its session.
    if plan.keyboard == nil, plan.sizeModel == nil { setsid() }
    plan.processes?.setRelay(getpid())
    // What the log's programs leave behind is none of the command's.
    csystem_prctl(PR_SET_CHILD_SUBREAPER, 1)
    terminal = plan.terminal?.takeTerminal()
    plan.closeCommandPipes()
    keyboard = plan.keyboard
    sizeModel = plan.sizeModel
    do throws(LaunchError) {
      try launchStep(.sigprocmask) { () throws(Errno) in _ = try SignalSet.all.becomeMask() }
      let set = signalSet
      signals = try launchStep(.signalfd) { () throws(Errno) in try set.makeDescriptor() }
      streams = try Self.open(plan)
      keys =
        if let keyboard, let terminal = streams.first,
          let input = try? FileDescriptor.duplicate(keyboard.number)
        { RelayStream(keyboard: input, to: terminal) } else { nil }
      let kept =
        streams.map { $0.input } + streams.map { $0.output }
        + [keys?.input, plan.log?.number, sizeModel, link, signals.number, terminal?.number]
      try closeDescriptors(besides: kept.compactMap { $0 })
      try Self.leaveStandardDescriptors(plan)
    } catch {
      throw RelayError(program: nil, error: error)
    }
    log = try LogSink(plan)
  }

  private static func open(_ plan: RelayPlan) throws(LaunchError) -> [RelayStream] {
    var streams: [RelayStream] = []
    for route in plan.routes {
      guard let input = route.takeInput() ?? plan.terminal?.takeMaster() else { continue }
      streams.append(try RelayStream(input, to: route.output, isLogged: route.isLogged))
    }
    return streams
  }

  /// Takes the word of the process that started the command from there.
  func listen(to link: consuming FileDescriptor) {
    self.link = .some(link)
  }

  /// Nobody who waits for the end of what this process was started with is to wait for the relay.
  private static func leaveStandardDescriptors(_ plan: RelayPlan) throws(LaunchError) {
    let null = try launchStep(.open) { () throws(Errno) in
      try FileDescriptor.open("/dev/null", O_RDWR)
    }
    let used = [plan.keyboard?.number, plan.sizeModel]
    for number in [STDIN_FILENO, STDOUT_FILENO] where !used.contains(number) {
      dup2(null.number, number)
    }
  }

  /// Works until there is a problem; nil at the end.
  package func next() -> Problem? {
    while true {
      if !problems.isEmpty { return problems.removeFirst() }
      if isFinished {
        answer()
        return nil
      }
      if streams.allSatisfy({ !$0.isOpen }) {
        finish()
      } else {
        turn()
      }
    }
  }

  private func finish() {
    endKeys()
    for (program, termination) in log.finish() {
      problems.append(.program(program, termination))
    }
    isFinished = true
  }

  /// Tells the process that started the command that it need not wait any more.
  private func answer() {
    guard !hasAnswered, let link = link?.number else { return }
    hasAnswered = true
    endKeys()
    var byte: UInt8 = (isFinished ? Relay.isOver : 1) | (hasLostOutput ? Relay.hasLostOutput : 0)
    send(link, &byte, 1, Int32(MSG_NOSIGNAL))
    leaveStandardError()
  }

  /// Once swlock is gone, whoever reads its standard error is to see the end of that, unless what is left
  /// of the command can write there.
  private func leaveStandardError() {
    guard hasAnswered || link == nil, !isFinished,
      let error = try? FileStatus(of: STDERR_FILENO).identity
    else { return }
    let isUsed = streams.contains {
      $0.output.flatMap { try? FileStatus(of: $0).identity } == error
    }
    if !isUsed, let null = try? FileDescriptor.open("/dev/null", O_RDWR) {
      dup2(null.number, STDERR_FILENO)
    }
  }
}

// MARK: - One turn

extension RelayLoop {
  private func turn() {
    if isEnding, !hasAnswered, streams.allSatisfy({ $0.isThrough }) { answer() }
    if let keyboard, keys?.isOpen == true, !keysAreOurs {
      keysAreOurs = keyboard.take()
      if keysAreOurs, let terminal = streams.first?.input {
        keyboard.lendModesLate(to: terminal)
        copySize()
      }
    }
    var polled = [
      pollfd(fd: link?.number ?? Self.nobody, events: Int16(POLLIN), revents: 0),
      pollfd(fd: signals.number, events: Int16(POLLIN), revents: 0),
      slot(keysAreOurs || keys?.hasPending == true ? keys : nil),
    ]
    for stream in streams { polled.append(slot(stream)) }
    let wasEnding = isEnding
    poll(&polled, nfds_t(polled.count), pause)

    if polled[0].revents != 0 { hear() }
    if polled[1].revents != 0 { takeSignals() }
    if polled[2].revents != 0, let keys { passKeysOn(keys) }
    for (index, stream) in streams.enumerated() where stream.isOpen {
      if polled[3 + index].revents != 0 {
        advance(stream, index)
      } else if wasEnding, !stream.hasPending {
        // There is nothing in it, after the command has ended.
        stream.due = 0
      }
    }
  }

  private func slot(_ stream: RelayStream?) -> pollfd {
    let isWriting = stream?.hasPending == true
    let number = isWriting ? stream?.output : stream?.input
    return pollfd(
      fd: number ?? Self.nobody, events: Int16(isWriting ? POLLOUT : POLLIN), revents: 0)
  }

  /// Passed over by poll(2).
  private static let nobody: Int32 = -1

  private static let terminalPause: Int32 = 250
  private static let noEnd: Int32 = -1

  /// Milliseconds.
  private var pause: Int32 {
    if isEnding, !hasAnswered,
      streams.contains(where: { $0.isOpen && $0.due > 0 && !$0.hasPending })
    {
      return 0
    }
    // Nobody tells when a terminal becomes ours.
    return keys?.isOpen == true && !keysAreOurs ? Self.terminalPause : Self.noEnd
  }

  private func hear() {
    guard let link = link?.number else { return }
    var byte: UInt8 = 0
    let count = try? retryingOnInterrupt { recv(link, &byte, 1, Int32(MSG_DONTWAIT)) }
    if count == 1 {
      if !isEnding {
        for stream in streams { stream.due = RelayStream.capacity }
      }
      isEnding = true
      terminal = nil
    } else if count == 0 {
      self.link = nil
      terminal = nil
      endKeys()
      leaveStandardError()
    }
  }

  private func advance(_ stream: RelayStream, _ index: Int) {
    if !stream.hasPending {
      switch stream.read() {
      case .nothing: return
      case .end: return end(stream)
      case .bytes(let bytes): write(bytes, to: stream, index)
      }
    }
    do throws(Errno) {
      try stream.flush()
    } catch {
      if error != .brokenPipe {
        problems.append(.output(error))
        if stream.outputIsTerminal { return }
        hasLostOutput = true
      }
      // Whoever reads has gone, or the disk is full, and the command is to see that, as it would without
      // a relay; but what it has written goes to the log.
      stream.due = RelayStream.capacity
      while stream.isLogged, stream.due > 0, case .bytes(let bytes) = stream.read() {
        write(bytes, to: stream, index)
      }
      end(stream)
    }
  }

  private func write(_ bytes: UnsafeRawBufferPointer, to stream: RelayStream, _ index: Int) {
    guard stream.isLogged else { return }
    do throws(Errno) {
      try log.write(bytes, of: index)
    } catch {
      problems.append(.log(error))
    }
  }

  private func end(_ stream: RelayStream) {
    // The keys go to the same pseudo-terminal, whose descriptor is now another's.
    if let keys, keys.output != nil, keys.output == stream.input { endKeys() }
    stream.end()
    leaveStandardError()
  }
}

// MARK: - The terminal

extension RelayLoop {
  private func passKeysOn(_ keys: RelayStream) {
    guard let keyboard else { return }
    if !keys.hasPending {
      keysAreOurs = keyboard.isOurs
      guard keysAreOurs else { return }
      switch keys.read() {
      case .bytes: break
      case .nothing: return
      case .end:
        if !keyboard.isOurs {
          keysAreOurs = false
          return
        }
        // The terminal has gone.
        var modes = termios()
        if let output = keys.output { tcgetattr(output, &modes) }
        keys.replacePending(with: modes.endCharacter)
        try? keys.flush()
        return endKeys()
      }
    }
    do throws(Errno) {
      try keys.flush()
    } catch {
      endKeys()
    }
  }

  /// No key is read any more, and the terminal is as it was.
  private func endKeys() {
    guard let keys, keys.isOpen else { return }
    keyboard?.restore()
    keys.end()
  }

  private func takeSignals() {
    while signalSet.takePending() != nil {}
    copySize()
    // After a stop the terminal may have other modes, or be another job's.
    keysAreOurs = false
  }

  private func copySize() {
    guard let sizeModel, let terminal = streams.first?.input else { return }
    copyWindowSize(from: sizeModel, to: terminal)
  }
}
