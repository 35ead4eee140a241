"""break and cleanup for locks of the kernel: whom they end, and whom never."""

import os
import signal

import pytest

from conftest import needs_root, needs_strace, needs_tool
from observing import (  # noqa: F401
    MODES,
    appears,
    has_failed,
    held,
    is_free,
    is_held,
    nothing_left,
    wait_until,
    waits_on,
)
from scripts import shell

every_mode = pytest.mark.parametrize("mode", MODES)


def started(swlock, folder, *words):
    process = swlock.start("run", *words)
    wait_until(lambda: swlock.run("status", "-q", "lock").returncode == 0)
    return process


@every_mode
def test_a_live_holder_is_named_and_refused(swlock, folder, mode):
    process = started(swlock, folder, "-m", mode, "lock", "sleep", "1000")
    # In posix mode two processes share it, and either may be named.
    named = b"pid " if mode == "posix" else b"pid %d" % process.pid
    assert has_failed(swlock.run("break", "lock"), 75, named, b"alive", b"--kill")
    assert process.poll() is None and is_held(folder / "lock", mode)
    process.terminate()


def test_what_is_free_needs_no_breaking(swlock, folder):
    (folder / "lock").touch()
    assert swlock.run("break", "lock").returncode == 0
    assert has_failed(swlock.run("break", "none"), 66, b"No such file")


def test_data_that_nobody_has_locked_is_no_lock(swlock, folder):
    (folder / "data").write_text("data")
    assert has_failed(swlock.run("break", "data"), 65)
    assert (folder / "data").read_text() == "data"


@every_mode
def test_kill_ends_the_holders_and_the_lock_is_free(swlock, folder, mode):
    process = started(swlock, folder, "-m", mode, "lock", "sleep", "1000")
    assert swlock.run("break", "--kill", "lock").returncode == 0
    assert is_free(folder / "lock", mode)
    assert process.wait(10) == 143


def test_leftovers_are_told_from_live_holders_and_ended(swlock, folder):
    assert swlock.run("run", "lock", "sh", "-c", "sleep 1000 >/dev/null 2>&1 &").returncode == 0
    assert is_held(folder / "lock")
    assert has_failed(swlock.run("break", "lock"), 75, b"is gone", b"sleep 1000")
    assert swlock.run("break", "--kill", "lock").returncode == 0
    assert is_free(folder / "lock")


def test_one_that_ignores_the_signal_is_killed_later(swlock, folder):
    command = ["sh", "-c", 'trap "" TERM; echo >ready; while :; do sleep 0.05; done']
    process = swlock.start("run", "--no-fork", "lock", *command)
    appears(folder / "ready")
    assert swlock.run("break", "--kill", "--kill-after=100ms", "lock").returncode == 0
    assert process.wait(10) == -signal.SIGKILL
    wait_until(lambda: is_free(folder / "lock"))


@pytest.mark.parametrize("name", ["KILL", "SIGKILL", "9"])
def test_the_signal_may_be_chosen(swlock, folder, name):
    process = started(swlock, folder, "--no-fork", "lock", "sleep", "1000")
    assert swlock.run("break", f"--kill={name}", "lock").returncode == 0
    assert process.wait(10) == -signal.SIGKILL


def test_whoever_waits_gets_the_lock_and_is_left_alone(swlock, folder):
    started(swlock, folder, "--no-fork", "lock", "sleep", "1000")
    waiter = swlock.start("run", "lock", "sh", "-c", "echo >ran")
    wait_until(lambda: waits_on(folder / "lock"))
    assert swlock.run("break", "--kill", "lock").returncode == 0
    assert waiter.wait(10) == 0 and (folder / "ran").exists()


def test_the_caller_is_not_ended(swlock, folder):
    with held(folder / "lock"):
        result = swlock.run("break", "--kill", "lock")
        assert has_failed(result, 75, b"pid %d" % os.getpid(), b"has called this command")


@pytest.mark.parametrize("words", [["--kill=NONSENSE", "l"], ["--kill-after=1", "l"], ["--kill=99", "l"]])
def test_mistakes_are_usage_errors(swlock, folder, words):
    assert has_failed(swlock.run("break", *words), 64)


