import CSystem
import Foundation
import SystemInterface
import TestSupport
import Testing

@testable import Launching

/// Programs, for tasks.
@Suite(.takingTurns) struct ProgramTests {
  private func shell(_ script: String) -> Program { Program("sh", "-c", script) }

  /// How many children of this process wait for an answer of a FUSE server, or for another one that does.
  private func hangingChildren() -> Int {
    let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
    let children = tasks.flatMap { task in
      let text = try? String(contentsOfFile: "/proc/self/task/\(task)/children", encoding: .utf8)
      return text?.split(separator: " ") ?? []
    }
    return children.count { child in
      let place = try? String(contentsOfFile: "/proc/\(child)/wchan", encoding: .utf8)
      return ["request_wait_answer", "fuse_lock_inode", "d_alloc_parallel"].contains(place)
    }
  }

  private func collect(_ script: String) async throws -> String {
    try await shell(script).run(output: .collected(limit: 1 << 20)).text
  }

  /// A folder of its own; to be removed.
  private func folder() throws -> String {
    let folder = NSTemporaryDirectory() + "swlock-" + UUID().uuidString
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: false)
    return folder
  }

  // MARK: - Its end

  @Test func itsEndIsToldAndWhatItWrote() async throws {
    let result = try await shell("echo out; echo err >&2; exit 3").run(
      output: .collected(limit: 100), errors: .collected(limit: 100))
    #expect(result.termination == .exited(code: 3))
    #expect(result.text == "out\n")
    #expect(result.errors == Array("err\n".utf8))
    #expect(!result.timedOut && !result.wasCut)
    let killed = try await shell("kill -9 $$").run()
    #expect(killed.termination == .signalled(number: SIGKILL, coreDumped: false))
  }

  @Test func whatCannotBeStartedIsAnErrorThatNamesTheStep() async throws {
    await #expect(throws: LaunchError(step: .exec, errno: .missing)) {
      _ = try await Program("/missing").run()
    }
    await #expect(throws: LaunchError(step: .open, errno: .missing)) {
      _ = try await shell("true").start(input: .file("/missing"))
    }
    await #expect(throws: LaunchError(step: .chdir, errno: .missing)) {
      var program = shell("true")
      program.folder = "/missing"
      _ = try await program.run()
    }
    #expect(try Program.find("sh", path: "/missing:/bin") == "/bin/sh")
    #expect(throws: ErrorNumber.missing) { _ = try Program.find("sh", path: "/missing") }
    #expect(throws: ErrorNumber.accessDenied) { _ = try Program.find("passwd", path: "/etc") }
  }

  @Test func manyMayWaitAndEachIsTold() async throws {
    let program = shell("read line; exit 7")
    let pipe = try SystemInterface.Pipe()
    let running = try await program.start(input: .descriptor(pipe.reading.number))
    #expect(try running.poll() == nil)
    let waiters = (0..<50).map { _ in Task { try await running.termination() } }
    let quitter = Task { try await running.termination() }
    quitter.cancel()
    await #expect(throws: CancellationError.self) { _ = try await quitter.value }
    #expect(write(pipe.writing.number, "\n", 1) == 1)
    for waiter in waiters {
      let termination = try await waiter.value
      #expect(termination == .exited(code: 7))
    }
    #expect(try await running.termination() == .exited(code: 7))
    #expect(try running.poll() == .exited(code: 7))
    try running.send(SIGTERM)
  }

  @Test func hundredsAtOnceAreAllReaped() async throws {
    let codes = try await withThrowingTaskGroup(of: CInt.self) { group in
      for number in 0..<200 {
        group.addTask {
          let result = try await shell("echo \(number); exit \(number % 100)").run(
            output: .collected(limit: 100))
          #expect(result.text == "\(number)\n")
          return result.termination.exitStatus
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(codes.sorted() == (0..<200).map { CInt($0 % 100) }.sorted())
  }

  @Test func childrenOfOthersAreLeftToThem() async throws {
    let other = try start(Command(["sh", "-c", "exit 5"]))
    _ = try await shell("true").run()
    #expect(try other.wait() == .exited(code: 5))
  }

  // MARK: - A server that does not answer

  /// Neither what begins after it, nor anything that this process has open, waits for a start that hangs.
  @Test(.needsSilentFileSystem, arguments: [false, true])
  func aStartThatHangsKeepsNothing(isInFolder: Bool) async throws {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for number in 0..<3 {
      let path = "\(folder)/\(number)"
      if isInFolder {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      } else {
        try "#!/bin/sh\n".write(toFile: path, atomically: false, encoding: .utf8)
        try #require(chmod(path, 0o755) == 0)
      }
    }
    let fileSystem = try SilentFileSystem(in: folder)
    fileSystem.fallSilent()
    var ends: (reading: CInt, writing: CInt) = (-1, -1)
    try #require(csystem_pipe(&ends.reading, &ends.writing) == 0)
    defer { close(ends.reading) }
    // More than there are threads for it at first.
    let hanging = (0..<3).map { number in
      let place = "\(folder)/dead/\(number)"
      var program = isInFolder ? shell("true") : Program(place)
      if isInFolder { program.folder = ByteString(place) }
      return Task { [program] in try await program.run() }
    }
    let deadline = Deadline.seconds(60)
    while hangingChildren() < 3, !deadline.hasPassed { try await Task.sleep(for: .milliseconds(5)) }
    #expect(hangingChildren() == 3)
    #expect(try await collect("echo goes on") == "goes on\n")
    var other = shell("true")
    other.niceness = 1
    #expect(try await other.run().termination == .exited(code: 0))
    // Their copies of this end are closed already.
    close(ends.writing)
    var byte: UInt8 = 0
    #expect(try waitUntilReadable([ends.reading], by: .seconds(60)) != nil)
    #expect(read(ends.reading, &byte, 1) == 0)
    fileSystem.answer()
    for one in hanging { #expect(try await one.value.termination == .exited(code: 0)) }
  }

  // MARK: - Ending it

  @Test func itsTimeIsLimited() async throws {
    let result = try await shell("sleep 1000").run(timeout: .milliseconds(300))
    #expect(result.timedOut)
    #expect(result.termination == .signalled(number: SIGTERM, coreDumped: false))
  }

  @Test func whoIgnoresTermIsKilledAfterTheGrace() async throws {
    let pipe = try SystemInterface.Pipe()
    let running = try await shell("trap '' TERM; echo begun; while :; do sleep 0.01; done").start(
      output: .descriptor(pipe.writing.number))
    #expect(try waitUntilReadable([pipe.reading.number], by: .seconds(60)) != nil)
    let termination = try await running.end(grace: .milliseconds(50))
    #expect(termination == .signalled(number: SIGKILL, coreDumped: false))
  }

  @Test func aCancelledTaskEndsTheWholeGroup() async throws {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var program = shell("sh -c 'trap : TERM; echo $$ > pid; while :; do sleep 0.01; done' & wait")
    program.folder = ByteString(folder)
    let task = Task { [program] in try await program.run() }
    var child: Int32?
    while child == nil {
      child = (try? String(contentsOfFile: folder + "/pid", encoding: .utf8)).flatMap {
        Int32($0.dropLast())
      }
      try await Task.sleep(for: .milliseconds(1))
    }
    task.cancel()
    await #expect(throws: CancellationError.self) { _ = try await task.value }
    while kill(child!, 0) == 0, !status(child!).contains("State:\tZ") {
      try await Task.sleep(for: .milliseconds(1))
    }
  }

  @Test func aStoppedProgramIsEnded() async throws {
    let running = try await shell("kill -STOP $$; sleep 1000").start()
    while !isStopped(running.identifier) { try await Task.sleep(for: .milliseconds(1)) }
    #expect(try await running.end() == .signalled(number: SIGTERM, coreDumped: false))
  }

  @Test func whatIsLeftOfAProgramThatHasEndedKeepsNobody() async throws {
    let result = try await shell("sleep 30 & echo $!").run(output: .collected(limit: 100))
    #expect(result.termination == .exited(code: 0))
    let left = try #require(Int32(result.text.dropLast()))
    #expect(kill(left, SIGKILL) == 0)
  }

  // MARK: - What it has

  @Test func itHasNoDescriptorBesidesThoseThatItInherits() async throws {
    let pipe = try SystemInterface.Pipe()
    // One that an exec does not close.
    let open = dup(pipe.reading.number)
    defer { close(open) }
    #expect(try await collect("ls /proc/self/fd | tr '\\n' ' '") == "0 1 2 3 ")
    var program = shell("echo /proc/self/fd/* | tr ' ' '\\n' | grep -c /\(open)$")
    program.inherits = [open]
    #expect(try await program.run(output: .collected(limit: 100)).text == "1\n")
    program.niceness = 1
    #expect(try await program.run(output: .collected(limit: 100)).text == "1\n")
    program.inherits = []
    #expect(try await program.run(output: .collected(limit: 100)).text == "0\n")
  }

  @Test func afterAnExecThatFailedEverythingIsStillOpen() throws {
    let pipe = try SystemInterface.Pipe()
    #expect(throws: LaunchError(step: .exec, errno: .missing)) {
      try Program("/missing").replaceProcess()
    }
    var program = Program("true")
    program.folder = "/missing"
    #expect(throws: LaunchError(step: .chdir, errno: .missing)) { try program.replaceProcess() }
    #expect(write(pipe.writing.number, "x", 1) == 1)
    #expect(csystem_fcntl(pipe.reading.number, F_GETFD, 0) == FD_CLOEXEC)
  }

  /// The other threads of this process may need them just then, and are served with them afterwards.
  @Test func afterAnExecThatFailedSignalsAndStandardDescriptorsAreAsBefore() throws {
    let child = try Forked.start { found in
      let standardInput = try FileStatus(of: STDIN_FILENO).identity
      csystem_set_handler(SIGUSR1) { _ in }
      csystem_ignore(SIGUSR2)
      try SignalSet([SIGWINCH]).becomeMask()
      for program in ["/missing", "/"] {
        do throws(LaunchError) {
          try Program(program).replaceProcess()
        } catch {
          if error.step != .exec { found.add("\(program): \(error)") }
        }
        raise(SIGUSR1)
        raise(SIGUSR2)
        if csystem_has_handler(SIGUSR1) == 0 { found.add("no handler") }
        if csystem_is_ignored(SIGUSR2) == 0 { found.add("no longer ignored") }
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        if !status.contains("SigBlk:\t0000000008000000") { found.add("other mask") }
        if try FileStatus(of: STDIN_FILENO).identity != standardInput { found.add("other input") }
      }
    }
    try child.finish()
  }

  /// What is ignored or blocked here is not in the program.
  @Test func whatBecomesTheProgramHasDefaultSignals() throws {
    let child = try Forked.start { found in
      csystem_set_handler(SIGUSR1) { _ in }
      csystem_ignore(SIGUSR2)
      try SignalSet([SIGWINCH]).becomeMask()
      let program = shell("! grep -E 'Sig(Blk|Ign):.*[1-9a-f]' /proc/self/status")
      do { try program.replaceProcess() } catch { found.add("\(error)") }
    }
    try child.finish()
  }

  @Test func itReadsAndWritesWhereItIsTold() async throws {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = ByteString(folder + "/out")
    let program = shell("cat; echo error >&2")
    try "text\n".write(toFile: folder + "/in", atomically: false, encoding: .utf8)
    let input = Program.Input.file(ByteString(folder + "/in"))
    _ = try await program.run(input: input, output: .file(path), errors: .discarded)
    _ = try await program.run(
      input: input, output: .file(path, appending: true), errors: .file(path, appending: true))
    let text = try String(contentsOfFile: folder + "/out", encoding: .utf8)
    #expect(text == "text\ntext\nerror\n")
    #expect(try await collect("cat; readlink /proc/self/fd/0") == "/dev/null\n")
  }

  @Test func moreThanIsCollectedIsReadAndDropped() async throws {
    let result = try await shell("head -c 10000000 /dev/zero").run(output: .collected(limit: 1000))
    #expect(result.termination == .exited(code: 0))
    #expect(result.output.count == 1000)
    #expect(result.wasCut)
    let all = try await shell("head -c 1000000 /dev/zero").run(output: .collected(limit: 1_000_000))
    #expect(all.output.count == 1_000_000 && !all.wasCut)
  }

  @Test func itsSetupIsDone() async throws {
    var program = shell("pwd; echo $NAME; umask; ulimit -n; nice")
    program.folder = "/"
    program.environment = ["NAME": "value"]
    program.creationMask = 0o27
    program.limits = [.openFiles(50)]
    let own = try await collect("nice")
    program.niceness = 2
    let text = try await program.run(output: .collected(limit: 1000)).text
    let nice = min((Int(own.dropLast()) ?? 0) + 2, 19)
    #expect(text == "/\nvalue\n0027\n50\n\(nice)\n")
  }

  @Test func itHasLimitsAPriorityAndNamespacesOfItsOwn() async throws {
    var program = Program("sh", "-c", "ulimit -f; ulimit -t; ulimit -n; ulimit -v; ionice")
    program.limits = [
      .fileSize(bytes: 1 << 20), .cpuTime(seconds: 60), .addressSpace(bytes: 1 << 34),
      .resource(7, soft: 40, hard: nil),
    ]
    program.ioPriority = .bestEffort(level: 6)
    let text = try await program.run(output: .collected(limit: 1000)).text
    #expect(text == "2048\n60\n40\n16777216\nbest-effort: prio 6\n")
    program = Program("readlink", "/proc/self/ns/user", "/proc/self/ns/uts", "/proc/self/ns/net")
    let own = try await program.run(output: .collected(limit: 1000)).text.split(separator: "\n")
    program.namespaces = [.user, .uts, .privateMount]
    do {
      let new = try await program.run(output: .collected(limit: 1000)).text.split(separator: "\n")
      #expect(new[0] != own[0] && new[1] != own[1] && new[2] == own[2])
    } catch let error as LaunchError where error.step == .unshareUser {
      // Not allowed here.
    }
  }

  @Test func itIsALeaderWithDefaultSignals() async throws {
    let text = try await collect("ps -o pgid= -p $$; echo $$; grep Sig[IB] /proc/self/status")
    let lines = text.split(separator: "\n").map { $0.filter { $0 != " " } }
    #expect(lines[0] == lines[1])
    #expect(lines[2] == "SigBlk:\t0000000000000000")
    #expect(lines[3] == "SigIgn:\t0000000000000000")
  }

  /// A signal for the death of the starting thread would come long before.
  @Test func itEndsWithThisProcessAndNotWithAThreadOfIt() async throws {
    var program = shell("sleep 0.3; exit 4")
    program.endsWithThisProcess = true
    let running = program
    let result = try await Task.detached { try await running.start() }.value
    #expect(try await result.termination() == .exited(code: 4))
  }

  // MARK: - File systems

  @Test func fileSystemsAreBroughtToDisk() async throws {
    let failures = try await synchronizeFileSystems(
      of: ["/", "/missing", "/dev"], timeout: .seconds(60))
    #expect(failures == ["/missing": .missing])
    #expect(try await synchronizeFileSystems(of: []) == [:])
    let task = Task { try await synchronizeFileSystems(of: ["/"]) }
    task.cancel()
    await #expect(throws: CancellationError.self) { _ = try await task.value }
  }

  @Test func aDiskThatHangsKeepsNobody() async throws {
    // No time at all is as good as a disk that hangs.
    let late = try await synchronizeFileSystems(of: ["/", "/dev"], timeout: .zero)
    #expect(late.values.allSatisfy { $0 == .timedOut })
  }
}
