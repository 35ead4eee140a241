"""The libraries in a package of somebody else's."""

import subprocess

import pytest

from conftest import PROJECT, needs_tool
from observing import nothing_left  # noqa: F401

MANIFEST = """// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "counter",
  dependencies: [.package(name: "swlock", path: "{project}")],
  targets: [
    .executableTarget(
      name: "counter",
      dependencies: [
        .product(name: "Locking", package: "swlock"), .product(name: "Launching", package: "swlock"),
      ])
  ])
"""

# FILE TIMES: counts, as a server of fifty tasks would.
COUNTER = """import Foundation
import Launching
import Locking

let path = CommandLine.arguments[1]
let times = Int(CommandLine.arguments[2])!
let lock = FileLock(path + ".lock")
try await withThrowingTaskGroup(of: Void.self) { group in
  for _ in 0..<50 {
    group.addTask {
      for _ in 0..<times {
        try await lock.withLock {
          let old = Int((try? String(contentsOfFile: path, encoding: .utf8)) ?? "") ?? 0
          try String(old + 1).write(toFile: path, atomically: false, encoding: .utf8)
        }
      }
    }
  }
  try await group.waitForAll()
}
try await lock.withLock { held in
  var program = Program("flock", "-n", path + ".lock", "true")
  let busy = try await program.run().termination.exitStatus
  program = Program("sh", "-c", "echo $0", "written")
  program.inherits = [held.descriptor]
  let text = try await program.run(output: .collected(limit: 100), timeout: .seconds(30)).text
  print(busy, text, terminator: "")
}
do {
  let held = try await lock.acquire()
  do {
    try await FileLock(path + ".lock").withLock(timeout: .milliseconds(10)) {}
  } catch LockError.timedOut {
    print("timed out")
  }
  try await held.release()
}
"""


@pytest.fixture(scope="module")
def counter(tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    (folder / "Sources" / "counter").mkdir(parents=True)
    (folder / "Package.swift").write_text(MANIFEST.format(project=PROJECT))
    (folder / "Sources" / "counter" / "main.swift").write_text(COUNTER)
    words = ["swift", "build", "--package-path", folder, "--scratch-path", PROJECT / ".build-example"]
    built = subprocess.run(words, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    assert "warning:" not in built.stdout, built.stdout
    return PROJECT / ".build-example" / "debug" / "counter"


@needs_tool("swift")
@needs_tool("flock")
def test_a_package_of_somebody_else_counts_in_two_processes(counter, folder):
    path = folder / "count"
    processes = [
        subprocess.Popen([counter, path, "10"], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for process in processes:
        output, _ = process.communicate()
        assert (process.returncode, output) == (0, "1 written\ntimed out\n")
    assert path.read_text() == "1000"
