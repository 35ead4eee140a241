"""`run --pty`: the command has a terminal of its own, and the one that swlock was started on is as it was
whatever ends either of them.
"""

import fcntl
import os
import pty
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time

import pexpect
import pytest

from conftest import SWLOCK, needs_root, needs_tool
from observing import (  # noqa: F401
    SHAPES,
    appears,
    children_of,
    command_of,
    end,
    every_shape,
    has_failed,
    is_free,
    is_held,
    is_stopped,
    name_of,
    nothing_left,
    processes_in,
    python,
    relay_in,
    wait_until,
)
from terminals import EDITORS, INTERRUPT, SHELLS, SUSPEND, Terminal

VIM = shutil.which("vim.tiny") or shutil.which("vim")

PLACE = """
import os, struct, fcntl, termios
rows, columns = struct.unpack("HHHH", fcntl.ioctl(1, termios.TIOCGWINSZ, b" " * 8))[:2]
names = [os.ttyname(n) if os.isatty(n) else "-" for n in range(3)]
print(rows, columns, os.getsid(0) == os.getpid(), os.tcgetpgrp(1) == os.getpgrp(), *names)
"""


class Outer:
    """The terminal that swlock is started on, as the leader of its session."""

    def __init__(self, folder):
        self.folder = folder
        self.master, self.terminal = pty.openpty()
        self.resize(33, 77)
        self.modes = termios.tcgetattr(self.terminal)
        self.process = None
        self.seen = b""

    def start(self, *words, **options):
        def become_leader():
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        for name in ("stdin", "stdout", "stderr"):
            options.setdefault(name, self.terminal)
        self.process = subprocess.Popen(
            [SWLOCK, "run", "--pty", *words],
            cwd=self.folder, start_new_session=True, preexec_fn=become_leader, **options,
        )
        return self.process

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def expect(self, text):
        deadline = time.monotonic() + 10
        while text not in self.seen:
            assert time.monotonic() < deadline, self.seen
            self.seen += os.read(self.master, 4096)
        before, _, self.seen = self.seen.partition(text)
        return before

    def type(self, keys):
        os.write(self.master, keys)

    @property
    def is_raw(self):
        return not termios.tcgetattr(self.terminal)[3] & termios.ICANON

    @property
    def is_as_before(self):
        return termios.tcgetattr(self.terminal) == self.modes

    def end(self, status):
        """Swlock ends with this status, and the terminal is as it was when it has."""
        assert self.process.wait(timeout=20) == status
        assert self.is_as_before
        return True

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.terminal)


@pytest.fixture
def outer(folder, nothing_left):  # noqa: F811
    opened = Outer(folder)
    yield opened
    opened.close()


# The command's terminal


@every_shape
def test_the_command_leads_a_session_on_a_terminal_of_the_callers_size(outer, shape):
    outer.start(*shape, "lock", "--", *python(PLACE))
    words = outer.expect(b"\r\n").decode().split()
    assert words[:4] == ["33", "77", "True", "True"]
    assert len(set(words[4:])) == 1 and words[4] != os.ttyname(outer.terminal)
    assert outer.end(0)
    assert processes_in(outer.folder) == []


def test_without_a_terminal_standard_input_stays_and_bytes_are_not_changed(swlock, folder):
    content = bytes(range(256)) * 4000
    words = ["sh", "-c", "[ -t 1 ] && [ -t 2 ] && ! [ -t 0 ] && cat && echo end >&2"]
    result = swlock.run("run", "--pty", "lock", "--", *words, stdin=None, input=content)
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout == content + b"end\n"


def test_much_output_arrives_whole(swlock, folder):
    words = ["--pty", "--log=log", "lock", "--", "seq", "400000"]
    result = swlock.run("run", *words)
    assert result.stdout == "".join(f"{n}\n" for n in range(1, 400001)).encode()
    assert (folder / "log").read_bytes() == result.stdout


EVERY = [*SHAPES.values(), ["-m", "hardlink"], ["--leftovers=wait"], ["--leftovers=kill"]]


@pytest.mark.parametrize("shape", EVERY, ids=" ".join)
def test_the_status_is_the_commands(swlock, folder, shape):
    words = ["run", "--pty", *shape, "lock", "--"]
    assert swlock.run(*words, "sh", "-c", "exit 7").returncode == 7
    assert swlock.run(*words, "sh", "-c", "kill -TERM $$").returncode == 143
    assert has_failed(swlock.run(*words, "./missing"), 127, b"./missing")
    assert processes_in(folder) == []


