"""Waits that would never end: for a lock that an ancestor has, or in a circle."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from conftest import SWLOCK
from hardlink_world import claims
from observing import (  # noqa: F401
    MODES,
    appears,
    children_of,
    descendants_of,
    has_failed,
    held,
    is_alive,
    is_free,
    name_of,
    nothing_left,
    result_of,
    stat_of,
    wait_until,
    waits_on,
)
from scripts import script, shell

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
    result = shell(folder, f'exec 9>lock; "$S" acquire -m {mode} --fd 9; "$S" run -m {mode} lock true')
    assert has_failed(result, 75, b"--reentrant")


@every_mode
def test_what_the_script_has_acquired_is_held_above_its_commands(swlock, folder, mode):
    result = shell(folder, f'"$S" acquire -m {mode} lock; "$S" run -m {mode} lock true; exit $?')
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
    text = 'echo >"$1.ready"; while [ ! -e "$1.go" ]; do sleep 0.01; done; "$S" run "$2" true; exit $?'
    processes = [
        swlock.start("run", own, "sh", "-c", text, "sh", own, other) for own, other in ("ab", "ba")
    ]
    for name in "ab":
        appears(folder / f"{name}.ready")
    (folder / "a.go").touch()
    if late:
        wait_until(lambda: waits_on(folder / "b"))
    (folder / "b.go").touch()
    results = [result_of(process) for process in processes]
    statuses = sorted(result.returncode for result in results)
    # Both see it if they look at the same time.
    assert statuses in ([0, 75], [75, 75])
    for result in results:
        if result.returncode:
            assert has_failed(result, 75, b"waiting would never end")
            # A circle is told from either lock on.
            assert b"/a" in result.stderr or b"/b" in result.stderr


@every_mode
@pytest.mark.parametrize("second", ["acquire", "run"])
def test_a_circle_of_acquired_locks_is_named(folder, mode, second):
    """Two scripts that acquire the same locks in another order."""
    text = """
    "$S" acquire -m "$3" "$1" || exit 20
    echo >"$1.ready"
    until [ -e "$2.ready" ]; do sleep 0.01; done
    "$S" $4 -m "$3" "$2" $5
    exit $?
    """
    command = ["true"] if second == "run" else [""]
    processes = [
        subprocess.Popen(
            ["sh", "-c", text, "sh", own, other, mode, second, *command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for own, other in ("ab", "ba")
    ]
    ended = [(process.communicate(timeout=30)[1], process.returncode) for process in processes]
    # Both see it if they look at the same time.
    assert sorted(status for _, status in ended) in ([0, 75], [75, 75])
    for said, status in ended:
        if status:
            assert b"waiting would never end" in said and said.count(b"\n") == 1
    wait_until(lambda: is_free(folder / "a", mode) and is_free(folder / "b", mode))


# Locks of hardlink mode, which name their owner.

# A script that does something else, in the foreground; see `let_look`.
# One command: between two of its own a script looks as if it only waited for the ones in the background.
UNTIL_LOOKED = "sh -c 'until [ -e looked ]; do sleep 0.05; done'"


def test_a_hardlink_lock_of_an_ancestor_is_an_error(swlock, folder):
    inner = [SWLOCK, "run", "-m", "hardlink", "lock", "true"]
    result = swlock.run("run", "-m", "hardlink", "lock", "sh", "-c", '"$@"; exit $?', "sh", *inner)
    assert has_failed(result, 75, b"held by pid", b"--reentrant")
    assert not (folder / "lock").exists()


@pytest.mark.parametrize("mode", ["flock", "ofd", "hardlink"])
def test_an_ancestor_that_waits_only_after_a_while_is_seen(swlock, folder, mode):
    text = f'"$@" & {UNTIL_LOOKED}; wait $!; exit $?'
    inner = [SWLOCK, "run", "-m", mode, "lock", "true"]
    # An inherited lock would be named at once.
    close = [] if mode == "hardlink" else ["--close"]
    process = swlock.start("run", "-m", mode, *close, "lock", "sh", "-c", text, "sh", *inner)
    let_look(process, folder, mode, looks=1)
    assert has_failed(result_of(process), 75, b"held by pid", b"--reentrant")


def test_an_acquired_hardlink_lock_is_held_above_the_scripts_commands(folder):
    text = '"$S" acquire -m hardlink lock && "$S" run -m hardlink lock touch ran; exit $?'
    result = shell(folder, text)
    assert has_failed(result, 75, b"held by pid", b"--reentrant")
    assert not (folder / "ran").exists()


def test_reentrant_runs_under_a_hardlink_lock_of_an_ancestor(swlock, folder):
    inner = [SWLOCK, "run", "-m", "hardlink", "--reentrant", "lock", "sh", "-c", "echo inner; exit 3"]
    result = swlock.run("run", "-m", "hardlink", "lock", *inner)
    assert (result.returncode, result.stdout, result.stderr) == (3, b"inner\n", b"")
    text = """
    "$S" acquire -m hardlink lock || exit 20
    "$S" run -m hardlink --reentrant lock touch ran || exit 21
    "$S" acquire -n -m hardlink --reentrant lock || exit 22
    "$S" run -n -m hardlink lock true
    [ $? -eq 75 ] || exit 23
    "$S" release -m hardlink lock || exit 24
    "$S" run -n -m hardlink lock true
    [ $? -eq 75 ] || exit 25
    "$S" release -m hardlink lock
    exit $?
    """
    result = shell(folder, text)
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
    text = '"$S" acquire -m $M lock && "$S" run -m $M --reentrant lock echo ran; exit $?'
    result = shell(folder, text, mode=mode)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"ran\n", b"")
    wait_until(lambda: is_free(folder / "lock", mode))


# Waits that only look as if they would never end: a script may give back what it has.

FOUR = ["flock", "posix", "ofd", "hardlink"]
every_kind = pytest.mark.parametrize("mode", FOUR)


def said(folder, text, mode, name="bash"):
    """What a script writes, its errors among it."""
    return script(folder, text, name, mode, stderr=subprocess.STDOUT).stdout


def let_look(process, folder, mode, locks=("lock",), looks=2):
    """Ends UNTIL_LOOKED as soon as those below `process` that wait for a lock have looked so often at who
    has it: two looks decide.
    """

    def waits(lock):
        return len(claims(folder, lock)) == 2 if mode == "hardlink" else waits_on(folder / lock)

    def reads(waiter):
        """Those of the waiter, and of what looks for it while that keeps its place."""
        count = 0
        for pid in [waiter, *children_of(waiter)]:
            with contextlib.suppress(OSError):
                text = pathlib.Path(f"/proc/{pid}/io").read_text()
                count += int(text.partition("syscr: ")[2].split()[0])
        return count

    def rests(waiter):
        return all((stat_of(pid) or "Z")[0] in "SZ" for pid in [waiter, *children_of(waiter)])

    for lock in locks:
        wait_until(lambda: (folder / lock).exists() and waits(lock), "it waits")  # noqa: B023
    ours = os.path.basename(SWLOCK)
    below = [pid for pid in descendants_of(process.pid) if name_of(pid) == ours]
    for pid in below[-len(locks) :] * looks:
        # A look is hundreds of read(2), of /proc, and the wait is next to none.
        enough = reads(pid) + 100
        wait_until(lambda: reads(pid) > enough and rests(pid), "it has looked")  # noqa: B023
    (folder / "looked").touch()


def said_after_looks(swlock, folder, text, mode, name="bash", locks=("lock",), looks=2):
    """What a script writes that runs UNTIL_LOOKED while its commands wait for locks."""
    if shutil.which(name) is None:
        pytest.skip(f"needs {name}")
    (folder / "script").write_text(text)
    env = {**os.environ, "M": mode}
    process = swlock.begin([name, "script"], env=env, stderr=subprocess.STDOUT)
    let_look(process, folder, mode, locks, looks)
    return process.communicate(timeout=60)[0]


@every_kind
@pytest.mark.parametrize("name", ["dash", "bash", "zsh", "ksh", "mksh"])
def test_a_script_that_is_about_to_release_is_waited_for(swlock, folder, name, mode):
    text = f"""
      "$S" acquire -m $M lock
      ("$S" run -m $M -w 120 lock -- echo in) &
      {UNTIL_LOOKED}
      "$S" release -m $M lock
      wait
    """
    assert said_after_looks(swlock, folder, text, mode, name) == b"in\n"


@every_kind
@pytest.mark.parametrize("inner", ["run", "acquire"])
def test_a_foreground_command_beside_the_waiter_may_end(swlock, folder, mode, inner):
    command = '-- sh -c "echo in"' if inner == "run" else "&& echo in"
    text = f"""
      "$S" acquire -m $M lock
      ("$S" {inner} -m $M -w 30 lock {command}) &
      {UNTIL_LOOKED}
      "$S" release -m $M lock
      wait
    """
    assert said_after_looks(swlock, folder, text, mode) == b"in\n"


@pytest.mark.parametrize("mode", ["flock", "posix", "ofd", "hardlink"])
def test_what_the_command_of_run_leaves_is_let_in_when_that_ends(folder, swlock, mode):
    """With --close the lock ends with the command, which does not wait for the one behind it."""
    inner = f"""("$S" run -m $M -w 30 lock -- sh -c 'echo >in') >/dev/null 2>&1 & {UNTIL_LOOKED}; exit 0"""
    words = ["run", "-o"] if mode != "hardlink" else ["run"]
    words += ["-m", mode, "lock", "bash", "-c", inner]
    process = swlock.start(*words, env={**os.environ, "M": mode})
    let_look(process, folder, mode)
    assert (process.wait(30), process.stderr.read()) == (0, b"")
    appears(folder / "in")


@every_kind
def test_a_script_that_waits_for_the_waiter_is_an_error(folder, mode):
    """Its builtin `wait` ends only after the command that it has started in the background."""
    text = """
      "$S" acquire -m $M lock
      "$S" run -m $M -w 30 lock -- echo in &
      wait $!; echo $?
    """
    lines = said(folder, text, mode).splitlines()
    assert lines[-1] == b"75" and b"which waits for this process" in lines[0]


@every_kind
@pytest.mark.parametrize("wrap", ["x=$({}); echo $?$x", "{} | cat; echo 75", "({}); echo $?"])
def test_a_script_that_reads_what_the_waiter_writes_is_an_error(folder, mode, wrap):
    inner = '"$S" run -m $M -w 30 lock -- echo in 2>&1'
    text = f'"$S" acquire -m $M lock\n{wrap.format(inner)}\n'
    out = said(folder, text, mode)
    assert b"75" in out and b"which waits for this process" in out and b"in\n" not in out


@pytest.mark.parametrize("mode", ["flock", "ofd"])
def test_a_descriptor_of_the_script_that_is_unlocked_lets_the_next_one_in(swlock, folder, mode):
    text = f"""
      exec 9<>lock
      "$S" acquire -m $M --fd 9
      ("$S" run -m $M -w 30 lock -- echo in) &
      {UNTIL_LOOKED}
      "$S" release -m $M --fd 9
      wait
    """
    # One look, since nobody keeps the lock for the script.
    assert said_after_looks(swlock, folder, text, mode, looks=1) == b"in\n"


def test_a_circle_that_one_of_two_scripts_can_leave_is_waited_out(swlock, folder):
    """Each has a lock for which the other waits, but the first one waits in the background."""
    text = f"""
      "$S" acquire a
      bash -c '"$S" acquire b; echo >ready; "$S" run -w 30 a -- echo first; exit $?' & other=$!
      until [ -e ready ]; do sleep 0.02; done
      ("$S" run -w 30 b -- echo second) &
      {UNTIL_LOOKED}
      "$S" release a
      wait
    """
    assert said_after_looks(swlock, folder, text, "flock", locks=("a", "b")) == b"first\nsecond\n"


# What relies on a lock of another process ends with that.


@every_kind
def test_a_reentrant_command_ends_when_the_lock_is_released(folder, mode):
    text = """
      "$S" acquire -m $M lock
      "$S" run -m $M --reentrant lock -- sh -c 'trap "echo TERM; exit 3" TERM; echo >ready
        while :; do sleep 0.05; done' & job=$!
      until [ -e ready ]; do sleep 0.02; done
      "$S" release -m $M lock
      wait $job; echo $?
    """
    lines = said(folder, text, mode).splitlines()
    assert lines[0] == b"TERM" and lines[-1] == b"76" and b"relied on is gone" in lines[1], lines


@every_mode
def test_a_reentrant_command_ends_with_its_ancestors_lock(swlock, folder, mode):
    """The lock is that of a process which gives it back and goes on."""
    text = """
      exec 9<>lock
      "$S" acquire -m $M --fd 9
      "$S" run -m $M --reentrant lock -- sh -c 'exec 9>&-; echo >ready; exec sleep 1000' & job=$!
      until [ -e ready ]; do sleep 0.02; done
      "$S" release -m $M --fd 9
      wait $job; echo $?
    """
    if mode == "posix":
        pytest.skip("a shell has none")
    assert said(folder, text, mode).splitlines()[-1] == b"76"


@every_kind
def test_a_reentrant_command_that_has_ended_by_itself_under_a_lost_lock_says_so(folder, mode):
    text = """
      "$S" acquire -m $M lock
      "$S" run -m $M --reentrant lock -- sh -c '"$S" release -m $M --any lock; exit 0'; echo $?
    """
    assert said(folder, text, mode).splitlines()[-1] == b"76"


@every_kind
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_reentrant_command_is_not_left_alone(swlock, folder, mode, number):
    """Neither by its wrapper's end: nobody would watch the lock any more."""
    text = """
      "$S" acquire -m $M lock
      "$S" run -m $M --reentrant lock -- sh -c 'echo $$ >ready; exec sleep 1000' & echo $! >wrapper
      wait $!; echo $?
    """
    process = subprocess.Popen(
        ["bash", "-c", text], cwd=folder, env={**os.environ, "M": mode}
    )
    command = int(appears(folder / "ready"))
    os.kill(int(appears(folder / "wrapper")), number)
    process.wait(20)
    wait_until(lambda: not is_alive(command))


