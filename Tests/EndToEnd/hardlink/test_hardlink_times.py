"""Times and numbers at the edges of what fits: in time stamps, in the names of claims, in options.
Nothing ends by a trap, no live lock is lost, and what is shown is true."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

from chance import dice_for
from conftest import Swlock
from hardlink_world import (
    BUSY,
    NOT_A_LOCK,
    NOT_HELD,
    OTHER_BOOT,
    claims,
    dead_pid,
    forge,
    left_in,
    owner,
    tag_of,
    this_host,
)
from observing import wait_until, waits_on

LONGEST = 9_223_372_036  # seconds in 64 bits of nanoseconds
NO_TIME = 0  # a claim with this time stamp was given up
STAMPS = [
    *(-(2**63), -(2**62), -(2**40), -11_676_096_000, -LONGEST - 1, -LONGEST),
    *(-(2**31) - 1, -(2**31), -1, NO_TIME, 1, 1_000_000_000),
    *(2**31 - 1, 2**31, 2**32, LONGEST, LONGEST + 1, 2**40, 2**62, 2**63 - 1),
]
NUMBERS = [
    *("-5", "0", "1", "15000", "2147483647", "2147483648", "4294967296", "9223372036854"),
    *("9223372036855", "9223372036854775807", "9223372036854775808", "18446744073709551615"),
    *("18446744073709551616", "9" * 30, ""),
]
HUGE = [str(LONGEST), str(LONGEST + 1), "106751d", "106752d", "300000d", "9" * 30]
HASTE = ["--settle", "10ms", "--clock-slop", "10ms"]
QUICK = [*HASTE, "--poll", "1ms:5ms"]


@pytest.fixture
def folder():
    """On a file system that keeps any time stamp of 64 bits."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="swlock-test-", dir="/dev/shm"))
    probe = path / "probe"
    probe.touch()
    os.utime(probe, (2**62, 2**62))
    if os.stat(probe).st_mtime_ns != 2**62 * 10**9:
        pytest.skip("needs a tmpfs at /dev/shm")
    probe.unlink()
    yield path
    shutil.rmtree(path, ignore_errors=True)


def survives(outcome):
    """It ended by itself, without a trap."""
    assert 0 <= outcome.returncode < 128, outcome
    return outcome


def stamp(path, seconds):
    os.utime(path, (seconds, seconds))


def what_stands_in(folder):
    """All files, and what matters of them."""
    found = {}
    for entry in os.scandir(folder):
        status = entry.stat(follow_symlinks=False)
        found[entry.name] = (status.st_ino, status.st_nlink, status.st_mtime_ns)
    return found


def spread_out(folder, pid, tag, host):
    """A lock for each time stamp; the paths by their stamps."""
    paths = {}
    for number, seconds in enumerate(STAMPS):
        path = folder / f"lock{number}"
        stamp(forge(path, pid, tag() if callable(tag) else tag, host=host), seconds)
        paths[seconds] = path
    return paths


# What holds the locks: the process, what flufl.lock writes or a maker of what we do, and the host.
KINDS = {
    "swlock, alive": ("alive", lambda pid: tag_of(pid, lifetime=3_600_000), None),
    "swlock, dead": ("dead", tag_of, None),
    "swlock, elsewhere": (
        "alive",
        lambda pid: tag_of(pid, lifetime=3_600_000, booted=OTHER_BOOT),
        "elsewhere",
    ),
    "swlock, for the longest time": ("alive", lambda pid: tag_of(pid, lifetime=2**63 - 1), None),
    "flufl, alive": ("alive", lambda pid: "12345", None),
    "flufl, dead": ("dead", lambda pid: "12345", None),
    "flufl, elsewhere": ("alive", lambda pid: "12345", "elsewhere"),
}


@pytest.fixture(params=KINDS)
def world(request, folder):
    """Locks of one kind with every time stamp: their paths, whether their owner may be alive, and a
    process that is."""
    whose, tag, host = KINDS[request.param]
    with owner(folder) as process:
        (folder / "owner").unlink()
        pid = process.pid if whose == "alive" else dead_pid()
        yield spread_out(folder, pid, lambda: tag(pid), host), whose == "alive", process.pid


def is_kept(seconds, lives):
    """Whether nobody may take a lock with this time stamp, whose last change was just now."""
    return lives and seconds != NO_TIME


