"""Those who lock several files at once, again and again, while some of them are killed."""

import contextlib
import itertools
import os
import signal
import subprocess
import threading
import time

from chance import dice_for
from observing import PATIENCE, python, wait_until

FILES = 5

# A section that has locked some of the files, and sees others who have locked the same: it locks a witness of
# each as it has locked the file. What has locked it all ends with it.
SECTION = """
import fcntl, os, sys, time
log, tag, seconds, *parts = sys.argv[1:]
log = os.open(log, os.O_WRONLY | os.O_APPEND)
word = "enter"
witnesses = []
for part in parts:
    how, _, path = part.partition(":")
    witnesses.append(os.open(path, os.O_RDWR))
    try:
        fcntl.flock(witnesses[-1], (fcntl.LOCK_SH if how == "s" else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        word = "overlap"
os.write(log, f"{word} {tag}\\n".encode())
time.sleep(float(seconds))
for witness in witnesses:
    os.close(witness)
"""

# Locks its files in the order of its arguments, which is wrong, and becomes the section.
IN_ORDER_OF_ARGUMENTS = """
import fcntl, os, sys, time
seen = set()
count = int(sys.argv[1])
for part in sys.argv[2:2 + count]:
    how, _, path = part.partition(":")
    file = os.open(path, os.O_RDWR)
    os.set_inheritable(file, True)
    if os.fstat(file).st_ino not in seen:
        seen.add(os.fstat(file).st_ino)
        fcntl.flock(file, fcntl.LOCK_SH if how == "s" else fcntl.LOCK_EX)
        time.sleep(0.01)
os.execv(sys.argv[2 + count], sys.argv[2 + count:])
"""


def in_order_of_arguments(wanted):
    return python(IN_ORDER_OF_ARGUMENTS, len(wanted), *[f"{how}:{name}" for how, name in wanted])


def by_swlock(binary, *options):
    """The words before a section that locks what is wanted: pairs of `s` or `x` and a name."""

    def words(wanted):
        (how, path), *others = wanted
        more = [word for how, name in others for word in (ALSO[how], name)]
        return [binary, "run", *options, *(["-s"] if how == "s" else []), *more, path, "--"]

    return words


ALSO = {"s": "--also-shared", "x": "--also"}


class SeveralStorm:
    """Some who want three of five files, one, or all of them, each by one of three names."""

    kinds = ["three"] * 4 + ["one"] * 2 + ["all"]

    def __init__(self, folder, words):
        self.folder, self.words = folder, words
        self.log = folder / "log"
        self.log.touch()
        self.errors = folder / "errors"
        self.errors.touch()
        for number in range(FILES):
            (folder / f"witness{number}").touch()
            (folder / f"file{number}").touch()
            os.link(folder / f"file{number}", folder / f"link{number}")
            os.symlink(f"file{number}", folder / f"soft{number}")
        self.random = dice_for("several")
        self.guard = threading.Lock()
        self.running = {}
        self.stopping = threading.Event()
        self.statuses = set()
        self.hits = 0

    def wanted(self, kind, dice):
        """What one of them wants: how, and by which name, each file perhaps twice."""
        if kind == "three":
            files = [(dice.choice("sx"), dice.randrange(FILES)) for _ in range(3)]
        elif kind == "one":
            files = [("x", dice.randrange(FILES))]
        else:
            files = [("x", number) for number in dice.sample(range(FILES), FILES)]
        return files, [(how, f"{dice.choice(['file', 'link', 'soft'])}{number}") for how, number in files]

    def _loop(self, place):
        dice = dice_for(f"several {place}")
        for _ in itertools.takewhile(lambda _: not self.stopping.is_set(), itertools.count()):
            files, wanted = self.wanted(self.kinds[place], dice)
            # The stronger one counts.
            strongest = {number: "x" if ("x", number) in files else "s" for _, number in files}
            parts = [f"{how}:witness{number}" for number, how in strongest.items()]
            section = python(SECTION, self.log, place, 0.005, *parts)
            with open(self.errors, "ab") as errors:
                process = subprocess.Popen(
                    [*self.words(wanted), *section],
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=errors,
                    stderr=errors,
                )
            with self.guard:
                self.running[place] = process
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            with self.guard:
                del self.running[place]
                self.statuses.add(process.wait())

    @contextlib.contextmanager
    def raging(self):
        threads = [threading.Thread(target=self._loop, args=(place,)) for place in range(len(self.kinds))]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stopping.set()
            # Where they wait for each other for ever, only this ends it.
            while any(thread.is_alive() for thread in threads):
                time.sleep(0.1)
                if not self.moves(2):
                    self.kill_one()
            for thread in threads:
                thread.join()

    def kill_one(self):
        with self.guard:
            if self.running:
                # Not by its own kill(), which would reap one that has ended.
                os.kill(self.running[self.random.choice(list(self.running))].pid, signal.SIGKILL)
                self.hits += 1

    def kill_some(self, seconds):
        """30 a second."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(self.random.uniform(0, 2 / 30))
            self.kill_one()

    def count(self, word, place=""):
        return sum(line.startswith(f"{word} {place}") for line in self.log.read_text().splitlines())

    def moves(self, seconds):
        """Whether somebody enters within that time."""
        size = self.log.stat().st_size
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.log.stat().st_size == size and self.running:
            time.sleep(0.01)
        return self.log.stat().st_size != size

    def everybody_enters(self):
        """Waits until each of them has been inside once more."""
        before = [self.count("enter", place) for place in range(len(self.kinds))]
        wait_until(
            lambda: all(self.count("enter", place) > count for place, count in enumerate(before)),
            "everybody has entered",
            timeout=2 * PATIENCE,
        )
