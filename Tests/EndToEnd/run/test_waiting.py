"""The waiting line: who is waited for, after a second, on a terminal or when asked for."""

import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from conftest import SWLOCK, needs_root, needs_static, needs_strace, needs_tool
from observing import PATIENCE, children_of, held, is_held, nothing_left, wait_until, waits_on  # noqa: F401
from screens import Screen


def test_a_terminal_is_told_after_a_second_who_has_the_lock(swlock, folder):
    with held(folder / "lock"):
        since = time.monotonic()
        screen = Screen(swlock, "run", "lock", "true")
        screen.shows(rb"waiting [1-9]s for lock, held by .* \(pid %d, " % os.getpid())
        assert time.monotonic() - since > 0.9
        screen.shows(rb"\rswlock: waiting [2-9]s for lock, .*\x1b\[K")
        for line in screen.written.decode().replace("\x1b[K", "").split("\r"):
            assert len(line) < 80 and "\n" not in line
    assert screen.process.wait(10) == 0
    assert screen.rest().endswith(b"\r\x1b[K")


@pytest.mark.parametrize("length", [1, 20, 25, 60])
def test_the_line_fits_whatever_the_command_is(swlock, folder, length):
    """It names the command, not the swlock that has the lock as well."""
    name = folder / ("c" * length)
    name.symlink_to(shutil.which("sleep"))
    holder = swlock.start("run", "lock", "--", f"./{name.name}", "1000")
    wait_until(lambda: (folder / "lock").exists() and is_held(folder / "lock"))
    screen = Screen(swlock, "run", "lock", "true")
    screen.shows(rb"waiting [1-9]s for lock, held for [0-9]+s by ./c.* \(pid [0-9]+, .*\)\x1b\[K")
    assert len(screen.written.decode().replace("\x1b[K", "").split("\r")[-1]) < 80
    holder.terminate()
    assert screen.process.wait(10) == 0


def test_the_line_is_erased_by_a_signal_and_nothing_is_left(swlock, folder):
    with held(folder / "lock"):
        screen = Screen(swlock, "run", "lock", "true")
        screen.shows(rb" waiting [1-9]s for ")
        screen.process.send_signal(signal.SIGTERM)
        assert screen.process.wait(10) == 128 + 15
        assert screen.rest().endswith(b"\x1b[K")


def test_a_killed_waiter_takes_the_line_with_it(swlock, folder):
    with held(folder / "lock"):
        screen = Screen(swlock, "run", "lock", "true")
        screen.shows(rb" waiting [1-9]s for ")
        screen.process.kill()


def test_a_dumb_terminal_gets_a_line_and_no_escapes(swlock, folder):
    with held(folder / "lock"):
        screen = Screen(swlock, "run", "lock", "true", term="dumb")
        screen.shows(rb"waiting for lock, held by .* \(pid %d, .*\)\r\n" % os.getpid())
        assert b"\x1b" not in screen.written
    assert screen.process.wait(10) == 0


def test_a_pipe_is_told_nothing_unless_asked(swlock, folder):
    with held(folder / "lock"):
        silent = swlock.start("run", "-w", "1.2", "lock", "true")
        asked = swlock.start("run", "--progress", "-w", "3.2", "lock", "true")
        assert (silent.wait(10), asked.wait(10)) == (75, 75)
    said = asked.stderr.read()
    assert re.match(rb"swlock: waiting for lock, held by .* \(pid %d, .*\)\n" % os.getpid(), said)
    assert said.count(b"\n") == 2
    assert silent.stderr.read().count(b"\n") == 1


def test_quiet_says_nothing_on_a_terminal(swlock, folder):
    with held(folder / "lock"):
        screen = Screen(swlock, "run", "-q", "-w", "1.2", "lock", "true")
        assert screen.process.wait(10) == 75
    assert b"waiting" not in screen.rest()


def test_message_is_what_it_says_instead(swlock, folder):
    with held(folder / "lock"):
        screen = Screen(swlock, "run", "--message", "the backup\x1b[2J is busy", "lock", "true")
        screen.shows(rb"the backup\\x1b\[2J is busy")
        assert b"waiting for" not in screen.written
    assert screen.process.wait(10) == 0


