internal import CSystem
internal import Launching
internal import Locking
internal import SystemInterface

/// What became of a `run`, as its record has it.
enum RunOutcome {
  case ran, runtime, busy, timeout, failed, lost

  var name: Literal {
    switch self {
    case .ran: "ran"
    case .runtime: "runtime"
    case .busy: "busy"
    case .timeout: "timeout"
    case .failed: "failed"
    case .lost: "lost"
    }
  }
}

/// The line of `run --record`, and the file that it is appended to.
///
/// Where there are two processes of swlock, the one that has the lock writes the line before it releases that; if
/// it was killed, the other one does so, with what it knows. At most one line is written.
final class RunRecord {
  /// What one write(2) appends as a whole also to a pipe (PIPE_BUF).
  static let longestLine = 4096

  private let file: ByteString
  /// Never closed: the two processes share their descriptors.
  private let descriptor: Int32

  let start = WallTime.now
  private let begin = BootTime.now
  let path: ByteString
  let command: CommandWords
  /// Nil while `auto` has not chosen.
  var mode: ByteString?
  /// Of a lock that several may have at once.
  var slot: Int64?
  var outcome: RunOutcome?
  private(set) var usage: ResourceUsage?
  private var end: BootTime?

  // For both processes; 0: not yet.
  private let isWritten: SharedNumber
  private let lockTime: SharedNumber
  private let commandTime: SharedNumber
  private let commandNumber: SharedNumber

  /// Opens the file. The lock is not held yet.
  init(in file: ByteString, of options: RunOptions) throws(Failure) {
    self.file = file
    let lock = try options.lock.lockPath(options.path)
    let isOfFile = options.lock.kind.isOfFile
    if isOfFile { try Self.check(file, lock) }
    path = isOfFile ? lock.absolutePath : lock
    command = options.command
    mode = options.lock.mode?.name
    // It may be a FIFO: nobody is waited for who is to read it.
    let flags = O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | O_NONBLOCK
    do throws(Errno) {
      descriptor = try FileDescriptor.open(file, flags, permissions: 0o666).leak()
    } catch {
      throw .opening(file, error)
    }
    do throws(LaunchError) {
      isWritten = try SharedNumber()
      lockTime = try SharedNumber()
      commandTime = try SharedNumber()
      commandNumber = try SharedNumber()
    } catch {
      throw .launching(error, options.command.name)
    }
  }

  /// The lock file would be made with other permissions, and in `hardlink` mode be spoilt.
  private static func check(_ file: ByteString, _ lock: ByteString) throws(Failure) {
    func isOne(_ file: ByteString, _ other: ByteString) -> Bool? {
      guard let file = try? FileStatus(at: file, followingLinks: true),
        let other = try? FileStatus(at: other, followingLinks: true)
      else { return nil }
      return file.identity == other.identity
    }
    let (place, otherPlace) = (file.splitPath, lock.splitPath)
    if isOne(file, lock)
      ?? (place.name == otherPlace.name && isOne(place.folder, otherPlace.folder) == true)
    {
      throw .usage("the lock file \(lock) cannot be the record as well")
    }
  }

  // MARK: - What happens

  func lockWasTaken() { lockTime.value = BootTime.now.sinceZero.nanoseconds }

  /// It may have done much before this process is told that it has started.
  func commandIsStarting() { commandTime.value = BootTime.now.sinceZero.nanoseconds }

  func commandHasStarted(_ number: Int32) { commandNumber.value = Int64(number) }

  func commandHasEnded(_ result: Supervisor.Outcome) {
    outcome = result.ranOutOfTime ? .runtime : .ran
    usage = result.usage
    end = result.end
  }

  /// Of a command that has started.
  var runtime: Span? {
    process == nil ? nil : time(commandTime).map { (end ?? .now) - $0 }
  }
  var process: Int64? { commandNumber.value == 0 ? nil : commandNumber.value }

  private func time(_ number: SharedNumber) -> BootTime? {
    number.value == 0 ? nil : BootTime(sinceZero: .nanoseconds(number.value))
  }

  // MARK: - The line

  /// From here on a signal that ends this process while it waits has it write the line.
  func expectSignals() {
    // What is filled in then stands between bytes that are in no JSON.
    let line = JSON.line(self, .failed, status: "\u{1}", waited: "\u{1}").bytes
    let parts = line.split(separator: 1)
    LastWords.are(
      parts[0], parts[1], parts[2], to: descriptor, since: begin, unless: isWritten)
    exitOnTerminationSignals()
  }

  /// Has nothing be written.
  func abandon() { isWritten.value = 1 }

  /// Unless that has been done.
  ///
  /// - Parameter result: what swlock exits with, or why.
  func write(_ result: Result<Int32, Failure>) {
    // From here on the status is what the line says, and nothing that is wrong with the file ends this process.
    _ = try? SignalSet([SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGXFSZ]).block()
    LastWords.areNone()
    if isWritten.value != 0 { return }
    isWritten.value = 1
    let end: (status: Int32, outcome: RunOutcome) =
      switch result {
      case .success(let status): (status, outcome ?? .failed)
      case .failure(let failure): (failure.status, failure.outcome)
      }
    let isLost = outcome == .lost
    let line = JSON.line(
      self, isLost ? .lost : end.outcome,
      status: "\(isLost ? ExitStatus.notHeld.rawValue : end.status)",
      waited: JSON.seconds((time(lockTime) ?? .now) - begin))
    do throws(Errno) {
      try append(line.bytes)
    } catch {
      Output.say(.unable(to: "write the record to", file, "\(error.text)"))
    }
  }

  private func append(_ line: [UInt8]) throws(Errno) {
    let count = try retryingOnInterrupt { CSystem.write(descriptor, line, line.count) }
    // The rest would not stand behind it.
    if count < line.count { throw .noSpace }
    if let error = Output.errorOfClosing(descriptor) { throw error }
  }
}
