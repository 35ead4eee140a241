"""The libraries in a package of somebody else's."""

import os
import shutil
import subprocess
import sys

import pytest

import documents
from conftest import PROJECT, needs_tool
from observing import nothing_left  # noqa: F401

MANIFEST = """// swift-tools-version: 6.2
import PackageDescription

let products: [Target.Dependency] = [
  .product(name: "Locking", package: "swlock"), .product(name: "Launching", package: "swlock"),
]
let package = Package(
  name: "counter",
  dependencies: [.package(name: "swlock", path: "{project}")],
  targets: [
    .executableTarget(name: "counter", dependencies: products),
    .executableTarget(name: "readme", dependencies: products),
  ])
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """Those of such a package: counter.swift, and what README.md shows, with a lock in that folder."""
    folder = tmp_path_factory.mktemp("package")
    for name in "counter", "readme":
        (folder / "Sources" / name).mkdir(parents=True)
    ((_, example),) = documents.blocks("README.md", "swift")
    assert "/run/backup/lock" in example
    example = example.replace("/run/backup/lock", str(folder / "lock"))
    (folder / "Sources/readme/main.swift").write_text(example)
    (folder / "Package.swift").write_text(MANIFEST.format(project=PROJECT))
    shutil.copy(PROJECT / "Tests/EndToEnd/ship/counter.swift", folder / "Sources/counter/main.swift")
    words = ["swift", "build", "--package-path", folder, "--scratch-path", PROJECT / ".build-example"]
    built = subprocess.run(words, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    assert "warning:" not in built.stdout, built.stdout
    return PROJECT / ".build-example" / "debug"


@pytest.fixture
def counter(programs):
    return programs / "counter"


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
    try:
        outputs = [process.communicate(timeout=300)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0] * len(processes), outputs
    return outputs


def begin(*words, **variables):
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env={**os.environ, **variables})


def test_a_package_of_somebody_else_locks_and_starts_programs(counter, folder):
    assert run([begin(counter, "hold", folder / "lock")]) == ["1 written\ntimed out\n"]


def test_what_the_readme_shows_runs(programs, folder):
    job = folder / "job"
    job.write_text("#!/bin/sh\necho did it $1\n")
    job.chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    assert run([begin(programs / "readme", PATH=path)]) == ["nobody else is here\ndid it --daily\n\n"]


# With one thread for all tasks, too: who waits keeps none.
@pytest.mark.parametrize("command", ["count", "count-with-one-thread"])
@pytest.mark.parametrize("kind", ["flock", "ofd", "posix", "flufl", "portage"])
def test_it_counts_in_two_processes(counter, folder, kind, command):
    path = folder / "count"
    path.write_text("0")
    run([begin(counter, command, kind, path, "50") for _ in range(2)])
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
