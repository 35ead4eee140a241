"""Waits that would never end: for a lock that an ancestor has, or in a circle."""

import os
import subprocess

import pytest

from conftest import SWLOCK
from observing import (  # noqa: F401
    MODES,
    appears,
    has_failed,
    held,
    is_free,
    nothing_left,
    wait_until,
    waits_on,
)

every_mode = pytest.mark.parametrize("mode", MODES)


@every_mode
def test_a_lock_of_an_ancestor_is_an_error_at_once(swlock, folder, mode):
    inner = [SWLOCK, "run", "-m", mode, "lock", "true"]
    result = swlock.run("run", "-m", mode, "lock", "sh", "-c", '"$@"; exit $?', "sh", *inner)
    assert has_failed(result, 75, b"held by pid", b"--reentrant")


@every_mode
def test_the_shells_own_descriptor_is_seen(swlock, folder, mode):
    if mode == "posix":
        pytest.skip("a shell has none")
    script = f'exec 9>lock; "$S" acquire -m {mode} --fd 9; "$S" run -m {mode} lock true'
    result = subprocess.run(
        ["sh", "-c", script], cwd=folder, env={**os.environ, "S": SWLOCK}, capture_output=True, timeout=30
    )
    assert has_failed(result, 75, b"--reentrant")


@pytest.mark.parametrize("mode", ["flock", "posix"])
def test_what_the_script_has_acquired_is_held_above_its_commands(swlock, folder, mode):
    script = f'"$S" acquire -m {mode} lock; "$S" run -m {mode} lock true'
    result = subprocess.run(
        ["sh", "-c", script + "; exit $?"],
        cwd=folder,
        env={**os.environ, "S": SWLOCK},
        capture_output=True,
        timeout=30,
    )
    assert has_failed(result, 75, b"held by pid", b"--reentrant")
    wait_until(lambda: is_free(folder / "lock", mode))


@every_mode
def test_reentrant_runs_the_command_without_locking_again(swlock, folder, mode):
    inner = [SWLOCK, "run", "-m", mode, "--reentrant", "lock", "sh", "-c", "echo inner; exit 3"]
    result = swlock.run("run", "-m", mode, "lock", *inner)
    assert (result.returncode, result.stdout, result.stderr) == (3, b"inner\n", b"")


def test_a_lock_that_an_ancestor_can_give_back_is_waited_for(swlock, folder):
    with held(folder / "lock"):
        process = swlock.start("run", "lock", "true")
        wait_until(lambda: waits_on(folder / "lock"))
    assert process.wait(10) == 0


def test_reentrant_waits_for_a_lock_that_somebody_else_has(swlock, folder):
    holder = swlock.start("run", "lock", "sleep", "1000")
    wait_until(lambda: b"sleep" in swlock.run("status", "lock").stdout)
    process = swlock.start("run", "--reentrant", "lock", "true")
    wait_until(lambda: waits_on(folder / "lock"))
    holder.terminate()
    assert process.wait(10) == 0


def test_an_environment_that_lies_changes_nothing(swlock, folder):
    env = {**os.environ, "SWLOCK_HELD": f"flock={folder}/lock"}
    holder = swlock.start("run", "lock", "sleep", "1000")
    wait_until(lambda: b"sleep" in swlock.run("status", "lock").stdout)
    for words in ([], ["--reentrant"]):
        result = swlock.run("run", *words, "-w", "0.1", "lock", "touch", "ran", env=env)
        assert has_failed(result, 75, b"timed out")
    assert not (folder / "ran").exists()
    holder.terminate()


def test_a_shared_lock_above_is_not_enough_for_an_exclusive_one(swlock, folder):
    inner = [SWLOCK, "run", "--reentrant", "lock", "touch", "ran"]
    result = swlock.run("run", "-s", "lock", "sh", "-c", '"$@"; exit $?', "sh", *inner)
    assert has_failed(result, 75, b"not as it is wanted")
    assert not (folder / "ran").exists()


def test_a_shared_lock_above_can_be_shared(swlock, folder):
    result = swlock.run("run", "-s", "lock", SWLOCK, "run", "-s", "lock", "echo", "ran")
    assert result.stdout == b"ran\n"


def test_no_patience_needs_no_reason(swlock, folder):
    result = swlock.run("run", "lock", SWLOCK, "run", "-n", "-E", "9", "lock", "true")
    assert has_failed(result, 9, b"held by pid")


def test_a_circle_is_named_and_not_waited_for(swlock, folder):
    first = swlock.start("run", "a", "sh", "-c", f'while [ ! -e go ]; do sleep 0.01; done; "{SWLOCK}" run b true')
    second = swlock.start(
        "run", "b", "sh", "-c", f'echo >ready; while [ ! -e go2 ]; do sleep 0.01; done; "{SWLOCK}" run a true; exit $?'
    )
    appears(folder / "ready")
    (folder / "go").touch()
    wait_until(lambda: waits_on(folder / "b"))
    (folder / "go2").touch()
    assert second.wait(10) == 75
    said = second.stderr.read()
    assert b"waiting would never end" in said and b"/b" in said
    assert first.wait(10) == 0
