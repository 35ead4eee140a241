"""acquire and release in the kernel's modes: a process keeps the lock until its owner ends."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

import pytest

from conftest import SWLOCK, needs_root, needs_strace, needs_tool
from keepers import keepers, no_keepers_left, words_of  # noqa: F401
from observing import (  # noqa: F401
    MODES,
    descriptors_of,
    end,
    has_failed,
    held,
    is_free,
    is_held,
    nothing_left,
    start_of,
    wait_until,
    waits_on,
)
from scripts import shell

every_mode = pytest.mark.parametrize("mode", MODES)


@every_mode
def test_the_lock_is_held_until_the_script_releases_it(swlock, folder, mode):
    script = f"""
      "$S" acquire -m {mode} lock || exit 1
      "$S" run -n -E 9 -m {mode} lock true; echo "held $?"
      "$S" release lock || exit 2
      "$S" run -n -E 9 -m {mode} lock true; echo "free $?"
    """
    assert shell(folder, script).stdout == b"held 9\nfree 0\n"
    assert keepers(folder) == []


ENDINGS = {
    "exit": "exit 3",
    "error": "set -e; false",
    "TERM": "kill -TERM $$",
    "KILL": "kill -KILL $$",
}


@every_mode
@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
def test_the_lock_is_free_after_the_scripts_end(swlock, folder, mode, ending):
    shell(folder, f'"$S" acquire -m {mode} lock && {ending}')
    wait_until(lambda: is_free(folder / "lock", mode))
    wait_until(lambda: not keepers(folder))


@needs_strace
def test_the_keeper_sleeps_until_its_owner_ends(swlock, folder):
    """With no time limit, so the lock is free at once."""
    owner = swlock.begin(["sleep", "1000"])
    words = ["strace", "-D", "-f", "-qq", "-o", "trace", "-e", "trace=poll,ppoll"]
    assert swlock.begin([*words, SWLOCK, "acquire", "--owner", str(owner.pid), "lock"]).wait(10) == 0
    # ppoll(2) where there is no poll(2).
    wait_until(lambda: re.search(rb"poll\(\[.*\], 2, (-1|NULL)", (folder / "trace").read_bytes()))
    owner.kill()
    wait_until(lambda: is_free(folder / "lock") and not keepers(folder))
    waits = [line for line in (folder / "trace").read_text().splitlines() if "poll([" in line]
    assert len(waits) == 1


def test_the_keeper_shows_what_it_keeps_and_has_nothing_else(swlock, folder):
    reading, writing = os.pipe()
    result = swlock.run("acquire", "a lock", "--owner", str(os.getpid()), pass_fds=[writing])
    assert result.returncode == 0, result
    (keeper,) = keepers(folder)
    owner = os.fsencode(str(os.getpid()))
    assert words_of(keeper)[:5] == [b"swlock", b"hold", os.fsencode(folder / "a lock"), b"for", owner]
    assert pathlib.Path(f"/proc/{keeper}/comm").read_text() == "swlock\n"
    found = descriptors_of(keeper)
    assert {found.pop(number) for number in (0, 1, 2)} == {"/dev/null"}
    assert writing not in found and str(folder / "a lock") in found.values()
    assert os.readlink(f"/proc/{keeper}/cwd") == "/"
    assert os.getsid(keeper) == keeper
    os.close(writing)
    os.close(reading)
    assert swlock.run("release", "a lock").returncode == 0


def test_a_pipeline_does_not_wait_for_the_keeper(swlock, folder):
    result = shell(folder, '"$S" acquire lock 2>&1 | cat; echo done; "$S" release lock')
    assert result.stdout == b"done\n"


def test_the_lock_of_another_owner_is_not_released(swlock, folder):
    owner = subprocess.Popen(["sleep", "1000"], cwd=folder)
    try:
        assert swlock.run("acquire", "lock", "--owner", str(owner.pid)).returncode == 0
        result = swlock.run("release", "lock")
        assert has_failed(result, 76, b"it is held by pid %d (sleep 1000" % owner.pid)
        assert is_held(folder / "lock")
        assert swlock.run("release", "--owner", str(owner.pid), "lock").returncode == 0
        assert is_free(folder / "lock")
    finally:
        owner.kill()
        owner.wait()


def test_a_lock_of_nobody_stays_until_it_is_released(swlock, folder):
    shell(folder, '"$S" acquire --owner none lock')
    (keeper,) = keepers(folder)
    assert b"nobody" in words_of(keeper)
    assert has_failed(swlock.run("release", "lock"), 76)
    assert is_held(folder / "lock")
    assert swlock.run("release", "--owner", "none", "lock").returncode == 0
    assert is_free(folder / "lock") and keepers(folder) == []


def test_who_only_looks_like_a_keeper_is_left_alone(swlock, folder):
    """It has the file open, but no lock."""
    me = os.getpid()
    start = str(start_of(me))
    (folder / "hold").write_text(
        "import os, sys, time\n"
        "os.dup2(os.open('lock', os.O_RDWR | os.O_CREAT), 9)\n"
        "print(flush=True)\n"
        "time.sleep(1000)\n"
    )
    words = ["swlock", "hold", str(folder / "lock"), "for", str(me), start, "flock", "9"]
    with subprocess.Popen(
        words, executable=sys.executable, cwd=folder, stdout=subprocess.PIPE
    ) as liar:
        try:
            liar.stdout.readline()
            assert has_failed(swlock.run("release", "lock"), 76)
            assert liar.poll() is None
            assert swlock.run("acquire", "--owner", str(me), "lock").returncode == 0
            assert swlock.run("release", "lock").returncode == 0
            assert is_free(folder / "lock") and liar.poll() is None
        finally:
            liar.kill()


def test_a_lock_is_released_by_another_name_of_its_file(swlock, folder):
    me = str(os.getpid())
    assert swlock.run("acquire", "--owner", me, "lock").returncode == 0
    os.symlink("lock", folder / "link")
    assert swlock.run("release", "link").returncode == 0
    assert is_free(folder / "lock") and keepers(folder) == []


def test_any_releases_the_lock_whoever_holds_it(swlock, folder):
    assert swlock.run("acquire", "lock", "--owner", str(os.getpid())).returncode == 0
    assert shell(folder, '"$S" release --any lock').returncode == 0
    assert is_free(folder / "lock")


@every_mode
def test_acquiring_twice_is_an_error_and_no_endless_wait(swlock, folder, mode):
    script = f'"$S" acquire -m {mode} lock && "$S" acquire -m {mode} lock'
    result = shell(folder, script, stderr=subprocess.PIPE)
    assert has_failed(result, 75, b"has it already")


@every_mode
def test_a_lock_that_is_not_held_cannot_be_released(swlock, folder, mode):
    assert has_failed(swlock.run("release", "lock"), 76, b"it is not held")
    with held(folder / "lock", mode):
        assert has_failed(swlock.run("release", "lock"), 76, b"it is held by pid %d" % os.getpid())
    assert has_failed(swlock.run("release", "-m", mode, "lock"), 76)


def test_release_may_name_the_mode(swlock, folder):
    me = str(os.getpid())
    for mode in ("flock", "posix"):
        assert swlock.run("acquire", "-m", mode, "lock", "--owner", me).returncode == 0
    assert swlock.run("release", "-m", "posix", "lock").returncode == 0
    assert is_free(folder / "lock", "posix") and is_held(folder / "lock")
    assert swlock.run("release", "lock").returncode == 0
    assert is_free(folder / "lock")


@every_mode
def test_busy_and_timed_out_are_those_of_run(swlock, folder, mode):
    with held(folder / "lock", mode):
        for words in (["-n"], ["-w", "0.05"]):
            result = swlock.run("acquire", "-m", mode, *words, "lock")
            assert has_failed(result, 75, b"held by pid %d" % os.getpid())
            assert swlock.run("acquire", "-m", mode, *words, "-E", "9", "lock").returncode == 9
    assert keepers(folder) == []


@every_mode
@pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])
def test_a_signal_ends_the_wait_and_leaves_nothing(swlock, folder, mode, name):
    number = getattr(signal, f"SIG{name}")
    with held(folder / "lock", mode):
        process = swlock.start("acquire", "-m", mode, "lock", "--owner", str(os.getpid()))
        wait_until(lambda: waits_on(folder / "lock"))
        process.send_signal(number)
        assert process.wait(10) == 128 + number
        wait_until(lambda: not waits_on(folder / "lock"))
    assert is_free(folder / "lock", mode)


@every_mode
def test_a_killed_waiter_leaves_nothing(swlock, folder, mode):
    with held(folder / "lock", mode):
        process = swlock.start("acquire", "-m", mode, "lock", "--owner", str(os.getpid()))
        wait_until(lambda: waits_on(folder / "lock"))
        process.kill()
        wait_until(lambda: not waits_on(folder / "lock"))
    assert is_free(folder / "lock", mode)
    assert keepers(folder) == []


@every_mode
def test_a_waiter_gets_the_lock_when_it_is_free(swlock, folder, mode):
    with held(folder / "lock", mode):
        process = swlock.start("acquire", "-m", mode, "lock", "--owner", str(os.getpid()))
        wait_until(lambda: waits_on(folder / "lock"))
        assert process.poll() is None
    assert process.wait(10) == 0
    assert is_held(folder / "lock", mode)
    assert swlock.run("release", "lock").returncode == 0


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "KILL"])
def test_a_signal_ends_the_keeper(swlock, folder, name):
    # Even where whoever called ignored it.
    script = 'trap "" TERM INT HUP; "$S" acquire --owner none lock'
    assert shell(folder, script).returncode == 0
    (keeper,) = keepers(folder)
    os.kill(keeper, getattr(signal, f"SIG{name}"))
    wait_until(lambda: is_free(folder / "lock"))


def test_unlink_removes_the_file_at_release_and_at_the_owners_end(swlock, folder):
    shell(folder, '"$S" acquire --unlink lock; "$S" release lock; ls >after')
    assert (folder / "after").read_text() == "after\n"
    shell(folder, '"$S" acquire --unlink lock; true')
    wait_until(lambda: not (folder / "lock").exists())


def test_a_stopped_keeper_is_released_all_the_same(swlock, folder):
    assert shell(folder, '"$S" acquire --owner none lock').returncode == 0
    os.kill(keepers(folder)[0], signal.SIGSTOP)
    assert swlock.run("release", "--any", "lock").returncode == 0
    assert is_free(folder / "lock")


@pytest.mark.parametrize("owner, status", [(b"4194304", 71), (b"0", 64), (b"x", 64), (b"-1", 64)])
def test_an_owner_that_does_not_exist_is_refused(swlock, folder, owner, status):
    result = swlock.run("acquire", b"--owner=" + owner, "lock")
    assert result.returncode == status
    assert keepers(folder) == [] and not (folder / "lock").exists()


def test_errors_reach_the_caller(swlock, folder):
    os.mkfifo(folder / "fifo")
    assert has_failed(swlock.run("acquire", "fifo"), 65, b"FIFO")
    assert has_failed(swlock.run("acquire", "none/lock"), 73)
    assert has_failed(swlock.run("acquire", "--no-create", "lock"), 66)


# --fd


@pytest.mark.parametrize("mode", ["flock", "ofd"])
def test_a_descriptor_of_the_shell_is_locked_and_released(swlock, folder, mode):
    script = f"""
      exec 9<>lock
      "$S" acquire --fd 9 -m {mode} || exit 1
      "$S" run -n -E 9 -m {mode} lock true; echo "held $?"
      "$S" release --fd 9 -m {mode} || exit 2
      "$S" run -n -E 9 -m {mode} lock true; echo "free $?"
    """
    assert shell(folder, script).stdout == b"held 9\nfree 0\n"


def test_a_locked_descriptor_is_busy_for_others(swlock, folder):
    with held(folder / "lock"):
        script = 'exec 9<>lock; "$S" acquire --fd 9 -n -E 7'
        result = shell(folder, script, stderr=subprocess.PIPE)
        assert has_failed(result, 7, b"held by pid %d" % os.getpid())


@pytest.mark.parametrize(
    "words, part",
    [
        (["-m", "posix", "--fd", "9"], b"would end with swlock"),
        (["-m", "hardlink", "--fd", "9"], b"flock or ofd"),
        (["--fd", "9", "lock"], b"takes the place of PATH"),
        (["--fd", "x"], b"descriptor"),
        (["--fd", "9", "--unlink"], b"--unlink"),
        (["--fd", "9", "--owner", "1"], b"--owner"),
    ],
)
def test_what_fd_cannot_do_is_a_usage_error(swlock, folder, words, part):
    assert has_failed(swlock.run("acquire", *words), 64, part)


def test_a_closed_descriptor_is_an_error(swlock, folder):
    assert has_failed(swlock.run("acquire", "--fd", "77"), 71, b"flock")
    assert has_failed(swlock.run("release", "--fd", "77"), 71, b"flock")


# Who the owner is

# Most shells become the last command of `-c`, so something follows.
OWNERS = {
    "plain": '"$S" acquire lock; true',
    "pipeline": '"$S" acquire lock | cat; true',
    "substitution": 'x=$("$S" acquire lock); true',
}


@pytest.mark.parametrize("script", OWNERS.values(), ids=OWNERS.keys())
@pytest.mark.parametrize("name", ["dash", "bash", "zsh", "fish"])
def test_the_shell_is_the_owner(swlock, folder, name, script):
    if shutil.which(name) is None:
        pytest.skip(f"needs {name}")
    script = script.replace("x=$(", "set x (") if name == "fish" else script
    test = '"$S" run -n -E 9 lock true; echo $?'
    if name == "fish":
        test = test.replace("$?", "$status")
    assert shell(folder, f"{script}; {test}", name).stdout == b"9\n"
    wait_until(lambda: is_free(folder / "lock"))


@pytest.mark.parametrize("name", ["dash", "bash", "zsh"])
def test_what_a_subshell_acquires_is_the_scripts_as_well_unless_told_otherwise(swlock, folder, name):
    if shutil.which(name) is None:
        pytest.skip(f"needs {name}")
    script = """
      ("$S" acquire lock; true)
      "$S" run -n -E 9 lock true; echo $?
      "$S" release lock; echo $?
      (sleep 1000 >/dev/null 2>&1 & "$S" acquire --owner $! lock; echo $!)
    """
    held, released, owner = shell(folder, script, name).stdout.split()
    assert (held, released) == (b"9", b"0")
    assert is_held(folder / "lock")
    end(int(owner))
    wait_until(lambda: is_free(folder / "lock"))


def test_under_nohup_the_owner_is_its_caller(swlock, folder):
    script = 'nohup "$S" acquire lock 2>&-; "$S" run -n -E 9 lock true; echo $?'
    assert shell(folder, script).stdout == b"9\n"


@needs_root
@needs_tool("unshare")
@needs_tool("ps")
def test_an_orphan_needs_to_say_who_the_owner_is(swlock, folder):
    """Its parent would be the first process, which never ends.

    In a pid namespace of its own, since an orphan's parent may be a subreaper elsewhere; and in a
    session of its own, since the first process may be a shell that does call acquire.
    """
    orphaning = """
      is_orphan() { me=$(exec sh -c 'echo $PPID'); [ "$(ps -o ppid= -p $me)" -eq 1 ]; }
      (until is_orphan; do sleep 0.01; done; exec setsid "$S" acquire lock 2>said) &
    """
    script = 'sh -c "$1"; until [ -s said ]; do sleep 0.01; done'
    words = ["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", script, "sh", orphaning]
    subprocess.run(words, cwd=folder, check=True, timeout=30)
    assert b"--owner" in (folder / "said").read_bytes()
    assert not (folder / "lock").exists()


# Many


def test_a_hundred_pairs_leave_nothing_behind(swlock, folder):
    script = """
      i=0
      while [ $i -lt 100 ]; do
        "$S" acquire lock || exit 1
        "$S" release lock || exit 2
        i=$((i + 1))
      done
    """
    assert shell(folder, script).returncode == 0
    assert keepers(folder) == []
    assert os.listdir(folder) == ["lock"]


def test_a_counter_survives_many_scripts(swlock, folder):
    (folder / "count").write_text("0\n")
    script = '"$S" acquire lock && read n <count && echo $((n + 1)) >count && "$S" release lock'
    started = [subprocess.Popen(["sh", "-c", script], cwd=folder) for _ in range(30)]
    assert [process.wait(30) for process in started] == [0] * 30
    assert (folder / "count").read_text() == "30\n"


@needs_root
@needs_tool("unshare")
def test_a_keeper_is_no_leftover_of_another_pid(swlock, folder):
    """Its owner's number is given to another process at once: the keeper is gone all the same."""
    script = """
      sh -c '"$S" acquire lock; echo $$ >owner'
      read owner <owner
      echo $((owner - 1)) >/proc/sys/kernel/ns_last_pid
      sleep 60 & [ $! = $owner ] || { kill $!; exit 77; }
      "$S" run -w 4 -E 9 lock true; status=$?
      "$S" release --owner $owner lock 2>/dev/null; echo "$status $?"
      kill $!
    """
    result = shell(folder, script, prefix=["unshare", "--pid", "--fork", "--mount-proc"])
    if result.returncode == 77:
        pytest.skip("the number was not given again")
    assert result.stdout == b"0 76\n"