@needs_root
@needs_strace
@needs_tool("unshare")
def test_a_stranger_with_the_holders_number_is_never_signalled(swlock, folder):
    """The holder ends and its number is another process's, between the look and the signal."""
    script = """
      "$S" run --no-fork lock sleep 1000 & holder=$!
      until "$S" status lock | grep -q sleep; do :; done
      strace -qq -o trace -e trace=pidfd_open -e inject=pidfd_open:delay_enter=2000000:when=1 \
        "$S" break --kill=KILL lock & breaker=$!
      until grep -q pidfd_open trace 2>/dev/null; do :; done
      kill -KILL $holder; wait $holder 2>/dev/null
      echo $((holder - 1)) >/proc/sys/kernel/ns_last_pid
      sleep 60 & stranger=$!
      [ $stranger = $holder ] || { kill $stranger; wait $breaker; exit 77; }
      wait $breaker; echo "break $?"
      kill -0 $stranger && echo alive
      kill $stranger
    """
    result = shell(folder, script, "bash", prefix=["unshare", "--pid", "--fork", "--mount-proc"])
    if result.returncode == 77:
        pytest.skip("the number was not given again")
    assert result.stdout == b"break 0\nalive\n"


# cleanup --unused


def test_unused_lock_files_are_removed_and_others_stay(swlock, folder):
    for name in ("free", "busy", "ofd", ".a.swlock", ".b.portage_lockfile", "empty", ".swlock"):
        (folder / name).touch()
    (folder / "data").write_text("data")
    (folder / ".c.swlock").write_text("data")
    with held(folder / "busy"), held(folder / "ofd", "ofd"):
        words = ["cleanup", "--unused"]
        for name in ("free", "busy", "ofd", "data"):
            swlock.run(*words, "--dry-run", name)
            assert (folder / name).exists()
            swlock.run(*words, name)
        result = swlock.run(*words, ".")
    assert result.returncode == 0, result
    left = ["busy", "ofd", "data", "empty", ".b.portage_lockfile", ".c.swlock", ".swlock"]
    assert sorted(os.listdir(folder)) == sorted(left)


def test_each_removed_file_is_told(swlock, folder):
    (folder / "lock").touch()
    assert b"would remove lock (unused lock file)\n" in swlock.run("cleanup", "--unused", "--dry-run", "lock").stdout
    result = swlock.run("cleanup", "--unused", "lock")
    assert result.stdout == b"removed lock (unused lock file)\n1 removed\n"
    assert not (folder / "lock").exists()


OTHERS = ["db.lck", "index.lock", "lock", ".data.lock", ".b.portage_lockfile"]


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_RDWR, os.O_PATH], ids=["r", "rw", "path"])
@pytest.mark.parametrize("name", OTHERS)
def test_a_file_that_is_a_lock_to_others_as_it_is_there_stays(swlock, folder, name, flags):
    """To pacman or git the file is the lock, and no kernel lock is on it."""
    (folder / name).touch()
    descriptor = os.open(folder / name, flags)
    for words in ([name], ["."], ["--dry-run", name], ["--dry-run", "."]):
        result = swlock.run("cleanup", "--unused", *words)
        assert result.returncode == 0 and result.stdout.startswith(b"0 "), result
        assert (folder / name).exists()
        if words[-1] == name:
            assert has_failed(result, 0, b" stays: it is open in pid %d (" % os.getpid())
    os.close(descriptor)
    # In a folder it is no business of swlock's, whoever has it open.
    assert swlock.run("cleanup", "--unused", ".").stdout == b"0 removed\n"
    assert swlock.run("cleanup", "--unused", name).stdout.endswith(b"\n1 removed\n")


def test_a_lock_that_portage_holds_by_a_link_stays(swlock, folder):
    (folder / "lock").touch()
    os.link(folder / "lock", folder / ".lock.hardlock-elsewhere-1")
    result = swlock.run("cleanup", "--unused", "lock")
    assert has_failed(result, 0, b"lock stays: ") and (folder / "lock").exists()


def test_what_is_no_regular_file_is_not_removed(swlock, folder):
    os.mkfifo(folder / "fifo")
    (folder / "target").touch()
    (folder / "link").symlink_to("target")
    for name in ("fifo", "link", "none"):
        swlock.run("cleanup", "--unused", name, timeout=10)
    assert sorted(os.listdir(folder)) == ["fifo", "link", "target"]
