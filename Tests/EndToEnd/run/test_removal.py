"""Lock files that are removed, beside programs that do not look again whether theirs is still there.

SWLOCK_STORM_SECONDS is how long each storm lasts, twice.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time

import pytest

from conftest import SWLOCK, needs_root, needs_strace, needs_tool
from mounts import mounted
from observing import (  # noqa: F401
    MODES,
    PATIENCE,
    appears,
    command_of,
    has_failed,
    nothing_left,
    python,
    result_of,
    wait_until,
    waits_on,
)

SECONDS = float(os.environ.get("SWLOCK_STORM_SECONDS", "4")) / 2
NOBODY = 65534

every_mode = pytest.mark.parametrize("mode", MODES)

# Locks a file as lockf(3) does, and does not look again.
LOCKF = """
import fcntl, os, subprocess, sys
file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.lockf(file, fcntl.LOCK_EX)
sys.exit(subprocess.call(sys.argv[2:]))
"""
PEERS = {
    "flock": ["flock", "lock"],
    "as flock": [SWLOCK, "as", "flock", "lock"],
    "as lockrun": [SWLOCK, "as", "lockrun", "-L", "lock", "-W", "-S", "0", "--"],
    "lockf": python(LOCKF, "lock"),
}


def run(*options):
    return [SWLOCK, "run", "--unlink", *options, "lock", "--"]


ACQUIRE = ["sh", "-c", f'"{SWLOCK}" acquire --unlink lock && "$@"; "{SWLOCK}" release lock', "sh"]
# The peers that lock with the same kind of lock.
MIXED = {
    "run beside flock(1)": (run(), "flock"),
    "run beside as flock": (run(), "as flock"),
    "run beside as lockrun": (run(), "as lockrun"),
    "run --close beside flock(1)": (run("--close"), "flock"),
    "acquire beside flock(1)": (ACQUIRE, "flock"),
    "run -m posix beside as lockrun": (run("-m", "posix"), "as lockrun"),
    "run -m posix beside lockf": (run("-m", "posix"), "lockf"),
    "run -m ofd beside as lockrun": (run("-m", "ofd"), "as lockrun"),
    "run -m ofd beside lockf": (run("-m", "ofd"), "lockf"),
}

# A folder that only one can make, and the others see.
SECTION = "mkdir inside 2>/dev/null || echo overlap >>log; echo $1 >>log; rmdir inside 2>/dev/null; :"
LOOP = """
name=$1 pause=$2; shift 2
while [ ! -e stop ]; do
    "$@" sh -c "$SECTION" sh "$name" || echo failed >>log
    [ -e lock ] || echo gone >>log
    [ "$pause" = 0 ] || sleep "$pause"
done
"""
CLEANER = """
while [ ! -e stop ]; do
    "$3" cleanup --unused lock >>cleaned || echo failed >>log
    [ -e lock ] || echo gone >>log
done
"""


class Storm:
    """Loops that run sections, each under its own prefix, in a folder of their own."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = []
        (folder / "log").touch()

    def loop(self, name, prefix, pause="0", script=LOOP):
        words = ["sh", "-c", script, "sh", name, pause, *prefix]
        environment = {**os.environ, "SECTION": SECTION}
        self.processes.append(
            subprocess.Popen(words, cwd=self.folder, env=environment, start_new_session=True)
        )

    def rage(self, *words, seconds=SECONDS):
        """For that long, and until the log has these words."""
        start = time.monotonic()
        try:
            wait_until(
                lambda: time.monotonic() > start + seconds and all(map(self.count, words)),
                timeout=60,
            )
        finally:
            (self.folder / "stop").touch()
            for process in self.processes:
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    raise

    def count(self, word):
        return (self.folder / "log").read_text().split().count(word)


@needs_tool("flock")
@pytest.mark.parametrize("name", MIXED)
def test_no_sections_overlap_where_one_removes_the_file_and_the_other_does_not_look(folder, name):
    prefix, peer = MIXED[name]
    storm = Storm(folder)
    for _ in range(2):
        storm.loop("remover", prefix, "0.02")
        storm.loop("peer", PEERS[peer], "0.1")
    storm.rage("remover", "peer", "gone")
    assert storm.count("overlap") == 0 and storm.count("failed") == 0
    # The last holder may have removed the lock file.
    assert set(os.listdir(folder)) <= {"log", "stop", "lock"}


@needs_tool("flock")
def test_no_sections_overlap_beside_one_that_removes_the_file_after_a_shared_lock(folder):
    storm = Storm(folder)
    storm.loop("remover", run("-s"), "0.01")
    for _ in range(3):
        storm.loop("peer", PEERS["flock"], "0.1")
    storm.rage("remover", "peer", "gone")
    assert storm.count("overlap") == 0 and storm.count("failed") == 0


