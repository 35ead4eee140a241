"""A holder that is stopped past its lifetime: by when its command has ended, and what it learns."""

import os
import shutil
import signal
import subprocess
import time

import pytest

from hardlink_world import (
    NOT_HELD,
    holder,
    kill_all,
    left_in,
    needs_namespaces,
    on_another_host,
    under,
    watches,
)
from observing import (  # noqa: F401
    PATIENCE,
    command_of,
    descendants_of,
    end,
    is_alive,
    is_stopped,
    nothing_left,
    python,
    stat_of,
    wait_until,
)
from sections import begin, finish, is_inside, wait_until_inside

# Notes the signals that it gets, and that it works.
WORK = """
import os, signal, sys, time
notes = os.open("notes", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def note(*_):
    os.write(notes, b"TERM\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, note)
os.write(notes, b"in\\n")
while True:
    time.sleep(0.01)
    os.write(notes, b"%d\\n" % time.monotonic_ns())
"""

PLACES = {"here": lambda prefix: prefix, "elsewhere": on_another_host}
each_place = pytest.mark.parametrize(
    "place", [pytest.param(name, marks=needs_namespaces) for name in PLACES]
)


def stop(*pids):
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: all(map(is_stopped, pids)), "all are stopped")


def working(swlock, place, *options):
    """A holder whose command works; its Popen, the command's pid, and the other processes' ones."""
    words = [*PLACES[place](under("--lifetime", "1s", *options)), *python(WORK)]
    process = subprocess.Popen(
        words,
        cwd=swlock.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    swlock.processes.append(process)
    wait_until(lambda: (swlock.folder / "notes").exists(), "the command runs")
    command = [pid for pid in descendants_of(process.pid) if not descendants_of(pid)][0]
    others = [process.pid, *(pid for pid in descendants_of(process.pid) if pid != command)]
    return process, command, others


def parts(process, command):
    """The front, which was started, and the holder below it, whose child the command is."""
    return {"front": process.pid, "holder": stat_of(command)[1]}


@each_place
def test_command_of_a_paused_holder_ends_before_the_next_one_enters(swlock, folder, place):
    process, command, _ = working(swlock, place)
    waiting = begin(swlock, under("--clock-slop", "2s"))
    wait_until(lambda: watches(waiting), "the second waits")
    paused = parts(process, command)["holder"]
    stop(paused)
    assert not is_inside(waiting, 0.5)
    wait_until_inside(waiting)
    entered = time.monotonic_ns()
    end(paused, signal.SIGCONT)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == NOT_HELD
    notes = (folder / "notes").read_text().split()
    worked = [int(note) for note in notes if note.isdigit()]
    assert worked[-1] < entered, "the command worked on while another one was inside"
    assert not is_alive(command)
    finish(waiting)
    assert left_in(folder) == []


def test_paused_front_is_no_reason_to_end_the_command(swlock, folder):
    process, command, _ = working(swlock, "here")
    waiting = begin(swlock, under())
    paused = parts(process, command)["front"]
    stop(paused)
    assert not is_inside(waiting, 2)
    assert is_alive(command)
    end(paused, signal.SIGCONT)
    end(command, signal.SIGTERM)
    wait_until_inside(waiting)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    finish(waiting)
    assert left_in(folder) == []


def test_swlock_that_is_paused_as_a_whole_ends_the_command_when_it_goes_on(swlock, folder):
    """While it is stopped nobody can; what it finds then is not its own any more."""
    process, command, others = working(swlock, "here")
    waiting = begin(swlock, under())
    wait_until(lambda: watches(waiting), "the second waits")
    stop(*others)
    wait_until_inside(waiting)
    for pid in others:
        end(pid, signal.SIGCONT)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == NOT_HELD
    assert not is_alive(command)
    finish(waiting)
    assert left_in(folder) == []


@each_place
def test_paused_job_is_ended_when_it_goes_on_after_its_lifetime(swlock, folder, place):
    process, command, others = working(swlock, place)
    waiting = begin(swlock, under())
    wait_until(lambda: watches(waiting), "the second waits")
    stop(*others, command)
    wait_until_inside(waiting)
    for pid in (command, *others):
        end(pid, signal.SIGCONT)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == NOT_HELD
    assert not is_alive(command)
    assert holder(folder / "lock").pid in [waiting.pid, *descendants_of(waiting.pid)]
    finish(waiting)
    assert left_in(folder) == []


def test_job_that_is_paused_within_its_lifetime_goes_on(swlock, folder):
    process, command, others = working(swlock, "here", "--lifetime", "30s")
    waiting = begin(swlock, under())
    wait_until(lambda: watches(waiting), "the second waits")
    stop(*others, command)
    assert not is_inside(waiting, 0.5)
    for pid in (command, *others):
        end(pid, signal.SIGCONT)
    assert not is_inside(waiting, 0.2)
    end(command, signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    wait_until_inside(waiting)
    finish(waiting)
    assert left_in(folder) == []


def test_paused_job_goes_on_after_its_lifetime_if_nobody_wanted_the_lock(swlock, folder):
    process, command, others = working(swlock, "here")
    stop(*others, command)
    expiry = (folder / "lock").stat().st_mtime
    wait_until(lambda: time.time() > expiry + 1.5, "its lifetime has passed")
    for pid in (command, *others):
        end(pid, signal.SIGCONT)
    # It may say that the lock was lost, or have taken it anew; but not both work and say so.
    wait_until(
        lambda: process.poll() is not None or (folder / "lock").stat().st_mtime > expiry + 1,
        "it decides",
    )
    if process.poll() is None:
        end(command, signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
    else:
        assert process.returncode == NOT_HELD
    assert not is_alive(command)
    assert left_in(folder) == []


@pytest.mark.parametrize("how", ["remove", "break"])
def test_command_is_told_when_its_lock_was_taken_away(swlock, folder, how):
    process, command, _ = working(swlock, "here")
    if how == "remove":
        (folder / "lock").unlink()
    else:
        assert swlock.run("break", "--force", "lock").returncode == 0
    process.communicate(timeout=PATIENCE)
    assert process.returncode == NOT_HELD
    assert not is_alive(command)
    assert left_in(folder) == []


def test_command_that_ignores_its_end_is_killed(swlock, folder):
    ignoring = "trap '' TERM; echo in; while :; do sleep 0.01; done"
    process = begin(swlock, [*under("--lifetime", "1s"), "sh", "-c", ignoring])
    wait_until_inside(process)
    command = command_of(process, "sh")
    waiting = begin(swlock, under("--clock-slop", "2s"))
    wait_until(lambda: watches(waiting), "the second waits")
    stop(stat_of(command)[1])
    wait_until_inside(waiting)
    assert not is_alive(command)
    kill_all(process)
    finish(waiting)
    assert left_in(folder) == []


def test_command_does_not_start_after_the_lifetime(swlock, folder):
    """A folder on a disk that does not answer takes longer to enter than the lock lives."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    slow = ["strace", "-f", "-o", "/dev/null", "-e", "inject=chdir:delay_enter=4s"]
    words = under("--lifetime", "1s", "--chdir", str(folder))
    result = subprocess.run(
        [*slow, *words, "touch", "started"], cwd=folder, capture_output=True
    )
    assert result.returncode == NOT_HELD and b"could not be kept" in result.stderr
    assert left_in(folder) == []
