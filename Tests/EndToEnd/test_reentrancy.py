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
def test_a_lock_of_an_ancestor_that_waits_is_an_error(swlock, folder, mode):
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


@every_mode
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


@pytest.mark.parametrize("late", [True, False], ids=["in turn", "at once"])
def test_a_circle_is_named_and_not_waited_for(swlock, folder, late):
    script = 'echo >"$1.ready"; while [ ! -e "$1.go" ]; do sleep 0.01; done; "$S" run "$2" true; exit $?'
    env = {**os.environ, "S": SWLOCK}
    processes = [
        swlock.start("run", own, "sh", "-c", script, "sh", own, other, env=env)
        for own, other in ("ab", "ba")
    ]
    for name in "ab":
        appears(folder / f"{name}.ready")
    (folder / "a.go").touch()
    if late:
        wait_until(lambda: waits_on(folder / "b"))
    (folder / "b.go").touch()
    statuses = sorted(process.wait(20) for process in processes)
    # Both see it if they look at the same time.
    assert statuses in ([0, 75], [75, 75])
    failed = [process for process in processes if process.returncode]
    for process in failed:
        said = process.stderr.read()
        assert said.count(b"\n") == 1
        assert b"waiting would never end" in said and (b"/a" in said or b"/b" in said)


@every_mode
@pytest.mark.parametrize("second", ["acquire", "run"])
def test_a_circle_of_acquired_locks_is_named(folder, mode, second):
    """Two scripts that acquire the same locks in another order."""
    script = """
    "$S" acquire -m "$3" "$1" || exit 20
    echo >"$1.ready"
    until [ -e "$2.ready" ]; do sleep 0.01; done
    "$S" $4 -m "$3" "$2" $5
    exit $?
    """
    command = ["true"] if second == "run" else [""]
    processes = [
        subprocess.Popen(
            ["sh", "-c", script, "sh", own, other, mode, second, *command],
            cwd=folder,
            env={**os.environ, "S": SWLOCK},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for own, other in ("ab", "ba")
    ]
    ended = [(process.communicate(timeout=30)[1], process.returncode) for process in processes]
    assert sorted(status for _, status in ended) in ([0, 75], [75, 75])
    for said, status in ended:
        if status:
            assert b"waiting would never end" in said and said.count(b"\n") == 1
    wait_until(lambda: is_free(folder / "a", mode) and is_free(folder / "b", mode))


# Locks of hardlink mode, which name their owner.


def in_shell(folder, script, **options):
    return subprocess.run(
        ["sh", "-c", script + "\nexit $?"],
        cwd=folder,
        env={**os.environ, "S": SWLOCK},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        **options,
    )


def test_a_hardlink_lock_of_an_ancestor_is_an_error(swlock, folder):
    inner = [SWLOCK, "run", "-m", "hardlink", "lock", "true"]
    result = swlock.run("run", "-m", "hardlink", "lock", "sh", "-c", '"$@"; exit $?', "sh", *inner)
    assert has_failed(result, 75, b"held by pid", b"--reentrant")
    assert not (folder / "lock").exists()


def test_an_acquired_hardlink_lock_is_held_above_the_scripts_commands(folder):
    result = in_shell(
        folder, '"$S" acquire -m hardlink lock && "$S" run -m hardlink lock touch ran'
    )
    assert has_failed(result, 75, b"held by pid", b"--reentrant")
    assert not (folder / "ran").exists()


def test_reentrant_runs_under_a_hardlink_lock_of_an_ancestor(swlock, folder):
    inner = [SWLOCK, "run", "-m", "hardlink", "--reentrant", "lock", "sh", "-c", "echo inner; exit 3"]
    result = swlock.run("run", "-m", "hardlink", "lock", *inner)
    assert (result.returncode, result.stdout, result.stderr) == (3, b"inner\n", b"")
    script = """
    "$S" acquire -m hardlink lock || exit 20
    "$S" run -m hardlink --reentrant lock touch ran || exit 21
    "$S" acquire -n -m hardlink --reentrant lock || exit 22
    "$S" run -n -m hardlink lock true
    [ $? -eq 75 ] || exit 23
    "$S" release -m hardlink lock || exit 24
    "$S" run -n -m hardlink lock true
    [ $? -eq 75 ] || exit 25
    "$S" release -m hardlink lock
    """
    result = in_shell(folder, script)
    assert result.returncode == 0, result
    assert (folder / "ran").exists() and not (folder / "lock").exists()


def test_a_hardlink_lock_of_somebody_else_is_waited_for_with_reentrant(swlock, folder):
    env = {**os.environ, "SWLOCK_HELD": f"hardlink={folder}/lock"}
    holder = swlock.start("run", "-m", "hardlink", "lock", "sleep", "1000")
    wait_until(lambda: (folder / "lock").exists())
    words = ["run", "-m", "hardlink", "--reentrant", "-w", "0.3", "lock", "touch", "ran"]
    result = swlock.run(*words, env=env)
    assert has_failed(result, 75, b"timed out")
    assert not (folder / "ran").exists()
    holder.terminate()
    holder.wait(10)


@pytest.mark.parametrize("mode", MODES)
def test_reentrant_needs_no_patience(swlock, folder, mode):
    inner = [SWLOCK, "run", "-m", mode, "-n", "--reentrant", "lock", "echo", "inner"]
    result = swlock.run("run", "-m", mode, "lock", *inner)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"inner\n", b"")


@every_mode
def test_what_was_acquired_serves_the_scripts_reentrant_commands(folder, mode):
    result = in_shell(
        folder, f'"$S" acquire -m {mode} lock && "$S" run -m {mode} --reentrant lock echo ran'
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, b"ran\n", b"")
    wait_until(lambda: is_free(folder / "lock", mode))
