"""Job control: swlock and its command as a job of an interactive shell, on a real terminal."""

import os
import re
import shlex
import signal
import sys

import pexpect
import pytest

from conftest import SWLOCK, needs_tool
from observing import (  # noqa: F401
    SHAPES,
    all_stopped,
    appears,
    counting,
    every_shape,
    held,
    is_alive,
    is_free,
    is_stopped,
    mode_of,
    name_of,
    none_stopped,
    nothing_left,
    processes_in,
    wait_until,
    waits_on,
)
from terminals import INTERRUPT, QUIT, SUSPEND, hang_up, terminal  # noqa: F401


only_bash = pytest.mark.parametrize("terminal", ["bash"], indirect=True)


def run(shape, command):
    return f'"$S" run {" ".join(shape)} lock {command}'


def is_shown_as_stopped(terminal):
    return re.search("stopped|suspended", terminal.do("jobs"), re.IGNORECASE)


# Keys


@every_shape
@pytest.mark.parametrize(
    "key, number", [(INTERRUPT, signal.SIGINT), (QUIT, signal.SIGQUIT)], ids=["ctrl-c", "ctrl-\\"]
)
def test_a_key_ends_command_and_swlock(terminal, folder, shape, key, number):
    terminal.type(run(shape, "sh -c 'echo started; exec sleep 60'"))
    terminal.expect("started")
    terminal.send(key)
    terminal.prompt()
    assert terminal.status() == 128 + number
    wait_until(lambda: processes_in(folder) == [terminal.child.pid])
    assert is_free(folder / "lock") and is_free(folder / "lock", "posix")


@every_shape
@pytest.mark.parametrize(
    "key, name", [(INTERRUPT, "INT"), (QUIT, "QUIT"), (SUSPEND, "TSTP")], ids=["^C", "^\\", "^Z"]
)
def test_a_key_reaches_a_command_that_catches_it_once(terminal, folder, shape, key, name):
    terminal.type(run(shape, shlex.join(counting(f"SIG{name}"))))
    terminal.expect("counting")
    terminal.send(key)
    wait_until(lambda: (folder / "count").exists())
    assert not any(map(is_stopped, swlocks_in(folder)))
    (folder / "stop").touch()
    terminal.prompt()
    assert terminal.status() == 9
    assert (folder / "count").read_text() == "."


def swlocks_in(folder):
    return [pid for pid in processes_in(folder) if name_of(pid) == os.path.basename(SWLOCK)]


@every_shape
def test_a_new_window_size_reaches_the_command_once(terminal, folder, shape):
    terminal.type(run(shape, shlex.join(counting("SIGWINCH"))))
    terminal.expect("counting")
    terminal.child.setwinsize(33, 77)
    wait_until(lambda: (folder / "count").exists())
    (folder / "stop").touch()
    terminal.prompt()
    assert terminal.status() == 9
    assert (folder / "count").read_text() == "."


# Stop and go on


@every_shape
def test_a_stopped_job_goes_on_in_the_foreground(terminal, folder, shape):
    text = 'echo started; while read line; do echo "<$line>"; [ "$line" != end ] || exit 7; done'
    terminal.type(run(shape, f"sh -c '{text}'"))
    terminal.expect("started")
    for word in ("one", "two", "end"):
        terminal.send(SUSPEND)
        terminal.prompt()
        wait_until(lambda: all_stopped(terminal.job()))
        assert is_shown_as_stopped(terminal)
        terminal.type("fg")
        wait_until(lambda: none_stopped(processes_in(folder)))
        terminal.type(word)
        terminal.expect(f"<{word}>")
    terminal.prompt()
    assert terminal.status() == 7
    terminal.owned_by_the_shell()


@every_shape
def test_a_stopped_job_goes_on_in_the_background(terminal, folder, shape):
    terminal.type(run(shape, shlex.join(counting())))
    terminal.expect("counting")
    terminal.send(SUSPEND)
    terminal.prompt()
    wait_until(lambda: all_stopped(terminal.job()))
    terminal.do("bg")
    wait_until(lambda: none_stopped(processes_in(folder)))
    terminal.owned_by_the_shell()
    assert "running" in terminal.do("jobs").lower()
    (folder / "stop").touch()
    terminal.do("wait")
    wait_until(lambda: processes_in(folder) == [terminal.child.pid])
    assert terminal.do("echo alive") == "alive\n"


