"""Attacks on hardlink locks that once worked: each gave two holders, or lost a lock."""

import os
import pathlib
import stat
import subprocess
import sys
import time

import pytest

from conftest import SWLOCK, needs_strace
from hardlink_world import (
    BUSY,
    NOT_HELD,
    SETTLE,
    UNSUPPORTED,
    forge,
    holder,
    in_a_container,
    left_in,
    needs_namespaces,
    owner,
    under,
)
from observing import PATIENCE, nothing_left, python, wait_until  # noqa: F401
from sections import begin, finish, hold, wait_until_inside


def attempt(words, folder):
    return subprocess.run([*words, "true"], cwd=folder, capture_output=True, timeout=PATIENCE)


@needs_namespaces
def test_placeholder_of_another_pid_namespace_is_not_taken_for_a_dead_one(swlock, folder):
    words = under("--style", "portage")
    holding = hold(swlock, words)
    assert attempt(in_a_container([*words[:-2], "-n", *words[-2:]]), folder).returncode == BUSY
    finish(holding)
    inside = hold(swlock, in_a_container(words))
    assert attempt([*words[:-2], "-n", *words[-2:]], folder).returncode == BUSY
    finish(inside)


@needs_namespaces
def test_flufl_claim_of_another_pid_namespace_is_not_taken_for_a_dead_one(swlock, folder):
    with owner(folder) as process:
        forge(folder / "lock", process.pid, "12345")
        words = in_a_container([*under("-n")])
        assert attempt(words, folder).returncode == BUSY
    assert swlock.run("break", *SETTLE, "lock").returncode == 0


@needs_namespaces
def test_owner_in_another_time_namespace_is_alive(swlock, folder):
    shift = ["unshare", "-T", "--boottime", "100000", "--fork"]
    if subprocess.run([*shift, "true"], capture_output=True).returncode != 0:
        pytest.skip("needs time namespaces")
    holding = hold(swlock, [*shift, *under()])
    assert attempt(under("-n"), folder).returncode == BUSY
    finish(holding)
    holding = hold(swlock, under())
    assert attempt([*shift, *under("-n")], folder).returncode == BUSY
    finish(holding)


DEAD_LEADER = """
import ctypes, threading, sys
print("in", flush=True)
threading.Thread(target=sys.stdin.readline).start()
ctypes.CDLL(None).pthread_exit(None)
"""


def test_owner_whose_first_thread_has_ended_is_alive(swlock, folder):
    process = begin(swlock, [sys.executable, "-I", "-S", "-c", DEAD_LEADER])
    wait_until_inside(process)
    status = pathlib.Path(f"/proc/{process.pid}/stat")
    wait_until(lambda: " Z " in status.read_text(), "its first thread has ended")
    words = ["acquire", "-m", "hardlink", "--owner", str(process.pid), "lock"]
    assert swlock.run(*words).returncode == 0
    assert attempt(under("-n"), folder).returncode == BUSY
    process.communicate(timeout=PATIENCE)
    assert attempt(under("-n"), folder).returncode == 0


@pytest.mark.parametrize("style", ["flufl", "portage"])
def test_umask_of_the_holder_does_not_keep_others_from_reading_its_claim(swlock, folder, style):
    holding = hold(swlock, ["sh", "-c", 'umask 077; exec "$@"', "sh", *under("--style", style)])
    if style == "flufl":
        assert stat.S_IMODE(os.stat(folder / "lock").st_mode) == 0o644
    else:
        assert stat.S_IMODE(os.stat(folder / "lock").st_mode) == 0o660
    finish(holding)


def test_lifetime_shorter_than_the_settling_is_enough(swlock, folder):
    forge(folder / "lock", os.getpid(), "12345", held=False)
    words = under("--settle", "2500ms", "--lifetime", "1s", "-n")
    assert attempt(words, folder).returncode == 0


def test_timeout_ends_the_settling_too(swlock, folder):
    forge(folder / "lock", os.getpid(), "12345", held=False)
    start = time.monotonic()
    outcome = attempt(under("--settle", "60s", "-w", "300ms"), folder)
    assert outcome.returncode == BUSY
    assert time.monotonic() - start < PATIENCE
    assert not (folder / "lock").exists()


def test_refresh_during_a_break_does_not_believe_what_the_breaker_touched(swlock, folder):
    with owner(folder) as process:
        words = ["--owner", str(process.pid), "lock"]
        assert swlock.run("acquire", "-m", "hardlink", "--lifetime", "1s", *words).returncode == 0
        forge(folder / "lock", os.getpid(), "12345", held=False)
        breaking = swlock.start("break", "--force", "--settle", "1s", "lock")
        wait_until(
            lambda: any(".swlock-retire-" in name for name in os.listdir(folder)), "it has begun"
        )
        refreshed = swlock.run("refresh", "--lifetime", "60s", "--settle", "1s", *words)
        breaking.communicate(timeout=PATIENCE)
        # Either the refresh or the break has won; not both.
        assert (refreshed.returncode, breaking.returncode) in [(NOT_HELD, 0), (0, BUSY)]
        assert (holder(folder / "lock") is None) == (refreshed.returncode == NOT_HELD)


@needs_strace
@pytest.mark.parametrize("error", ["EIO", "EPERM", "ENOSPC"])
def test_right_that_could_not_be_used_is_given_back_once(swlock, folder, error):
    with owner(folder) as process:
        words = ["acquire", "-m", "hardlink", "--owner", str(process.pid), "lock"]
        assert swlock.run(*words).returncode == 0
        trace = ["strace", "-qq", "-o", "trace", "-e", "trace=renameat"]
        fault = ["-e", f"inject=renameat:error={error}:when=1"]
        words = [SWLOCK, "break", "--force", *SETTLE, "lock"]
        outcome = subprocess.run([*trace, *fault, *words], cwd=folder, capture_output=True)
        assert outcome.returncode != 0
        assert (folder / "trace").read_text().count("renameat(") == 2
        assert swlock.run("release", "--owner", str(process.pid), "lock").returncode == 0
    assert left_in(folder) == []


def test_automatic_mode_does_not_give_up_what_hardlink_locks_need(swlock, folder):
    with owner(folder) as process:
        words = ["acquire", "-m", "hardlink", "--owner", str(process.pid), "lock"]
        assert swlock.run(*words).returncode == 0
        for option in "--no-fork", "--leftovers=keep":
            words = [SWLOCK, "run", "-m", "auto", option, "-n", "lock", "--"]
            outcome = attempt(words, folder)
            assert outcome.returncode == UNSUPPORTED
            assert option.encode() in outcome.stderr


def test_file_that_took_the_place_of_the_lock_is_not_removed_with_it(swlock, folder):
    program = "import os, sys; os.unlink('lock'); open('lock', 'w').write('data')"
    words = [*under(), *python(program)]
    outcome = subprocess.run(words, cwd=folder, capture_output=True, timeout=PATIENCE)
    assert outcome.returncode != 0
    assert (folder / "lock").read_text() == "data"


def test_cleanup_goes_on_after_what_it_may_not_touch(swlock, folder):
    (folder / "aaa").mkdir()
    (folder / ".x.hardlock-elsewhere-12").write_text("data")
    forge(folder / "lock", 4_194_300, "12345")
    (folder / "zzz").symlink_to("nowhere")
    outcome = swlock.run("cleanup", ".")
    assert outcome.returncode == 0, outcome
    assert b"2 removed" in outcome.stdout
    assert (folder / ".x.hardlock-elsewhere-12").read_text() == "data"
