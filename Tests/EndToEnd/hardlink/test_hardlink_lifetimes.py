"""The lifetime in force: what refresh, transfer and acquire --take give a lock, and whoever judges it sees."""

import os
import subprocess
import time

import pytest

from conftest import SWLOCK
from hardlink_world import (
    BUSY,
    SETTLE,
    UNSUPPORTED,
    forge,
    holder,
    left_in,
    needs_namespaces,
    on_another_host,
    owner,
    tag_of,
    under,
)
from observing import nothing_left, wait_until  # noqa: F401
from sections import finish, hold

NOBODY = ["--owner", "none"]


def act(folder, verb, *options, lock="lock"):
    words = [SWLOCK, verb, "-m", "hardlink", *options, lock]
    return subprocess.run(words, cwd=folder, capture_output=True, timeout=30)


def acquire(folder, lifetime, *options):
    outcome = act(folder, "acquire", "-n", "--lifetime", lifetime, *(options or NOBODY))
    assert outcome.returncode == 0, outcome


def breaks(folder, *prefix):
    words = [*prefix, SWLOCK, "break", "--settle", "100ms", "--clock-slop", "0", "lock"]
    return subprocess.run(words, cwd=folder, capture_output=True, timeout=30).returncode


def refresh(folder, *options):
    return act(folder, "refresh", *SETTLE, *NOBODY, *options)


def expiry(folder):
    """Whole seconds from now until the claim's end, as flufl.lock sees it."""
    return (folder / "lock").stat().st_mtime - time.time()


CHANGES = {
    "to another heir": ["transfer", "--to", "none", *NOBODY],
    "refreshed": ["refresh", *NOBODY],
    "taken": ["acquire", "--take", *NOBODY],
}
each_change = pytest.mark.parametrize("change", CHANGES)


@each_change
@pytest.mark.parametrize("before", ["0", "1h"])
def test_a_shorter_lifetime_is_kept(folder, change, before):
    acquire(folder, before)
    verb, *options = CHANGES[change]
    outcome = act(folder, verb, *options, "--lifetime", "1s")
    assert outcome.returncode == 0, outcome
    assert 0 < expiry(folder) <= 2
    wait_until(lambda: breaks(folder) == 0, "its lifetime has passed")
    assert left_in(folder) == []


@each_change
@pytest.mark.parametrize("lifetime", ["0", "1h"])
def test_a_longer_lifetime_is_kept(folder, change, lifetime):
    acquire(folder, "1s")
    verb, *options = CHANGES[change]
    assert act(folder, verb, *options, "--lifetime", lifetime).returncode == 0
    assert expiry(folder) > 3500
    # Nor does a refresh without the option, or a transfer, make it what it was.
    assert refresh(folder).returncode == 0
    assert expiry(folder) > 3500
    assert act(folder, "transfer", "--to", "none", *NOBODY).returncode == 0
    assert expiry(folder) > 3500
    changed = (folder / "lock").stat().st_ctime
    wait_until(lambda: time.time() > changed + 1.5, "the first lifetime has passed")
    assert breaks(folder) == BUSY
    assert act(folder, "release", *NOBODY).returncode == 0
    assert left_in(folder) == []


def test_a_transfer_keeps_the_lifetime_that_a_refresh_has_given(folder):
    acquire(folder, "1h")
    assert refresh(folder, "--lifetime", "1s").returncode == 0
    assert act(folder, "transfer", "--to", "none", *NOBODY).returncode == 0
    assert holder(folder / "lock").tag.split(".")[1] == "1000"
    wait_until(lambda: breaks(folder) == 0, "its lifetime has passed")


def test_a_lifetime_of_no_end_is_shown_as_such(folder):
    acquire(folder, "10s")
    assert refresh(folder, "--lifetime", "0").returncode == 0
    outcome = subprocess.run([SWLOCK, "status", "lock"], cwd=folder, capture_output=True)
    assert b"until it is released" in outcome.stdout, outcome


def test_a_read_of_the_claim_changes_nothing(folder):
    acquire(folder, "1h")
    assert refresh(folder, "--lifetime", "1s").returncode == 0
    for _ in range(3):
        (folder / "lock").read_bytes()
    wait_until(lambda: breaks(folder) == 0, "its lifetime has passed")


@pytest.mark.parametrize("late", [-86400 * 200, -3600, 0, 3600])
def test_no_other_time_stamps_are_taken_for_a_changed_lifetime(folder, late):
    """What a skewed clock, touch(1) or a reader leaves never shortens a lifetime, nor lengthens it."""
    claim = forge(folder / "lock", 1, tag_of(1, 3_600_000, start=1, booted="0123456789abcdef"))
    for access in (time.time(), time.time() + 86400 * 100, time.time() + 86400 * 100 + 2):
        os.utime(claim, (access, time.time() + late))
        assert breaks(folder) == BUSY
    short = forge(folder / "short", 1, tag_of(1, 1000, start=1, booted="0123456789abcdef"))
    os.utime(short, (time.time(), time.time() - 86400 * 200))
    words = [SWLOCK, "break", "--settle", "0", "--clock-slop", "0", "short"]
    wait_until(lambda: subprocess.call(words, cwd=folder, stderr=subprocess.DEVNULL) == 0, "expired")


@needs_namespaces
def test_other_hosts_judge_by_it_as_well(folder):
    acquire(folder, "1s")
    assert refresh(folder, "--lifetime", "1h").returncode == 0
    changed = (folder / "lock").stat().st_ctime
    wait_until(lambda: time.time() > changed + 1.5, "the first lifetime has passed")
    assert breaks(folder, *on_another_host([])) == BUSY
    assert refresh(folder, "--lifetime", "1s").returncode == 0
    wait_until(lambda: breaks(folder, *on_another_host([])) == 0, "the last one has passed")


def test_a_holder_takes_over_a_longer_lifetime_and_none_that_is_shorter(swlock, folder):
    holding = hold(swlock, under("--lifetime", "1s"))
    pid = str(holder(folder / "lock").pid)
    assert act(folder, "refresh", "--owner", pid, "--lifetime", "1h").returncode == 0
    changed = (folder / "lock").stat().st_ctime
    wait_until(lambda: (folder / "lock").stat().st_ctime > changed, "it has refreshed it")
    assert expiry(folder) > 3500
    outcome = act(folder, "refresh", "--owner", pid, "--lifetime", "10s")
    assert outcome.returncode == UNSUPPORTED and b"relies on" in outcome.stderr, outcome
    finish(holding)
    assert left_in(folder) == []


def test_a_late_refresh_beside_another_program_keeps_the_lock_through_the_wait(folder):
    """The settle wait is longer than the lifetime."""
    with owner(folder) as process:
        (folder / "owner").unlink()
        claim = forge(folder / "lock", process.pid, tag_of(process.pid, 1000), expires_in=-5)
        forge(folder / "lock", process.pid, "12345", held=False)
        outcome = act(folder, "refresh", "--owner", str(process.pid), "--settle", "2500ms")
        assert outcome.returncode == 0, outcome
        assert claim.stat().st_mtime > time.time() - 0.5