@pytest.mark.parametrize("what", ["wait", "kill", "keep", "release"])
def test_what_is_left_behind_is_hung_up(swlock, folder, what):
    code = (
        "import os, signal, time\n"
        "def hang_up(*_): open('hup', 'w'); os._exit(0)\n"
        "signal.signal(signal.SIGHUP, hang_up)\n"
        "open('ready', 'w')\n"
        "while True: time.sleep(1)"
    )
    text = '"$@" & until [ -e ready ]; do sleep 0.01; done; echo early; exit 4'
    words = ("run", "--pty", "--log=log", f"--leftovers={what}", "lock", "sh", "-c", text, "sh")
    result = swlock.run(*words, *python(code))
    assert (result.returncode, result.stdout, result.stderr) == (4, b"early\n", b"")
    wait_until(lambda: not processes_in(folder))
    assert (folder / "log").read_bytes() == b"early\n"
    # Who is killed hears of nothing.
    assert (folder / "hup").exists() or what == "kill"


def test_a_command_that_closes_its_terminal_is_not_hung_up(swlock):
    # Nothing tells that no hangup comes: hence the time for one.
    leave = "exec >/dev/null 2>&1 </dev/null; sleep 0.2; echo back >/dev/tty; exit 7"
    result = swlock.run("run", "--pty", "lock", "sh", "-c", leave, stdin=subprocess.DEVNULL)
    assert (result.returncode, result.stdout, result.stderr) == (7, b"back\n", b"")


def test_a_descriptor_of_fd_is_no_terminal(swlock, folder):
    words = ["--fd=2=>err", "lock", "sh", "-c", "tty <&1 >&2; [ -t 2 ] || echo no"]
    assert swlock.run("run", "--pty", *words).stdout == b"no\n"
    assert (folder / "err").read_bytes().startswith(b"/dev/pts/")
    result = swlock.run("run", "--pty", "--log=log", *words)
    assert result.stdout == b"no\n"
    assert b"no\n" in (folder / "log").read_bytes() and b"/dev/pts" in (folder / "log").read_bytes()


@needs_root
def test_the_terminal_belongs_to_the_commands_user(swlock, folder):
    words = ["--user=nobody", "lock", "stat", "-Lc", "%U", "/proc/self/fd/1"]
    assert swlock.run("run", "--pty", *words).stdout == b"nobody\n"


def test_the_log_has_what_is_shown(outer, folder):
    outer.start("--log=log", "lock", "--", "sh", "-c", "read x; echo got $x; echo err >&2")
    wait_until(lambda: outer.is_raw)
    outer.type(b"keys\r")
    outer.expect(b"got keys\r\nerr\r\n")
    assert outer.end(0)
    assert (folder / "log").read_bytes() == b"keys\r\ngot keys\r\nerr\r\n"


def test_log_only_shows_nothing(swlock, folder):
    result = swlock.run("run", "--pty", "--log=log", "--log-only", "lock", "tty", "-s")
    assert (result.stdout, result.stderr) == (b"", b"")
    result = swlock.run("run", "--pty", "--log=log", "--log-only", "lock", "echo", "x")
    assert (result.stdout, (folder / "log").read_bytes()) == (b"", b"x\n")


def test_without_a_fork_it_is_a_usage_error(swlock):
    assert has_failed(swlock.run("run", "-F", "--pty", "lock", "true"), 64, b"--pty")


@needs_root
@needs_tool("unshare")
@pytest.mark.parametrize("extra", [[], ["--log=log"]], ids=" ".join)
def test_where_there_is_no_terminal_it_is_a_pipe_and_a_warning(swlock, folder, extra):
    script = 'mount --bind /dev/null /dev/ptmx && exec "$@"'
    words = [SWLOCK, "run", "--pty", *extra, "lock", "sh", "-c", "[ -t 1 ] || echo pipe; exit 3"]
    result = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", *words],
        cwd=folder, capture_output=True, stdin=subprocess.DEVNULL, timeout=30,
    )
    if b"unshare" in result.stderr or b"mount" in result.stderr:
        pytest.skip("cannot make a mount namespace")
    assert has_failed(result, 3, b"no terminal") and result.stdout == b"pipe\n"
    # Where there is a log.
    assert not extra or (folder / "log").read_bytes() == b"pipe\n"


