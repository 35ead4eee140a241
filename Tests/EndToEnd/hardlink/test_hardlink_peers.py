"""swlock's `hardlink` mode and the programs whose locks it shares, both ways: flufl.lock, portage."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import pytest

from conftest import SWLOCK
from hardlink_world import (
    BUSY,
    NOT_HELD,
    PID_IN_USE_AGAIN,
    PORTAGE_CLEANUP,
    SETTLE,
    Flufl,
    Portage,
    dead_pid,
    forge,
    holder,
    in_a_container,
    kill_all,
    needs_namespaces,
    on_another_host,
    owner,
    set_expiry,
    under,
)
from observing import PATIENCE, nothing_left, wait_until  # noqa: F401
from sections import (
    INCREMENT,
    Storm,
    begin,
    count_in_loops,
    finish,
    hold,
    is_inside,
    wait_until_inside,
)

KINDS = {"flufl": Flufl, "portage": Portage}
PAIRS = [
    (style, first, second)
    for style in KINDS
    for first, second in (("swlock", "swlock"), ("swlock", style), (style, "swlock"))
]
MIXED = [(style, *pair) for style in KINDS for pair in (("swlock", style), (style, "swlock"))]

pytestmark = pytest.mark.timeout(2 * PATIENCE)

each_pair = pytest.mark.parametrize("style, first, second", PAIRS)
each_mixed_pair = pytest.mark.parametrize("style, first, second", MIXED)
each_style = pytest.mark.parametrize("style", KINDS)


@pytest.fixture(scope="module", autouse=True)
def old_claims():
    """Of flufl.lock: each is respected for 15 s, some of which the tests before the last one take.

    Yields their folder, and a container where the number of a dead owner will be in use again.
    """
    with tempfile.TemporaryDirectory(prefix="swlock-test-") as place:
        place = pathlib.Path(place)
        elsewhere = {"host": "elsewhere.example"}
        forge(place / "old", dead_pid(), "1", expires_in=-3600, **elsewhere)
        forge(place / "fresh", dead_pid(), "2", expires_in=3600, **elsewhere)
        forge(place / "alive", os.getpid(), "3", expires_in=-3600)
        words = in_a_container([sys.executable, "-c", PID_IN_USE_AGAIN, SWLOCK, "flufl"])
        process = subprocess.Popen(words, cwd=place, stdout=subprocess.PIPE, text=True)
        yield place, process
        kill_all(process)
        process.stdout.close()


def refused(swlock, prefix):
    """Whether a command line that does not wait finds the lock busy."""
    outcome = subprocess.run(
        [*prefix, "touch", "ran"], cwd=swlock.folder, capture_output=True, timeout=PATIENCE
    )
    marker = swlock.folder / "ran"
    assert marker.exists() == (outcome.returncode == 0) == (outcome.returncode != BUSY), outcome
    marker.unlink(missing_ok=True)
    return outcome.returncode == BUSY


def gone(swlock, process):
    """Kills all of a holder or waiter, without its having a chance to tidy up."""
    kill_all(process)
    swlock.processes.remove(process)
    for pipe in process.stdin, process.stdout, process.stderr:
        pipe.close()


def ended(process):
    """The status of a holder whose command is told to end; what it says does not matter."""
    process.communicate(timeout=PATIENCE)
    return process.returncode


# Holding, waiting, releasing


@each_pair
def test_held_lock_is_busy_for_whoever_does_not_wait(swlock, folder, style, first, second):
    world = KINDS[style](folder)
    process = hold(swlock, world.run(first))
    assert refused(swlock, world.run(second, block=False))
    assert refused(swlock, world.run(second, block=False))
    finish(process)
    assert not refused(swlock, world.run(second, block=False))
    assert world.left() == []


@each_pair
def test_waiter_gets_in_when_the_holder_releases(swlock, folder, style, first, second):
    world = KINDS[style](folder)
    holding = hold(swlock, world.run(first))
    waiting = begin(swlock, world.run(second))
    wait_until(lambda: world.waits(waiting), "the second waits")
    assert not is_inside(waiting)
    finish(holding)
    wait_until_inside(waiting)
    assert refused(swlock, world.run(first, block=False))
    finish(waiting)
    assert world.left() == []


@pytest.mark.parametrize("unlinks", [True, False], ids=["unlink", "keep"])
@pytest.mark.parametrize("program", ["swlock", "portage"])
def test_portage_lock_file_stays_only_where_it_shall(swlock, folder, program, unlinks):
    world = Portage(folder)
    for other in ("portage", "swlock"):
        finish(hold(swlock, world.run(program, unlink=unlinks)))
        assert world.left() == ([] if unlinks else ["lock"])
        assert not refused(swlock, world.run(other, block=False, unlink=unlinks))
        assert world.left() == ([] if unlinks else ["lock"])


@each_style
def test_no_increment_is_lost_between_swlock_and_its_peer(swlock, folder, style):
    world = KINDS[style](folder)
    either = ["sh", "-c", 'n=$(($$ % 2)); [ $n = 0 ] && exec sh -c "$1" || exec sh -c "$2"', "sh"]
    both = [" ".join(f"'{word}'" for word in world.run(name)) for name in ("swlock", style)]
    command = " '" + "' '".join(INCREMENT) + "'"
    number, _ = count_in_loops(folder, 6, 4, [*either, *(prefix + command for prefix in both)])
    assert number == "24"
    assert world.left() == []


# Deaths


@each_pair
def test_lock_of_a_killed_holder_is_found_dead_by_swlock(swlock, folder, style, first, second):
    """The others wait: flufl.lock for the end of the lifetime and 10 s, portage for ever."""
    world = KINDS[style](folder)
    holding = hold(swlock, world.run(first))
    waiting = begin(swlock, world.run(second))
    wait_until(lambda: world.waits(waiting), "the second waits")
    gone(swlock, holding)
    if second == "swlock":
        wait_until_inside(waiting)
    else:
        assert not is_inside(waiting)
        assert swlock.run("break", *SETTLE, "--style", style, "lock").returncode == 0
        wait_until_inside(waiting)
    finish(waiting)
    swlock.run("cleanup", *SETTLE, "--style", style, "lock")
    assert world.left() == []


@each_pair
def test_killed_waiter_does_not_disturb_the_others(swlock, folder, style, first, second):
    world = KINDS[style](folder)
    holding = hold(swlock, world.run(first))
    waiting = begin(swlock, world.run(second))
    wait_until(lambda: world.waits(waiting), "the second waits")
    gone(swlock, waiting)
    assert refused(swlock, world.run("swlock", block=False))
    finish(holding)
    assert not refused(swlock, world.run(first, block=False))
    swlock.run("cleanup", *SETTLE, "--style", style, "lock")
    assert world.left() == []


# Lifetimes


@needs_namespaces
@pytest.mark.parametrize("first", ["swlock", "flufl"])
@pytest.mark.parametrize("second", ["swlock", "flufl"])
def test_expired_lock_of_another_host_is_broken(swlock, folder, first, second):
    """By flufl.lock when 10 s have passed as well; by swlock as its options say. But swlock by itself
    breaks none of flufl.lock's, of which it cannot know whether they are still relied on."""
    world = Flufl(folder)
    # Lifetimes in whole seconds, since flufl.lock has no others.
    holding = hold(swlock, on_another_host(world.run(first, lifetime=1)))
    assert holder(folder / "lock").host == "elsewhere"
    assert refused(swlock, world.run("swlock", block=False))
    kill_all(holding)
    waiting = begin(swlock, world.run(second))
    wait_until(lambda: world.waits(waiting), "the second waits")
    if second == "flufl":
        assert not is_inside(waiting)
        set_expiry(folder / "lock", -11)
    elif first == "flufl":
        set_expiry(folder / "lock", -86400)
        assert not is_inside(waiting, 0.5)
        assert swlock.run("break", *SETTLE, "--force", "lock").returncode == 0
    wait_until_inside(waiting)
    finish(waiting)
    gone(swlock, holding)
    swlock.run("cleanup", *SETTLE, "lock")
    assert world.left() == []