@every_shape
def test_a_stopped_job_can_be_ended(terminal, folder, shape):
    terminal.type(run(shape, "sh -c 'echo started; exec sleep 60'"))
    terminal.expect("started")
    terminal.send(SUSPEND)
    terminal.prompt()
    wait_until(lambda: all_stopped(terminal.job()))
    terminal.do("kill %1; kill -CONT %1")
    wait_until(lambda: processes_in(folder) == [terminal.child.pid])


@every_shape
def test_a_swlock_that_waits_for_the_lock_is_stopped_and_goes_on(terminal, folder, shape):
    with held(folder / "lock", mode_of(shape)):
        terminal.type(run(shape, "echo ran"))
        wait_until(lambda: waits_on(folder / "lock"))
        terminal.send(SUSPEND)
        terminal.prompt()
        assert is_shown_as_stopped(terminal)
        terminal.type("fg")
        wait_until(lambda: none_stopped(processes_in(folder)) and waits_on(folder / "lock"))
    terminal.expect("ran")
    terminal.prompt()
    assert terminal.status() == 0


@every_shape
def test_a_swlock_that_waits_for_the_lock_is_ended_by_a_key(terminal, folder, shape):
    with held(folder / "lock", mode_of(shape)):
        terminal.type(run(shape, "touch ran"))
        wait_until(lambda: waits_on(folder / "lock"))
        terminal.send(INTERRUPT)
        terminal.prompt()
        assert terminal.status() == 130
        assert not waits_on(folder / "lock")
    assert os.listdir(folder) == ["lock"]


# Who may use the terminal


@every_shape
def test_the_command_reads_from_the_terminal_and_the_shell_gets_it_back(terminal, folder, shape):
    for number in range(3):
        terminal.type(run(shape, "sh -c 'echo asking; read line </dev/tty; echo \"<$line>\"'"))
        terminal.expect("asking")
        terminal.type(f"answer {number}")
        terminal.expect(f"<answer {number}>")
        terminal.prompt()
        assert terminal.owned_by_the_shell()


@every_shape
def test_the_shell_gets_the_terminal_back_however_the_command_ends(terminal, folder, shape):
    for command, status in (("true", 0), ("./missing", 127), ("sh -c 'kill -KILL $$'", 137)):
        terminal.do(run(shape, command))
        assert terminal.status() == status
        terminal.owned_by_the_shell()


@pytest.mark.parametrize("extra", [[], ["--close"]], ids=" ".join)
def test_the_shell_gets_the_terminal_back_after_a_time_out(terminal, folder, extra):
    terminal.do(run([*extra, "--max-runtime=0.1"], "sleep 60"))
    assert terminal.status() == 124
    terminal.owned_by_the_shell()
    assert terminal.do("echo alive") == "alive\n"


@every_shape
def test_a_pipeline_has_the_terminal_too(terminal, folder, shape):
    assert terminal.do("echo in | " + run(shape, "cat") + " | cat") == "in\n"
    terminal.type("true | " + run(shape, "sh -c 'read x </dev/tty; echo \"<$x>\"'") + " | cat")
    terminal.type("hello")
    terminal.expect("<hello>")
    terminal.prompt()
    terminal.owned_by_the_shell()


@every_shape
def test_a_background_job_leaves_the_terminal_to_the_shell(terminal, folder, shape):
    command = "sh -c 'echo $$ >pid; while ! [ -e stop ]; do sleep 0.01; done'"
    terminal.do(run(shape, command) + " &")
    appears(folder / "pid")
    terminal.owned_by_the_shell()
    terminal.interrupt()
    assert "alive" in terminal.do("echo alive")
    assert is_alive(int((folder / "pid").read_text()))
    (folder / "stop").touch()
    terminal.do("wait")
    terminal.owned_by_the_shell()


@every_shape
def test_a_background_job_that_reads_is_stopped_until_it_is_in_the_foreground(
    terminal, folder, shape
):
    command = "sh -c 'read line </dev/tty; echo \"<$line>\"; exit 7'"
    terminal.do(run(shape, command) + " &")
    wait_until(lambda: all_stopped(terminal.job()))
    terminal.owned_by_the_shell()
    assert is_shown_as_stopped(terminal)
    terminal.type("fg")
    wait_until(lambda: none_stopped(processes_in(folder)))
    terminal.type("hello")
    terminal.expect("<hello>")
    terminal.prompt()
    assert terminal.status() == 7


PAGERS = [("", "less text", ""), ("cat text | ", "less", ""), ("", "cat text", " | less")]


