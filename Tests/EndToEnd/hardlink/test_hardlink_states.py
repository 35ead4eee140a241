"""What `status` says of a `hardlink` lock: its text, --json and -q are one judgement, and true for
whoever wants the lock then."""

import contextlib
import json
import os
import tempfile

import pytest

from hardlink_world import BUSY, OTHER_BOOT, dead_pid, forge, owner, tag_of
from observing import wait_until

# In milliseconds. A claim has its lifetime from its last change on, whatever its time stamp says;
# for flufl.lock's, which are not written down, 15 s are assumed.
SHORT = 1
LATER, EARLIER = 3600, -60
LONG_SLOP, NO_SLOP = "1h", "0"


@contextlib.contextmanager
def claimed(folder, kind, expires_in):
    """The lock, held by a claim of this kind."""
    program, _, whose = kind.partition(" of ")
    path = folder / "lock"
    with contextlib.ExitStack() as stack:
        if whose == "another":
            pid = stack.enter_context(owner(folder)).pid
        else:
            pid = dead_pid() if whose == "nobody" else os.getpid()
        host, booted = ("elsewhere", OTHER_BOOT) if whose == "somebody elsewhere" else (None, None)
        tag = "12345" if program == "flufl" else tag_of(pid, lifetime=SHORT, booted=booted)
        forge(path, pid, tag, host=host, expires_in=expires_in)
        wait_until(lambda: time_in(folder) > path.stat().st_ctime + 2 * SHORT / 1000)
        yield


def time_in(folder):
    """What the folder's file system says it is now, which ticks, and lags behind on a busy machine."""
    with tempfile.TemporaryFile(dir=folder) as file:
        return os.fstat(file.fileno()).st_ctime


# kind, expires in, slop: state, whether it is held
CASES = [
    ("swlock of the caller", LATER, NO_SLOP, "ours", True),
    ("swlock of the caller", EARLIER, LONG_SLOP, "ours-expired", True),
    ("swlock of the caller", EARLIER, NO_SLOP, "ours-expired", True),
    ("swlock of another", LATER, NO_SLOP, "unknown", True),
    ("swlock of another", EARLIER, LONG_SLOP, "theirs-expired", True),
    ("swlock of another", EARLIER, NO_SLOP, "theirs-expired", True),
    ("swlock of nobody", LATER, LONG_SLOP, "stale", False),
    ("swlock of nobody", EARLIER, LONG_SLOP, "stale", False),
    ("swlock of nobody", EARLIER, NO_SLOP, "stale", False),
    ("swlock of somebody elsewhere", LATER, NO_SLOP, "unknown", True),
    ("swlock of somebody elsewhere", EARLIER, LONG_SLOP, "theirs-expired", True),
    ("swlock of somebody elsewhere", EARLIER, NO_SLOP, "theirs-expired", False),
    ("flufl of the caller", LATER, NO_SLOP, "ours", True),
    ("flufl of the caller", EARLIER, LONG_SLOP, "ours-expired", True),
    ("flufl of another", LATER, NO_SLOP, "unknown", True),
    ("flufl of another", EARLIER, LONG_SLOP, "theirs-expired", True),
    ("flufl of another", EARLIER, NO_SLOP, "theirs-expired", True),
    ("flufl of nobody", LATER, LONG_SLOP, "stale", False),
    ("flufl of nobody", EARLIER, NO_SLOP, "stale", False),
    ("flufl of somebody elsewhere", LATER, NO_SLOP, "unknown", True),
    ("flufl of somebody elsewhere", EARLIER, LONG_SLOP, "theirs-expired", True),
    ("flufl of somebody elsewhere", EARLIER, NO_SLOP, "theirs-expired", True),
]


def first_words(state, held):
    if held:
        return "held by pid "
    return "stale: its owner is dead, pid " if state == "stale" else "expired "


@pytest.mark.parametrize("kind, expires_in, slop, state, held", CASES)
def test_text_json_and_quiet_say_the_same_which_is_true(
    swlock, folder, kind, expires_in, slop, state, held
):
    with claimed(folder, kind, expires_in):
        options = ["--clock-slop", slop, "lock"]
        report = json.loads(swlock.run("status", "--json", *options).stdout)
        assert (report["state"], report["held"]) == (state, held)
        text = swlock.run("status", *options).stdout.decode()
        assert text.startswith("lock  " + first_words(state, held)), text
        assert ("expired" in state) == (" expired " in text), text
        # Only of what is neither.
        assert held or state == "stale" or "free to be taken" in text, text
        assert swlock.run("status", "-q", *options).returncode == (0 if held else 1)
        settle = ["--settle", "20ms"]
        taken = swlock.run("run", "-m", "hardlink", "-n", *settle, *options, "--", "true")
        assert taken.returncode == (BUSY if held else 0), taken


def test_lock_without_a_lifetime_never_expires(swlock, folder):
    """Its time stamp is the last that there is, which will have passed one day."""
    with owner(folder) as process:
        claim = forge(folder / "lock", process.pid, tag_of(process.pid, lifetime=0))
        os.utime(claim, (1_000_000_000, 1_000_000_000))
        report = json.loads(swlock.run("status", "--json", "lock").stdout)
        assert (report["state"], report["held"]) == ("unknown", True)
        assert report["holder"]["expiry"] is None
        assert b", until it is released" in swlock.run("status", "lock").stdout


def test_lock_that_was_given_up_is_free_for_everybody(swlock, folder):
    claim = forge(folder / "lock", os.getpid())
    os.utime(claim, (0, 0))
    report = json.loads(swlock.run("status", "--json", "lock").stdout)
    assert (report["state"], report["held"], report["holder"]) == ("unlocked", False, None)
    assert swlock.run("status", "lock").stdout == b"lock  free\n"
    assert swlock.run("status", "-q", "lock").returncode == 1


@pytest.mark.parametrize("mode", ["flock", "posix", "ofd"])
def test_locks_of_the_kernel_are_held_or_not(swlock, folder, mode):
    def held():
        report = json.loads(swlock.run("status", "--json", "lock").stdout)
        quiet = swlock.run("status", "-q", "lock").returncode
        assert report["held"] == (report["state"] == "held") == (quiet == 0)
        return report["held"]

    (folder / "lock").touch()
    assert not held()
    inside = swlock.run("run", "-m", mode, "lock", "--", swlock.binary, "status", "--json", "lock")
    report = json.loads(inside.stdout)
    assert (report["state"], report["held"]) == ("held", True)
    assert not held()
