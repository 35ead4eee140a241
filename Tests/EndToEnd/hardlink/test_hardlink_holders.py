"""acquire, release, refresh, transfer, status, break, cleanup: locks without a process of swlock's."""

import json
import os
import signal
import subprocess
import time

import pytest

from conftest import SWLOCK
from hardlink_world import (
    BUSY,
    NOT_A_LOCK,
    NOT_HELD,
    QUICK,
    SETTLE,
    UNSUPPORTED,
    USAGE,
    Flufl,
    claims,
    dead_pid,
    forge,
    holder,
    kill_all,
    left_in,
    owner,
    set_expiry,
    tag_of,
    under,
    watches,
)
from observing import PATIENCE, descendants_of, has_failed, nothing_left, wait_until  # noqa: F401
from sections import begin, finish, hold, is_inside, wait_until_inside

STYLES = {"flufl": [], "portage": ["--style", "portage", "--unlink"]}
every_style = pytest.mark.parametrize("style", STYLES.values(), ids=STYLES.keys())


def acquire(swlock, *options, path="lock"):
    return swlock.run("acquire", "-m", "hardlink", *QUICK, *options, path)


def act(swlock, verb, *options, path="lock"):
    """release, refresh or transfer."""
    return swlock.run(verb, "-m", "hardlink", *SETTLE, *options, path)


def status(swlock, *options, path="lock"):
    """What status --json says; it changes nothing."""
    before = left_in(swlock.folder)
    outcome = swlock.run("status", "--json", *options, path)
    assert outcome.returncode == 0 and outcome.stderr == b"", outcome
    assert left_in(swlock.folder) == before
    return json.loads(outcome.stdout)


def is_busy(swlock, *options):
    words = [*under("-n", *options), "true"]
    outcome = subprocess.run(words, cwd=swlock.folder, capture_output=True, timeout=PATIENCE)
    # That is what is asked.
    assert outcome.returncode in (0, BUSY), outcome
    return outcome.returncode == BUSY


# Owners


@every_style
def test_acquired_lock_is_held_until_its_owner_releases_it(swlock, folder, style):
    assert acquire(swlock, *style).returncode == 0
    assert is_busy(swlock, *style)
    assert has_failed(acquire(swlock, "-n", *style), BUSY)
    assert act(swlock, "release", *style[:2]).returncode == 0
    assert not is_busy(swlock, *style)
    assert has_failed(act(swlock, "release", *style[:2]), NOT_HELD)


def test_claim_names_the_caller_or_the_given_owner(swlock, folder):
    assert acquire(swlock).returncode == 0
    assert holder(folder / "lock").pid == os.getpid()
    assert act(swlock, "release").returncode == 0
    with owner(folder) as process:
        assert acquire(swlock, "--owner", str(process.pid)).returncode == 0
        assert holder(folder / "lock").pid == process.pid
        assert has_failed(act(swlock, "release"), NOT_HELD, str(process.pid).encode())
        assert is_busy(swlock)
        assert act(swlock, "release", "--owner", str(process.pid)).returncode == 0
    assert left_in(folder) == []


@every_style
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_lock_is_free_as_soon_as_its_owner_is_dead(swlock, folder, style, end):
    with owner(folder) as process:
        assert acquire(swlock, "--owner", str(process.pid), *style).returncode == 0
        waiting = begin(swlock, under(*style))
        assert not is_inside(waiting, 0.1)
        process.send_signal(end)
        process.wait()
        wait_until_inside(waiting)
    finish(waiting)
    swlock.run("cleanup", *SETTLE, *style[:2], "lock")
    assert left_in(folder) == []


def test_script_holds_the_lock_until_it_ends(swlock, folder):
    script = '"$0" acquire -m hardlink lock || exit; echo in; read line'
    process = begin(swlock, ["sh", "-c", script, SWLOCK])
    assert process.stdout.readline() == b"in\n"
    assert holder(folder / "lock").pid == process.pid
    assert is_busy(swlock)
    process.communicate(timeout=PATIENCE)
    assert not is_busy(swlock)


def test_lock_of_nobody_stays_until_it_is_released(swlock, folder):
    assert acquire(swlock, "--owner", "none", "--lifetime", "0").returncode == 0
    assert is_busy(swlock)
    before = left_in(folder)
    swlock.run("cleanup", *SETTLE, "lock")
    assert left_in(folder) == before
    assert act(swlock, "release", "--owner", "none").returncode == 0
    assert not is_busy(swlock)


