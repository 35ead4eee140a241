internal import CSystem
internal import Launching
internal import Locking

/// flock(1) of util-linux 2.43, from its arguments to its exit status.
///
/// The one difference: what `--verbose` says is written when it happens. flock(1) leaves it in a
/// buffer, so that it comes behind the command's output, or never.
func runFlock(_ arguments: ArgumentVector, count: Int) -> Int32 {
  var output = FlockOutput()
  var status: Int32 = 0
  do throws(Failure) {
    var parser = FlockParser(arguments, count: count)
    switch try parser.parse() {
    case .help: output.result(FlockHelp.text())
    case .version: output.result("flock from util-linux 2.43 (swlock \(version))\n")
    case .lock(let options): status = try Flock(options).perform(&output)
    }
  } catch {
    if error.message.count > 0 { output.complain(error.message) }
    status = error.status
  }
  return output.finish(status)
}

/// flock(1), once its command line is understood.
private struct Flock {
  private let options: FlockOptions

  init(_ options: FlockOptions) {
    self.options = options
  }

  func perform(_ output: inout FlockOutput) throws(Failure) -> Int32 {
    let descriptor = try lockTarget(&output)
    guard let command = options.command else { return 0 }
    if options.close { try withhold(descriptor) }
    if options.verbose { output.result("flock: executing \(raw: command.name)\n") }
    return try run(command, &output)
  }
}

// MARK: - The lock

extension Flock {
  /// Locks or unlocks the target, and returns its descriptor. Nothing is closed before this process
  /// ends.
  private func lockTarget(_ output: inout FlockOutput) throws(Failure) -> Int32 {
    let patience: Patience
    let descriptor: Int32
    let start: Deadline
    switch options.target {
    case .descriptor(let number):
      patience = try beginWaiting()
      start = .now
      descriptor = number
      try lock(descriptor, name: ByteString(decimal: descriptor), patience)
    case .file(let path):
      let file = try FlockFile.open(path, access)
      patience = try beginWaiting()
      start = .now
      descriptor = try lock(file, patience)
    }
    if options.verbose { output.result(report(since: start)) }
    return descriptor
  }

  /// An exclusive record lock needs a file that is open for writing.
  private var access: Int32 {
    options.usesRecordLocks && options.operation == .exclusive ? O_WRONLY : O_RDONLY
  }

  /// Returns the descriptor that is locked: NFS gives EIO or EBADF for an exclusive lock on a file
  /// that is open for reading only, and then it is opened anew for both.
  private func lock(_ file: FlockFile, _ patience: Patience) throws(Failure) -> Int32 {
    do throws(LockError) {
      try callKernel(file.descriptor, patience)
      return file.descriptor
    } catch .system(_, let error) where mayReopen(file, after: error) {
      do throws(Errno) {
        try checkReadableAndWritable(file.path)
      } catch {
        throw failure(error, file.path)
      }
      file.close()
      let reopened = try FlockFile.open(file.path, O_RDWR)
      // A directory cannot be opened for writing; that error is the last that flock(1) has seen.
      guard reopened.access == O_RDWR else {
        throw failure(Errno.isADirectory, file.path)
      }
      try lock(reopened.descriptor, name: file.path, patience)
      return reopened.descriptor
    } catch {
      throw failure(error, file.path)
    }
  }

  private func mayReopen(_ file: FlockFile, after error: Errno) -> Bool {
    (error == .inputOutput || error == .badDescriptor) && options.operation != .shared
      && file.access != O_RDWR
  }

  /// `name` is what an error calls it.
  private func lock(
    _ descriptor: Int32, name: ByteString, _ patience: Patience
  ) throws(Failure) {
    do throws(LockError) {
      try callKernel(descriptor, patience)
    } catch {
      throw failure(error, name)
    }
  }

  private func callKernel(_ descriptor: Int32, _ patience: Patience) throws(LockError) {
    let lock = KernelLock(
      mode: options.usesRecordLocks ? .ofd : .flock,
      sharing: options.operation == .shared ? .shared : .exclusive,
      range: try range())
    if options.operation == .unlock {
      try lock.drop(descriptor)
    } else {
      try lock.take(descriptor, patience, polling: false)
    }
  }

  private func failure(_ error: LockError, _ name: ByteString) -> Failure {
    switch error {
    case .busy, .system(.flock, .accessDenied):
      return conflict("failed to get lock")
    case .timedOut:
      return conflict("timeout while waiting to get lock")
    case .system(_, let reason):
      return failure(reason, name)
    default:
      return Failure(status: EX_SOFTWARE, Failure.reason(error))
    }
  }

  private func failure(_ reason: Errno, _ name: ByteString) -> Failure {
    let status = reason == .noLocks || reason == .noMemory ? EX_OSERR : EX_DATAERR
    return Failure(status: status, "\(raw: name): \(reason.text)")
  }

  private func conflict(_ message: Message) -> Failure {
    Failure(status: options.conflictExitCode, options.verbose ? message : "")
  }