def test_status_shows_any_time_stamp(swlock, folder, world):
    paths, lives, _ = world
    before = what_stands_in(folder)
    names = {seconds: path.name for seconds, path in paths.items()}
    lines = survives(swlock.run("status", *names.values())).stdout.decode().splitlines()
    reports = survives(swlock.run("status", "--json", *names.values())).stdout.splitlines()
    assert len(lines) == len(reports) == len(names)
    for (seconds, name), line, report in zip(names.items(), lines, map(json.loads, reports)):
        assert report["path"] == name and line.startswith(name + "  ")
        assert report["held"] == is_kept(seconds, lives), line
        if seconds == NO_TIME:
            assert (report["state"], line) == ("unlocked", f"{name}  free")
        elif not lives:
            assert report["state"] == "stale"
        else:
            has_expired = seconds < time.time()
            assert report["state"] == ("theirs-expired" if has_expired else "unknown")
            assert (" expired " in line) == has_expired, line
            # Claims cannot say that they live longer than until 2038.
            if seconds != 2**31 - 1:
                assert report["holder"]["expiry"] == seconds
            fits = time.time() - LONGEST < report["holder"]["expiry"] <= LONGEST
            assert ("more than 200 years" in line) == (not fits), line
    kept = [names[seconds] for seconds in names if is_kept(seconds, lives)]
    assert not kept or survives(swlock.run("status", "-q", *kept)).returncode == 0
    free = [name for name in names.values() if name not in kept]
    assert survives(swlock.run("status", "-q", dice_for("times").choice(free))).returncode == 1
    assert what_stands_in(folder) == before


def test_nothing_alive_is_taken_or_removed(swlock, folder, world):
    paths, lives, _ = world
    kept = [path for seconds, path in paths.items() if is_kept(seconds, lives)]
    before = what_stands_in(folder)
    for words in (
        ["cleanup", "--older-than", "1s", "."],
        ["cleanup", "--older-than", "300000d", "."],
        ["cleanup", "--unused", "--dry-run", "--older-than", "106751d", "."],
        ["cleanup", "--dry-run", *HASTE, "."],
    ):
        survives(swlock.run(*words))
        assert what_stands_in(folder) == before
    for path in paths.values():
        wait = "20ms" if path in kept else "20s"
        words = ["run", "-m", "hardlink", *QUICK, "-w", wait, path.name, "--", "true"]
        outcome = survives(swlock.run(*words))
        assert outcome.returncode == (BUSY if path in kept else 0), outcome
    # As a waiter would; flufl.lock's of another host are 15 s old at least before that.
    for path in kept:
        assert survives(swlock.run("break", *HASTE, path.name)).returncode == BUSY
    survives(swlock.run("cleanup", *HASTE, "."))
    after = what_stands_in(folder)
    names = {path.name for path in kept}
    alive = {name for name in before if name.partition("|")[0] in names}
    assert {name: after.get(name) for name in alive} == {name: before[name] for name in alive}
    assert {name for name in after if "|" in name or name.startswith("lock")} == alive


def test_force_ends_a_lock_with_any_time_stamp(swlock, folder, world):
    paths, _, _ = world
    for path in paths.values():
        assert survives(swlock.run("break", "--force", *HASTE, path.name)).returncode == 0
    assert os.listdir(folder) == []


def test_owner_refreshes_gives_away_and_releases_a_lock_with_any_time_stamp(swlock, folder, world):
    paths, lives, pid = world
    if not lives or "elsewhere" in next(iter(claims(folder, "lock0"))).host:
        pytest.skip("it has no owner here")
    mine, heir = ["--owner", str(pid)], str(os.getpid())
    for seconds, path in paths.items():
        missing = NOT_HELD if seconds == NO_TIME else 0
        for lifetime in ([], ["--lifetime", "2s"], ["--lifetime", "300000d"]):
            stamp(path, seconds)
            outcome = survives(swlock.run("refresh", *HASTE, *mine, *lifetime, path.name))
            assert outcome.returncode == missing, outcome
            if not missing:
                assert 1 < os.stat(path).st_mtime < 2**31
        stamp(path, seconds)
        outcome = survives(swlock.run("transfer", *HASTE, *mine, "--to", heir, path.name))
        assert outcome.returncode == missing, outcome
        if not missing:
            stamp(path, seconds)
        outcome = survives(swlock.run("release", *HASTE, "--owner", heir, path.name))
        assert outcome.returncode == missing, outcome
        if missing:
            survives(swlock.run("cleanup", *HASTE, path.name))
    assert os.listdir(folder) == []


@pytest.mark.parametrize("tag", ["swlock", "flufl"])
def test_waiters_with_any_time_stamp_are_cleaned_up_only_if_they_are_dead(swlock, folder, tag):
    with owner(folder) as process:
        (folder / "owner").unlink()
        kept, gone = set(), set()
        for seconds in STAMPS:
            for pid, names in ((process.pid, kept), (dead_pid(), gone)):
                token = tag_of(pid) if tag == "swlock" else str(10000 + len(kept | gone))
                claim = forge(folder / "lock", pid, token, held=False)
                stamp(claim, seconds)
                (gone if seconds == NO_TIME else names).add(claim.name)
        assert swlock.run("status", "--json", "lock").returncode == 0
        survives(swlock.run("cleanup", "--older-than", "1h", "."))
        assert set(os.listdir(folder)) == kept | gone
        survives(swlock.run("cleanup", *HASTE, "."))
        assert set(os.listdir(folder)) == kept


