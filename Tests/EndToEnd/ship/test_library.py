"""The libraries in a package of somebody else's."""

import os
import shutil
import subprocess
import sys

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

@pytest.fixture(scope="module")
def counter(tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    (folder / "Sources" / "counter").mkdir(parents=True)
    (folder / "Package.swift").write_text(MANIFEST.format(project=PROJECT))
    shutil.copy(PROJECT / "Tests/EndToEnd/ship/counter.swift", folder / "Sources/counter/main.swift")
    words = ["swift", "build", "--package-path", folder, "--scratch-path", PROJECT / ".build-example"]
    built = subprocess.run(words, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    assert "warning:" not in built.stdout, built.stdout
    return PROJECT / ".build-example" / "debug" / "counter"


# Each adds one to FILE so many times, with FILE.lock.
PEERS = {
    "flock": """i=0; while [ $i -lt $2 ]; do
        flock "$1.lock" sh -c 'printf %d $(($(cat "$1") + 1)) >"$1"' sh "$1"; i=$((i + 1)); done""",
    "flufl": """
import pathlib, sys
from flufl.lock import Lock
count = pathlib.Path(sys.argv[1])
for _ in range(int(sys.argv[2])):
    with Lock(f"{count}.lock"):
        count.write_text(str(int(count.read_text()) + 1))
""",
    "portage": """
import pathlib, sys
import portage.locks
portage.locks._quiet = True
count = pathlib.Path(sys.argv[1])
for _ in range(int(sys.argv[2])):
    portage.locks.hardlink_lockfile(f"{count}.lock")
    count.write_text(str(int(count.read_text()) + 1))
    portage.locks.unhardlink_lockfile(f"{count}.lock")
""",
}

pytestmark = [needs_tool("swift"), needs_tool("flock")]


def run(processes):
    """Their outputs, once all have ended well."""
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), outputs
    return outputs


def begin(*words, **variables):
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env={**os.environ, **variables})


def test_a_package_of_somebody_else_locks_and_starts_programs(counter, folder):
    assert run([begin(counter, "hold", folder / "lock")]) == ["1 written\ntimed out\n"]


# With one thread for all tasks, too: who waits keeps none.
@pytest.mark.parametrize("threads", ["many", "one"])
@pytest.mark.parametrize("kind", ["flock", "ofd", "posix", "flufl", "portage"])
def test_it_counts_in_two_processes(counter, folder, kind, threads):
    path = folder / "count"
    path.write_text("0")
    variables = {"LIBDISPATCH_COOPERATIVE_POOL_STRICT": "1"} if threads == "one" else {}
    run([begin(counter, "count", kind, path, "50", **variables) for _ in range(2)])
    assert path.read_text() == "400"


# Beside flufl.lock each has the lock only when a second has passed, docs/hardlink.md.
@pytest.mark.parametrize(("peer", "tasks", "times"), [("flock", 50, 100), ("flufl", 2, 6), ("portage", 20, 50)])
def test_it_counts_beside(counter, folder, peer, tasks, times):
    path = folder / "count"
    path.write_text("0")
    shell = ["sh", "-c", PEERS[peer], "sh"] if peer == "flock" else [sys.executable, "-c", PEERS[peer]]
    run([begin(counter, "count", peer, path, str(tasks)), begin(*shell, path, str(times))])
    assert int(path.read_text()) == 4 * tasks + times


# One arena, so that a start would meet the lock of malloc(3) that a thread has.
def test_starts_beside_busy_threads_come_to_their_end(counter):
    run([begin(counter, "set-up", "1000", MALLOC_ARENA_MAX="1")])