@needs_tool("less")
@only_bash
@every_shape
@pytest.mark.parametrize("before, command, behind", PAGERS)
def test_a_full_screen_program_is_stopped_and_resumed(
    terminal, folder, shape, before, command, behind
):
    # More than a pipe holds: the command is there as long as the pager.
    (folder / "text").write_text("".join(f"line {number}\n" for number in range(20000)))
    terminal.child.setwinsize(24, 80)
    terminal.do("export TERM=vt100 LESS= LESSHISTFILE=-")
    terminal.type(before + run(shape, command) + behind)
    terminal.expect("line 22")
    for _ in range(2):
        terminal.send(SUSPEND)
        terminal.prompt()
        wait_until(lambda: all_stopped(terminal.job()))
        terminal.type("fg")
        terminal.expect("line 22")
    terminal.send(" ")
    terminal.expect("line 45")
    terminal.send("q")
    terminal.prompt()
    assert terminal.status() == 0
    assert terminal.owned_by_the_shell()
    assert terminal.do("echo alive") == "alive\n"


# A job of several


# No loop with sleep(1): dash, while it starts a program, cannot be stopped, and loses an interrupt.
HOLDS_ON = "read y <hold"
ASKS = "echo asking >/dev/tty; read x </dev/tty; echo \"<$x>\""


@pytest.fixture
def let_go(folder):
    """Ends what holds on."""
    os.mkfifo(folder / "hold")
    return lambda: (folder / "hold").write_text("\n")


@every_shape
@pytest.mark.parametrize("between", ["", "tee all | "])
def test_who_is_behind_the_command_may_use_the_terminal(terminal, shape, between, let_go):
    command = run(shape, f"sh -c 'echo text; {HOLDS_ON}'")
    terminal.type(f"{command} | {between}sh -c 'read line; {ASKS}'")
    terminal.expect("asking")
    terminal.type("hello")
    terminal.expect("<hello>")
    let_go()
    terminal.prompt()
    assert terminal.owned_by_the_shell()


@every_shape
def test_who_is_before_the_command_may_use_the_terminal(terminal, shape, let_go):
    command = run(shape, f"sh -c 'echo started; read line; echo \"[$line]\"; {HOLDS_ON}'")
    terminal.type(f"sh -c '{ASKS}' | {command}")
    for _ in range(2):
        terminal.child.expect_exact(["asking", "started"])
    terminal.type("hello")
    terminal.expect("[<hello>]")
    let_go()
    terminal.prompt()
    assert terminal.owned_by_the_shell()


@every_shape
def test_command_and_pager_may_use_the_terminal_by_turns(terminal, shape, let_go):
    command = run(shape, f"sh -c 'echo text; {ASKS}; {ASKS}; {HOLDS_ON}'")
    terminal.type(f"{command} | sh -c 'read a; read b; {ASKS}; read c; {ASKS}; echo $b $c'")
    for number in range(4):
        terminal.expect("asking")
        terminal.type(f"answer {number}")
    let_go()
    terminal.prompt()
    assert terminal.owned_by_the_shell()


@every_shape
def test_a_pipeline_is_ended_by_a_key(terminal, folder, shape):
    inner = 'sh -c "echo started >&2; exec sleep 60"'
    terminal.type(run(shape, f"sh -c '{inner}; echo no'") + " | cat")
    terminal.expect("started")
    terminal.send(INTERRUPT)
    assert "no" not in terminal.prompt()
    wait_until(lambda: processes_in(folder) == [terminal.child.pid])


@every_shape
def test_a_pipeline_is_stopped_and_goes_on_with_the_terminal(terminal, folder, shape, let_go):
    command = run(shape, f"sh -c 'echo text; {HOLDS_ON}'")
    terminal.type(f"{command} | sh -c 'read line; {ASKS}; {ASKS}'")
    for word in ("one", "two"):
        terminal.expect("asking")
        terminal.send(SUSPEND)
        terminal.prompt()
        wait_until(lambda: all_stopped(terminal.job()))
        terminal.type("fg")
        wait_until(lambda: none_stopped(processes_in(folder)))
        terminal.type(word)
        terminal.expect(f"<{word}>")
    let_go()
    terminal.prompt()
    assert terminal.owned_by_the_shell()