  /// What the kernel says of a range that it does not know is said for it (fcntl(2), ERRORS).
  private func range() throws(LockError) -> ByteRange {
    guard let start = Int64(exactly: options.start), let length = Int64(exactly: options.length)
    else { throw .system(.fcntl, .invalid) }
    guard let range = ByteRange(start: start, length: length) else {
      throw .system(.fcntl, .valueTooLarge)
    }
    return range
  }

  // MARK: Time

  /// From here on the timeout runs. flock(1) takes SIGALRM for it, which its command then does not
  /// find ignored.
  private func beginWaiting() throws(Failure) -> Patience {
    guard let timeout = options.timeout else { return options.nonblock ? .never : .forever }
    let span = try wholeMicroseconds(timeout)
    if span == .zero { return .never }
    disregard(SIGALRM)
    return options.nonblock ? .never : .until(.after(span))
  }

  private func wholeMicroseconds(_ timeout: Seconds) throws(Failure) -> Span {
    let value = timeout.value
    guard timeout.whole != nil || (value > -0x1p63 && value < 0x1p63) else {
      throw timerFailure
    }
    let seconds = timeout.whole ?? Int64(value)
    let fraction = timeout.whole == nil ? Int64((value - Double(seconds)) * 1_000_000) : 0
    if seconds < 0 || fraction < 0 { throw timerFailure }
    return .seconds(seconds) + .microseconds(fraction)
  }

  /// setitimer(2)'s, which flock(1) calls.
  private var timerFailure: Failure {
    Failure(status: EX_OSERR, "cannot set up timer: \(Errno.invalid.text)")
  }

  private func report(since start: Deadline) -> Message {
    let microseconds = max(0, (Deadline.now - start).wholeMicroseconds)
    let digits = decimalDigits(UInt64(microseconds % 1_000_000))
    let zeros = [UInt8](repeating: ascii("0"), count: 6 - digits.count)
    let seconds = ByteString(decimal: microseconds / 1_000_000)
    return "flock: getting lock took \(seconds).\(ByteString(zeros + digits)) seconds\n"
  }
}

/// The lock file, for the command to inherit.
private struct FlockFile {
  let path: ByteString
  let descriptor: Int32
  let access: Int32

  static func open(_ path: ByteString, _ access: Int32) throws(Failure) -> FlockFile {
    do throws(Errno) {
      do throws(Errno) {
        return try open(path, access, O_CREAT)
      } catch .isADirectory {
        // The kernel refuses O_CREAT for a directory, and writing as well.
        return try open(path, O_RDONLY, 0)
      }
    } catch {
      let status: Int32 =
        switch error {
        case .noMemory, .tooManyOpenFiles, .tooManyOpenFilesOnSystem: EX_OSERR
        case .readOnlyFileSystem, .noSpace: EX_CANTCREAT
        default: EX_NOINPUT
        }
      throw Failure(status: status, "cannot open lock file \(raw: path): \(error.text)")
    }
  }

  private static func open(
    _ path: ByteString, _ access: Int32, _ flags: Int32
  ) throws(Errno) -> FlockFile {
    let opened = try FileDescriptor.openInheritable(
      path, access | flags | O_NOCTTY, permissions: 0o666)
    return FlockFile(path: path, descriptor: opened.leak(), access: access)
  }

  func close() {
    try? FileDescriptor(taking: descriptor).close()
  }
}

// MARK: - The command

extension Flock {
  /// No signal is passed on, and none ends the command: whoever ends flock(1) ends the wait only,
  /// and the command goes on with the lock.
  private func run(
    _ words: CommandWords, _ output: inout FlockOutput
  ) throws(Failure) -> Int32 {
    var command = Command(words.vector)
    command.signals = .inherited
    let started: ChildProcess
    do throws(LaunchError) {
      try makeChildrenWaitable()
      if options.noFork { throw replaceProcess(with: command) }
      started = try start(command)
    } catch  where error.step == .exec {
      return notExecuted(words, error.errno, &output)
    } catch {
      throw Failure(status: EX_OSERR, "fork failed: \(error.errno.text)")
    }
    do throws(Errno) {
      return try started.wait().exitStatus
    } catch {
      throw Failure(status: 1, "waitpid failed: \(error.text)")
    }
  }

  /// Keeps the descriptor from the command.
  private func withhold(_ descriptor: Int32) throws(Failure) {
    do throws(Errno) {
      try closeOnExec(descriptor)
    } catch {
      throw Failure(status: EX_OSERR, "\(descriptor): \(error.text)")
    }
  }

  /// In flock(1) it is the command's process that says so; whether it can changes only its own end.
  private func notExecuted(
    _ words: CommandWords, _ error: Errno, _ output: inout FlockOutput
  ) -> Int32 {
    var ofCommand = FlockOutput()
    ofCommand.complain("failed to execute \(raw: words.name): \(error.text)")
    if options.noFork {
      output = FlockOutput()
      if ofCommand.hasLostItsReader { raise(SIGPIPE) }
    } else if ofCommand.hasLostItsReader, !isIgnored(SIGPIPE) {
      return Termination.signalled(number: SIGPIPE, coreDumped: false).exitStatus
    }
    return error == .noMemory ? EX_OSERR : EX_UNAVAILABLE
  }
}
