"""Both kinds of the kernel's locks on one file: --mode flock+ofd."""

import contextlib
import fcntl
import json
import os
import signal
import struct
import subprocess

import pytest

from conftest import SWLOCK, needs_tool
from observing import (
    MODES,
    PATIENCE,
    has_failed,
    held,
    is_free,
    is_held,
    locks_on,
    nothing_left,  # noqa: F401
    result_of,
    wait_until,
    waits_on,
)
from sections import finish, hold

BOTH = ["-m", "flock+ofd"]


def kinds_on(path):
    """What is held there."""
    return sorted(words[1] for words in locks_on(path) if words[1] != "->")


@contextlib.contextmanager
def lockf(path, start=0, length=0):
    """Held by this process, as lockf(3) does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        record = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, start, length, 0)
        fcntl.fcntl(descriptor, fcntl.F_SETLK, record)
        yield
    finally:
        os.close(descriptor)


def both_free(path):
    return is_free(path) and is_free(path, "ofd")


@pytest.mark.parametrize("options", [[], ["-w", "5"], ["-F"], ["-o"], ["-F", "-n"]], ids=str)
def test_it_has_both(swlock, folder, options):
    process = hold(swlock, [SWLOCK, "run", *BOTH, *options, "lock"])
    assert kinds_on(folder / "lock") == ["FLOCK", "OFDLCK"]
    finish(process)
    assert both_free(folder / "lock")


@pytest.mark.parametrize("mode", [*MODES, "flock+ofd"])
def test_it_and_every_mode_of_the_kernels_exclude_each_other(swlock, folder, mode):
    for one, another in ((BOTH, ["-m", mode]), (["-m", mode], BOTH)):
        process = hold(swlock, [SWLOCK, "run", *one, "lock"])
        result = swlock.run("run", "-n", *another, "lock", "touch", "ran")
        assert has_failed(result, 75, f"unable to lock lock: it is held by pid {process.pid} (".encode()[:36])
        waiting = swlock.start("run", *another, "lock", "echo", "in")
        wait_until(lambda: waits_on(folder / "lock"))
        finish(process)
        assert result_of(waiting).stdout == b"in\n"
    assert not (folder / "ran").exists() and both_free(folder / "lock")


@needs_tool("flock")
def test_it_excludes_other_programs(swlock, folder):
    process = hold(swlock, [SWLOCK, "run", *BOTH, "lock"])
    assert subprocess.call(["flock", "-n", "lock", "true"], cwd=folder) == 1
    with open(folder / "lock", "r+", encoding="ascii") as file, pytest.raises(BlockingIOError):
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finish(process)
    for holder in (held(folder / "lock"), held(folder / "lock", "ofd"), lockf(folder / "lock")):
        with holder:
            result = swlock.run("run", "-n", *BOTH, "lock", "true")
            assert has_failed(result, 75, f"lock lock: it is held by pid {os.getpid()} ".encode())
            result = swlock.run("run", "-w", "0.1", *BOTH, "lock", "true")
            assert has_failed(result, 75, b"timed out after 100ms, it is held by pid ")
        assert both_free(folder / "lock")


def test_shared_both_are(swlock, folder):
    process = hold(swlock, [SWLOCK, "run", "-s", *BOTH, "lock"])
    for mode in ("flock", "ofd", "posix", "flock+ofd"):
        assert swlock.run("run", "-n", "-q", "-s", "-m", mode, "lock", "true").returncode == 0
        assert has_failed(swlock.run("run", "-n", "-m", mode, "lock", "true"), 75)
    finish(process)


def test_nothing_is_said_of_a_lock_of_another_kind(swlock, folder):
    process = hold(swlock, [SWLOCK, "run", "-s", *BOTH, "lock"])
    result = swlock.run("run", "-n", "-s", *BOTH, "lock", "printenv", "SWLOCK_MODE", "SWLOCK_HELD")
    assert (result.stdout.decode(), result.stderr) == (f"flock+ofd\nflock+ofd={folder}/lock\n", b"")
    finish(process)


def test_the_command_inherits_both(swlock, folder):
    process = hold(swlock, [SWLOCK, "run", *BOTH, "lock"])
    process.kill()
    process.wait()
    assert is_held(folder / "lock") and is_held(folder / "lock", "ofd")
    process.communicate(timeout=PATIENCE)
    wait_until(lambda: both_free(folder / "lock"))


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("after", [0, 1.5])
def test_the_record_lock_is_first_and_held_during_the_wait(swlock, folder, end, after):
    with held(folder / "lock"):
        process = swlock.start("run", "--progress", *BOTH, "lock", "true")
        wait_until(lambda: waits_on(folder / "lock"))
        assert is_held(folder / "lock", "ofd")
        if after:
            line = process.stderr.readline()
            assert line.startswith(b"swlock: waiting for lock, held ") and str(os.getpid()).encode() in line
        process.send_signal(end)
        process.wait(PATIENCE)
        wait_until(lambda: is_free(folder / "lock", "ofd"))


def test_its_own_record_lock_is_not_in_its_way(swlock, folder):
    """Also to who runs under a lock, and so looks whether the wait can end."""
    with held(folder / "lock") as descriptor:
        words = [SWLOCK, "run", *BOTH, "-w", "30", "--progress", "lock", "echo", "in"]
        process = swlock.start("run", "outer", "--", *words)
        wait_until(lambda: waits_on(folder / "lock"))
        # Some looks.
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(5)
        waiter = [words for words in locks_on(folder / "lock") if words[1] == "->"]
        assert len(waiter) == 1
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        result = result_of(process)
        assert (result.returncode, result.stdout) == (0, b"in\n")
        assert result.stderr.count(b"\n") == 1 and b"waiting for lock, held" in result.stderr


def test_the_range_is_the_record_locks(swlock, folder):
    process = hold(swlock, [SWLOCK, "run", *BOTH, "--range", "100:10", "lock"])
    with lockf(folder / "lock", 0, 100):
        pass
    result = swlock.run("run", "-n", "-m", "posix", "--range", "100:1", "lock", "true")
    assert has_failed(result, 75)
    # But the flock lock is of the whole file.
    assert has_failed(swlock.run("run", "-n", *BOTH, "--range", "0:1", "lock", "true"), 75)
    finish(process)


def test_reentrant(swlock, folder):
    inner = [SWLOCK, "run", "--reentrant", "-n"]
    for mode in ("flock", "ofd", "flock+ofd"):
        result = swlock.run("run", *BOTH, "lock", "--", *inner, "-m", mode, "lock", "echo", "in")
        assert (result.returncode, result.stdout) == (0, b"in\n"), result
    # Half of it is not all of it.
    for mode in ("flock", "ofd"):
        result = swlock.run("run", "-m", mode, "lock", "--", *inner, *BOTH, "lock", "touch", "ran")
        assert has_failed(result, 75, b"unable to lock lock: it is held by pid")
    assert not (folder / "ran").exists()
    result = swlock.run("run", *BOTH, "lock", "--", SWLOCK, "run", *BOTH, "lock", "true")
    assert has_failed(result, 75, b"it is held by pid", b"--reentrant")


def test_acquire_keeps_both_by_one_keeper(swlock, folder):
    script = '"$S" acquire -m flock+ofd lock || exit; echo in; read x; "$S" release lock; echo out; read x'
    process = swlock.begin(["sh", "-c", script], stdin=subprocess.PIPE)
    assert process.stdout.readline() == b"in\n"
    assert kinds_on(folder / "lock") == ["FLOCK", "OFDLCK"]
    locks = [json.loads(line) for line in swlock.run("status", "--json", "lock").stdout.splitlines()][0]["locks"]
    assert [lock["mode"] for lock in locks] == ["flock", "ofd"]
    holders = [[holder["pid"] for holder in lock["holders"]] for lock in locks]
    assert holders[0] == holders[1] and len(holders[0]) == 1
    assert has_failed(swlock.run("run", "-n", "lock", "true"), 75, b"it is held by pid", str(process.pid).encode())
    process.stdin.write(b"\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"out\n"
    assert both_free(folder / "lock")
    process.communicate(timeout=PATIENCE)


def test_acquire_reentrant_and_the_end_of_the_script(swlock, folder):
    inner = '"$S" acquire -n -m flock+ofd --reentrant lock && "$S" release -m flock+ofd lock && echo in'
    script = f"\"$S\" acquire -m flock+ofd lock && sh -c '{inner}'; echo $?"
    result = result_of(swlock.begin(["sh", "-c", script]))
    assert result.stdout == b"in\n0\n", result
    wait_until(lambda: both_free(folder / "lock"))


def test_break_ends_its_holder(swlock, folder):
    process = hold(swlock, [SWLOCK, "run", *BOTH, "lock"])
    assert swlock.run("break", "--kill", "lock").returncode == 0
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGTERM and both_free(folder / "lock")


def test_what_it_does_not_do(swlock, folder):
    assert has_failed(swlock.run("run", *BOTH, "--queue", "lock", "true"), 64, b"--queue needs --mode flock")
    assert has_failed(swlock.run("run", *BOTH, "--slots", "2", "lock", "true"), 64, b"--mode ofd or posix")
    for command in ("acquire", "release"):
        assert has_failed(swlock.run(command, *BOTH, "--fd", "0"), 64, b"--mode ofd first, then flock")
    assert os.listdir(folder) == []
    (folder / "folder").mkdir()
    assert has_failed(swlock.run("run", *BOTH, "folder", "true"), 65, b"--sidecar")
    # Both of a descriptor, one by one.
    script = 'exec 9>lock; "$S" acquire --fd 9 -m ofd && "$S" acquire --fd 9 && "$S" status lock'
    text = result_of(swlock.begin(["sh", "-c", script])).stdout
    assert b"flock, exclusive" in text and b"ofd, exclusive" in text, text