# Real programs


@pytest.fixture
def spawned(folder, nothing_left):  # noqa: F811
    """Starts `swlock run --pty WORDS` on a terminal of 24 lines."""
    opened = []

    def start(*words):
        env = {**os.environ, "TERM": "vt100", "LESS": "", "LESSHISTFILE": "-"}
        child = pexpect.spawn(
            SWLOCK, ["run", "--pty", *words], cwd=str(folder), env=env, timeout=10,
            dimensions=(24, 80),
        )
        child.delaybeforesend = None
        opened.append(child)
        return child

    yield start
    for child in opened:
        child.close(force=True)


def ended(child, status):
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == status
    return True


@every_shape
def test_python_is_interactive(spawned, shape):
    child = spawned(*shape, "--log=log", "lock", "--", sys.executable, "-I", "-q")
    child.expect_exact(">>> ")
    child.sendline("import os; os.get_terminal_size()")
    child.expect_exact("columns=80, lines=24")
    child.setwinsize(41, 101)
    child.sendline("exec('while os.get_terminal_size().columns == 80: pass'); os.get_terminal_size()")
    child.expect_exact("columns=101, lines=41")
    # Not asleep: Python does not see an interrupt that comes just before it falls asleep.
    child.sendline("exec(\"print('wor' + 'king')\\nwhile True: pass\")")
    child.expect_exact("working")
    child.send(INTERRUPT)
    child.expect_exact("KeyboardInterrupt")
    child.expect_exact(">>> ")
    child.sendline("raise SystemExit(7)")
    assert ended(child, 7)


@needs_tool("less")
def test_less_pages_and_follows_the_size(spawned, folder):
    (folder / "text").write_text("".join(f"line {number}\n" for number in range(200)))
    child = spawned("lock", "less", "text")
    child.expect_exact("line 22")
    child.send(" ")
    child.expect_exact("line 45")
    child.expect_exact(":")
    child.setwinsize(12, 80)
    child.expect_exact("line 33\r\n:")
    child.send("g")
    child.expect_exact("line 10")
    child.send("q")
    assert ended(child, 0)


@pytest.mark.skipif(VIM is None, reason="needs vim")
def test_vim_edits(spawned, swlock, folder):
    vim = [VIM, "-u", "NONE", "-i", "NONE", "-n"]
    child = spawned("lock", "--", *vim, "text")
    child.expect_exact("text")
    child.send("ihello\rworld\x1b:wq\r")
    assert ended(child, 0)
    assert (folder / "text").read_text() == "hello\nworld\n"
    words = ["lock", "--", *vim, "-es", "-c", "%s/world/there/", "-c", "wq", "text"]
    assert swlock.run("run", "--pty", *words).returncode == 0
    assert (folder / "text").read_text() == "hello\nthere\n"


@needs_tool("bash")
def test_a_shell_has_job_control(spawned):
    child = spawned("--env=PS1=in> ", "lock", "--", "bash", "--norc", "--noediting", "-i")
    child.expect_exact("in> ")
    child.sendline("sh -c 'echo be''gun; exec sleep 60'")
    child.expect_exact("begun")
    child.send(SUSPEND)
    child.expect_exact("Stopped")
    child.expect_exact("in> ")
    child.sendline("fg")
    child.expect_exact("exec sleep 60'")
    child.send(INTERRUPT)
    child.expect_exact("in> ")
    child.sendline("echo status $?")
    child.expect_exact("status 130")
    child.sendline("exit 5")
    assert ended(child, 5)


# The caller's terminal is as it was


def waiting(outer, *words):
    process = outer.start(*words, "lock", "--", "sh", "-c", "echo in; exec sleep 60")
    outer.expect(b"in\r\n")
    wait_until(lambda: outer.is_raw)
    # It says so before it has become what its tests go by.
    command_of(process, "sleep")
    return process


@every_shape
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT], ids=str)
def test_after_a_signal_to_swlock(outer, shape, number):
    waiting(outer, *shape).send_signal(number)
    assert outer.end(128 + number)