def test_no_fork_leaves_nobody_to_watch(swlock):
    assert has_failed(swlock.run("run", "-F", "--reentrant", "lock", "true"), 64, b"--reentrant")


@every_kind
def test_release_ends_what_reentrant_acquire_has_left_and_then_the_lock(folder, mode):
    text = """
      "$S" acquire -m $M lock
      f() { "$S" acquire -m $M --reentrant lock || exit 9; "$S" release -m $M lock; echo $?; }
      f; f
      "$S" run -m $M -n -E 7 lock true 2>/dev/null; echo $?
      "$S" release -m $M lock; echo $?
      "$S" release -m $M lock 2>/dev/null; echo $?
    """
    assert said(folder, text, mode).split() == [b"0", b"0", b"7", b"0", b"76"]


@every_kind
def test_what_reentrant_acquire_left_ends_with_the_lock(folder, mode):
    text = """
      "$S" acquire --owner none -m $M other; "$S" acquire -m $M lock
      (m=$("$S" acquire -m $M --reentrant lock); "$S" release -m $M lock; echo $?; "$S" release -m $M lock; echo $?)
      "$S" release -m $M lock 2>/dev/null; echo $?
      "$S" release -m $M --owner none other
    """
    assert said(folder, text, mode).split() == [b"0", b"0", b"76"]


@every_kind
def test_reentrant_acquire_of_a_free_lock_is_acquire(folder, mode):
    text = """
      "$S" acquire -m $M --reentrant lock; echo $?
      "$S" run -m $M -n -E 7 lock true 2>/dev/null; echo $?
      "$S" release -m $M lock; echo $?
      "$S" run -m $M -n -E 7 lock true; echo $?
    """
    assert said(folder, text, mode).split() == [b"0", b"7", b"0", b"0"]


@every_kind
@pytest.mark.parametrize("leftovers", ["wait", "kill"])
def test_what_watches_the_lock_is_no_leftover(folder, mode, leftovers):
    text = f"""
      "$S" acquire -m $M lock
      "$S" run -m $M --reentrant --leftovers={leftovers} lock -- sh -c '(sleep 0.3 >/dev/null &) & exit 3'; echo $?
    """
    assert said(folder, text, mode) == b"3\n"