def test_lock_of_portage_has_one_owner_and_no_lifetime(swlock, folder):
    portage = STYLES["portage"]
    assert has_failed(acquire(swlock, "--owner", "none", *portage), UNSUPPORTED)
    assert acquire(swlock, *portage).returncode == 0
    assert has_failed(act(swlock, "refresh", *portage[:2]), USAGE)
    assert has_failed(act(swlock, "transfer", "--to", str(os.getppid()), *portage[:2]), UNSUPPORTED)
    assert is_busy(swlock, *portage)
    assert act(swlock, "release", *portage[:2]).returncode == 0


def test_lock_of_nobody_ends_after_its_lifetime(swlock, folder):
    assert acquire(swlock, "--owner", "none", "--lifetime", "1s").returncode == 0
    assert is_busy(swlock)
    assert hold_for_a_moment(swlock) >= 0
    assert has_failed(act(swlock, "release", "--owner", "none"), NOT_HELD)


def hold_for_a_moment(swlock):
    """Waits for the lock, and returns how long that took."""
    start = time.monotonic()
    finish(hold(swlock, under()))
    return time.monotonic() - start


def test_owner_that_does_not_exist_is_refused(swlock, folder):
    assert acquire(swlock, "--owner", str(dead_pid())).returncode == 71
    assert left_in(folder) == []


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])
def test_signalled_acquire_leaves_nothing_behind(swlock, folder, name):
    holding = hold(swlock, under())
    before = left_in(folder)
    process = swlock.start("acquire", "-m", "hardlink", "lock")
    wait_until(lambda: watches(process), "it waits")
    number = getattr(signal, "SIG" + name)
    process.send_signal(number)
    assert process.wait(10) == 128 + number
    assert left_in(folder) == before
    finish(holding)


# Lifetimes


def test_refresh_begins_the_lifetime_anew(swlock, folder):
    assert acquire(swlock, "--lifetime", "10s").returncode == 0
    set_expiry(folder / "lock", -5)
    assert act(swlock, "refresh", "--lifetime", "30s").returncode == 0
    assert 25 < (folder / "lock").stat().st_mtime - time.time() < 32
    assert len(claims(folder)) == 1
    assert act(swlock, "release").returncode == 0
    assert left_in(folder) == []


@pytest.mark.parametrize("verb", [["refresh"], ["release"], ["transfer", "--to", "none"]])
def test_what_was_lost_is_reported_and_left_to_its_new_owner(swlock, folder, verb):
    with owner(folder) as process:
        assert acquire(swlock, "--owner", str(process.pid)).returncode == 0
        assert swlock.run("break", "--force", *SETTLE, "lock").returncode == 0
        assert has_failed(act(swlock, *verb, "--owner", str(process.pid)), NOT_HELD)
        assert left_in(folder) == []
        holding = hold(swlock, under())
        assert has_failed(act(swlock, *verb, "--owner", str(process.pid)), NOT_HELD)
        assert is_busy(swlock)
    finish(holding)
    assert left_in(folder) == []


def test_transferred_lock_is_never_free_and_follows_its_new_owner(swlock, folder):
    with owner(folder) as heir:
        waiting = None
        with subprocess.Popen(["sleep", "60"], cwd=folder) as first:
            try:
                assert acquire(swlock, "--owner", str(first.pid)).returncode == 0
                waiting = begin(swlock, under())
                wait_until(lambda: watches(waiting), "it waits")
                words = ["--owner", str(first.pid), "--to", str(heir.pid)]
                assert act(swlock, "transfer", *words).returncode == 0
            finally:
                first.kill()
        assert not is_inside(waiting, 0.3)
        assert is_busy(swlock)
        assert holder(folder / "lock").pid == heir.pid
        assert first.pid not in [claim.pid for claim in claims(folder)]
        kill_all(heir)
        wait_until_inside(waiting)
    finish(waiting)
    swlock.run("cleanup", *SETTLE, "lock")
    assert left_in(folder) == []


def test_transferred_lock_can_be_taken_over_by_its_new_owner_only(swlock, folder):
    with owner(folder) as heir:
        assert acquire(swlock).returncode == 0
        assert act(swlock, "transfer", "--to", str(heir.pid)).returncode == 0
        assert has_failed(act(swlock, "release"), NOT_HELD)
        assert acquire(swlock, "--take", "-n").returncode != 0
        assert acquire(swlock, "--take", "-n", "--owner", str(heir.pid)).returncode == 0
        assert act(swlock, "release", "--owner", str(heir.pid)).returncode == 0
    assert left_in(folder) == []