def test_acquire_tells_as_run_does(swlock, folder):
    with held(folder / "lock"):
        screen = Screen(swlock, "acquire", "-w", "3.2", "lock", "--owner", str(os.getpid()))
        screen.shows(rb"waiting [1-9]s for lock, held by .*\(pid %d, " % os.getpid())
        assert screen.process.wait(10) == 75


def test_a_short_wait_says_nothing(swlock, folder):
    with held(folder / "lock"):
        screen = Screen(swlock, "run", "lock", "true")
        wait_until(lambda: waits_on(folder / "lock"))
        assert children_of(screen.process.pid) == []
    assert screen.process.wait(10) == 0
    assert screen.rest() == b""


# In hardlink mode.


def hardlink_holder(swlock, folder):
    holder = swlock.start("run", "-m", "hardlink", "lock", "sleep", "1000")
    wait_until(lambda: (folder / "lock").exists())
    return holder


def test_a_terminal_is_told_who_has_a_hardlink_lock(swlock, folder):
    holder = hardlink_holder(swlock, folder)
    since = time.monotonic()
    screen = Screen(swlock, "run", "-m", "hardlink", "lock", "true")
    screen.shows(rb"waiting [1-9]s for lock, held for [0-9]+s by sleep 1000 \(pid \d+, ")
    assert time.monotonic() - since > 0.9
    screen.shows(rb"\rswlock: waiting [2-9]s for lock, .*\x1b\[K")
    holder.terminate()
    assert screen.process.wait(10) == 0
    assert screen.rest().endswith(b"\r\x1b[K")
    holder.wait(10)


def test_a_signal_ends_the_wait_for_a_hardlink_lock_and_its_line(swlock, folder):
    holder = hardlink_holder(swlock, folder)
    screen = Screen(swlock, "run", "-m", "hardlink", "lock", "true")
    screen.shows(rb" waiting [1-9]s for ")
    screen.process.send_signal(signal.SIGTERM)
    assert screen.process.wait(10) == 128 + 15
    assert screen.rest().endswith(b"\x1b[K")
    holder.terminate()
    holder.wait(10)


def test_progress_of_a_hardlink_lock_is_a_line_a_holder(swlock, folder):
    holder = hardlink_holder(swlock, folder)
    asked = swlock.start("run", "-m", "hardlink", "--progress", "-w", "3.2", "lock", "true")
    silent = swlock.start("run", "-m", "hardlink", "-w", "1.2", "lock", "true")
    assert (silent.wait(10), asked.wait(10)) == (75, 75)
    said = asked.stderr.read()
    assert re.match(rb"swlock: waiting for lock, held for [0-9]+s by sleep 1000 \(pid \d+, .*\)\n", said)
    assert said.count(b"\n") == 2 and silent.stderr.read().count(b"\n") == 1
    holder.terminate()
    holder.wait(10)


@needs_root
@needs_strace
@needs_static
@needs_tool("unshare")
def test_a_wait_reads_the_table_of_locks_and_no_other_process(folder):
    """There may be hundreds of both. In a pid namespace, where no other test's process can be in the way."""
    text = """
    for name in one two lock; do "$S" run $name sh -c 'echo $$ >"$SWLOCK_PATH.held"; exec sleep 1000' & done
    until [ -s one.held ] && [ -s two.held ] && [ -s lock.held ]; do sleep 0.01; done
    strace -f -qq -e trace=openat,open -o trace "$S" run -q -w 2.5 lock true
    exit $?
    """
    words = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", text]
    # On a busy machine the time may be over before it has looked, or may it look once more.
    for _ in range(3):
        for name in folder.glob("*.held"):
            name.unlink()
        assert subprocess.run(words, cwd=folder, capture_output=True).returncode == 75
        opened = re.findall(r'"(/proc[^"]*)"', (folder / "trace").read_text())
        if opened.count("/proc/locks") == 1:
            break
    assert opened.count("/proc/locks") == 1
    assert "/proc" not in opened
    # Of who has a lock it is seen whether that is kept for somebody.
    assert len([name for name in opened if name.endswith("/cmdline")]) == 3
    commands = {int(path.read_text()) for path in folder.glob("*.held")}
    looked_at = {int(pid) for pid in re.findall(r"^/proc/(\d+)", "\n".join(opened), re.M)}
    assert len(commands) == 3 and looked_at and not looked_at & commands
