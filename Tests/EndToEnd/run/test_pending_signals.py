"""The signals and timers that all processes of a user may have pending (RLIMIT_SIGPENDING, setrlimit(2)): swlock uses
few, and does without where there are none left."""

import errno
import os
import re
import resource
import signal
import subprocess

import pytest

from conftest import SWLOCK, needs_root, needs_strace, needs_tool
from engines import Section, engine  # noqa: F401
from observing import (  # noqa: F401
    PATIENCE,
    end,
    has_failed,
    held,
    nothing_left,
    process_of,
    result_of,
    wait_until,
    waits_on,
)

# What is pending is counted apart in each user namespace.
APART = ["unshare", "--user", "--map-root-user"]
FEW = 40


def no_room():
    resource.setrlimit(resource.RLIMIT_SIGPENDING, (0, 0))


def pending(pid):
    """Of all processes of that one's user in its user namespace."""
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"^SigQ:\t(\d+)", status.read(), re.M)[1])


def test_the_limit_keeps_timers_away():
    script = "import ctypes; libc = ctypes.CDLL(None, use_errno=True); timer = ctypes.c_long(); "
    script += "print(libc.timer_create(1, None, ctypes.byref(timer)), ctypes.get_errno())"
    result = subprocess.run(["python3", "-c", script], preexec_fn=no_room, capture_output=True)
    assert result.stdout == b"-1 %d\n" % errno.EAGAIN, result


@pytest.mark.parametrize("options", [[], ["-m", "posix"], ["-m", "ofd"], ["--queue"], ["--slots", "1"]], ids=" ".join)
def test_a_wait_that_can_have_no_timer_ends_in_time(swlock, folder, options):
    words = ["run", *options, "-w"]
    holder = swlock.start("run", *options, "lock", "--", "sh", "-c", "echo in; read x", stdin=subprocess.PIPE)
    assert holder.stdout.readline() == b"in\n"
    assert has_failed(swlock.run(*words, "0.3", "lock", "true", preexec_fn=no_room), 75, b"timed out after 300ms")
    waiter = swlock.start(*words, "60", "lock", "echo", "ran", preexec_fn=no_room)
    holder.communicate(timeout=PATIENCE)
    result = result_of(waiter)
    assert (result.returncode, result.stdout) == (0, b"ran\n"), result


def test_so_does_that_of_the_drop_in(swlock, folder):
    with held(folder / "lock"):
        words = ["as", "flock", "-w", "0.3", "lock", "true"]
        assert swlock.run(*words, preexec_fn=no_room).returncode == 1
    assert swlock.run(*words, preexec_fn=no_room).returncode == 0


def test_a_lease_without_a_timer_is_renewed_and_watched(engine):
    engine.faults("ttl=4")
    section = Section(engine, "--lifetime", "12", preexec_fn=no_room)
    began = section.last_beat()
    wait_until(lambda: section.last_beat() > began + 5, "it has outlived its first lifetime", timeout=60)
    engine.mute("ttl=4")
    wait_until(section.was_asked)
    section.wait_for_end()
    assert section.result()[0] == 76


@needs_root
@needs_tool("unshare")
def test_an_engine_that_talks_uses_up_no_signals(engine, folder):
    """While nobody listens."""
    lines = ["import os, time", "until = time.clock_gettime_ns(7) + 600 * 10**9", "os.write(1, b'held 1 %d\\n' % until)"]
    lines += ["os.set_blocking(1, False)"]
    lines += ["while not os.path.exists('stopped'): time.sleep(0.01)"]
    lines += ["try:", "    while True: os.write(1, b'waiting nobody\\n')", "except BlockingIOError: pass"]
    lines += ["open('full', 'w').close()", "time.sleep(60)"]
    engine.program.write_text("#!/usr/bin/env python3\n" + "\n".join(lines))
    command = ["sh", "-c", "echo $PPID; kill -STOP $PPID; touch stopped; exec sleep 60"]
    front = engine.swlock.begin([*APART, SWLOCK, "run", "-m", "folder", "job", *command], env=engine.environment)
    holder = int(front.stdout.readline())
    wait_until((folder / "full").exists)
    assert pending(holder) < FEW
    (helper,) = engine.helpers()
    end(helper)
    for pid in (holder, front.pid):
        os.kill(pid, signal.SIGCONT)
    assert front.wait(PATIENCE) == 76


@needs_root
@needs_strace
@needs_tool("unshare")
@needs_tool("flock")
def test_nobody_who_is_called_off_and_does_not_answer_uses_up_signals(swlock, folder):
    # A circle; who is called off stands still as soon as it has heard of it.
    text = """
    flock b sh -c 'touch in; until [ -e go ]; do sleep 0.01; done; flock a true' &
    until [ -e in ]; do sleep 0.01; done
    "$S" run a "$@" "$S" run b true
    wait
    """
    trace = ["strace", "-f", "-qq", "-o", "trace", "-e", "trace=kill,rt_sigreturn"]
    trace += ["-e", "inject=rt_sigreturn:delay_enter=60000000:when=1"]
    script = swlock.begin([*APART, "sh", "-c", text, "sh", *trace])
    wait_until(lambda: (folder / "b").exists() and waits_on(folder / "b"))
    (folder / "go").touch()

    def calls():
        return re.findall(r"^(\d+) +kill\((\d+), SIGURG", (folder / "trace").read_text(), re.M)

    wait_until(lambda: len(calls()) > 2 * FEW, "it is called off again and again", timeout=60)
    companion, waiter = map(int, calls()[0])
    assert pending(waiter) < FEW
    for pid in (int(process_of(waiter)[1]), waiter):
        end(pid)
    assert script.wait(PATIENCE) == 0


@needs_tool("prlimit")
@pytest.mark.parametrize("options", [[], ["-w", "20"]], ids=" ".join)
@pytest.mark.parametrize("within", [["prlimit", "--sigpending=0"], ["env", "--block-signal"]], ids=" ".join)
def test_a_wait_that_cannot_end_is_called_off_all_the_same(swlock, folder, within, options):
    """Without room for signals, or where whoever has started it has blocked all."""
    # Otherwise it is seen before it waits.
    text = 'unset SWLOCK_HELD; "$@"; exit $?'
    inner = [*within, SWLOCK, "run", *options, "lock", "true"]
    result = swlock.run("run", "lock", "sh", "-c", text, "sh", *inner)
    assert has_failed(result, 75, b"which waits for this process")