# Looking


def test_status_tells_free_held_and_stale_apart(swlock, folder):
    def quiet():
        return swlock.run("status", "-q", "lock").returncode

    assert quiet() == 1
    assert status(swlock)["state"] == "unlocked"
    holding = hold(swlock, under())
    assert quiet() == 0
    waiting = begin(swlock, under())
    wait_until(lambda: len(claims(folder)) == 2, "the second waits")
    report = status(swlock)
    assert report["holder"]["pid"] == holder(folder / "lock").pid
    pids = [waiting.pid, *descendants_of(waiting.pid)]
    assert [claim["pid"] in pids for claim in report["waiters"]] == [True]
    waiting.send_signal(signal.SIGTERM)
    waiting.communicate(timeout=PATIENCE)
    kill_all(holding)
    assert quiet() == 1
    assert status(swlock)["state"] == "stale"
    assert swlock.run("break", *SETTLE, "lock").returncode == 0
    assert quiet() == 1


# Cleaning up


def test_cleanup_of_a_folder_leaves_what_is_live_or_strange(swlock, folder):
    strangers = ["file", "lock.txt", ".lock.swlock", ".lock.swlock-retire", "a|b", "a|b|c|d", ".x"]
    for name in strangers:
        (folder / name).write_text("mine")
    holding = hold(swlock, under(path="live"))
    dead = dead_pid()
    for path in ("one", "two"):
        forge(folder / path, dead)
    forge(folder / "three", dead, held=False)
    forge(folder / "three", dead, "12345", held=False)
    assert len(os.listdir(folder)) == len(strangers) + 2 + 6
    foretold = swlock.run("cleanup", "--dry-run", *SETTLE, ".").stdout
    assert len(os.listdir(folder)) == len(strangers) + 2 + 6
    outcome = swlock.run("cleanup", *SETTLE, ".")
    assert outcome.returncode == 0, outcome
    foretold = foretold.replace(b"would remove", b"removed").replace(b"would be ", b"")
    assert outcome.stdout == foretold.replace(b"removedd", b"removed")
    names = sorted(os.listdir(folder))
    assert [name for name in names if not name.startswith("live")] == sorted(strangers)
    finish(holding)
    assert sorted(os.listdir(folder)) == sorted(strangers)


def test_cleanup_of_one_lock_leaves_the_others(swlock, folder):
    dead = dead_pid()
    for name in ("lock", "lock2", "other"):
        forge(folder / name, dead)
    assert swlock.run("cleanup", *SETTLE, "lock").returncode == 0
    assert sorted({name.split("|")[0] for name in os.listdir(folder)}) == ["lock2", "other"]


def test_cleanup_spares_the_claims_of_live_waiters(swlock, folder):
    holding = hold(swlock, under())
    waiting = begin(swlock, Flufl(folder).run("flufl"))
    wait_until(lambda: len(claims(folder)) == 2, "it has made its claim")
    before = left_in(folder)
    assert swlock.run("cleanup", *SETTLE, ".").returncode == 0
    assert left_in(folder) == before
    finish(holding)
    wait_until_inside(waiting)
    finish(waiting)
    assert left_in(folder) == []


def test_cleanup_of_all_needs_force_where_nobody_can_be_asked(swlock, folder):
    holding = hold(swlock, under())
    assert has_failed(swlock.run("cleanup", "--all", "."), USAGE)
    assert is_busy(swlock)
    assert swlock.run("cleanup", "--all", "--force", *SETTLE, ".").returncode == 0
    assert not is_busy(swlock)
    holding.communicate(timeout=PATIENCE)
    assert holding.returncode == NOT_HELD
    assert left_in(folder) == []


def test_break_of_a_free_lock_does_nothing(swlock, folder):
    outcome = swlock.run("break", "lock")
    assert outcome.returncode == 66
    assert os.listdir(folder) == []


@pytest.mark.parametrize("verb", ["release", "refresh"])
def test_lock_of_another_kind_is_not_ours(swlock, folder, verb):
    (folder / "lock").write_text("data")
    assert has_failed(act(swlock, verb), NOT_A_LOCK)
    assert (folder / "lock").read_text() == "data"


def test_claim_of_the_wrong_process_is_not_released_by_number_alone(swlock, folder):
    """The pid is the caller's, but an earlier process had it."""
    claim = forge(folder / "lock", os.getpid(), tag_of(os.getpid(), start=1))
    assert has_failed(act(swlock, "release"), NOT_HELD)
    assert claim.exists()