@needs_tool("flock")
def test_no_sections_overlap_while_unused_files_are_cleaned_up(folder):
    storm = Storm(folder)
    for _ in range(3):
        storm.loop("peer", PEERS["flock"], "0.1")
    storm.loop("cleaner", [SWLOCK], script=CLEANER)
    storm.rage("peer", "gone")
    assert storm.count("overlap") == 0 and storm.count("failed") == 0
    assert "removed lock " in (folder / "cleaned").read_text()


@needs_tool("flock")
def test_the_storm_sees_what_a_lock_without_a_lease_comes_to(folder):
    """The file is removed by who has the lock, and the others do not look."""
    storm = Storm(folder)
    careless = ["flock", "lock", "sh", "-c", '"$@"; rm -f lock', "sh"]
    for _ in range(2):
        storm.loop("remover", careless)
        storm.loop("peer", PEERS["flock"])
    storm.rage("overlap", seconds=0)


# One at a time


def identity(path):
    status = os.stat(path)
    return status.st_dev, status.st_ino


def waiting_peer(swlock, folder, peer):
    """A peer that waits for the lock, and what its command writes when it is inside."""
    words = [*PEERS[peer], "sh", "-c", "echo >in; read x || :"]
    process = subprocess.Popen(words, cwd=folder, stdin=subprocess.PIPE)
    swlock.processes.append(process)
    wait_until(lambda: waits_on(folder / "lock") or is_open_by(process.pid, folder / "lock"))
    return process