def test_names_with_any_numbers_are_read_or_left_alone(swlock, folder):
    """Each number in the place of each that a claim's name has."""
    fields = tag_of(os.getpid(), second=f"{os.getpid()}.1").split(".")
    names = [(str(os.getpid()), number) for number in NUMBERS]  # flufl.lock's
    names += [(number, "123") for number in NUMBERS]
    names += [(number, ".".join(fields[:5])) for number in NUMBERS]
    for place in range(1, len(fields)):
        for number in NUMBERS:
            changed = [*fields[:place], number, *fields[place + 1 :]]
            names.append((str(os.getpid()), ".".join(changed)))
            names.append((str(os.getpid()), ".".join([*changed, "a"])))
    for number, (pid, tag) in enumerate(names):
        claim = folder / f"lock{number}|{this_host()}|{pid}|{tag}"
        claim.write_text(str(claim))
        os.link(claim, folder / f"lock{number}")
    before = what_stands_in(folder)
    paths = [f"lock{number}" for number in range(len(names))]
    assert survives(swlock.run("status", "--json", *paths)).returncode == 0
    assert what_stands_in(folder) == before
    dice = dice_for("names")
    for path in dice.sample(paths, 60):
        for words in (
            ["run", "-m", "hardlink", *QUICK, "-w", "5ms", path, "--", "true"],
            ["break", *HASTE, path],
            ["release", "-m", "hardlink", *HASTE, "--owner", "1", path],
            ["break", "--force", *HASTE, path],
        ):
            survives(swlock.run(*words))
    survives(swlock.run("cleanup", *HASTE, "."))
    survives(swlock.run("cleanup", "--all", "--force", *HASTE, "."))


@pytest.mark.parametrize("size", [0, 1, 4096, 4097, 2**20, 2**40])
@pytest.mark.parametrize("seconds", [-(2**63), NO_TIME, 2**63 - 1])
def test_files_of_any_size_and_time_are_no_locks(swlock, folder, size, seconds):
    claim = folder / f"lock|{this_host()}|{dead_pid()}|123"
    for name in (folder / "lock", claim, folder / ".lock.swlock-retire-123"):
        name.touch()
        os.truncate(name, size)
        stamp(name, seconds)
    before = what_stands_in(folder)
    for words, *statuses in (
        (["status", "lock"], 0),
        (["run", "-m", "hardlink", *QUICK, "-w", "5ms", "lock", "--", "true"], NOT_A_LOCK),
        (["break", "--force", *HASTE, "lock"], 0, NOT_A_LOCK),
        (["cleanup", "--older-than", "300000d", "."], 0),
        (["cleanup", "--dry-run", *HASTE, "."], 0),
    ):
        assert survives(swlock.run(*words)).returncode in statuses, words
        assert what_stands_in(folder) == before


# Lock files of the kernel's modes


def test_unused_files_of_any_age_are_removed_or_not(swlock, folder):
    """As anybody can leave them in a shared folder for root's cleanup."""
    for number, seconds in enumerate(STAMPS):
        (folder / f".f{number}.swlock").touch()
        stamp(folder / f".f{number}.swlock", seconds)
    before = set(os.listdir(folder))
    old = {f".f{number}.swlock" for number, seconds in enumerate(STAMPS) if seconds < 2**30}
    for age in HUGE[-2:]:
        outcome = survives(swlock.run("cleanup", "--unused", "--older-than", age, "."))
        assert outcome.returncode == 0 and set(os.listdir(folder)) == before
    outcome = survives(swlock.run("cleanup", "--unused", "--older-than", "3650d", "."))
    assert outcome.returncode == 0 and set(os.listdir(folder)) == before - old


# Options


@pytest.mark.parametrize("value", HUGE)
@pytest.mark.parametrize(
    "words",
    [
        ["run", "-w", "@", "lock", "--", "true"],
        ["run", "--max-runtime", "@", "--kill-after", "@", "lock", "--", "true"],
        ["run", "--leftovers=kill", "--kill-after", "@", "lock", "--", "true"],
        ["run", "-m", "hardlink", "-w", "@", "--lifetime", "@", "lock", "--", "true"],
        ["run", "-m", "hardlink", "--poll", "@:@", "--clock-slop", "@", "lock", "--", "true"],
        ["run", "-m", "hardlink", "--settle", "@", "--on-exit", "true", "lock", "--", "true"],
        ["cleanup", "--older-than", "@", "--settle", "@", "--clock-slop", "@", "."],
        ["break", "--settle", "@", "--clock-slop", "@", "lock"],
        ["as", "lockrun", "-L", "lock", "-S", "9" * 18, "-T", "9" * 18, "--", "true"],
    ],
    ids=lambda words: " ".join(words[:3]),
)
def test_options_of_any_length_are_taken(swlock, folder, words, value):
    outcome = survives(swlock.run(*[word.replace("@", value) for word in words]))
    # There is nothing to break.
    assert outcome.returncode == (66 if words[0] == "break" else 0), outcome
    # Portage's lock file stays.
    assert left_in(folder) in ([], ["lock"])