@pytest.mark.parametrize("shape", [*SHAPES.values(), ["-m", "hardlink"]], ids=" ".join)
def test_after_the_command_was_killed(outer, shape):
    process = waiting(outer, *shape)
    end(command_of(process, "sleep"))
    assert outer.end(128 + signal.SIGKILL)


@every_shape
def test_after_an_interrupt_key(outer, shape):
    waiting(outer, *shape)
    outer.type(INTERRUPT.encode())
    assert outer.end(130)


def test_after_a_time_out(outer):
    outer.start("--max-runtime=0.5", "lock", "--", "sh", "-c", "exec sleep 60")
    assert outer.end(124)
    outer.expect(b"swlock: sh was ended")


def test_after_a_command_that_cannot_be_executed(outer):
    outer.start("lock", "./missing")
    assert outer.end(127)


@every_shape
def test_after_the_relay_was_killed(outer, shape):
    waiting(outer, *shape)
    end(relay_in(outer.folder))
    # The terminal of the command is hung up.
    assert outer.end(128 + signal.SIGHUP)
    outer.expect(b"swlock: some output may be lost")


def test_after_swlock_was_killed(outer):
    process = waiting(outer)
    process.kill()
    wait_until(lambda: outer.is_as_before)
    assert is_held(outer.folder / "lock")
    end(wait_until(lambda: [p for p in processes_in(outer.folder) if name_of(p) == "sleep"])[0])
    wait_until(lambda: not processes_in(outer.folder))


@pytest.mark.parametrize("shape", [["-m", "posix"], ["-m", "hardlink"]], ids=" ".join)
def test_after_the_holder_of_two_was_killed(outer, shape):
    process = waiting(outer, *shape)
    holder = [p for p in children_of(process.pid) if name_of(p) == os.path.basename(SWLOCK)][0]
    end(holder)
    assert outer.end(128 + signal.SIGKILL)
    wait_until(lambda: not processes_in(outer.folder))


def test_a_closed_window_ends_the_command(folder):
    words = ["run", "--pty", "lock", "sh", "-c", "echo in; exec sleep 60"]
    child = pexpect.spawn(SWLOCK, words, cwd=str(folder), timeout=10)
    child.expect_exact("in")
    child.ptyproc.fileobj.close()
    wait_until(lambda: not processes_in(folder))
    assert is_free(folder / "lock")
    child.close(force=True)


def test_after_a_stop_the_keys_are_taken_again(outer):
    process = waiting(outer)
    os.killpg(process.pid, signal.SIGSTOP)
    # The command has a session of its own.
    ours = [pid for pid in processes_in(outer.folder) if name_of(pid) != "sleep"]
    wait_until(lambda: all(map(is_stopped, ours)))
    termios.tcsetattr(outer.terminal, termios.TCSANOW, outer.modes)
    os.killpg(process.pid, signal.SIGCONT)
    wait_until(lambda: outer.is_raw)
    outer.type(INTERRUPT.encode())
    assert outer.end(130)


@needs_tool("bash")
def test_in_the_background_the_keys_are_the_shells(folder, nothing_left):  # noqa: F811
    terminal = Terminal(SHELLS["bash"], folder)
    try:
        command = "sh -c 'touch begun; read x; echo \"<$x>\"; exit 7'"
        terminal.do(f'"$S" run --pty lock {command} &')
        wait_until(lambda: (folder / "begun").exists())
        assert "alive" in terminal.do("echo alive")
        terminal.owned_by_the_shell()
        terminal.type("fg")
        master = terminal.child.fileno()
        wait_until(lambda: not termios.tcgetattr(master)[3] & termios.ICANON)
        terminal.type("hello")
        terminal.expect("<hello>")
        terminal.prompt()
        assert terminal.status() == 7
        assert termios.tcgetattr(master)[3] & termios.ICANON
    finally:
        terminal.close()


@pytest.fixture(params=[pytest.param(name, marks=needs_tool(name)) for name in EDITORS])
def editor(request, folder, nothing_left):  # noqa: F811
    opened = Terminal(EDITORS[request.param], folder)
    yield opened
    opened.close()


def is_raw(terminal):
    """As only swlock makes it, and no editor of lines."""
    return not termios.tcgetattr(terminal.child.fileno())[1] & termios.OPOST