def is_open_by(pid, path):
    """Whether the process, or its child, has the file open."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    found = [str(pid), *(children.read_text().split() if children.exists() else [])]
    with contextlib.suppress(OSError):
        for one in found:
            for name in os.listdir(f"/proc/{one}/fd"):
                if os.path.samefile(f"/proc/{one}/fd/{name}", path):
                    return True
    return False


@needs_tool("flock")
@pytest.mark.parametrize(
    "options, peer",
    [
        ([], "flock"),
        (["-s"], "flock"),
        (["--close"], "flock"),
        ([], "as flock"),
        ([], "as lockrun"),
        (["-m", "posix"], "as lockrun"),
        (["-m", "posix"], "lockf"),
        (["-m", "ofd"], "lockf"),
    ],
    ids=str,
)
def test_a_file_that_somebody_waits_for_stays(swlock, folder, options, peer):
    words = ["run", "--unlink", *options, "lock", "sh", "-c", "echo >first; read x || :"]
    holder = swlock.start(*words, stdin=subprocess.PIPE)
    appears(folder / "first")
    before = identity(folder / "lock")
    waiter = waiting_peer(swlock, folder, peer)
    holder.communicate(timeout=10)
    assert holder.returncode == 0
    appears(folder / "in")
    assert identity(folder / "lock") == before
    mode = options[1:2] if "-m" in options else ["flock"]
    result = swlock.run("run", "-n", "-m", *mode, "lock", "touch", "ran")
    assert result.returncode == 75 and not (folder / "ran").exists()
    waiter.communicate(timeout=10)
    # And goes as soon as nobody wants it.
    assert swlock.run("run", "--unlink", *options, "lock", "true").returncode == 0
    assert not (folder / "lock").exists()


@every_mode
@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY, os.O_RDWR], ids=["r", "w", "rw"])
def test_a_file_that_is_merely_open_somewhere_stays(swlock, folder, mode, flags):
    path = folder / "lock"
    path.touch()
    descriptor = os.open(path, flags)
    for words in (["run", "-m", mode, "--unlink", "lock", "true"], ["cleanup", "--unused", "lock"]):
        assert swlock.run(*words).returncode == 0 and path.exists()
    os.close(descriptor)
    assert swlock.run("run", "-m", mode, "--unlink", "lock", "true").returncode == 0
    assert not path.exists()


def test_acquire_leaves_the_file_to_whoever_has_it_open(swlock, folder):
    script = f'"{SWLOCK}" acquire --unlink lock; exec 9<lock; "{SWLOCK}" release lock; test -e lock'
    assert subprocess.run(["sh", "-c", script], cwd=folder, timeout=30).returncode == 0
    script = f'"{SWLOCK}" acquire --unlink lock; "{SWLOCK}" release lock; test ! -e lock'
    assert subprocess.run(["sh", "-c", script], cwd=folder, timeout=30).returncode == 0


@every_mode
def test_of_two_that_end_at_the_same_moment_one_removes_the_file(swlock, folder, mode):
    kept = 0
    for _ in range(10):
        reader, writer = os.pipe()
        words = ["run", "-m", mode, "-s", "--unlink", "lock", "cat"]
        processes = [swlock.start(*words, stdin=reader) for _ in range(4)]
        for process in processes:
            command_of(process, "cat")
        os.close(reader)
        os.close(writer)
        assert [process.wait(PATIENCE) for process in processes] == [0] * 4
        # Of two that meet at each of their attempts, none does.
        if os.listdir(folder) == ["lock"]:
            kept += 1
            os.unlink(folder / "lock")
        assert os.listdir(folder) == []
    assert kept <= 2


def test_a_file_with_another_name_stays(swlock, folder):
    """Whoever has locked it by that name would not know of the next one."""
    (folder / "lock").touch()
    os.link(folder / "lock", folder / "other")
    assert has_failed(swlock.run("run", "--unlink", "lock", "touch", "ran"), 65)
    assert swlock.run("cleanup", "--unused", "lock").stdout == b"0 removed\n"
    assert sorted(os.listdir(folder)) == ["lock", "other"]
    (folder / "other").unlink()
    words = ["run", "--unlink", "lock", "ln", "lock", "other"]
    assert has_failed(swlock.run(*words), 0, b"unable to remove lock")
    assert sorted(os.listdir(folder)) == ["lock", "other"]


# At the moment of the removal


class Held:
    """A run whose system call `call` is held up, and that is traced by strace."""

    def __init__(self, swlock, folder, *injections):
        self.trace = folder / "trace"
        options = [word for one in injections for word in ("-e", f"inject={one}")]
        names = ",".join(one.split(":")[0] for one in injections)
        # It is written when a call begins, and completed when it has ended.
        words = ["strace", "-qq", "-o", str(self.trace), "-e", f"trace={names}", *options]
        self.process = subprocess.Popen(
            [*words, SWLOCK, "run", "--unlink", "lock", "true"],
            cwd=folder,
            stderr=subprocess.PIPE,
        )
        swlock.processes.append(self.process)

    def reaches(self, call):
        wait_until(lambda: self.trace.exists() and call in self.trace.read_text())

    def ends(self):
        _, errors = self.process.communicate(timeout=20)
        assert (self.process.returncode, errors) == (0, b"")


def opening(path, flags):
    """Opens the file in a thread, which may have to wait; gives the descriptor."""
    found = []
    thread = threading.Thread(target=lambda: found.append(os.open(path, flags)), daemon=True)
    thread.start()

    def result():
        thread.join(20)
        return found[0]

    return result


@needs_strace
@pytest.mark.parametrize("flags", [os.O_RDONLY | os.O_CREAT, os.O_RDWR], ids=["r", "rw"])
def test_who_opens_the_file_before_it_loses_its_name_has_it_where_it_was(swlock, folder, flags):
    path = folder / "lock"
    path.touch()
    before = identity(path)
    removal = Held(swlock, folder, "renameat2:delay_enter=1500000:when=1")
    removal.reaches("renameat2(")
    opened = opening(path, flags)
    removal.ends()
    assert os.path.samestat(os.fstat(opened()), os.stat(path)) and identity(path) == before
    assert sorted(os.listdir(folder)) == ["lock", "trace"]
    os.close(opened())


@needs_strace
def test_a_file_that_was_made_meanwhile_stays(swlock, folder):
    (folder / "lock").touch()
    removal = Held(swlock, folder, "renameat2:delay_exit=1500000:when=1")
    wait_until(lambda: not (folder / "lock").exists())
    (folder / "lock").touch()
    removal.ends()
    assert sorted(os.listdir(folder)) == ["lock", "trace"]


@needs_strace
def test_a_file_that_takes_its_place_at_the_last_moment_stays(swlock, folder):
    (folder / "lock").touch()
    removal = Held(swlock, folder, "renameat2:delay_enter=1500000:when=1")
    removal.reaches("renameat2(")
    (folder / "other").write_text("data")
    os.rename(folder / "other", folder / "lock")
    removal.ends()
    assert (folder / "lock").read_text() == "data"
    assert sorted(os.listdir(folder)) == ["lock", "trace"]


@needs_strace
def test_a_file_that_gets_another_name_at_the_last_moment_stays(swlock, folder):
    """As a lock of portage's does, which does not have the file open then."""
    (folder / "lock").touch()
    removal = Held(swlock, folder, "renameat2:delay_enter=1500000:when=1")
    removal.reaches("renameat2(")
    os.link(folder / "lock", folder / "other")
    assert has_failed(result_of(removal.process), 0, b"unable to remove lock: it is not an empty")
    assert sorted(os.listdir(folder)) == ["lock", "other", "trace"]


