"""Crowds that wait in order, share slots or replace each other, while some of them are killed.

SWLOCK_STORM_SECONDS is how long each storm lasts; SWLOCK_CROWD is how many take part where that is counted.
"""

import os
import signal
import time

import pytest

from conftest import SWLOCK, needs_root, needs_tool
from crowds import Bursts, SlotStorm, Triggers, careless, has_ticket
from observing import (
    PATIENCE,
    appears,
    children_of,
    held,
    is_alive,
    is_held,
    is_stopped,
    locks_on,
    nothing_left,  # noqa: F401
    times_asleep,
    wait_until,
)

SECONDS = float(os.environ.get("SWLOCK_STORM_SECONDS", "5"))
CROWD = int(os.environ.get("SWLOCK_CROWD", "100"))
MIXED = [5, 5, 5, 2, 2, 2, 3, 3]


def slots_of(swlock, *options):
    def prefix(count, waits):
        words = [] if waits else ["-n", "-q"]
        return [swlock.binary, "run", *options, *words, "--slots", str(count), "lock", "--"]

    return prefix


# --slots


@pytest.mark.parametrize("mode", ["ofd", "posix"])
def test_no_slot_is_had_twice_while_anybody_is_killed(swlock, folder, mode):
    storm = SlotStorm(folder, slots_of(swlock, "-m", mode), [4] * 24)
    storm.rage(SECONDS, kills=60)
    assert storm.kills > 0 and storm.said("enter") > 4
    assert storm.said("twice") == storm.said("over") == 0
    # Killed, or the command was.
    assert storm.statuses <= {0, -9, 137}, storm.errors.read_text()
    assert storm.is_whole()
    if mode == "ofd":
        assert storm.longest_free < 0.95


def test_nobody_enters_over_a_number_of_its_own(swlock, folder):
    storm = SlotStorm(folder, slots_of(swlock), MIXED)
    storm.rage(SECONDS, kills=30)
    assert storm.kills > 0 and storm.said("enter") > 5
    assert storm.said("twice") == storm.said("over") == 0
    assert storm.statuses <= {0, 75, -9, 137}, storm.errors.read_text()
    assert storm.is_whole()


def test_storm_sees_that_nobody_counts(folder):
    storm = SlotStorm(folder, careless("no count"), MIXED)
    storm.rage(PATIENCE, until="over")
    assert storm.said("over") > 0


def test_storm_sees_that_a_command_has_no_slot(folder):
    storm = SlotStorm(folder, careless("not inherited"), [4] * 8, stay=0.3)
    storm.rage(PATIENCE, kills=8, until="twice")
    assert storm.said("twice") > 0


# --queue


def entering(swlock, name, *options):
    """Writes its name into `order` once it has the lock."""
    words = [swlock.binary, "run", *options, "lock", "--", "sh", "-c", f"echo {name} >>order"]
    return swlock.begin(words, stdout=None, stderr=None)


