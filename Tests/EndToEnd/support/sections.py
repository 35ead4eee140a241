"""Critical sections for the tests: commands that stay inside, and sections that see each other.

Nothing here asks swlock who holds a lock: /proc/locks and a second file tell.
"""

import contextlib
import itertools
import os
import pathlib
import select
import signal
import subprocess
import threading
import time

from chance import dice_for
from observing import PATIENCE, python

STAY = ["sh", "-c", "echo in; read line || :"]

# The witness is locked by the section's own process only (its descriptor is close-on-exec and
# the section starts nothing), so a section that was killed is no longer inside.
SECTION = """
import fcntl, os, sys, time
log, witness, tag, seconds = sys.argv[1:]
log = os.open(log, os.O_WRONLY | os.O_APPEND)
witness = os.open(witness, os.O_RDWR)
try:
    fcntl.flock(witness, fcntl.LOCK_EX | fcntl.LOCK_NB)
    word = "enter"
except BlockingIOError:
    word = "overlap"
os.write(log, f"{word} {tag}\\n".encode())
time.sleep(float(seconds))
os.write(log, f"leave {tag}\\n".encode())
"""


def is_inside(process, seconds=0):
    """Whether the command has said that it runs, within `seconds`."""
    return bool(select.select([process.stdout], [], [], seconds)[0])


def wait_until_inside(process):
    assert is_inside(process, PATIENCE), "the command did not start"
    line = process.stdout.readline()
    if line != b"in\n":
        _, errors = process.communicate(timeout=PATIENCE)
        raise AssertionError(f"status {process.returncode}, {line!r}, {errors!r}")


