"""Older kernels, and filters of system calls: what cannot be kept is refused, and nothing hangs."""

import errno
import os
import subprocess

import pytest

from conftest import SWLOCK
from hardlink_world import claims
from observing import (  # noqa: F401
    command_of,
    end,
    has_failed,
    held,
    is_alive,
    is_free,
    is_held,
    nothing_left,
    processes_in,
    result_of,
    wait_until,
)
from old_kernels import CALLS, OFD_LOCKS, is_lacking, lacking
from sections import finish, hold

pytestmark = pytest.mark.skipif(
    "statx" not in CALLS or not is_lacking("pidfd_open"), reason="needs seccomp filters"
)

# What is newer than Linux 3.4.
NEWER = ["pidfd_open", "pidfd_send_signal", "close_range", "statx", "getrandom", "faccessat2"]
# What profiles leave out all the same.
OLDER = ["kcmp", "inotify_init1", "timer_create", "signalfd4", "syncfs", "prctl"]

each_error = pytest.mark.parametrize("error", ["ENOSYS", "EPERM"])
newer = pytest.mark.parametrize("call", NEWER)
inspecting = pytest.mark.parametrize("call", [*NEWER, "kcmp"])
every = pytest.mark.parametrize("call", NEWER + OLDER)
each_mode = pytest.mark.parametrize("mode", ["flock", "hardlink"])

DEAF = "trap '' TERM HUP INT;"


@pytest.fixture
def without(swlock):
    """Runs swlock on a kernel without these calls."""

    def run(calls, error, *words, **options):
        calls = [calls] if isinstance(calls, str) else calls
        prepare = lacking(*calls, error=getattr(errno, error))
        return swlock.run(*words, preexec_fn=prepare, **options)

    return run


def is_refused(result):
    """With a reason, before anything was started; the status is that of the call that was missed."""
    return result.returncode in (69, 71, 77) and has_failed(result, result.returncode)


def test_the_filter_keeps_a_call_away():
    script = "import os\ntry: os.pidfd_open(1)\nexcept OSError as error: print(error.errno)"
    prepare = lacking("pidfd_open", *OFD_LOCKS, error=errno.ENOSYS)
    words = ["python3", "-c", script]
    result = subprocess.run(words, preexec_fn=prepare, capture_output=True, check=False)
    assert result.stdout == b"%d\n" % errno.ENOSYS


# Running a command


@each_error
@every
@each_mode
def test_a_command_runs_under_the_lock_or_not_at_all(without, folder, call, error, mode):
    probe = [SWLOCK, "run", "-q", "-n", "-m", mode, "lock", "touch", "inside"]
    result = without(call, error, "run", "-m", mode, "lock", "sh", "-c", '"$@"; exit 7', "", *probe)
    assert not (folder / "inside").exists()
    # Done without the call, or refused: by the call.
    assert result.returncode == 7 or is_refused(result)
    if call in NEWER:
        assert result.returncode == 7, result
    path = folder / "lock"
    if mode == "hardlink":
        assert not path.exists()
    else:
        # A lock that is no file any more is free.
        assert not path.exists() or is_free(path, "flock" if mode == "flock" else "ofd")


@each_error
@every
def test_a_wait_ends_when_its_time_is_over(without, folder, call, error):
    with held(folder / "lock"):
        result = without(call, error, "run", "-q", "-w", "0.2", "lock", "touch", "ran")
    # Done without the call, or refused: by the call.
    assert result.returncode == 75 or is_refused(result)
    assert not (folder / "ran").exists()


@each_error
@newer
def test_a_hardlink_lock_is_waited_for(swlock, folder, call, error):
    holder = hold(swlock, [SWLOCK, "run", "-m", "hardlink", "lock"])
    words = ["run", "-m", "hardlink", "-w", "20", "lock", "echo", "ran"]
    waiter = swlock.start(*words, preexec_fn=lacking(call, error=getattr(errno, error)))
    wait_until(lambda: len(claims(folder)) == 2)
    finish(holder)
    result = result_of(waiter)
    assert result.stdout == b"ran\n" and result.returncode == 0


