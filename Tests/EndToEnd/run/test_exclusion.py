"""Who may be inside together, and who waits for whom."""

import os
import subprocess
import time

import pytest

from conftest import needs_tool
from observing import PATIENCE, wait_until, waiters
from sections import INCREMENT, begin, count_in_loops, finish, hold, is_inside, wait_until_inside

MODES = ["flock", "posix", "ofd"]
BUSY = 75
USAGE = 64
NOT_A_LOCK = 65

each_mode = pytest.mark.parametrize("mode", MODES)
each_range_mode = pytest.mark.parametrize("mode", ["posix", "ofd"])


def run(swlock, *options, path="lock"):
    """The prefix of a command under the lock."""
    return [swlock.binary, "run", *options, path, "--"]


def is_refused(swlock, *options, path="lock"):
    """Whether a lock is busy: its command must run if and only if it is not."""
    marker = swlock.folder / "ran"
    outcome = swlock.run("run", "-n", *options, path, "--", "touch", marker)
    # That is what is asked.
    assert outcome.returncode in (0, BUSY), outcome
    assert marker.exists() == (outcome.returncode == 0)
    marker.unlink(missing_ok=True)
    return outcome.returncode == BUSY


@each_mode
def test_two_hundred_processes_lose_no_increment(swlock, folder, mode):
    command = run(swlock, "-m", mode) + INCREMENT
    assert count_in_loops(folder, 200, 10, command) == ("2000", b"")


def test_the_counter_would_show_a_lost_increment(folder):
    number, _ = count_in_loops(folder, 40, 25, INCREMENT)
    assert number != "1000"


@each_mode
def test_second_holder_waits_until_the_first_exits(swlock, folder, mode):
    first = hold(swlock, run(swlock, "-m", mode))
    second = begin(swlock, run(swlock, "-m", mode))
    wait_until(lambda: len(waiters(folder / "lock")) == 1, "the second waits")
    assert not is_inside(second)
    finish(first)
    wait_until_inside(second)
    finish(second)


@each_mode
def test_every_waiter_gets_in_once_and_alone(swlock, folder, mode):
    first = hold(swlock, run(swlock, "-m", mode))
    others = [begin(swlock, run(swlock, "-m", mode)) for _ in range(4)]
    wait_until(lambda: len(waiters(folder / "lock")) == 4, "all wait")
    finish(first)
    while others:
        wait_until(lambda: any(map(is_inside, others)), "one of them gets in")
        wait_until(
            lambda: len(waiters(folder / "lock")) == len(others) - 1, "the others wait again"
        )
        (inside,) = filter(is_inside, others)
        wait_until_inside(inside)
        finish(inside)
        others.remove(inside)


@each_mode
def test_shared_holders_are_inside_together(swlock, mode):
    holders = [hold(swlock, run(swlock, "-m", mode, "-s")) for _ in range(3)]
    for holder in holders:
        finish(holder)


@each_mode
@pytest.mark.parametrize(
    "held, wanted, refused",
    [
        ("-x", "-x", True),
        ("-x", "-s", True),
        ("-s", "-x", True),
        ("-s", "-s", False),
    ],
)
def test_exclusive_is_alone_and_shared_is_not(swlock, mode, held, wanted, refused):
    first = hold(swlock, run(swlock, "-m", mode, held))
    assert is_refused(swlock, "-m", mode, wanted) == refused
    finish(first)
    assert not is_refused(swlock, "-m", mode, wanted)


@each_mode
def test_writer_gets_in_after_the_last_reader(swlock, folder, mode):
    readers = [hold(swlock, run(swlock, "-m", mode, "--shared")) for _ in range(2)]
    writer = begin(swlock, run(swlock, "-m", mode, "--exclusive"))
    wait_until(lambda: len(waiters(folder / "lock")) == 1, "the writer waits")
    finish(readers[0])
    wait_until(lambda: len(waiters(folder / "lock")) == 1, "the writer waits for the last reader")
    assert not is_inside(writer)
    finish(readers[1])
    wait_until_inside(writer)
    assert is_refused(swlock, "-m", mode, "-s")
    finish(writer)


@each_mode
def test_readers_get_in_together_after_the_writer(swlock, folder, mode):
    writer = hold(swlock, run(swlock, "-m", mode))
    readers = [begin(swlock, run(swlock, "-m", mode, "-s")) for _ in range(2)]
    wait_until(lambda: len(waiters(folder / "lock")) == 2, "both readers wait")
    finish(writer)
    for reader in readers:
        wait_until_inside(reader)
    for reader in readers:
        finish(reader)