@needs_strace
@every_mode
def test_swlock_does_not_take_the_removal_for_an_error(swlock, folder, mode):
    """Its open(2) is refused for as long as the lease lasts (EWOULDBLOCK)."""
    (folder / "lock").touch()
    removal = Held(swlock, folder, "renameat2:delay_enter=500000:when=1")
    removal.reaches("renameat2(")
    # Removed it is only where nobody has it open; it is tried several times.
    opened = opening(folder / "lock", os.O_RDONLY)
    for words in (["run", "-m", mode, "-n", "lock", "true"], ["status", "lock"], ["break", "lock"]):
        result = swlock.run(*words)
        assert (result.returncode, result.stderr) == (0, b"")
    removal.ends()
    assert (folder / "lock").exists()
    os.close(opened())


@needs_strace
def test_one_in_portages_style_does_not_take_the_removal_for_an_error(swlock, folder):
    (folder / "lock").touch()
    removal = Held(swlock, folder, "renameat2:delay_enter=500000:when=1")
    removal.reaches("renameat2(")
    result = swlock.run("run", "-m", "hardlink", "--style", "portage", "-n", "lock", "true")
    assert (result.returncode, result.stderr) == (0, b"")
    # It is tried again, and says so where that was while the other one had a link.
    assert result_of(removal.process).returncode == 0


@needs_strace
def test_what_a_killed_one_leaves_is_cleaned_up(swlock, folder):
    (folder / "lock").touch()
    words = ["strace", "-qq", "-o", "/dev/null", "-e", "inject=unlinkat:signal=SIGKILL:when=1"]
    subprocess.run([*words, SWLOCK, "run", "--unlink", "lock", "true"], cwd=folder, timeout=20)
    (left,) = os.listdir(folder)
    assert left.startswith(".swlock-removed-")
    assert swlock.run("cleanup", "--dry-run", ".").stdout.endswith(b"1 would be removed\n")
    with open(folder / left, encoding="ascii"):
        assert swlock.run("cleanup", ".").stdout == b"0 removed\n"
    assert swlock.run("cleanup", ".").stdout.endswith(b"1 removed\n")
    assert os.listdir(folder) == []


# Where a lease is not to be had

LEASE = """
import fcntl, os, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
file = os.open("lock", os.O_RDONLY | os.O_CREAT, 0o600)
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("leased", flush=True)
sys.stdin.read()
"""


@every_mode
@pytest.mark.parametrize("options", [["-n"], ["-w", "0.2"]], ids=" ".join)
def test_a_lease_that_stays_is_a_busy_lock(swlock, folder, mode, options):
    pipe = subprocess.PIPE
    with subprocess.Popen(python(LEASE), cwd=folder, stdin=pipe, stdout=pipe) as leaser:
        assert leaser.stdout.readline() == b"leased\n"
        result = swlock.run("run", "-m", mode, *options, "lock", "touch", "ran", timeout=10)
        assert has_failed(result, 75) and not (folder / "ran").exists()
        waiter = swlock.start("run", "-m", mode, "lock", "true")
        assert waiter.poll() is None
    assert waiter.wait(10) == 0


@needs_root
@needs_tool("setpriv")
def test_another_users_file_stays_and_it_is_said_why(swlock, folder):
    if subprocess.run(["setpriv", f"--reuid={NOBODY}", "--clear-groups", "test", "-x", folder.parent]).returncode:
        pytest.skip("needs a TMPDIR that everybody can reach")
    folder.chmod(0o777)
    binary = shutil.copy(SWLOCK, folder / "binary")
    os.chmod(binary, 0o755)
    (folder / "lock").touch()
    (folder / "lock").chmod(0o666)
    nobody = ["setpriv", f"--reuid={NOBODY}", "--clear-groups", binary]
    words = [*nobody, "run", "--unlink", "lock", "true"]
    result = subprocess.run(words, cwd=folder, capture_output=True, timeout=10)
    assert has_failed(result, 0, b"unable to remove lock", b"owner")
    words = [*nobody, "cleanup", "--unused", "lock"]
    result = subprocess.run(words, cwd=folder, capture_output=True, timeout=10)
    assert has_failed(result, 77, b"owner") and (folder / "lock").exists()
    # What was made by the one who removes it goes.
    words = [*nobody, "run", "--unlink", "own", "true"]
    result = subprocess.run(words, cwd=folder, capture_output=True, timeout=10)
    assert (result.returncode, result.stderr) == (0, b"") and not (folder / "own").exists()


@needs_root
@needs_tool("bindfs")
def test_on_a_file_system_that_others_may_see_the_file_stays(swlock, folder):
    (folder / "source").mkdir()
    with mounted(folder, "bindfs", "source", name="view"):
        result = swlock.run("run", "--unlink", "view/lock", "true")
        assert has_failed(result, 0, b"unable to remove view/lock")
        assert has_failed(swlock.run("cleanup", "--unused", "view/lock"), 69)
        assert (folder / "view" / "lock").exists()
