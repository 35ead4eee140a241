"""Jobs of a shell: stopped, continued, in the foreground and in the background."""

import os
import pathlib
import re
import shlex
import signal
import subprocess

import pytest

from conftest import needs_strace, needs_tool
from observing import (  # noqa: F401
    all_stopped,
    appears,
    command_of,
    counting,
    descendants_of,
    end,
    every_shape,
    is_alive,
    is_stopped,
    name_of,
    none_stopped,
    nothing_left,
    stat_of,
    wait_until,
)
from terminals import INTERRUPT, SUSPEND, terminal  # noqa: F401


def run(shape, command):
    return f'"$S" run {" ".join(shape)} lock {command}'


def into_foreground(terminal):
    """Types fg until cat reads.

    A shell that does not know yet that its job stops does not continue it, and prompts when it has stopped.
    """

    def reads():
        job = terminal.job()
        return terminal.owner() in job and any(
            name_of(pid) == "cat" and (stat_of(pid) or "-")[0] == "S" for pid in job
        )

    terminal.type("fg")
    while wait_until(lambda: reads() and "reads" or terminal.prompts() and "stopped") == "stopped":
        terminal.type("fg")


@every_shape
@pytest.mark.parametrize("start", ["foreground", "background", "background at once"])
def test_a_reading_job_can_be_stopped_resumed_and_interrupted(terminal, folder, shape, start):
    if start == "foreground":
        terminal.type(run(shape, "cat"))
    else:
        terminal.do(run(shape, "cat") + " &")
        if start == "background":
            wait_until(lambda: all_stopped(terminal.job()))
            terminal.owned_by_the_shell()
            assert "alive\n" in terminal.do("echo alive")
        into_foreground(terminal)
    terminal.type("one")
    terminal.expect("one")
    for word in ("two", "three"):
        terminal.send(SUSPEND)
        terminal.prompt()
        wait_until(lambda: all_stopped(terminal.job()))
        terminal.type("fg")
        wait_until(lambda: none_stopped(terminal.job()))
        terminal.type(word)
        terminal.expect(word)
    terminal.send(INTERRUPT)
    terminal.prompt()
    assert terminal.status() == 130
    wait_until(lambda: not terminal.job())


@every_shape
def test_a_reading_background_job_leaves_the_terminal_to_a_foreground_reader(
    terminal, folder, shape
):
    terminal.do(run(shape, "cat") + " &")
    wait_until(lambda: all_stopped(terminal.job()))
    terminal.type("cat")
    terminal.type("hello")
    terminal.expect("hello")
    terminal.send("\x04")
    terminal.prompt()
    terminal.type("fg")
    wait_until(lambda: none_stopped(terminal.job()))
    terminal.send(INTERRUPT)
    terminal.prompt()
    assert terminal.status() == 130
    wait_until(lambda: not terminal.job())


@needs_tool("strace")
@pytest.mark.skipif(os.geteuid() != 0, reason="may not be allowed to attach strace")
@pytest.mark.parametrize("extra", [[], ["--close"]], ids=" ".join)
def test_a_job_that_asks_for_the_terminal_again_is_ended_all_the_same(terminal, folder, extra):
    """The command goes on before its SIGTERM has come, and stops at once in its next read.

    Each wait4 is slow, so that swlock learns of the second stop before it takes the SIGTERM.
    """
    terminal.do(run([*extra, "--max-runtime", "60"], "cat") + " &")
    wait_until(lambda: all_stopped(terminal.job()))
    pids = terminal.job()
    command = next(pid for pid in pids if name_of(pid) == "cat")
    supervisor = stat_of(command)[1]
    slow = ["strace", "-qq", "-o", "/dev/null", "-e", "inject=wait4:delay_enter=50000"]
    tracer = subprocess.Popen([*slow, "-p", str(supervisor)], cwd="/")
    try:
        status = pathlib.Path(f"/proc/{supervisor}/status")
        wait_until(lambda: "TracerPid:\t0\n" not in status.read_text())
        terminal.do("kill %1; kill -CONT %1")
        wait_until(lambda: not any(map(is_alive, pids)), timeout=10)
    finally:
        for pid in pids:
            end(pid)
        tracer.wait(10)