@each_error
@pytest.mark.parametrize("words", [[], ["--range", "1:2"], ["--close"]], ids=" ".join)
def test_ofd_locks_that_are_not_known_are_refused(without, folder, words, error):
    """Such a kernel says EINVAL."""
    for error, status in ((error, None), ("EINVAL", 69)):
        result = without(OFD_LOCKS, error, "run", "-m", "ofd", *words, "lock", "touch", "ran")
        # Any status but 0, where the error says nothing else.
        assert has_failed(result, status or result.returncode, b"fcntl") and result.returncode
        assert not (folder / "ran").exists()


# Leftovers

TREE = f"sh -c '{DEAF} sleep 60 & sleep 60' & sleep 60 & (setsid sleep 60 &) ; exit 3"


@each_error
@every
@pytest.mark.parametrize("options", [[], ["--log=log"], ["-m", "hardlink"]], ids=" ".join)
def test_leftovers_are_killed_to_the_last(without, folder, call, error, options):
    kill = ["--leftovers=kill", "--kill-after=0.2"]
    words = ["run", *options, *kill, "lock", "sh", "-c", TREE]
    result = without(call, error, *words)
    assert processes_in(folder) == []
    # Done without the call, or refused: by the call.
    assert result.returncode == 3 or is_refused(result)
    if call in NEWER:
        assert (result.returncode, result.stderr) == (3, b"")


@each_error
@every
@pytest.mark.parametrize("options", [[], ["--log=log"]], ids=" ".join)
def test_leftovers_are_waited_for_to_the_last(without, folder, call, error, options):
    command = "((sleep 0.3; echo >done) >/dev/null 2>&1 &) & exit 3"
    result = without(call, error, "run", *options, "--leftovers=wait", "lock", "sh", "-c", command)
    # Done without the call, or refused: by the call.
    assert is_refused(result) or (result.returncode == 3 and (folder / "done").exists())
    if call in NEWER:
        assert (result.returncode, result.stderr) == (3, b"")


@each_error
@newer
@pytest.mark.parametrize("deaf", ["", DEAF], ids=["meek", "deaf"])
@pytest.mark.parametrize("options", [[], ["--pty"], ["--leftovers=kill"]], ids=" ".join)
def test_the_end_of_the_time_ends_the_group(without, folder, call, error, options, deaf):
    command = f"{deaf} sh -c '{deaf} sleep 60 & sleep 60' & sleep 60"
    words = ["run", *options, "--max-runtime=0.3", "--kill-after=0.2", "lock", "sh", "-c", command]
    result = without(call, error, *words)
    assert processes_in(folder) == []
    assert result.returncode == 124


@each_error
def test_a_member_that_only_a_pidfd_could_reach_is_named(without, folder, error):
    """Its parent lives on outside of the group, so that it is no child of swlock's."""
    script = """
import os, subprocess, sys
words = ["sh", "-c", "trap '' TERM; echo $$ >member; exec sleep 60"]
member = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
os.setsid()
os.close(1)
os.close(2)
member.wait()
"""
    command = 'python3 -I -S -c "$0" & while ! [ -s member ]; do sleep 0.01; done; sleep 60'
    words = ["run", "--max-runtime=2", "--kill-after=0.2", "lock", "sh", "-c", command]
    result = without("pidfd_open", error, *words, script)
    member = int((folder / "member").read_text())
    try:
        assert result.returncode == 124
        assert is_alive(member) and result.stderr.count(b"unable to end pid %d " % member) == 1
    finally:
        end(member)


@each_error
@newer
def test_the_command_has_no_other_descriptors(without, folder, call, error):
    reader, writer = os.pipe()
    command = f"test -e /proc/self/fd/{writer} || exit 5"
    words = ["run", "--close-fds", "lock", "sh", "-c", command]
    result = without(call, error, *words, pass_fds=[writer])
    os.close(reader)
    os.close(writer)
    assert result.returncode == 5


