"""One act of `hardlink` mode at a time, in a new folder, to be disturbed; and what must hold then."""

import collections
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import tempfile

from conftest import SWLOCK
from hardlink_world import NOT_HELD, dead_pid, forge, holder, left_in, under
from sections import Lifeline

# A trial that takes longer hangs.
HANGS = 10
QUICKER = ["--settle", "10ms", "--clock-slop", "200ms"]

Trace = collections.namedtuple("Trace", "status errors")

# The command: notes that it runs, and whether its lock is held by somebody who lives.
WITNESS = r"""
echo started >>notes
for pause in $LINGER; do
    sleep "$pause"
    if [ -n "$PORTAGE" ]; then
        set -- area/.lock.hardlock-*
        [ "$(stat -c %h area/lock)" = 2 ] && [ $# = 1 ] && [ "$1" != "$DEAD" ] && held=1 || held=
    else
        read -r claim <area/lock
        [ "$claim" -ef area/lock ] && [ "$claim" != "$DEAD" ] && held=1 || held=
    fi
    [ -n "$held" ] && echo held >>notes || echo free >>notes
done
"""


def sleeper(stack, folder):
    """A process that owns locks; it ends with the stack."""
    process = subprocess.Popen(["sleep", "60"], cwd=folder)

    def drop():
        process.kill()
        process.wait()

    stack.callback(drop)
    return process


class Trial:
    """What is done, under a fault or not; `undo` and `complaints` come after it."""

    words = ()
    style = []
    # Whether the lock is ended by the act, and so must be free if swlock says that all is well.
    frees = False

    def __init__(self, folder, stack, linger="0"):
        self.folder, self.area = pathlib.Path(folder), pathlib.Path(folder) / "area"
        self.stack = stack
        self.area.mkdir()
        self.lock = self.area / "lock"
        self.environment = {
            **os.environ,
            "LINGER": linger,
            "PORTAGE": "1" if self.style else "",
            "DEAD": "none",
        }
        self.prepare()

    def prepare(self):
        pass

    def acquire(self, process):
        words = [SWLOCK, "acquire", "-m", "hardlink", *self.style, "--owner", str(process.pid)]
        subprocess.run([*words, self.lock], check=True, cwd=self.folder, timeout=HANGS)

    def act(self, verb, *options):
        return [SWLOCK, verb, "-m", "hardlink", *QUICKER, *self.style, *options, str(self.lock)]

    def perform(self, prefix=(), environment=None, lifeline=None):
        process = subprocess.Popen(
            [*prefix, *self.words],
            cwd=self.folder,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=[lifeline.writer] if lifeline else [],
            start_new_session=True,
        )
        try:
            _, errors = process.communicate(timeout=HANGS)
        except BaseException:
            # What strace started would go on without it.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        finally:
            process.stderr.close()
        return Trace(process.returncode, errors)

    def notes(self):
        path = self.folder / "notes"
        return path.read_text().split() if path.exists() else []

    def is_free(self):
        """Whether nobody has it; it may be abandoned, for whoever wants it to take it away."""
        if not self.lock.exists():
            return True
        status = self.lock.stat()
        return status.st_nlink == 1 if self.style else status.st_mtime == 0

    def owner_is_unknown(self):
        """Whether the claim does not say enough of its owner for others to know when it is dead."""
        claim = None if self.style else holder(self.lock)
        return claim is not None and (
            ".0." in claim.tag or ".." in claim.tag or claim.tag.endswith(".")
        )

    def next(self):
        """Somebody else tries to get the lock."""
        words = [*under(*QUICKER, "-n", *self.style, path=str(self.lock)), "true"]
        return subprocess.run(
            words, cwd=self.folder, capture_output=True, check=False, timeout=HANGS
        )

    def complaints(self, trace):
        """What must hold of the act itself, whatever befell it."""
        if set(self.notes()) - {"started", "held"}:
            yield "the command ran without the lock"
        if self.notes().count("started") > 1:
            yield "the command ran twice"
        if trace == Trace(0, b"") and self.frees and not self.is_free():
            yield "it is not free, and nothing says so"

    def later_complaints(self):
        """What must hold when all processes have ended."""
        self.stack.close()
        if self.owner_is_unknown():
            return  # it stays for its lifetime
        following = self.next()
        if (following.returncode, following.stderr) != (0, b""):
            yield f"the next did not get the lock at once: {following}"
        words = [SWLOCK, "cleanup", *QUICKER, *self.style, str(self.lock)]
        left = left_in(self.area)
        cleanup = subprocess.run(words, capture_output=True, check=False, timeout=HANGS)
        if left_in(self.area) not in ([], ["lock"] if self.style else []):
            yield f"files were left: {left_in(self.area)} of {left}, {cleanup}"


class RunFree(Trial):
    frees = True
    options = []

    def prepare(self):
        options = [*QUICKER, "-n", *self.style, *self.options]
        self.words = [*under(*options, path=str(self.lock)), "sh", "-c", WITNESS]


class RunStale(RunFree):
    """The lock has to be taken away from a dead owner first."""

    def prepare(self):
        super().prepare()
        if self.style:
            placeholder = self.area / f".lock.hardlock-{os.uname().nodename}-{dead_pid()}"
            self.lock.touch()
            os.link(self.lock, placeholder)
            self.environment["DEAD"] = str(placeholder.relative_to(self.folder))
        else:
            self.environment["DEAD"] = str(forge(self.lock, dead_pid()))


