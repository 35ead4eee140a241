"""Locks of another kind on the same file: run and acquire take theirs, and say whom that does not keep out."""

import contextlib
import fcntl
import os
import re
import struct
import subprocess

import pytest

from conftest import SWLOCK, needs_strace
from observing import appears, held, nothing_left, wait_until, waits_on  # noqa: F401


@contextlib.contextmanager
def record_lock(path, mode, kind=fcntl.F_WRLCK, start=0, length=0):
    """Held in this process."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    command = fcntl.F_SETLK if mode == "posix" else fcntl.F_OFD_SETLK
    fcntl.fcntl(descriptor, command, struct.pack("hhqqi4x", kind, os.SEEK_SET, start, length, 0))
    yield
    os.close(descriptor)


@contextlib.contextmanager
def held_elsewhere(swlock, folder, mode, *options):
    """Held by no ancestor of what the test starts."""
    words = ["run", "-m", mode, *options, "lock", "sh", "-c", "echo >held; read x || :"]
    process = swlock.start(*words, stdin=subprocess.PIPE)
    appears(folder / "held")
    yield process
    process.communicate(timeout=10)


def warns(result, mode, name="lock"):
    """The command ran, and one line says who else has the file locked."""
    start = f"swlock: {name} is also locked by pid [0-9]+ \\(.*\\), of kind {mode}; "
    assert re.fullmatch(f"{start}--mode {mode} excludes that\n", result.stderr.decode()), result
    return result.returncode == 0 and result.stdout == b"in\n"


def is_silent(result):
    return (result.returncode, result.stdout, result.stderr) == (0, b"in\n", b"")


@pytest.mark.parametrize("mode", ["posix", "ofd"])
@pytest.mark.parametrize("options", [[], ["-w", "5"], ["-F"], ["--close"], ["-m", "auto"]], ids=str)
def test_a_record_lock_is_told_of(swlock, folder, mode, options):
    with held_elsewhere(swlock, folder, mode):
        assert warns(swlock.run("run", *options, "lock", "echo", "in"), mode)
        assert is_silent(swlock.run("run", "-q", *options, "lock", "echo", "in"))
    assert is_silent(swlock.run("run", *options, "lock", "echo", "in"))


def test_it_is_told_of_after_a_wait_as_well(swlock, folder):
    with held_elsewhere(swlock, folder, "posix"):
        with held(folder / "lock"):
            process = swlock.start("run", "lock", "echo", "in")
            wait_until(lambda: waits_on(folder / "lock"))
        output, errors = process.communicate(timeout=10)
    assert warns(subprocess.CompletedProcess([], process.returncode, output, errors), "posix")


@pytest.mark.parametrize("mode", ["posix", "ofd"])
def test_readers_do_not_exclude_each_other(swlock, folder, mode):
    with held_elsewhere(swlock, folder, mode, "-s"):
        assert is_silent(swlock.run("run", "-s", "lock", "echo", "in"))
        assert warns(swlock.run("run", "lock", "echo", "in"), mode)


def test_a_lock_of_some_bytes_counts(swlock, folder):
    words = ["run", "-m", "posix", "--range", "100:1", "lock", "sh", "-c", "echo >held; read x || :"]
    process = swlock.start(*words, stdin=subprocess.PIPE)
    appears(folder / "held")
    assert warns(swlock.run("run", "lock", "echo", "in"), "posix")
    process.communicate(timeout=10)


def test_a_hardlink_lock_is_told_of(swlock, folder):
    for style in ("flufl", "portage"):
        with held_elsewhere(swlock, folder, "hardlink", "--style", style):
            for mode in ("flock", "posix", "ofd"):
                result = swlock.run("run", "-m", mode, "lock", "echo", "in")
                line = rb"swlock: lock is also locked by pid [0-9]+ on [^ ]+, of kind hardlink; .*\n"
                assert re.fullmatch(line, result.stderr) and result.stdout == b"in\n", result
        (folder / "held").unlink()


def test_acquire_tells_of_it(swlock, folder):
    script = '"$S" acquire $1 lock && "$S" release lock; :'
    environment = {**os.environ, "S": SWLOCK}
    with held_elsewhere(swlock, folder, "posix"):
        for option, lines in (("-n", 1), ("-q", 0)):
            words = ["sh", "-c", script, "sh", option]
            result = subprocess.run(words, cwd=folder, env=environment, capture_output=True)
            assert result.stderr.count(b"is also locked by pid ") == lines, result
            assert result.stderr.count(b"\n") == lines
        words = ["sh", "-c", 'exec 9<lock; "$S" acquire --fd 9; :']
        result = subprocess.run(words, cwd=folder, env=environment, capture_output=True)
        assert b"is also locked by pid " in result.stderr


@pytest.mark.parametrize("name", ["flock", "lockrun"])
def test_the_drop_ins_say_nothing(swlock, folder, name):
    with held_elsewhere(swlock, folder, "ofd", "-s"):
        if name == "flock":
            assert is_silent(swlock.run("as", "flock", "lock", "echo", "in"))
    assert is_silent(swlock.run("as", "lockrun", "-L", "lock", "--", "echo", "in"))


# Whoever takes both kinds does so on purpose


@pytest.mark.parametrize("mode", ["posix", "ofd", "hardlink"])
def test_a_lock_that_is_held_for_the_caller_is_not_told_of(swlock, folder, mode):
    nested = [SWLOCK, "run", "lock", "--", "echo", "in"]
    assert is_silent(swlock.run("run", "-m", mode, "lock", "--", *nested))
    assert is_silent(swlock.run("run", "-m", mode, "lock", "sh", "-c", '"$@" & wait $!', "sh", *nested))
    script = f'"{SWLOCK}" acquire -m {mode} lock; "$@"; "{SWLOCK}" release lock; :'
    result = subprocess.run(["sh", "-c", script, "sh", *nested], cwd=folder, capture_output=True)
    assert is_silent(result)


@pytest.mark.parametrize("mode", ["posix", "ofd"])
def test_a_lock_of_the_calling_program_is_not_told_of(swlock, folder, mode):
    with record_lock(folder / "lock", mode):
        assert is_silent(swlock.run("run", "lock", "echo", "in"))


# What it costs


@needs_strace
@pytest.mark.parametrize("options, calls", [([], 1), (["-q"], 0), (["-m", "ofd"], 0)], ids=str)
def test_it_costs_one_system_call(swlock, folder, options, calls):
    (folder / "lock").touch()
    trace = ["strace", "-f", "-b", "execve", "-qq", "-e", "trace=fcntl,openat", "-o", "trace"]
    subprocess.run([*trace, SWLOCK, "run", *options, "lock", "true"], cwd=folder, check=True)
    text = (folder / "trace").read_text()
    assert text.count("F_GETLK") == calls and "/proc/locks" not in text