def test_no_newcomer_overtakes(swlock, folder):
    with held(folder / "lock") as descriptor:
        waiting = []
        for number in range(CROWD):
            waiting.append(entering(swlock, number, "--queue"))
            wait_until(lambda: has_ticket(descriptor, number))  # noqa: B023
        newcomers = [entering(swlock, "late", "--queue") for _ in range(CROWD // 2)]
    newcomers += [entering(swlock, "late", "--queue") for _ in range(CROWD // 2)]
    for process in waiting + newcomers:
        assert process.wait(PATIENCE + CROWD / 10) == 0
    order = (folder / "order").read_text().split()
    assert order[:CROWD] == [str(number) for number in range(CROWD)]
    assert order[CROWD:] == ["late"] * len(newcomers)


@pytest.mark.parametrize("options", [[], ["--progress"], ["-w", "1h"]], ids=["plain", "progress", "timeout"])
def test_no_long_wait_is_overtaken(swlock, folder, options):
    """After a second there is a look at each whether it can end."""
    with held(folder / "lock"):
        waiting = []
        for number in range(40):
            words = [swlock.binary, "run", *options, "lock", "--", "sh", "-c", f"echo {number} >>order"]
            waiting.append(swlock.begin(words, stdout=None, stderr=None))
            wait_until(lambda: len([w for w in locks_on(folder / "lock") if w[1] == "->"]) > number)  # noqa: B023
        begun = time.monotonic()
        wait_until(lambda: time.monotonic() > begun + 3)
    for process in waiting:
        assert process.wait(PATIENCE) == 0
    assert (folder / "order").read_text().split() == [str(number) for number in range(40)]


def test_the_end_of_who_looks_does_not_cost_the_place(swlock, folder):
    """Who waits for long has a process that looks, which ends when there is nothing more to see."""
    first = staying(swlock)
    waiters = []
    for name in range(3):
        waiters.append(entering(swlock, name))
        wait_until(lambda: len([w for w in locks_on(folder / "lock") if w[1] == "->"]) > name)  # noqa: B023
    companions = [wait_until(lambda: children_of(process.pid))[0] for process in waiters]  # noqa: B023
    before = [times_asleep(process.pid) for process in waiters]
    for pid in companions:
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(pid))  # noqa: B023
    assert [times_asleep(process.pid) for process in waiters] == before
    first.terminate()
    assert [process.wait(PATIENCE) for process in waiters] == [0] * 3
    assert (folder / "order").read_text().split() == ["0", "1", "2"]


@pytest.mark.parametrize("bound", [1, 3])
def test_after_each_covered_trigger_a_run_begins(swlock, folder, bound):
    triggers = Triggers(folder, [swlock.binary, "run", f"--queue={bound}", "-q", "-E", "0", "lock", "--"])
    triggers.pull(50 * CROWD, SECONDS)
    assert triggers.most_waiting == bound
    assert triggers.statuses == {0}
    runs, covered, in_vain = triggers.outcome()
    assert runs > 1 and covered > 1 and in_vain == 0


def test_triggers_see_that_no_run_begins(swlock, folder):
    """Where nobody waits, who is told that the lock is held has come too late for that run."""
    triggers = Triggers(folder, [swlock.binary, "run", "-n", "-q", "-E", "0", "lock", "--"])

    def is_seen():
        triggers.pull(20, 1)
        return triggers.outcome()[2]

    wait_until(is_seen)


# --replace


@pytest.mark.parametrize(
    ("manner", "statuses"),
    [("end", {0, -15, 143}), ("answer", {0, -15, 143, 7}), ("ignore", {0, -15, 143, -9, 137})],
)
def test_the_last_of_a_burst_runs_to_its_end(swlock, folder, manner, statuses):
    words = ["--replace", "--kill-after", "0.1" if manner == "ignore" else "1m"]
    bursts = Bursts(folder, [swlock.binary, "run", *words, "lock", "--"], manner)
    end = time.monotonic() + SECONDS
    number = 0
    while number == 0 or time.monotonic() < end:
        assert bursts.burst(number) == (["enter", "leave"], 0)
        assert bursts.said("overlap") == 0
        number += 1
    assert bursts.statuses <= statuses
    assert bursts.replaced > 0
    assert locks_on(folder / "lock") == []


def test_bursts_see_that_nobody_is_excluded(folder):
    bursts = Bursts(folder, ["env"], "end")

    def is_seen():
        bursts.burst(0)
        return bursts.said("overlap")

    wait_until(is_seen)


def staying(swlock, *options, script="echo >in; exec sleep 1000"):
    process = swlock.start("run", *options, "lock", "--", "sh", "-c", script)
    appears(swlock.folder / "in")
    return process


def waiting(swlock, folder, number=0, *options):
    process = swlock.start("run", *(options or ["--queue"]), "lock", "true")
    with open(folder / "lock", "r+b") as file:
        wait_until(lambda: has_ticket(file.fileno(), number))
    return process


ANSWER = "trap 'exit 7' TERM; echo >in; while :; do sleep 0.01; done"


@pytest.mark.parametrize(("script", "status"), [("echo >in; exec sleep 1000", 143), (ANSWER, 7)])
def test_who_is_replaced_has_the_status_of_the_command(swlock, folder, script, status):
    first = staying(swlock, script=script)
    assert swlock.run("run", "--replace", "lock", "echo", "in").stdout == b"in\n"
    assert first.wait(PATIENCE) == status


def test_all_that_wait_are_replaced_and_others_are_not(swlock, folder):
    first = staying(swlock)
    plain = swlock.start("run", "lock", "true")
    wait_until(lambda: len([w for w in locks_on(folder / "lock") if w[1] == "->"]) == 1)
    replaced = [waiting(swlock, folder, number) for number in range(3)]
    newest = swlock.start("run", "--replace=waiting", "lock", "true")
    assert [process.wait(PATIENCE) for process in replaced] == [143] * 3
    assert first.poll() is None and plain.poll() is None
    first.terminate()
    assert (plain.wait(PATIENCE), newest.wait(PATIENCE)) == (0, 0)
    assert first.wait(PATIENCE) == 143


def test_a_stopped_waiter_and_a_stopped_holder_are_replaced(swlock, folder):
    first = staying(swlock)
    second = waiting(swlock, folder)
    for process in (first, second):
        os.kill(process.pid, signal.SIGSTOP)
        wait_until(lambda: is_stopped(process.pid))  # noqa: B023
    assert swlock.run("run", "--replace", "lock", "true").returncode == 0
    assert (first.wait(PATIENCE), second.wait(PATIENCE)) == (143, 143)


def test_a_holder_that_ignores_it_is_killed_with_its_command(swlock, folder):
    first = staying(swlock, script="trap '' TERM; echo >in; while :; do sleep 0.01; done")
    assert swlock.run("run", "--replace", "--kill-after", "0.1", "lock", "true").returncode == 0
    assert first.wait(PATIENCE) == -9


def test_a_command_whose_wrapper_was_killed_is_ended(swlock, folder):
    first = staying(swlock)
    (command,) = children_of(first.pid)
    first.kill()
    first.wait(PATIENCE)
    assert is_held(folder / "lock")
    assert swlock.run("run", "--replace", "lock", "true").returncode == 0
    wait_until(lambda: not is_alive(command))


def test_the_script_is_ended_that_has_a_lock_kept(swlock, folder):
    script = '"$S" acquire lock && echo >in; sleep 1000; :'
    process = swlock.begin(["sh", "-c", script], start_new_session=True)
    appears(folder / "in")
    try:
        assert swlock.run("run", "--replace", "lock", "true").returncode == 0
        assert process.wait(PATIENCE) == -signal.SIGTERM
    finally:
        os.killpg(process.pid, signal.SIGKILL)


def test_a_lock_that_is_kept_for_nobody_stays(swlock, folder):
    assert swlock.run("acquire", "--owner", "none", "lock").returncode == 0
    try:
        result = swlock.run("run", "--replace", "lock", "true")
        assert result.returncode == 75 and b"for nobody" in result.stderr
        assert is_held(folder / "lock")
    finally:
        assert swlock.run("release", "--any", "lock").returncode == 0


def test_whoever_has_called_is_not_replaced(swlock, folder):
    """Nor is anybody else, then."""
    (folder / "go").touch()
    script = 'echo >in; while [ -e go ]; do sleep 0.01; done; "$S" run --replace lock true; echo $? >status'
    first = staying(swlock, script=script)
    second = waiting(swlock, folder)
    (folder / "go").unlink()
    assert appears(folder / "status") == b"75\n"
    assert (first.wait(PATIENCE), second.wait(PATIENCE)) == (0, 0)


@needs_root
@needs_tool("setpriv")
@pytest.mark.parametrize("holds", [True, False], ids=["holder", "waiter"])
def test_another_users_command_replaces_nobody(swlock, folder, holds):
    """Not even whom it may."""
    folder.chmod(0o777)
    (folder / "lock").touch()
    (folder / "lock").chmod(0o666)
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    theirs = [*user, SWLOCK, "run"]
    own = [SWLOCK, "run"]
    command = ["lock", "--", "sh", "-c", "echo >in; exec sleep 1000"]
    first = swlock.begin([*(own if holds else theirs), *command])
    appears(folder / "in")
    second = swlock.begin([*(theirs if holds else own), "--queue", "lock", "true"])
    with open(folder / "lock", "r+b") as file:
        wait_until(lambda: has_ticket(file.fileno(), 0))
    result = swlock.begin([*theirs, "--replace", "lock", "true"])
    _, errors = result.communicate(timeout=PATIENCE)
    assert result.returncode == 77 and errors.count(b"\n") == 1, errors
    assert first.poll() is None and second.poll() is None
    first.terminate()
    assert second.wait(PATIENCE) == 0


@needs_root
@needs_tool("unshare")
def test_nobody_of_another_pid_namespace_is_replaced(swlock, folder):
    first = staying(swlock)
    second = waiting(swlock, folder)
    words = ["unshare", "--pid", "--fork", "--mount-proc", SWLOCK, "run", "--replace=waiting", "lock", "true"]
    result = swlock.begin(words)
    _, errors = result.communicate(timeout=PATIENCE)
    assert result.returncode == 75 and b"pid namespace" in errors
    assert first.poll() is None and second.poll() is None
    first.terminate()
    assert second.wait(PATIENCE) == 0