def leave_counting(terminal, folder, options, *names):
    """A job whose command has ended, and whose leftover counts signals."""
    leftover = shlex.join(counting(*names))
    command = "sh -c " + shlex.quote(f"echo $$ >pid; {leftover} & :")
    terminal.type(run(["--leftovers=wait", *options], command))
    terminal.expect("counting")
    pid = int(appears(folder / "pid"))
    wait_until(lambda: stat_of(pid) is None)

every_wait = pytest.mark.parametrize("options", [[], ["--max-runtime", "60"]], ids=" ".join)


@every_wait
def test_a_key_reaches_a_leftover_that_is_waited_for_once(terminal, folder, options):
    leave_counting(terminal, folder, options, "SIGINT")
    terminal.send(INTERRUPT)
    appears(folder / "count")
    (folder / "stop").touch()
    terminal.prompt()
    wait_until(lambda: not terminal.job())
    assert (folder / "count").read_text() == "."


@every_wait
def test_a_job_that_waits_for_a_leftover_is_stopped_and_goes_on(terminal, folder, options):
    leave_counting(terminal, folder, options)
    terminal.send(SUSPEND)
    terminal.prompt()
    wait_until(lambda: all_stopped(terminal.job()))
    assert re.search("stopped|suspended", terminal.do("jobs"), re.IGNORECASE)
    terminal.type("fg")
    wait_until(lambda: none_stopped(terminal.job()))
    (folder / "stop").touch()
    terminal.prompt()
    assert terminal.status() == 0


@pytest.fixture
def job(swlock, shape):
    """A way to signal swlock, and its processes from itself to its command.

    In a group of their own: one without a parent outside it in its session, as that of the tests
    may be, cannot be stopped by SIGTSTP.
    """
    words = ("run", *shape, "lock", "--", "sleep", "1000")
    process = swlock.start(*words, preexec_fn=os.setpgrp)
    command = command_of(process, "sleep")
    pids = [process.pid, *descendants_of(process.pid)]
    yield lambda *numbers: [os.kill(pids[0], number) for number in numbers], pids
    end(command)


untimed_shape = pytest.mark.parametrize(
    "shape", [[], ["--close"], ["-m", "posix"]], ids=["plain", "close", "posix"]
)


@pytest.mark.parametrize("after", ["all", "command"])
@untimed_shape
def test_a_stop_right_after_a_continuation_stops_everything(job, shape, after):
    send, pids = job
    for _ in range(20):
        send(signal.SIGTSTP)
        wait_until(lambda: all_stopped(pids) if after == "all" else is_stopped(pids[-1]))
        send(signal.SIGCONT, signal.SIGTSTP)
        wait_until(lambda: all_stopped(pids))
        send(signal.SIGCONT)
        wait_until(lambda: none_stopped(pids))


@untimed_shape
def test_a_continuation_before_everything_has_stopped_is_not_lost(job, shape):
    send, pids = job
    for _ in range(20):
        send(signal.SIGTSTP)
        wait_until(lambda: is_stopped(pids[-1]))
        send(signal.SIGCONT)
        wait_until(lambda: none_stopped(pids))


@needs_strace
def test_a_continuation_that_is_passed_on_late_undoes_no_stop(terminal, folder):
    """With --close and a time limit there are two processes of swlock's, each of which a shell continues."""
    shape = ["--close", "--max-runtime", "60"]
    trace = 'strace -D -qq -o trace -e trace=kill -e inject=kill:delay_enter=1000000:when=1 '
    terminal.type(trace + run(shape, "cat"))
    terminal.type("one")
    terminal.expect("one")
    (front,) = [pid for pid in terminal.job() if os.getpgid(pid) == pid and name_of(pid) == "swlock"]
    os.killpg(front, signal.SIGCONT)
    wait_until(lambda: "SIGCONT" in (folder / "trace").read_text())
    terminal.send(SUSPEND)
    terminal.prompt()
    terminal.type("fg")
    terminal.type("two")
    terminal.expect("two")
    terminal.send(INTERRUPT)
    terminal.prompt()
    assert terminal.status() == 130