@every_shape
def test_a_pipeline_of_the_background_has_the_terminal_once_it_is_in_front(
    terminal, folder, shape, let_go
):
    command = run(shape, f"sh -c 'echo text; {HOLDS_ON}'")
    terminal.do(f"{command} | sh -c 'read line; read x </dev/tty; echo \"<$x>\"' &")
    wait_until(lambda: all_stopped(terminal.job()))
    terminal.owned_by_the_shell()
    terminal.type("fg")
    wait_until(lambda: none_stopped(processes_in(folder)))
    terminal.type("hello")
    terminal.expect("<hello>")
    let_go()
    terminal.prompt()


@every_shape
def test_a_key_reaches_the_script_too(terminal, folder, shape):
    command = run(shape, shlex.join(counting("SIGINT")))
    (folder / "script").write_text(f"trap 'echo trapped' INT\n{command}\necho status $?\n")
    terminal.type("sh ./script")
    terminal.expect("counting")
    terminal.send(INTERRUPT)
    wait_until(lambda: (folder / "count").exists())
    (folder / "stop").touch()
    terminal.expect("trapped")
    terminal.expect("status 9")
    terminal.prompt()
    assert (folder / "count").read_text() == "."


@every_shape
def test_a_script_reads_while_its_own_job_runs_in_the_background(terminal, folder, shape, let_go):
    command = run(shape, f"sh -c 'echo >started; {HOLDS_ON}'")
    (folder / "script").write_text(f"{command} &\n{ASKS}\necho >hold\nwait\n")
    terminal.type("sh ./script")
    terminal.expect("asking")
    appears(folder / "started")
    terminal.type("hello")
    terminal.expect("<hello>")
    terminal.prompt()
    assert terminal.status() == 0


@every_shape
def test_a_command_of_a_script_reads_from_the_terminal(terminal, folder, shape):
    command = run(shape, f"sh -c '{ASKS}'")
    (folder / "script").write_text(f'{command}\nx=$({command})\necho "[$x]"\n{ASKS}\n')
    terminal.type("sh ./script")
    for shown in ("<one>", "[<two>]", "<three>"):
        terminal.expect("asking")
        terminal.type(shown.strip("[<>]"))
        terminal.expect(shown)
    terminal.prompt()
    assert terminal.owned_by_the_shell()


IN_FRONT = "import os; print(os.tcgetpgrp(0) == os.getpgrp())"


@every_shape
def test_a_command_that_is_a_whole_job_is_in_the_foreground_from_the_start(
    terminal, folder, shape
):
    words = shlex.join([sys.executable, "-I", "-S", "-c", IN_FRONT])
    assert terminal.do(run(shape, words)) == "True\n"


# Hang-up

HANGING = """
import signal, sys, time
def end(*_):
    with open("hup", "w"):
        sys.exit()
signal.signal(signal.SIGHUP, end)
print("started", flush=True)
while True:
    time.sleep(1)
"""
HANGS = [sys.executable, "-I", "-S", "-c", HANGING]


@every_shape
def test_a_closed_window_ends_the_job(terminal, folder, shape):
    terminal.type(run(shape, shlex.join(HANGS)))
    terminal.expect("started")
    terminal.hang_up()
    wait_until(lambda: processes_in(folder) == [])
    assert (folder / "hup").exists()
    assert is_free(folder / "lock") and is_free(folder / "lock", "posix")


@only_bash
@every_shape
def test_a_closed_window_ends_a_stopped_job(terminal, folder, shape):
    terminal.type(run(shape, shlex.join(HANGS)))
    terminal.expect("started")
    terminal.send(SUSPEND)
    terminal.prompt()
    wait_until(lambda: all_stopped(terminal.job()))
    terminal.hang_up()
    wait_until(lambda: processes_in(folder) == [])


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_a_closed_window_without_a_shell_ends_swlock_and_command(folder, swlock, shape):
    words = ["run", *shape, "lock", *HANGS]
    child = pexpect.spawn(SWLOCK, words, cwd=str(folder), timeout=10)
    child.expect_exact("started")
    hang_up(child)
    wait_until(lambda: processes_in(folder) == [])
    assert (folder / "hup").exists()
    assert is_free(folder / "lock") and is_free(folder / "lock", "posix")


@every_shape
def test_a_closed_window_ends_a_swlock_that_waits(terminal, folder, shape):
    with held(folder / "lock", mode_of(shape)):
        terminal.type(run(shape, "touch ran"))
        wait_until(lambda: waits_on(folder / "lock"))
        terminal.hang_up()
        wait_until(lambda: processes_in(folder) == [])
    assert os.listdir(folder) == ["lock"]