@each_mode
def test_waiter_does_not_rely_on_a_removed_lock_file(swlock, folder, mode):
    first = hold(swlock, run(swlock, "-m", mode))
    second = begin(swlock, run(swlock, "-m", mode))
    wait_until(lambda: len(waiters(folder / "lock")) == 1, "the second waits")
    (folder / "lock").unlink()
    third = hold(swlock, run(swlock, "-m", mode))
    finish(first)
    wait_until(lambda: len(waiters(folder / "lock")) == 1, "the second waits for the new file")
    assert not is_inside(second)
    finish(third)
    wait_until_inside(second)
    assert is_refused(swlock, "-m", mode)
    finish(second)


@each_mode
def test_waiter_creates_a_removed_lock_file_anew(swlock, folder, mode):
    first = hold(swlock, run(swlock, "-m", mode))
    second = begin(swlock, run(swlock, "-m", mode))
    wait_until(lambda: len(waiters(folder / "lock")) == 1, "the second waits")
    (folder / "lock").unlink()
    finish(first)
    wait_until_inside(second)
    assert is_refused(swlock, "-m", mode)
    finish(second)


@each_range_mode
@pytest.mark.parametrize(
    "held, wanted, refused",
    [
        ("0:10", "10:10", False),
        ("10:10", "0:10", False),
        ("0:10", "9:1", True),
        ("9:1", "0:10", True),
        ("5", "0:5", False),
        ("5", "1000000:1", True),
        ("5:0", "1000000", True),
        ("4611686018427387904:1", "4611686018427387904:1", True),
        ("4611686018427387904:1", "4611686018427387905", False),
    ],
)
def test_only_overlapping_ranges_exclude_each_other(swlock, mode, held, wanted, refused):
    first = hold(swlock, run(swlock, "-m", mode, "--range", held))
    assert is_refused(swlock, "-m", mode, f"--range={wanted}") == refused
    assert is_refused(swlock, "-m", mode)
    finish(first)


@each_range_mode
def test_overlapping_shared_ranges_are_held_together(swlock, mode):
    first = hold(swlock, run(swlock, "-m", mode, "-s", "--range", "0:10"))
    assert not is_refused(swlock, "-m", mode, "-s", "--range", "5:10")
    assert is_refused(swlock, "-m", mode, "-x", "--range", "5:10")
    finish(first)


@each_range_mode
def test_waiter_for_a_range_gets_in_when_that_range_is_free(swlock, folder, mode):
    low = hold(swlock, run(swlock, "-m", mode, "--range", "0:10"))
    high = hold(swlock, run(swlock, "-m", mode, "--range", "10:10"))
    waiter = begin(swlock, run(swlock, "-m", mode, "--range", "15:1"))
    wait_until(lambda: len(waiters(folder / "lock")) == 1, "the third waits")
    finish(high)
    wait_until_inside(waiter)
    finish(waiter)
    finish(low)


def test_range_of_a_whole_file_lock_is_a_usage_error(swlock):
    assert swlock.run("run", "--range", "0:1", "lock", "--", "true").returncode == USAGE


@pytest.mark.parametrize(
    "held, wanted, refused",
    [
        ("posix", "ofd", True),
        ("ofd", "posix", True),
        ("flock", "posix", False),
        ("posix", "flock", False),
        ("flock", "ofd", False),
        ("ofd", "flock", False),
    ],
)
def test_posix_and_ofd_exclude_each_other_and_flock_neither(swlock, held, wanted, refused):
    first = hold(swlock, run(swlock, "-m", held))
    assert is_refused(swlock, "-m", wanted) == refused
    finish(first)


@each_mode
@pytest.mark.parametrize("options", [["-n"], ["--nonblock"], ["-w", "0"], ["-w0"], ["-nx"]])
def test_busy_lock_is_reported_without_waiting(swlock, folder, mode, options):
    first = hold(swlock, run(swlock, "-m", mode))
    outcome = swlock.run("run", "-m", mode, *options, "lock", "--", "touch", "ran")
    assert (outcome.returncode, outcome.stdout) == (BUSY, b"")
    # In posix mode two processes share the lock, and either may be named.
    said = b"swlock: unable to lock lock: it is held by pid "
    assert outcome.stderr.startswith(said) and outcome.stderr.count(b"\n") == 1
    # The command, not the swlock around it.
    assert b" (sh -c " in outcome.stderr
    assert not (folder / "ran").exists()
    finish(first)


@each_mode
def test_timeout_waits_its_time_and_not_for_ever(swlock, folder, mode):
    first = hold(swlock, run(swlock, "-m", mode))
    start = time.monotonic()
    outcome = swlock.run("run", "-m", mode, "-w", "300ms", "lock", "--", "touch", "ran")
    assert time.monotonic() - start >= 0.3
    assert (outcome.returncode, outcome.stdout) == (BUSY, b"")
    assert outcome.stderr.startswith(b"swlock: unable to lock lock: ")
    assert b"timed out" in outcome.stderr and outcome.stderr.count(b"\n") == 1
    assert not (folder / "ran").exists()
    finish(first)