class RunFreePortage(RunFree):
    style = ["--style", "portage"]


class RunUnlinkPortage(RunFreePortage):
    """The lock's file goes with the lock."""

    options = ["--unlink"]


class RunStalePortage(RunStale):
    style = ["--style", "portage"]


class RunAmongFlufl(RunFree):
    """A claim of flufl.lock makes swlock look twice."""

    def prepare(self):
        super().prepare()
        forge(self.lock, dead_pid(), "12345")


class Acquire(Trial):
    def prepare(self):
        self.owner = sleeper(self.stack, self.folder)
        self.words = self.act("acquire", "-n", "--owner", str(self.owner.pid))

    def complaints(self, trace):
        yield from super().complaints(trace)
        if trace.status == 0 and self.is_free():
            yield "it is free, and the status does not say so"


class Release(Trial):
    frees = True
    verb = ["release"]

    def prepare(self):
        self.owner = sleeper(self.stack, self.folder)
        self.acquire(self.owner)
        self.words = self.act(*self.verb, "--owner", str(self.owner.pid))

    def complaints(self, trace):
        yield from super().complaints(trace)
        again = self.act("release", "--owner", str(self.owner.pid))
        outcome = subprocess.run(again, capture_output=True, check=False, timeout=HANGS)
        if outcome.returncode not in (0, NOT_HELD) or not self.is_free():
            yield f"it cannot be released afterwards: {outcome}"
        # The owner lives all the time.
        outcome = self.next()
        if outcome.returncode:
            yield f"it was released, and the next did not get the lock at once: {outcome}"


class Refresh(Release):
    frees = False
    verb = ["refresh", "--lifetime", "30s"]


class Transfer(Trial):
    def prepare(self):
        self.owner, self.heir = (sleeper(self.stack, self.folder) for _ in range(2))
        self.acquire(self.owner)
        words = ["--owner", str(self.owner.pid), "--to", str(self.heir.pid)]
        self.words = self.act("transfer", *words)

    def complaints(self, trace):
        yield from super().complaints(trace)
        claim = holder(self.lock)
        if claim is None or claim.pid not in (self.owner.pid, self.heir.pid):
            yield "neither holds it"
        elif trace.status == 0 and claim.pid != self.heir.pid:
            yield "the heir does not hold it, and the status does not say so"


class Break(Trial):
    frees = True

    def prepare(self):
        forge(self.lock, dead_pid())
        self.words = [SWLOCK, "break", *QUICKER, str(self.lock)]


class BreakForce(Trial):
    frees = True

    def prepare(self):
        self.owner = sleeper(self.stack, self.folder)
        self.acquire(self.owner)
        self.words = [SWLOCK, "break", "--force", *QUICKER, str(self.lock)]


class Cleanup(Trial):
    """Of a folder with a dead lock, claims of the dead, and a lock that lives."""

    def prepare(self):
        dead = dead_pid()
        forge(self.lock, dead)
        forge(self.lock, dead, held=False)
        self.other = self.area / "other"
        self.live = forge(self.other, os.getpid())
        self.words = [SWLOCK, "cleanup", *QUICKER, str(self.area)]

    def complaints(self, trace):
        yield from super().complaints(trace)
        if not self.live.exists() or not os.path.samefile(self.live, self.other):
            yield "the live lock is gone"


TRIALS = {
    re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower(): kind
    for kind in (
        RunFree,
        RunStale,
        RunAmongFlufl,
        RunFreePortage,
        RunUnlinkPortage,
        RunStalePortage,
        Acquire,
        Release,
        Refresh,
        Transfer,
        Break,
        BreakForce,
        Cleanup,
    )
}


@contextlib.contextmanager
def trial(name, linger="0"):
    """A trial, ready to be performed; its processes end, and its folder goes."""
    with tempfile.TemporaryDirectory(prefix="swlock-test-") as folder:
        with contextlib.ExitStack() as stack:
            yield TRIALS[name](folder, stack, linger)


def undisturbed(name, prefix=(), environment=None):
    """Performs it without a fault: it must succeed."""
    with trial(name) as subject:
        trace = subject.perform(prefix, environment)
        complaints = [*subject.complaints(trace), *subject.later_complaints()]
        assert trace == Trace(0, b"") and not complaints, (trace, complaints)


def disturbed(name, what, prefix=(), environment=None, linger="0", more=None, absent=False):
    """Performs it with a fault; returns the trace, and a line for each thing that is wrong.

    `absent`: it may be made believe that there is nothing to be done.
    """
    with trial(name, linger) as subject:
        if absent:
            subject.frees = False
        with contextlib.closing(Lifeline()) as lifeline:
            try:
                trace = subject.perform(prefix, environment, lifeline)
            except subprocess.TimeoutExpired:
                return None, [f"it hangs: {what}"]
            lifeline.wait_until_all_have_ended(what)
        left = left_in(subject.area)
        found = [*subject.complaints(trace), *(more(subject, trace) if more else ())]
        found += subject.later_complaints()
    return trace, [f"{name}: {line}: {what}: {trace}, left {left}" for line in found]