def edits(terminal):
    flags = termios.tcgetattr(terminal.child.fileno())[3] & termios.ICANON
    return not flags and not is_raw(terminal) and terminal.owner() == terminal.child.pid


def begin_behind(terminal, folder, text):
    """Starts `swlock run --pty lock sh -c TEXT` in the background while the shell edits its next line."""
    (folder / "text").write_text(text)
    (folder / "job").write_text(
        "touch waits\nuntil [ -e go ]; do sleep 0.01; done\n"
        'exec "$S" run --pty lock sh -c "touch begun; $(cat text)"\n'
    )
    wait_until(lambda: edits(terminal))
    terminal.send("stty erase ^H; sh ./job &\r")
    wait_until(lambda: (folder / "waits").exists() and edits(terminal))
    (folder / "go").touch()
    wait_until(lambda: (folder / "begun").exists())


def modes(path):
    return set(appears(path).decode().replace(";", "").split())


SANE = {"icanon", "icrnl", "echo", "isig", "opost"}
READING = """stty -a >first; touch ready
while read line; do echo "$line" >>read; [ "$line" != end ] || break; done
stty -a >last; exit 7"""


def test_a_job_that_began_in_the_background_has_modes_to_read_lines_once_it_is_in_front(
    editor, folder
):
    """However often it changes between the two; and the shell has its own again after that."""
    begin_behind(editor, folder, READING)
    wait_until(lambda: (folder / "ready").exists())
    assert SANE <= modes(folder / "first")
    for line in ("one", "two", "end"):
        editor.send("fg\r")
        wait_until(lambda: is_raw(editor))
        editor.send(f"{line}\r")
        wait_until(lambda: line.encode() in appears(folder / "read").split())
        if line != "end":
            os.killpg(editor.owner(), signal.SIGSTOP)
            wait_until(lambda: edits(editor))
            editor.send("bg\r")
            wait_until(lambda: not any(map(is_stopped, processes_in(folder))) and edits(editor))
    wait_until(lambda: edits(editor))
    editor.send("echo $? >status\r")
    assert appears(folder / "status") == b"7\n"
    assert {"icanon", "icrnl", "isig", "opost", "^H"} <= modes(folder / "last")


def test_a_command_keeps_the_modes_that_it_has_set_in_the_background(editor, folder):
    begin_behind(editor, folder, "stty -echo; touch ready; read x; stty -a >last")
    wait_until(lambda: (folder / "ready").exists())
    editor.send("fg\r")
    wait_until(lambda: is_raw(editor))
    editor.send("x\r")
    assert "-echo" in modes(folder / "last") and "^H" not in modes(folder / "last")


def test_the_modes_are_put_in_order_if_the_relay_of_such_a_job_is_killed(editor, folder):
    begin_behind(editor, folder, "read x")
    editor.send("fg; stty -a >after\r")
    wait_until(lambda: is_raw(editor))
    end(relay_in(folder))
    assert {"icanon", "opost", "^H"} <= modes(folder / "after")


def test_the_command_sees_one_change_of_size(outer):
    code = (
        "import signal, os, time\n"
        "count = []\n"
        "def changed(*_):\n"
        "    count.append(os.get_terminal_size(1))\n"
        "    open('changed', 'w')\n"
        "signal.signal(signal.SIGWINCH, changed)\n"
        "print('in', flush=True)\n"
        "while not os.path.exists('stop'): time.sleep(0.01)\n"
        "print(len(count), count[-1].lines, count[-1].columns)"
    )
    outer.start("lock", "--", *python(code))
    outer.expect(b"in\r\n")
    outer.resize(44, 88)
    wait_until(lambda: (outer.folder / "changed").exists())
    # Nothing tells that no other one comes.
    time.sleep(0.3)
    (outer.folder / "stop").touch()
    outer.expect(b"1 44 88\r\n")
    assert outer.end(0)


def test_the_end_of_swlocks_terminal_is_the_end_of_input(outer):
    outer.start("--log=log", "lock", "--", "sh", "-c", "echo in; cat; echo out")
    outer.expect(b"in\r\n")
    wait_until(lambda: outer.is_raw)
    outer.type(b"\x04")
    outer.expect(b"out\r\n")
    assert outer.end(0) and appears(outer.folder / "log")