@each_mode
def test_waiter_with_a_timeout_gets_in_when_the_lock_becomes_free(swlock, folder, mode):
    first = hold(swlock, run(swlock, "-m", mode))
    second = begin(swlock, run(swlock, "-m", mode, "-w", "1h"))
    wait_until(lambda: len(waiters(folder / "lock")) == 1, "the second waits")
    finish(first)
    wait_until_inside(second)
    finish(second)


@each_mode
def test_timeout_does_not_end_a_command_that_has_the_lock(swlock, mode):
    command = ["sh", "-c", "sleep 0.3; exit 7"]
    assert swlock.run("run", "-m", mode, "-w", "100ms", "lock", "--", *command).returncode == 7


@each_mode
def test_deadline_covers_a_lock_file_that_is_removed_meanwhile(swlock, folder, mode):
    first = hold(swlock, run(swlock, "-m", mode))
    start = time.monotonic()
    second = begin(swlock, run(swlock, "-m", mode, "-w", "1s"))
    wait_until(lambda: len(waiters(folder / "lock")) == 1, "the second waits")
    (folder / "lock").unlink()
    third = hold(swlock, run(swlock, "-m", mode))
    finish(first)
    output, errors = second.communicate(timeout=PATIENCE)
    assert time.monotonic() - start >= 1
    assert (second.returncode, output, errors.count(b"\n")) == (BUSY, b"", 1)
    finish(third)


@each_mode
@pytest.mark.parametrize("option", [["-n"], ["-w", "50ms"]])
@pytest.mark.parametrize("code", [0, 1, 42, 255])
def test_conflict_exit_code_replaces_busy(swlock, folder, mode, option, code):
    first = hold(swlock, run(swlock, "-m", mode))
    outcome = swlock.run("run", "-m", mode, *option, f"-E{code}", "lock", "--", "touch", "ran")
    assert outcome.returncode == code
    assert not (folder / "ran").exists()
    finish(first)


def test_conflict_exit_code_is_not_used_without_a_conflict(swlock):
    assert swlock.run("run", "-n", "-E", "3", "lock", "--", "true").returncode == 0
    assert swlock.run("run", "-n", "-E", "3", "lock", "--", "sh", "-c", "exit 9").returncode == 9


@each_mode
def test_refused_attempt_does_not_disturb_the_holder(swlock, mode):
    first = hold(swlock, run(swlock, "-m", mode))
    assert is_refused(swlock, "-m", mode)
    assert is_refused(swlock, "-m", mode)
    finish(first)
    assert not is_refused(swlock, "-m", mode)


@needs_tool("flock")
@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize(
    "held, wanted, refused",
    [
        ("-x", "-x", True),
        ("-x", "-s", True),
        ("-s", "-x", True),
        ("-s", "-s", False),
    ],
)
def test_flock_and_swlock_respect_each_other(swlock, folder, kind, held, wanted, refused):
    if kind == "folder":
        (folder / "lock").mkdir()
    first = hold(swlock, ["flock", held, "lock"])
    assert is_refused(swlock, wanted) == refused
    finish(first)
    second = hold(swlock, run(swlock, held))
    outcome = subprocess.run(["flock", wanted, "-n", "lock", "true"], cwd=folder, timeout=PATIENCE)
    assert (outcome.returncode != 0) == refused
    finish(second)
    assert (folder / "lock").is_dir() == (kind == "folder")


@needs_tool("flock")
def test_swlock_waits_until_flock_exits(swlock, folder):
    first = hold(swlock, ["flock", "lock"])
    second = begin(swlock, run(swlock))
    wait_until(lambda: len(waiters(folder / "lock")) == 1, "swlock waits")
    finish(first)
    wait_until_inside(second)
    third = begin(swlock, ["flock", "lock"])
    wait_until(lambda: len(waiters(folder / "lock")) == 1, "flock waits")
    finish(second)
    wait_until_inside(third)
    finish(third)


def test_folder_is_locked_in_flock_mode(swlock, folder):
    (folder / "data").mkdir()
    first = hold(swlock, run(swlock, path="data"))
    assert is_refused(swlock, path="data")
    finish(first)
    assert os.listdir(folder / "data") == []


@each_range_mode
def test_folder_is_refused_in_the_modes_of_fcntl(swlock, folder, mode):
    (folder / "data").mkdir()
    outcome = swlock.run("run", "-m", mode, "data", "--", "touch", "ran")
    assert (outcome.returncode, outcome.stderr.count(b"\n")) == (NOT_A_LOCK, 1)
    assert os.listdir(folder) == ["data"]
