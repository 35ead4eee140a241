import CSystem
import SystemInterface
import Testing

@testable import Launching

/// A process of its own for a test of supervision, which takes all children of its process for its own, and
/// has one thread. What it finds wrong it says to the test's process.
struct Forked: ~Copyable {
  let identifier: Int32
  private let reader: FileDescriptor

  /// Of what the test waits for.
  static let longestWait = Span.seconds(30)

  private init(_ identifier: Int32, _ reader: consuming FileDescriptor) {
    self.identifier = identifier
    self.reader = reader
  }

  /// In a process group of its own, with this process as the parent outside it.
  static func start(_ body: (Findings) throws -> Void) throws -> Forked {
    let pipe = try Pipe()
    // Not the bare system call: the child is to have memory.
    let identifier = fork()
    if identifier == 0 {
      setpgid(0, 0)
      // A thread of a pool blocks what ends a test that hangs.
      _ = try? SignalSet().becomeMask()
      csystem_prctl(PR_SET_CHILD_SUBREAPER, 1)
      alarm(60)
      let findings = Findings(writer: pipe.writing.number)
      do { try body(findings) } catch { findings.add("\(error)") }
      endEverybody()
      _exit(0)
    }
    precondition(identifier > 0)
    setpgid(identifier, identifier)
    try? pipe.writing.close()
    return Forked(identifier, pipe.reading)
  }

  /// Waits until it has ended, and fails with what it has found wrong.
  func finish(_ location: SourceLocation = #_sourceLocation) throws {
    let text = String(decoding: try reader.readAll(limit: 1 << 16), as: UTF8.self)
    let ended = try ChildProcess(identifier: identifier).wait()
    #expect(ended == .exited(code: 0), sourceLocation: location)
    #expect(text == "", sourceLocation: location)
  }

}

/// What a forked process finds wrong.
struct Findings {
  let writer: Int32

  func add(_ text: String) {
    let text = text + "\n"
    _ = text.withCString { write(writer, $0, strlen($0)) }
  }

  func expect<Value: Equatable>(_ value: Value, _ expected: Value, line: Int = #line) {
    if value != expected { add("line \(line): \(value) is not \(expected)") }
  }

  func expect(_ condition: Bool, line: Int = #line) {
    if !condition { add("line \(line): that is not so") }
  }

  func wait(line: Int = #line, until condition: () throws -> Bool) rethrows {
    if try !becomesTrue(condition) { add("line \(line): that does not become so") }
  }
}

/// Runs `body` so, and fails with what it has found wrong.
func inForkedProcess(
  _ location: SourceLocation = #_sourceLocation, _ body: (Findings) throws -> Void
) throws {
  try Forked.start(body).finish(location)
}

func becomesTrue(_ condition: () throws -> Bool) rethrows -> Bool {
  let end = Deadline.after(Forked.longestWait)
  while try !condition() {
    if end.hasPassed { return false }
    Deadline.milliseconds(1).sleep()
  }
  return true
}

func isStopped(_ process: Int32) -> Bool { status(process).contains("State:\tT") }

/// Whether it has taken all signals that came, and is at rest.
func waitsWithoutNews(_ process: Int32) -> Bool {
  let status = status(process)
  return ["State:\tS", "SigPnd:\t0000000000000000", "ShdPnd:\t0000000000000000"]
    .allSatisfy { status.contains($0) }
}

func status(_ process: Int32) -> String {
  let name = "/proc/" + ByteString(decimal: process) + "/status"
  let text = try? FileDescriptor.open(name, O_RDONLY).readAll(limit: 1 << 14)
  return String(decoding: text ?? [], as: UTF8.self)
}

func shell(_ text: ByteString, _ group: Command.ProcessGroup = .inherited) throws -> ChildProcess {
  var command = Command(["sh", "-c", text])
  command.group = group
  return try start(command)
}

/// A shell that has done `text`, and goes on until a signal ends it.
func readyShell(
  _ text: ByteString, _ group: Command.ProcessGroup = .inherited
) throws -> ChildProcess {
  let pipe = try Pipe()
  let rest: ByteString = " echo; exec >&2; while :; do sleep 0.01; done"
  var command = Command(["sh", "-c", text + (text.bytes.last == ascii("&") ? "" : ";") + rest])
  command.standardOutput = pipe.writing.number
  command.group = group
  let child = try start(command)
  try pipe.writing.close()
  var byte: UInt8 = 0
  if read(pipe.reading.number, &byte, 1) != 1 { throw Errno.brokenPipe }
  return child
}

private func endEverybody() {
  let family = Family(nil)
  var status: Int32 = 0
  while true {
    _ = family.send([SIGKILL])
    let reaped = waitpid(-1, &status, WNOHANG)
    if reaped < 0 { return }
    if reaped == 0 { Deadline.milliseconds(1).sleep() }
  }
}
