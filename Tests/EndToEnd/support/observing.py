"""What can be seen of swlock from outside: conditions awaited, locks probed, /proc read."""

import contextlib
import fcntl
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import time

import pytest

# Seconds that a condition may take to come true: many, since the machine may be busy.
PATIENCE = 30

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


def python(program, *arguments):
    """A small Python program as a command; isolated, since it must start quickly.

    Not by the links of a virtual environment, which other users may not follow.
    """
    return [os.path.realpath(sys.executable), "-I", "-S", "-c", program, *map(str, arguments)]


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
    return python(COUNTING, *names)


def in_a_group_of_its_own():
    """TSTP stops nobody in an orphaned process group, as that of the tests may be."""
    os.setpgid(0, 0)


def wait_until(condition, what="it is so", timeout=PATIENCE):
    """Polls until the condition is true, and returns its value; fails after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited for {timeout} s in vain until {what}"
        time.sleep(0.003)
    return value


def appears(path):
    """Waits until the file is there and has something in it, and returns that."""
    path = pathlib.Path(path)
    return wait_until(lambda: path.exists() and path.read_bytes())


def mode_of(options):
    """The mode of a lock that these options of `run` ask for."""
    return options[options.index("-m") + 1] if "-m" in options else "flock"


def locks_on(path):
    """The lines of /proc/locks about this file, split into words; a waiter has `->` in it.

    A table of several pages leaves a line out, or has it twice, where the locks of other tests come and go while it is
    read: that one has to say the same again.
    """
    number = str(os.stat(path).st_ino)
    before = None
    while True:
        text = pathlib.Path("/proc/locks").read_text()
        lines = [line.split() for line in text.splitlines()]
        # Not the first word, which counts the lines.
        found = [words for words in lines if words[-3].rpartition(":")[2] == number]
        if len(text) <= os.sysconf("SC_PAGESIZE") or before == [words[1:] for words in found]:
            return found
        before = [words[1:] for words in found]


def waiters(path):
    """The processes that the kernel lets wait for a lock of the file at `path`; None for `ofd`."""
    # 1: -> FLOCK  ADVISORY  WRITE 4711 fe:00:1234 0 EOF
    pids = [int(words[5]) for words in locks_on(path) if words[1] == "->"]
    # A line may be there twice if the list changed between two reads of the file.
    named = dict.fromkeys(pid for pid in pids if pid != -1)
    return [*named, *[None] * pids.count(-1)]


def waits_on(path):
    return bool(waiters(path))


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


def process_of(pid):
    """The fields of /proc/PID/stat from the state on."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def start_of(pid):
    """When the process started, in clock ticks since boot."""
    return int(process_of(pid)[19])


def stat_of(pid):
    """State, parent, process group and foreground group of a process; None when it is gone."""
    try:
        words = process_of(pid)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return words[0], int(words[1]), int(words[2]), int(words[5])


def is_alive(pid):
    stat = stat_of(pid)
    return stat is not None and stat[0] not in "ZX"


def is_stopped(pid):
    stat = stat_of(pid)
    return stat is not None and stat[0] == "T"


def all_stopped(pids):
    """Those that are stopped, if all are, swlock and its command among them."""
    return len(pids) >= 2 and all(map(is_stopped, pids)) and pids


def none_stopped(pids):
    return not any(map(is_stopped, pids))


def times_asleep(pid):
    """How often a process has gone to sleep since it began."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("\nvoluntary_ctxt_switches:")[2].split()[0])


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


def named_in(folder, name):
    """The processes of this name in the folder."""
    return [pid for pid in processes_in(folder) if name_of(pid) == name]


def relays_in(folder):
    return named_in(folder, "swlock log")


def relay_in(folder):
    return wait_until(lambda: relays_in(folder))[0]


def make_fifo(path):
    os.mkfifo(path)


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


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
        wait_until(lambda: not processes_in(folder), "nothing is left", timeout=10)
    finally:
        for pid in processes_in(folder):
            end(pid)


def result_of(process):
    """What it comes to, as of subprocess.run()."""
    output, errors = process.communicate(timeout=PATIENCE)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def has_failed(result, status, *parts):
    """The documented status, and exactly one line on stderr with each of these parts."""
    assert result.returncode == status, result
    assert result.stderr.startswith(b"swlock: "), result
    assert result.stderr.count(b"\n") == 1 and result.stderr.endswith(b"\n"), result
    for part in parts:
        assert part in result.stderr, result
    return True
