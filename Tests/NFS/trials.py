"""What the tests do with the guests: sections under a lock, which write down when they worked."""

import itertools
import shlex

VERSIONS = ["4.2", "3"]
MODES = ["flock", "posix", "ofd", "hardlink"]
LOGS = "/run/world/logs"

def hosts(world):
    """Those that contend."""
    return [world.guests[name] for name in "ab"]


_numbers = itertools.count(1)


def swlock(mode, *options):
    """The words before a lock's path and the command."""
    return ["swlock", "run", "-m", mode, *options]


class Section:
    """A command of tools/work in a guest, under a lock: waits for the lock first.

    `words` come before the lock's path, and `after` it before the command.
    """

    def __init__(self, guest, words, lock, seconds=120, after=None):
        name = f"section{next(_numbers)}"
        self.guest = guest
        self.lock = lock
        self._log = guest.world.folder / "logs" / name
        self._ahead = guest.ahead
        self._end = f"/run/end-{name}"
        command = [*words, lock, *(["--"] if after is None else after), "work", f"{LOGS}/{name}", str(seconds)]
        self.job = guest.start(shlex.join(command))

    def times(self, event):
        """When that happened, in seconds of the machine's wall clock."""
        try:
            lines = self._log.read_text().splitlines()
        except FileNotFoundError:
            return []
        pairs = (line.split() for line in lines)
        return [float(pair[1]) - self._ahead for pair in pairs if pair[0] == event]

    @property
    def entered(self):
        return next(iter(self.times("enter")), None)

    @property
    def told(self):
        """When it was first sent TERM, or None."""
        return next(iter(self.times("told")), None)

    @property
    def last_work(self):
        return max(self.times("work") + self.times("enter") + self.times("leave"))

    def end(self):
        """Lets the command end as if its work were done."""
        self.guest.check(f"touch {self._end}")

    def finish(self, seconds=60):
        """Ends it, and returns its exit status and what was written."""
        self.end()
        return self.job.wait(seconds), self.job.output


def overlap(first, second):
    """For how many seconds one worked while the other one was inside, at most 0 if not."""
    return min(first.last_work, second.last_work) - max(first.entered, second.entered)


def waiting(guest):
    """How many processes of swlock and its peers are in a guest; a waiter is one."""
    return int(guest.check("pidof swlock flock flufl | wc -w"))