def test_lock_of_a_live_flufl_process_is_not_broken_by_swlock_when_it_expires(swlock, folder):
    world = Flufl(folder)
    holding = hold(swlock, world.run("flufl"))
    for seconds in (-1, -11, -75, -3600, -86400, 3600):
        set_expiry(folder / "lock", seconds)
        assert refused(swlock, world.run("swlock", block=False))
        assert swlock.run("break", *SETTLE, "lock").returncode == BUSY
    finish(holding)
    assert world.is_free()


def test_swlock_learns_that_flufl_broke_its_lock(swlock, folder):
    """As flufl.lock does at an expired lock, however live: the clock of its host is ahead."""
    world = Flufl(folder)
    holding = hold(swlock, world.run("swlock"))
    set_expiry(folder / "lock", -11)
    waiting = hold(swlock, world.run("flufl"))
    assert ended(holding) == NOT_HELD
    assert refused(swlock, world.run("swlock", block=False))
    finish(waiting)
    assert world.left() == []


# Breaking


@each_mixed_pair
def test_live_lock_of_either_is_broken_by_force_only(swlock, folder, style, first, second):
    world = KINDS[style](folder)
    options = [*SETTLE, "--style", style]
    holding = hold(swlock, world.run(first))
    assert swlock.run("break", *options, "lock").returncode == BUSY
    assert refused(swlock, world.run(second, block=False))
    outcome = swlock.run("break", "--force", *options, "lock")
    assert outcome.returncode == 0, outcome
    waiting = hold(swlock, world.run(second))
    assert refused(swlock, world.run("swlock", block=False))
    # A swlock holder may have noticed and ended its command already.
    assert ended(holding) == NOT_HELD
    assert refused(swlock, world.run("swlock", block=False))
    finish(waiting)
    swlock.run("cleanup", *options, "lock")
    assert world.left() == []