@pytest.mark.parametrize("value", HUGE)
@pytest.mark.parametrize("mode", ["flock", "posix", "ofd", "hardlink"])
def test_waits_of_any_length_end_with_the_lock(swlock, folder, mode, value):
    hardlink = [*QUICK, "--lifetime", value] if mode == "hardlink" else []
    words = ["run", "-m", mode, *hardlink, "-w", value, "--max-runtime", value, "lock", "--"]
    holding = swlock.start(*words, "sh", "-c", "echo in; read line", stdin=subprocess.PIPE)
    assert holding.stdout.readline() == b"in\n"
    waiting = swlock.start(*words, "echo", "in")
    wait_until(lambda: len(claims(folder)) > 1 if mode == "hardlink" else waits_on(folder / "lock"))
    holding.communicate(b"\n", timeout=30)
    assert waiting.communicate(timeout=30) == (b"in\n", b"")
    assert (holding.returncode, waiting.returncode) == (0, 0)
    # Portage's lock file stays.
    assert left_in(folder) in ([], ["lock"])


@pytest.mark.parametrize("value", HUGE)
def test_grace_of_any_length_can_begin(swlock, folder, value):
    words = ["run", "--max-runtime", "50ms", "--kill-after", value, "lock", "--", "sleep", "60"]
    assert survives(swlock.run(*words)).returncode == 124


def test_lifetime_that_ends_with_the_last_nanosecond_leaves_nothing(swlock, folder):
    for tenths in range(-20, 41, 3):
        left = 2**63 - 1 - time.time_ns() + tenths * 10**8
        lifetime = f"{left // 10**9}.{left % 10**9:09}"
        words = ["run", "-m", "hardlink", "-n", "--lifetime", lifetime, "lock", "--", "true"]
        assert survives(swlock.run(*words)).returncode == 0
        assert os.listdir(folder) == []


@pytest.mark.parametrize("lifetime", HUGE)
def test_lock_that_lives_for_centuries_can_be_looked_at_and_released(swlock, folder, lifetime):
    assert swlock.run("acquire", "-m", "hardlink", "--lifetime", lifetime, "lock").returncode == 0
    report = json.loads(swlock.run("status", "--json", "lock").stdout)
    assert (report["state"], report["held"]) == ("ours", True)
    assert report["holder"]["expiry"] >= time.time() + LONGEST - 86400
    assert survives(swlock.run("refresh", *HASTE, "--lifetime", lifetime, "lock")).returncode == 0
    assert survives(swlock.run("release", *HASTE, "lock")).returncode == 0
    assert os.listdir(folder) == []


@pytest.mark.parametrize("settle", ["86000d", "106751d", "300000d"])
def test_break_that_waits_for_centuries_can_be_ended_and_made_good(swlock, folder, settle):
    """In the middle of the protocol, with its right linked."""
    forge(folder / "lock", os.getpid(), "123")
    waiting = swlock.start("break", "--force", "--settle", settle, "lock")
    retiring = folder / ".lock.swlock-retire-123"
    wait_until(lambda: retiring.exists() or waiting.poll() is not None)
    # Nothing tells that it goes on to wait.
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(timeout=0.3)
    waiting.terminate()
    waiting.communicate(timeout=10)
    assert waiting.returncode == -signal.SIGTERM
    # Whatever the broken-off break has made of it, it is held.
    assert swlock.run("status", "-q", "lock").returncode == 0
    assert survives(swlock.run("break", "--force", *HASTE, "lock")).returncode == 0
    survives(swlock.run("cleanup", *HASTE, "."))
    assert os.listdir(folder) == []


def test_watch_of_any_length_can_begin(folder):
    tool = Swlock(folder)
    for interval in HUGE:
        process = tool.start("status", f"--watch={interval}", "lock")
        assert process.stdout.readline() == b"lock  free (no such file)\n"
        process.terminate()
        process.communicate(timeout=10)
        assert process.returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize("name", ["-w", "--timeout"])
@pytest.mark.parametrize("value", ["1e300", "-1e300", "9" * 30, "nan", "inf", "0x1p62", "1e-300"])
def test_timeouts_of_flock_do_not_trap(swlock, folder, name, value):
    survives(swlock.run("as", "flock", name, value, "lock", "true"))
