"""What can be seen of swlock from outside: conditions awaited, locks probed, /proc read."""

import contextlib
import fcntl
import os
import pathlib
import signal
import struct
import sys
import time

import pytest

MODES = ["flock", "posix", "ofd"]

# How swlock stands to its command: the parent, or (two of its processes) the grandparent, with
# or without a process group of the command's own.
SHAPES = {
    "plain": [],
    "close": ["--close"],
    "posix": ["-m", "posix"],
    "limited": ["--max-runtime", "60"],
    "close-limited": ["--close", "--max-runtime", "60"],
}
# In a pid namespace nothing is different; to see that takes as long again, and is not done each time.
if os.environ.get("SWLOCK_SHAPES") == "all":
    SHAPES |= {f"pid-{name}": [*shape, "--unshare", "pid"] for name, shape in SHAPES.items()}
every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())


COUNTING = """
import os, signal, sys, time
def count(*_):
    with open("count", "a") as file:
        file.write(".")
for name in sys.argv[1:]:
    signal.signal(getattr(signal, name), count)
print("counting", flush=True)
while not os.path.exists("stop"):
    time.sleep(0.003)
sys.exit(9)
"""


def counting(*names):
    """A command that counts signals in `count` until `stop` appears, and then exits with 9.

    Not a shell: that would wait for a child which TSTP stops.
    """
    return [sys.executable, "-I", "-S", "-c", COUNTING, *names]


def wait_until(condition, timeout=10):
    """Polls until the condition is true, and returns its value; fails after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"still not so after {timeout} s"
        time.sleep(0.003)
    return value


def appears(path):
    """Waits until the file is there and has something in it, and returns that."""
    path = pathlib.Path(path)
    return wait_until(lambda: path.exists() and path.read_bytes())


def locks_on(path):
    """The lines of /proc/locks about this file, split into words; a waiter has `->` in it."""
    number = str(os.stat(path).st_ino)
    lines = [line.split() for line in pathlib.Path("/proc/locks").read_text().splitlines()]
    return [words for words in lines if words[-3].rpartition(":")[2] == number]


def waits_on(path):
    return any("->" in words for words in locks_on(path))


def whole_file(kind):
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, 0, 0, 0)


@contextlib.contextmanager
def held(path, mode="flock"):
    """Holds the lock, exclusively, in this process; creates the file if need be."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if mode == "flock":
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, whole_file(fcntl.F_WRLCK))
        yield descriptor
    finally:
        os.close(descriptor)


def is_free(path, mode="flock"):
    """Whether nobody holds the lock. /proc/locks hides the locks of dead lockers in a container."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if mode == "flock":
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        found = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, whole_file(fcntl.F_WRLCK))
        return struct.unpack_from("h", found)[0] == fcntl.F_UNLCK
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)


def is_held(path, mode="flock"):
    return not is_free(path, mode)


def stat_of(pid):
    """State, parent, process group and foreground group of a process; None when it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    words = text.rpartition(")")[2].split()
    return words[0], int(words[1]), int(words[2]), int(words[5])


def is_alive(pid):
    stat = stat_of(pid)
    return stat is not None and stat[0] not in "ZX"


def is_stopped(pid):
    stat = stat_of(pid)
    return stat is not None and stat[0] == "T"


def every_pid():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def children_of(pid):
    return [child for child in every_pid() if (stat := stat_of(child)) and stat[1] == pid]


def name_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None


def descendants_of(pid):
    found = children_of(pid)
    for child in found:
        found.extend(children_of(child))
    return found


def command_of(process, name):
    """Waits until the process has a descendant of this name, and returns its pid."""

    def search():
        return [pid for pid in descendants_of(process.pid) if name_of(pid) == name]

    return wait_until(search)[0]


def descriptors_of(pid):
    """Number and target of each descriptor that a process has open."""
    folder = f"/proc/{pid}/fd"
    found = {}
    for number in os.listdir(folder):
        with contextlib.suppress(FileNotFoundError):
            found[int(number)] = os.readlink(f"{folder}/{number}")
    return found


def processes_in(folder):
    """The processes whose working folder is this one, or is inside it; no zombies."""
    found = []
    for pid in every_pid():
        with contextlib.suppress(OSError):
            place = os.readlink(f"/proc/{pid}/cwd").removesuffix(" (deleted)")
            if pathlib.Path(place).is_relative_to(folder):
                found.append(pid)
    return found


def end(pid, number=signal.SIGKILL):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


@pytest.fixture(autouse=True)
def nothing_left(folder, swlock):
    """Fails a test that leaves a process behind: each has its working folder in the test's.

    HUP is not ignored meanwhile, not even where the tests run under nohup.
    """
    hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, hangup)
    try:
        wait_until(lambda: not processes_in(folder), timeout=3)
    finally:
        for pid in processes_in(folder):
            end(pid)


def has_failed(result, status, *parts):
    """The documented status, and exactly one line on stderr with each of these parts."""
    assert result.returncode == status, result
    assert result.stderr.startswith(b"swlock: "), result
    assert result.stderr.count(b"\n") == 1 and result.stderr.endswith(b"\n"), result
    for part in parts:
        assert part in result.stderr, result
    return True