def begin(swlock, prefix):
    """Starts a command behind `prefix` that says when it is inside and stays until `finish`."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [*prefix, *STAY], cwd=swlock.folder, stdin=pipe, stdout=pipe, stderr=pipe
    )
    swlock.processes.append(process)
    return process


def hold(swlock, prefix):
    process = begin(swlock, prefix)
    wait_until_inside(process)
    return process


def finish(process):
    """Lets the command go; it must have been inside, and end well and silently."""
    output, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, output, errors) == (0, b"", b"")


class Lifeline:
    """A pipe that every process started with it inherits: its end means that all are gone."""

    def __init__(self):
        self.reader, self.writer = os.pipe()

    def wait_until_all_have_ended(self, what="the test"):
        self.drop()
        ended = select.select([self.reader], [], [], PATIENCE)[0]
        assert ended, f"a process of {what} is still there"
        assert os.read(self.reader, 1) == b""

    def drop(self):
        if self.writer is not None:
            os.close(self.writer)
            self.writer = None

    def close(self):
        self.drop()
        os.close(self.reader)


class Storm:
    """Loops that run sections under a lock, while a process of it is killed every 50 ms or so.

    `prefix` is the command line before the section. Sections run as the command itself and, where
    `depth` is 2, every other one as a child of the command.
    """

    def __init__(self, folder, prefix, depth=1, loops=4, seconds=0.01):
        self.folder, self.prefix, self.depth, self.loops = folder, prefix, depth, loops
        self.seconds = seconds
        self.log = folder / "log"
        self.witness = folder / "witness"
        self.errors = folder / "errors"
        for path in (self.log, self.witness, self.errors):
            path.touch()
        self.area = folder / "area"
        self.area.mkdir()
        self.random = dice_for("storm")
        self.tags = itertools.count()
        self.guard = threading.Lock()
        self.running = {}
        self.struck = set()
        self.stopping = threading.Event()
        self.statuses = set()
        self.kills = self.hits = 0

    def rage(self, seconds, victims=None, until_overlap=False):
        """Runs for `seconds`. `victims` lists what may be killed of one wrapper; None: no kills."""
        lifeline = Lifeline()
        threads = [threading.Thread(target=self._loop, args=(lifeline,)) for _ in range(self.loops)]
        for thread in threads:
            thread.start()
        try:
            start = time.monotonic()
            # On a machine that is busy with other things the first hit may take longer.
            while time.monotonic() < start + seconds or (
                victims and not self.hits and time.monotonic() < start + PATIENCE
            ):
                if until_overlap and self.count("overlap"):
                    break
                time.sleep(self.random.uniform(0.02, 0.08))
                if victims:
                    self._kill(victims)
        finally:
            self.stopping.set()
            for thread in threads:
                thread.join()
            try:
                lifeline.wait_until_all_have_ended()
            finally:
                lifeline.close()

    def count(self, word):
        return sum(line.startswith(word) for line in self.log.read_text().splitlines())

    def left_behind(self):
        return sorted(os.listdir(self.area))

    def _command(self, tag):
        section = python(SECTION, self.log, self.witness, tag, self.seconds)
        if self.depth == 2 and tag % 2:
            section = ["sh", "-c", '"$@"; :', "sh", *section]
        return [*self.prefix, *section]

    def _loop(self, lifeline):
        with open(self.errors, "ab") as errors:
            while not self.stopping.is_set():
                tag = next(self.tags)
                process = subprocess.Popen(
                    self._command(tag),
                    cwd=self.area,
                    stdin=subprocess.DEVNULL,
                    stdout=errors,
                    stderr=errors,
                    pass_fds=[lifeline.writer],
                )
                handle = os.pidfd_open(process.pid)
                with self.guard:
                    self.running[tag] = process.pid, handle
                status = process.wait()
                with self.guard:
                    del self.running[tag]
                    self.statuses.add(status)
                os.close(handle)

    def _kill(self, victims):
        """Kills a process of the wrapper whose section is inside, or at times of any wrapper.

        Of each wrapper one at most: with both of a pair gone at once, a child of the command runs on
        without the lock, as the man page says. On a busy machine a section lasts longer than the pause
        between two kills.
        """
        words = self.log.read_text().splitlines()[-1:]
        inside = int(words[0].split()[1]) if words and words[0].startswith("enter") else None
        with self.guard:
            if not self.running:
                return
            tag = inside
            if tag not in self.running or self.random.random() < 0.3:
                tag = self.random.choice(sorted(self.running))
            if tag in self.struck:
                return
            pid, handle = self.running[tag]
            with contextlib.suppress(ProcessLookupError):
                if victims(pid, handle, self.random):
                    self.struck.add(tag)
                    self.kills += 1
                    self.hits += tag == inside


def the_wrapper(_pid, handle, _random):
    signal.pidfd_send_signal(handle, signal.SIGKILL)
    return True


def any_process_of(binary):
    """A chooser of victims: the wrapper or a process of the same program below it."""

    def is_ours(pid):
        return os.path.samefile(f"/proc/{pid}/exe", binary)

    def choose(pid, handle, dice):
        with contextlib.suppress(OSError):
            children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            below = [child for child in children if is_ours(child)]
            if below and dice.random() < 0.7:
                child = os.pidfd_open(int(below[0]))
                try:
                    # The number may have passed on to another process before it was opened.
                    stat = pathlib.Path(f"/proc/{below[0]}/stat").read_text()
                    if stat.rpartition(")")[2].split()[1] == str(pid) and is_ours(below[0]):
                        signal.pidfd_send_signal(child, signal.SIGKILL)
                        return True
                finally:
                    os.close(child)
                return False
        return the_wrapper(pid, handle, dice)

    return choose


# Each of $1 loops runs the rest of the arguments $2 times.
LOOPS = """
loops=$1 times=$2; shift 2
while [ "$loops" -gt 0 ]; do
    (while [ "$times" -gt 0 ]; do "$@" || echo failed >&2; times=$((times - 1)); done) &
    loops=$((loops - 1))
done
wait
"""
INCREMENT = ["sh", "-c", "read number <counter; echo $((number + 1)) >counter"]


def count_in_loops(folder, loops, times, command):
    """Increments a counter from many processes at once; returns its value and what was said."""
    (folder / "counter").write_text("0\n")
    command = ["sh", "-c", LOOPS, "sh", str(loops), str(times), *command]
    with subprocess.Popen(
        command, cwd=folder, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            _, errors = process.communicate(timeout=8 * PATIENCE)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return (folder / "counter").read_text().strip(), errors
