// The program of somebody else's package that test_library.py builds: a counter in a file, as a server of fifty tasks
// would have it, and programs that are started beside busy threads.
import Foundation
import Launching
import Locking

/// Runs `body` with the lock of that kind.
func locked(
  _ kind: String, _ path: String, _ body: @escaping @Sendable () async throws -> Void
) async throws {
  switch kind {
  case "flufl": try await HardlinkLock(path).withLock { try await body() }
  case "portage":
    var lock = HardlinkLock(path, lifetime: nil)
    lock.style = .portage
    try await lock.withLock { try await body() }
  case "posix": try await FileLock(path, mode: .posix).withLock { try await body() }
  case "ofd": try await FileLock(path, mode: .ofd).withLock { try await body() }
  default: try await FileLock(path).withLock { try await body() }
  }
}

/// Tasks, each of which adds four.
func count(_ kind: String, _ path: String, _ tasks: Int) async throws {
  try await withThrowingTaskGroup(of: Void.self) { group in
    for _ in 0..<tasks {
      group.addTask {
        for _ in 0..<4 {
          try await locked(kind, path + ".lock") {
            let old = Int(try String(contentsOfFile: path, encoding: .utf8))!
            try String(old + 1).write(toFile: path, atomically: false, encoding: .utf8)
          }
        }
      }
    }
    try await group.waitForAll()
  }
}

func hold(_ path: String) async throws {
  let lock = FileLock(path)
  try await lock.withLock { held in
    var program = Program("flock", "-n", path, "true")
    let busy = try await program.run().termination.exitStatus
    program = Program("sh", "-c", "echo $0", "written")
    program.inherits = [held.descriptor]
    let text = try await program.run(output: .collected(limit: 100), timeout: .seconds(30)).text
    print(busy, text, terminator: "")
  }
  let held = try await lock.acquire()
  do {
    try await FileLock(path).withLock(timeout: .milliseconds(10)) {}
  } catch LockError.timedOut {
    print("timed out")
  }
  try await held.release()
}

/// Threads that take memory and look at types all the time.
func beginBusyThreads() {
  for _ in 0..<4 {
    Thread.detachNewThread {
      var lists: [Any] = []
      while true {
        lists.append([UInt8](repeating: 0, count: Int.random(in: 0..<100_000)))
        lists.append([Int.random(in: 0..<100): [String?](repeating: "text", count: 10)])
        if lists.count > 50 { lists = lists.filter { $0 is [UInt8] && Bool.random() } }
      }
    }
  }
}

/// Programs with a setup, which are started from a copy of this process.
func setUp(_ times: Int) async throws {
  beginBusyThreads()
  var program = Program("true")
  program.niceness = 1
  program.folder = "/"
  program.groups = geteuid() == 0 ? [1, 2, 3] : nil
  program.limits = [.openFiles(50)]
  for _ in 0..<times {
    let status = try await program.run(timeout: .seconds(60)).termination.exitStatus
    if status != 0 { exit(1) }
  }
}

/// How many tasks run at once.
func width() async -> Int {
  let now = Counter()
  await withTaskGroup(of: Void.self) { group in
    for _ in 0..<8 {
      group.addTask {
        now.add(1)
        usleep(100_000)
        now.add(-1)
      }
    }
  }
  return now.most
}

/// Blocks the threads of all tasks but one.
func leaveOneThread() async {
  for _ in 1..<(await width()) {
    Task.detached { while true { sleep(1000) } }
  }
  while await width() > 1 {}
}

final class Counter: @unchecked Sendable {
  private let mutex = NSLock()
  private var now = 0
  private(set) var most = 0

  func add(_ difference: Int) {
    mutex.withLock {
      now += difference
      most = max(most, now)
    }
  }
}

let words = CommandLine.arguments
switch words[1] {
case "count-with-one-thread":
  await leaveOneThread()
  try await count(words[2], words[3], Int(words[4])!)
case "count": try await count(words[2], words[3], Int(words[4])!)
case "hold": try await hold(words[2])
default: try await setUp(Int(words[2])!)
}
