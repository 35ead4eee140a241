internal import CSystem
internal import Launching
internal import Locking
internal import SystemInterface

/// `swlock status --probe`: which kinds of lock exclude each other on a file system, by trying every pair
/// of them there.
///
/// Three processes: one holds a lock, another one tries the others, and this one waits for the two and
/// removes the folder that they do it in, also when a signal ends it.
struct Probe {
  private let options: ViewerOptions

  init(_ options: ViewerOptions) {
    self.options = options
  }

  func perform(_ folders: [ByteString]) throws(Failure) -> Int32 {
    var results = Results()
    var first = FirstFailure()
    for folder in folders where !results.areLost {
      do throws(Failure) {
        let table = try probe(folder)
        results.write(options.json ? table.json : table.text)
        if let error = table.reasonForNothing {
          throw .hardlink("lock anything in", folder, error)
        }
      } catch {
        if error.message.bytes.isEmpty { throw error }
        first.say(error)
      }
    }
    first.finish(results)
    return first.status
  }

  private func probe(_ path: ByteString) throws(Failure) -> ProbeTable {
    let signals = terminationSignals()
    let interruption = try blockedDescriptor(of: signals)
    let folder = try unable(path, .open) { () throws(Errno) in try Folder(path) }
    let name = try unable(path, .mkdir) { () throws(Errno) in
      let name = ".swlock-probe-" + (try randomToken())
      try folder.makeDirectory(name)
      return name
    }
    defer { remove(name, in: folder, path) }
    options.lock.say("trying locks in \(path)/\(name), which is removed afterwards")
    let outcomes = try outcomes(path + "/" + name, path, signals, interruption)
    interruption.keepOpen()
    return ProbeTable(path, fileSystemType(of: folder.number), outcomes)
  }

  private func outcomes(
    _ place: ByteString, _ path: ByteString, _ signals: SignalSet,
    _ interruption: borrowing FileDescriptor
  ) throws(Failure) -> [ProbeOutcome] {
    let pipe = try unable(path, .read) { () throws(Errno) in try Pipe() }
    let holder: ChildProcess
    do throws(LaunchError) {
      guard let child = try forkCompanion() else {
        Probing(place: place, answers: pipe.writing.number).holdEachInTurn()
      }
      holder = child
    } catch {
      throw Failure(.systemCall, .unable(to: "try locks", error.text))
    }
    try? pipe.writing.close()
    let answers = pipe.reading
    var outcomes: [ProbeOutcome] = []
    while true {
      let ready = try unable(path, .read) { () throws(Errno) in
        try waitUntilReadable([answers.number, interruption.number])
      }
      if ready != 0 {
        holder.end()
        // The one that tries ends with it; a server of files that hangs is not waited for.
        let end = Deadline.seconds(2)
        while (try? waitUntilReadable([answers.number], by: end)) == 0,
          Self.answer(answers.number) != nil
        {}
        throw Failure(status: 128 + (signals.takePending() ?? SIGTERM), "")
      }
      guard let outcome = Self.answer(answers.number) else { break }
      outcomes.append(outcome)
    }
    _ = try? holder.wait()
    if outcomes.count != ProbeTable.count {
      throw Failure(
        .systemCall, .unable(to: "try locks in", path, "the process that tried them ended"))
    }
    return outcomes
  }

  /// Nil at the end.
  private static func answer(_ pipe: Int32) -> ProbeOutcome? {
    var code: Int32 = 0
    let count = try? retryingOnInterrupt { read(pipe, &code, MemoryLayout<Int32>.size) }
    return count == MemoryLayout<Int32>.size ? ProbeOutcome(code: code) : nil
  }

  private func remove(_ name: ByteString, in folder: borrowing Folder, _ path: ByteString) {
    do throws(Errno) {
      let probed = try FileDescriptor.open(name, in: folder.number, O_RDONLY | O_DIRECTORY)
      let inner = Folder(taking: probed)
      let names = try inner.names()
      while let name = try names.next() { try? inner.unlink(name) }
      try folder.removeDirectory(name)
    } catch {
      Output.say(.unable(to: "remove", path + "/" + name, "\(error.text)"))
    }
  }

  private func unable<Value: ~Copyable>(
    _ path: ByteString, _ step: LockStep, _ body: () throws(Errno) -> Value
  ) throws(Failure) -> Value {
    do throws(Errno) {
      return try body()
    } catch {
      throw .hardlink("try locks in", path, .system(step, error))
    }
  }
}

/// The processes that hold and try locks.
private struct Probing {
  /// The folder that is theirs.
  let place: ByteString
  /// Where what they find out is written to, an Int32 each.
  let answers: Int32

  /// A path for each lock that is held: what is left of one is not in the way of the next.
  func holdEachInTurn() -> Never {
    for (index, kind) in ProbedKind.all.enumerated() {
      let path = place + "/" + ByteString(decimal: index)
      // Before there is a lock: the other one is to have nothing of it.
      guard let gate = try? Pipe() else { _exit(1) }
      let holder = getpid()
      guard let other = try? forkCompanion() else {
        if getpid() == holder { _exit(1) }
        try? gate.writing.close()
        tryEach(path, gate.reading.number)
      }
      do throws(LockError) {
        let lock = try acquire(request(kind, path))
        say(.taken)
        try? gate.writing.close()
        _ = try? other.wait()
        // Whatever comes of that (a full disk), it was tried; the folder is removed with all that is in it.
        try? lock.release()
      } catch {
        other.end()
        for _ in 0...ProbedKind.all.count { say(ProbeOutcome(error)) }
      }
    }
    _exit(0)
  }

  /// In the other process, which begins once the gate is closed.
  private func tryEach(_ path: ByteString, _ gate: Int32) -> Never {
    _ = try? waitUntilReadable([gate])
    for kind in ProbedKind.all {
      do throws(LockError) {
        let lock = try acquire(request(kind, path))
        say(.taken)
        try? lock.release()
      } catch {
        say(ProbeOutcome(error))
      }
    }
    _exit(0)
  }

  private func request(_ kind: ProbedKind, _ path: ByteString) -> LockRequest {
    LockRequest(path: path, kind: kind.mode.kind(), sharing: kind.sharing, patience: .never)
  }

  private func say(_ outcome: ProbeOutcome) {
    var code = outcome.code
    _ = try? retryingOnInterrupt { write(answers, &code, MemoryLayout<Int32>.size) }
  }
}