@each_error
@newer
def test_a_relay_that_stays_holds_no_pipe_of_others(without, folder, call, error):
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    left = "exec 2>&- 3>&-; until [ -e stop ]; do sleep 0.01; done"
    words = ["run", "--close-fds", "--log=log", "--log-only", "lock", "sh", "-c", f"({left}) & exit 5"]
    try:
        result = without(call, error, *words, pass_fds=[writer])
        os.close(writer)
        assert result.returncode == 5
        assert processes_in(folder) and os.read(reader, 1) == b""
    finally:
        os.close(reader)
        (folder / "stop").touch()


@each_error
def test_without_all_of_them_nothing_is_left_behind(without, folder, error):
    calls = [*NEWER, "kcmp"]
    kill = ["--leftovers=kill", "--kill-after=0.2", "--log=log"]
    result = without(calls, error, "run", *kill, "lock", "sh", "-c", f"echo out; {TREE}")
    assert (result.returncode, result.stdout, result.stderr) == (3, b"out\n", b"")
    assert processes_in(folder) == [] and (folder / "log").read_bytes() == b"out\n"
    limits = ["--max-runtime=0.3", "--kill-after=0.2", "--close-fds"]
    result = without(calls, error, "run", *limits, "lock", "sh", "-c", f"{DEAF} sleep 60 & sleep 60")
    assert result.returncode == 124 and processes_in(folder) == []


# Locks that stay


@each_error
@every
@pytest.mark.parametrize("owner", ["test", "none"])
def test_an_acquired_lock_is_held_or_refused(without, swlock, folder, call, error, owner):
    reader, writer = os.pipe()
    process = os.getpid() if owner == "test" else "none"
    words = ["acquire", f"--owner={process}", "lock"]
    try:
        # Ends only when all others have closed its pipes.
        result = without(call, error, *words, pass_fds=[writer])
    finally:
        os.close(writer)
    if result.returncode == 0:
        assert is_held(folder / "lock")
        os.set_blocking(reader, False)
        assert os.read(reader, 1) == b"", "the keeper has it open"
        assert swlock.run("release", f"--owner={process}", "lock").returncode == 0
    else:
        assert is_refused(result)
    os.close(reader)
    # A lock that is no file any more is free.
    assert not (folder / "lock").exists() or is_free(folder / "lock")
    if call in NEWER:
        # Without, it could not be released.
        assert result.returncode == (69 if call == "pidfd_open" else 0), result


@each_error
def test_a_refused_acquire_does_not_wait_first(without, folder, error):
    with held(folder / "lock"):
        words = ["acquire", f"--owner={os.getpid()}", "-w", "1h", "lock"]
        assert has_failed(without("pidfd_open", error, *words), 69, b"pidfd_open")


@each_error
@inspecting
def test_a_release_is_done_or_refused(without, swlock, folder, call, error):
    owner = f"--owner={os.getpid()}"
    assert swlock.run("acquire", owner, "lock").returncode == 0
    result = without(call, error, "release", owner, "lock")
    if result.returncode == 0:
        assert is_free(folder / "lock")
    else:
        assert b"unable to release" in result.stderr and is_held(folder / "lock")
        assert swlock.run("release", owner, "lock").returncode == 0
    expected = {"pidfd_open": 69, "pidfd_send_signal": 69 if error == "ENOSYS" else 77}
    assert result.returncode == expected.get(call, 0)


# Looking at locks


@each_error
@inspecting
def test_the_holder_is_named(without, swlock, folder, call, error):
    holder = swlock.start("run", "lock", "sleep", "60")
    command = command_of(holder, "sleep")
    result = without(call, error, "status", "lock")
    holder.terminate()
    assert b" %d " % command in result.stdout and result.returncode == 0


@each_error
@inspecting
def test_a_lock_is_broken_or_left(without, swlock, folder, call, error):
    holder = swlock.start("run", "lock", "sleep", "60")
    command = command_of(holder, "sleep")
    result = without(call, error, "break", "--kill", "lock")
    if result.returncode == 0:
        assert holder.wait(10) and not is_alive(command) and is_free(folder / "lock")
    else:
        assert b"unable to break" in result.stderr and is_held(folder / "lock")
        assert is_alive(command)
    holder.terminate()
    expected = {"pidfd_open": 69, "pidfd_send_signal": 69 if error == "ENOSYS" else 77}
    assert result.returncode == expected.get(call, 0)