@pytest.mark.parametrize("first", ["swlock", "portage"])
def test_cleanup_by_portage_leaves_live_locks_unless_it_is_told_to(swlock, folder, first):
    world = Portage(folder)
    holding = hold(swlock, world.run(first))
    subprocess.run([sys.executable, "-c", PORTAGE_CLEANUP, folder], check=True)
    assert refused(swlock, world.run("swlock", block=False))
    subprocess.run([sys.executable, "-c", PORTAGE_CLEANUP, folder, "all"], check=True)
    assert not refused(swlock, world.run("swlock", block=False))
    assert ended(holding) == NOT_HELD
    assert world.is_free()


@each_style
def test_cleanup_by_swlock_leaves_live_locks_unless_it_is_told_to(swlock, folder, style):
    world = KINDS[style](folder)
    options = [*SETTLE, "--style", style]
    holding = hold(swlock, world.run(style))
    before = world.left()
    assert swlock.run("cleanup", *options, ".").returncode == 0
    assert world.left() == before
    outcome = swlock.run("cleanup", *options, "--all", "--force", ".")
    assert outcome.returncode == 0, outcome
    assert world.is_free() and world.left() == (["lock"] if style == "portage" else [])
    ended(holding)


@each_style
def test_cleanup_removes_what_dead_peers_left(swlock, folder, style):
    world = KINDS[style](folder)
    options = [*SETTLE, "--style", style]
    gone(swlock, hold(swlock, world.run(style)))
    left = world.left()
    assert left
    outcome = swlock.run("cleanup", "--dry-run", *options, ".")
    assert outcome.returncode == 0 and world.left() == left
    outcome = swlock.run("cleanup", *options, ".")
    assert outcome.returncode == 0 and world.left() == (["lock"] if style == "portage" else [])
    assert world.is_free()


# What flufl.lock sees of swlock

LOOK = """
import sys
from flufl.lock import Lock, NotLockedError
lock = Lock(sys.argv[1])
try:
    print(lock.state.name, *lock.details)
except NotLockedError:
    print(lock.state.name)
"""


def seen_by_flufl(path):
    words = [sys.executable, "-c", LOOK, str(path)]
    return subprocess.run(words, capture_output=True, check=True, text=True).stdout.split()


def test_flufl_reads_owner_and_state_of_a_lock_of_swlock(swlock, folder):
    path = folder / "lock"
    holding = hold(swlock, under(path=path))
    claim = holder(path)
    assert seen_by_flufl(path) == ["unknown", claim.host, str(claim.pid), str(path)]
    set_expiry(path, -1)
    assert seen_by_flufl(path)[0] == "theirs_expired"
    gone(swlock, holding)
    # Nobody may have reaped it yet.
    wait_until(lambda: seen_by_flufl(path)[0] == "stale", "it is dead")
    assert swlock.run("break", *SETTLE, "lock").returncode == 0
    assert seen_by_flufl(path) == ["unlocked"]


@pytest.mark.parametrize("tag", [None, "12345"], ids=["swlock", "flufl"])
@pytest.mark.parametrize("expires_in", [3600, -1])
@pytest.mark.parametrize("lives", [True, False])
def test_states_are_those_of_flufl(swlock, folder, tag, expires_in, lives):
    with owner(folder) as process:
        forge(folder / "lock", process.pid if lives else dead_pid(), tag, expires_in=expires_in)
        report = json.loads(swlock.run("status", "--json", "lock").stdout)
        assert [report["state"].replace("-", "_")] == seen_by_flufl(folder / "lock")[:1]


# Under load


class MixedStorm(Storm):
    """Every other section is under the lock of the other program."""

    def __init__(self, folder, *prefixes):
        super().__init__(folder, [], loops=6)
        self.prefixes = prefixes

    def _command(self, tag):
        return [*self.prefixes[tag % len(self.prefixes)], *super()._command(tag)]


@each_style
def test_no_sections_of_swlock_and_its_peer_overlap(folder, style):
    world = KINDS[style](folder / "area")
    storm = MixedStorm(folder, world.run("swlock"), world.run(style))
    storm.rage(1.5)
    assert storm.count("enter") > 4
    assert storm.count("overlap") == 0
    assert storm.statuses == {0}
    assert world.left() == []


# Claims of which nothing is known but their age. Last, since it may have to wait for that.


@needs_namespaces
def test_old_locks_of_flufl_are_ended_on_demand(
    swlock, old_claims
):
    place, container = old_claims
    changed = (place / "old").stat().st_ctime
    wait_until(lambda: time.time() > changed + 15.3, "it is old enough")
    for name, ends in (("old", True), ("fresh", False), ("alive", False)):
        for options in (["-n"], ["-w", "200ms"]):
            words = [*under(*options, path=name)[1:], "true"]
            assert swlock.run(*words, cwd=place).returncode == BUSY
        outcome = swlock.run("break", *SETTLE, name, cwd=place)
        assert outcome.returncode == (0 if ends else BUSY)
        assert (place / name).exists() != ends
    # In a pid namespace of its own nobody can tell whether the number is somebody's elsewhere.
    assert container.communicate(timeout=PATIENCE)[0].split() == [str(BUSY), str(BUSY)]
