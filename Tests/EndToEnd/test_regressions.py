"""Defects that a review has found; each is gone for good as long as its test passes."""

import errno
import os
import pathlib
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys

import pytest

from conftest import SWLOCK, needs_root, needs_strace, needs_tool
from observing import (
    appears,
    command_of,
    counting,
    descendants_of,
    end,
    every_shape,
    has_failed,
    held,
    is_alive,
    is_stopped,
    name_of,
    nothing_left,  # noqa: F401
    processes_in,
    stat_of,
    wait_until,
    waits_on,
)
from sections import python
from terminals import INTERRUPT, SUSPEND, terminal  # noqa: F401

STRANGER = 54321


def run(shape, command):
    return f'"$S" run {" ".join(shape)} lock {command}'


def job_of(terminal, folder):
    return [pid for pid in processes_in(folder) if pid != terminal.child.pid]


def all_stopped(terminal, folder):
    pids = job_of(terminal, folder)
    return len(pids) >= 2 and all(map(is_stopped, pids))


def none_stopped(terminal, folder):
    return not any(map(is_stopped, job_of(terminal, folder)))


def in_a_group_of_its_own():
    """TSTP stops nobody in an orphaned process group, as that of the tests may be."""
    os.setpgid(0, 0)


def traced(swlock, *words, inject=(), calls="all"):
    """strace and its output file; only swlock's first process is traced."""
    trace = swlock.folder / "trace"
    return ["strace", "-qq", "-o", str(trace), "-e", f"trace={calls}", *inject, SWLOCK, *words]


def begin(swlock, words, **options):
    options.setdefault("cwd", swlock.folder)
    options.setdefault("stdin", subprocess.DEVNULL)
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    swlock.processes.append(process)
    return process


# Job control


@every_shape
@pytest.mark.parametrize("start", ["foreground", "background", "background at once"])
def test_a_reading_job_can_be_stopped_resumed_and_interrupted(terminal, folder, shape, start):
    if start == "foreground":
        terminal.type(run(shape, "cat"))
    else:
        terminal.do(run(shape, "cat") + " &")
        if start == "background":
            wait_until(lambda: all_stopped(terminal, folder))
            terminal.owned_by_the_shell()
            assert "alive\n" in terminal.do("echo alive")
        terminal.type("fg")
    terminal.type("one")
    terminal.expect("one")
    for word in ("two", "three"):
        terminal.send(SUSPEND)
        terminal.prompt()
        wait_until(lambda: all_stopped(terminal, folder))
        terminal.type("fg")
        wait_until(lambda: none_stopped(terminal, folder))
        terminal.type(word)
        terminal.expect(word)
    terminal.send(INTERRUPT)
    terminal.prompt()
    assert terminal.status() == 130
    wait_until(lambda: not job_of(terminal, folder))


@every_shape
def test_a_reading_background_job_leaves_the_terminal_to_a_foreground_reader(
    terminal, folder, shape
):
    terminal.do(run(shape, "cat") + " &")
    wait_until(lambda: all_stopped(terminal, folder))
    terminal.type("cat")
    terminal.type("hello")
    terminal.expect("hello")
    terminal.send("\x04")
    terminal.prompt()
    terminal.type("fg")
    wait_until(lambda: none_stopped(terminal, folder))
    terminal.send(INTERRUPT)
    terminal.prompt()
    assert terminal.status() == 130
    wait_until(lambda: not job_of(terminal, folder))


@needs_tool("strace")
@pytest.mark.skipif(os.geteuid() != 0, reason="may not be allowed to attach strace")
@pytest.mark.parametrize("extra", [[], ["--close"]], ids=" ".join)
def test_a_job_that_asks_for_the_terminal_again_is_ended_all_the_same(terminal, folder, extra):
    """The command goes on before its SIGTERM has come, and stops at once in its next read.

    Each wait4 is slow, so that swlock learns of the second stop before it takes the SIGTERM.
    """
    terminal.do(run([*extra, "--max-runtime", "60"], "cat") + " &")
    wait_until(lambda: all_stopped(terminal, folder))
    pids = job_of(terminal, folder)
    command = next(pid for pid in pids if name_of(pid) == "cat")
    supervisor = stat_of(command)[1]
    slow = ["strace", "-qq", "-o", "/dev/null", "-e", "inject=wait4:delay_enter=50000"]
    tracer = subprocess.Popen([*slow, "-p", str(supervisor)], cwd="/")
    try:
        status = pathlib.Path(f"/proc/{supervisor}/status")
        wait_until(lambda: "TracerPid:\t0\n" not in status.read_text())
        terminal.do("kill %1; kill -CONT %1")
        wait_until(lambda: not any(map(is_alive, pids)), timeout=3)
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
    wait_until(lambda: not job_of(terminal, folder))
    assert (folder / "count").read_text() == "."


@every_wait
def test_a_job_that_waits_for_a_leftover_is_stopped_and_goes_on(terminal, folder, options):
    leave_counting(terminal, folder, options)
    terminal.send(SUSPEND)
    terminal.prompt()
    wait_until(lambda: all_stopped(terminal, folder))
    assert re.search("stopped|suspended", terminal.do("jobs"), re.IGNORECASE)
    terminal.type("fg")
    wait_until(lambda: none_stopped(terminal, folder))
    (folder / "stop").touch()
    terminal.prompt()
    assert terminal.status() == 0


# Signals

every_waiter = pytest.mark.parametrize(
    "options", [[], ["--close"], ["-m", "posix"], ["-m", "ofd"]], ids=" ".join
)


def mode_of(options):
    return "ofd" if "-m" in options else "flock"


@every_waiter
def test_a_stop_while_waiting_does_not_reach_the_later_command(swlock, folder, options):
    command = counting("SIGTSTP", "SIGCONT")
    with held(folder / "lock", mode_of(options)):
        process = swlock.start("run", *options, "lock", *command, preexec_fn=in_a_group_of_its_own)
        wait_until(lambda: waits_on(folder / "lock"))
        process.send_signal(signal.SIGTSTP)
        wait_until(lambda: is_stopped(process.pid))
        process.send_signal(signal.SIGCONT)
        wait_until(lambda: not is_stopped(process.pid))
    assert process.stdout.readline() == b"counting\n"
    (folder / "stop").touch()
    assert process.wait(10) == 9
    assert not (folder / "count").exists()


@every_waiter
@pytest.mark.parametrize("name", ["USR1", "USR2"])
def test_a_user_signal_while_waiting_ends_the_wait(swlock, folder, options, name):
    number = getattr(signal, f"SIG{name}")
    with held(folder / "lock", mode_of(options)):
        process = swlock.start("run", *options, "lock", "touch", "ran")
        wait_until(lambda: waits_on(folder / "lock"))
        process.send_signal(number)
        assert process.wait(10) in (-number, 128 + number)
        wait_until(lambda: not waits_on(folder / "lock"))
    assert not (folder / "ran").exists()


@every_shape
def test_a_stopped_command_is_ended_by_a_forwarded_term(swlock, shape):
    """The signal may come before swlock knows that the command is stopped: hence the loop."""
    for _ in range(20):
        process = swlock.start("run", *shape, "lock", "sleep", "60")
        command = command_of(process, "sleep")
        os.kill(command, signal.SIGSTOP)
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(3) == 128 + signal.SIGTERM
        finally:
            end(command)


# The end of the time

LEAVER = """
import os, signal, sys, time
def stay():
    while not os.path.exists("stop"):
        time.sleep(0.01)
    os._exit(0)
if os.fork() == 0:
    if (member := os.fork()) == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with open("ready", "w") as file:
            file.write("x")
        stay()
    os.setsid()
    with open("leaver", "w") as file:
        file.write(f"{os.getpid()} {member}")
    os.waitpid(member, 0)
    stay()
time.sleep(60)
"""


@pytest.mark.parametrize("extra", [[], ["--close"]], ids=" ".join)
def test_a_member_whose_parent_has_left_the_group_is_ended(swlock, folder, extra):
    limits = ["--max-runtime=1", "--kill-after=0.3"]
    process = swlock.start("run", *extra, *limits, "lock", *python(LEAVER))
    appears(folder / "ready")
    leaver, member = map(int, appears(folder / "leaver").split())
    try:
        assert process.wait(10) == 124
        assert is_alive(leaver) and not is_alive(member)
    finally:
        (folder / "stop").touch()


JOINER = """
import os, time
os.setpgid(0, os.getpgid(os.getppid()))
with open("pid", "w") as file:
    file.write(str(os.getpid()))
time.sleep(60)
"""


@pytest.mark.parametrize("extra", [[], ["--close"]], ids=" ".join)
def test_a_command_that_joins_its_parents_group_is_ended(swlock, folder, extra):
    limits = ["--max-runtime=1", "--kill-after=0.3"]
    process = swlock.start("run", *extra, *limits, "lock", *python(JOINER))
    pid = int(appears(folder / "pid"))
    assert process.wait(10) == 124
    assert not is_alive(pid)


@needs_tool("strace")
@needs_tool("setsid")
def test_the_number_of_the_group_is_not_used_once_the_command_was_reaped(swlock, folder):
    stay = "while ! [ -e stop ]; do sleep 0.01; done"
    limits = ["--leftovers=wait", "--max-runtime=0.3", "--kill-after=0.1"]
    words = ["run", *limits, "lock", "sh", "-c", f"setsid sh -c '{stay}' & exec sleep 60"]
    calls = "kill,tkill,tgkill,wait4,waitid,rt_sigtimedwait"
    process = begin(swlock, traced(swlock, *words, calls=calls))

    def after_reaping():
        text = (folder / "trace").read_text() if (folder / "trace").exists() else ""
        return text.partition("WIFSIGNALED(s)")[2]

    wait_until(lambda: after_reaping().count("rt_sigtimedwait") > 5)
    (folder / "stop").touch()
    assert process.wait(10) == 124
    assert "kill(-" not in after_reaping()


# Leftovers


@pytest.mark.parametrize("what", ["kill", "wait"])
def test_children_from_before_swlock_are_no_leftovers(swlock, folder, what):
    script = f'sleep 60 >/dev/null 2>&1 & echo $!; exec "$1" run --leftovers={what} lock true'
    process = begin(swlock, ["sh", "-c", script, "sh", SWLOCK])
    daemon = int(process.stdout.readline())
    try:
        assert process.wait(10) == 0
        assert is_alive(daemon)
    finally:
        end(daemon)


@pytest.mark.parametrize("what", ["kill", "wait"])
def test_children_from_before_swlock_do_not_hide_leftovers(swlock, folder, what):
    stay = "sleep 60" if what == "kill" else "while ! [ -e stop ]; do sleep 0.01; done; exit"
    command = f"sh -c '({stay}) >/dev/null 2>&1 & echo $! >left'"
    script = f'sleep 60 >/dev/null 2>&1 & echo $!; exec "$1" run --leftovers={what} lock {command}'
    process = begin(swlock, ["sh", "-c", script, "sh", SWLOCK])
    daemon = int(process.stdout.readline())
    try:
        left = int(appears(folder / "left"))
        if what == "wait":
            assert is_alive(left) and process.poll() is None
            (folder / "stop").touch()
        assert process.wait(10) == 0
        assert not is_alive(left) and is_alive(daemon)
    finally:
        end(daemon)


# Removal


@pytest.mark.parametrize("mode, other", [("posix", "flock"), ("ofd", "flock"), ("flock", "ofd")])
def test_a_lock_of_another_kind_keeps_the_file(swlock, folder, mode, other):
    path = folder / "lock"
    with held(path, other):
        assert swlock.run("run", "-m", mode, "--unlink", "lock", "true").returncode == 0
        assert path.exists()
    assert swlock.run("run", "-m", mode, "--unlink", "lock", "true").returncode == 0
    assert not path.exists()


@pytest.mark.parametrize("mode", ["flock", "posix", "ofd"])
def test_nothing_is_removed_through_a_link(swlock, folder, mode):
    (folder / "lock").touch()
    (folder / "link").symlink_to("lock")
    result = swlock.run("run", "-m", mode, "--unlink", "link", "touch", "ran")
    assert has_failed(result, 65)
    assert sorted(os.listdir(folder)) == ["link", "lock"]


# Files that are not to be trusted


@pytest.fixture
def sticky(folder):
    os.chmod(folder, 0o755)
    path = folder / "sticky"
    path.mkdir()
    os.chmod(path, 0o1777)
    return path


@needs_root
@pytest.mark.parametrize("slashes", ["", "/", "//"])
def test_a_slash_at_the_end_does_not_make_a_link_trusted(swlock, folder, sticky, slashes):
    (folder / "target").mkdir()
    (sticky / "lock").symlink_to(folder / "target")
    os.chown(sticky / "lock", STRANGER, STRANGER, follow_symlinks=False)
    result = swlock.run("run", f"{sticky}/lock{slashes}", "touch", "ran")
    assert has_failed(result, 77)
    assert not (folder / "ran").exists()


@needs_root
@pytest.mark.parametrize("mode", ["flock", "posix", "ofd"])
@pytest.mark.parametrize("relative", [False, True], ids=["absolute", "relative"])
def test_root_refuses_a_strangers_file_behind_a_link(swlock, folder, sticky, mode, relative):
    (sticky / "lock").touch()
    os.chown(sticky / "lock", STRANGER, STRANGER)
    (folder / "second").symlink_to("sticky/lock" if relative else sticky / "lock")
    (folder / "first").symlink_to("second")
    for link in ("second", "first"):
        result = swlock.run("run", "-m", mode, link, "touch", "ran")
        assert has_failed(result, 77)
    assert not (folder / "ran").exists()


# Bare surroundings


@pytest.fixture
def jail(folder):
    """Options for a process that sees only a folder with the binary and its libraries."""
    root = folder / "jail"
    root.mkdir()
    found = subprocess.run(["ldd", SWLOCK], capture_output=True, text=True, check=False).stdout
    for library in re.findall(r"(/\S+)", found):
        (root / library[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, root / library[1:])
    shutil.copy(SWLOCK, root / "swlock")

    def enter(*closed):
        os.chroot(root)
        os.chdir("/")
        for descriptor in closed:
            os.close(descriptor)

    def start(*words, closed=()):
        return subprocess.run(
            ["/swlock", *words],
            executable="/swlock",
            preexec_fn=lambda: enter(*closed),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=10,
            check=False,
        )

    start.root = root
    return start


@needs_root
@pytest.mark.parametrize("closed", [(), (0,), (0, 1), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("options", [[], ["--close"], ["-m", "posix"]], ids=" ".join)
def test_swlock_does_not_hang_where_there_is_no_dev_null(jail, closed, options):
    result = jail("run", *options, "lock", "/swlock", "help", closed=closed)
    # The command itself cannot write where standard output is closed.
    assert result.returncode == (74 if 1 in closed else 0)
    assert (jail.root / "lock").read_bytes() == b""


@needs_root
@pytest.mark.parametrize("options", [[], ["--close"], ["-m", "posix"]], ids=" ".join)
def test_permissions_are_given_where_there_is_no_proc(jail, options):
    result = jail("run", *options, "--perm=644", "lock", "/swlock", "version")
    assert (result.returncode, result.stderr) == (0, b"")
    assert stat.S_IMODE((jail.root / "lock").stat().st_mode) == 0o644


@needs_tool("strace")
@pytest.mark.parametrize(
    "options", [[], ["-w", "60"], ["--no-create"], ["-m", "posix"]], ids=" ".join
)
def test_a_file_that_is_always_missing_is_an_error(swlock, folder, options):
    (folder / "lock").touch()
    path = str(folder / "lock")
    inject = ["-f", "-P", path, "-e", "inject=open,openat:error=ENOENT"]
    process = begin(swlock, traced(swlock, "run", *options, path, "touch", "ran", inject=inject))
    _, errors = process.communicate(timeout=10)
    assert process.returncode in (66, 71, 73)
    assert errors.startswith(b"swlock: ") and errors.count(b"\n") == 1
    assert not (folder / "ran").exists()


@needs_tool("strace")
@pytest.mark.parametrize("options", [[], ["--close"]], ids=" ".join)
def test_a_blocking_flock_that_does_not_block_is_not_repeated_at_once(swlock, folder, options):
    inject = ["-f", "-e", "inject=flock:error=EAGAIN:when=2+"]
    words = ["run", "-w", "0.5", *options, "lock", "touch", "ran"]
    with held(folder / "lock"):
        process = begin(swlock, traced(swlock, *words, inject=inject, calls="flock"))
        process.communicate(timeout=10)
    assert process.returncode == 75
    assert (folder / "trace").read_text().count("flock(") < 100


@needs_root
@pytest.mark.parametrize("disposition", [signal.SIG_DFL, signal.SIG_IGN])
def test_a_group_that_only_getent_knows_is_found(swlock, folder, disposition):
    (folder / "bin").mkdir()
    (folder / "bin" / "getent").write_text("#!/bin/sh\necho not-in-etc-group:x:4321:\n")
    os.chmod(folder / "bin" / "getent", 0o755)
    result = swlock.run(
        "run",
        "--group=not-in-etc-group",
        "lock",
        "true",
        env={**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}"},
        preexec_fn=lambda: signal.signal(signal.SIGCHLD, disposition),
    )
    assert (result.returncode, result.stderr) == (0, b"")
    assert (folder / "lock").stat().st_gid == 4321


# Nobody reads standard error


@pytest.fixture
def unread():
    """A pipe for standard error; its reader can be closed."""
    reader, writer = os.pipe()
    ends = {"reader": reader, "writer": writer}

    def drop(name):
        if name in ends:
            os.close(ends.pop(name))

    yield reader, writer, drop
    drop("reader")
    drop("writer")


@pytest.mark.parametrize(
    "words, status",
    [
        (["run", "--no-such-option"], 64),
        (["run", "--no-create", "missing", "true"], 66),
        (["run", "lock", "./missing"], 127),
        (["run", "-v", "lock", "sh", "-c", "exit 3"], 3),
        (["run", "-v", "-o", "lock", "sh", "-c", "exit 3"], 3),
        (["run", "-v", "-m", "posix", "lock", "sh", "-c", "exit 3"], 3),
        (["run", "-v", "-F", "lock", "sh", "-c", "exit 3"], 3),
        (["run", "--max-runtime=0.1", "lock", "sleep", "60"], 124),
        (["run", "-o", "--max-runtime=0.1", "lock", "sleep", "60"], 124),
    ],

)
def test_the_status_is_the_same_when_nobody_reads_standard_error(swlock, unread, words, status):
    _, writer, drop = unread
    process = swlock.start(*words, stderr=writer)
    drop("reader")
    drop("writer")
    assert process.wait(10) == status


@every_shape
def test_a_command_runs_to_its_end_when_the_reader_of_the_steps_leaves(
    swlock, folder, unread, shape
):
    reader, writer, drop = unread
    script = "while ! [ -e stop ]; do sleep 0.01; done; echo >done; exit 3"
    process = swlock.start("run", "-v", *shape, "lock", "sh", "-c", script, stderr=writer)
    drop("writer")
    text = b""
    while b"started" not in text:
        more = os.read(reader, 1000)
        assert more, text
        text += more
    drop("reader")
    (folder / "stop").touch()
    assert process.wait(10) == 3
    assert (folder / "done").exists()


@pytest.mark.parametrize("seconds", ["9223372036.5", "9223372036.9", "9223372037"])
def test_flock_waits_longer_than_its_clock_can_count(swlock, folder, seconds):
    assert swlock.run("as", "flock", "-w", seconds, "lock", "true").returncode == 0


@needs_root
@needs_tool("unshare")
@pytest.mark.parametrize(
    "words", [["run", "-m", "posix", "lock"], ["as", "lockrun", "-L", "lock"]], ids=" ".join
)
def test_the_command_may_be_the_first_process_of_a_new_namespace(swlock, folder, words):
    command = ["unshare", "--pid", swlock.binary, *words, "--", "echo", "inside"]
    result = subprocess.run(command, cwd=folder, capture_output=True, timeout=30)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"inside\n", b"")


@needs_root
@needs_tool("setpriv")
def test_flock_names_what_keeps_it_from_opening_anew(swlock, folder):
    folder.chmod(0o755)
    shutil.copy(swlock.binary, folder / "flock")
    (folder / "owned").mkdir(mode=0o755)
    user = ["setpriv", "--reuid", str(STRANGER), "--regid", str(STRANGER), "--clear-groups"]
    command = [*user, folder / "flock", "--fcntl", "owned", "true"]
    result = subprocess.run(command, cwd=folder, capture_output=True, timeout=30)
    assert result.returncode == 65
    assert result.stderr == b"flock: owned: %s\n" % os.strerror(errno.EACCES).encode()


def test_a_drop_in_may_be_named_by_its_path(swlock):
    assert b"util-linux" in swlock.run("as", "/usr/bin/flock", "-V").stdout


SELF_LOCKING = """#!/bin/sh
test -n "$locked" || locked=yes exec "$S" run %s "$0" -- "$0"
echo inside
"""


@pytest.mark.parametrize("options", ["-n", "-s", "-o", "-F", "-s -m ofd", "-s -m posix"])
def test_a_script_may_lock_itself(swlock, folder, options):
    (folder / "script").write_text(SELF_LOCKING % options)
    (folder / "script").chmod(0o755)
    environment = {**os.environ, "S": swlock.binary}
    result = subprocess.run(
        ["./script"], cwd=folder, env=environment, capture_output=True, timeout=30
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, b"inside\n", b"")


@needs_strace
@pytest.mark.parametrize("error", ["EBADF", "EIO"])
def test_a_file_is_opened_for_writing_where_nfs_asks_for_that(swlock, folder, error):
    (folder / "lock").touch()
    fault = ["strace", "-o", "trace", "-e", f"inject=flock:error={error}:when=1"]
    command = [*fault, swlock.binary, "run", "lock", "--", "true"]
    result = subprocess.run(command, cwd=folder, capture_output=True, timeout=30)
    assert (result.returncode, result.stderr) == (0, b"")
    opened = [line for line in appears(folder / "trace").splitlines() if b'"lock"' in line]
    assert any(b"O_RDWR" in line for line in opened)


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


def all_are_stopped(pids):
    return all(map(is_stopped, pids))


def none_is_stopped(pids):
    return not any(map(is_stopped, pids))


untimed_shape = pytest.mark.parametrize(
    "shape", [[], ["--close"], ["-m", "posix"]], ids=["plain", "close", "posix"]
)


@untimed_shape
def test_a_stop_right_after_a_continuation_stops_everything(job, shape):
    send, pids = job
    for _ in range(20):
        send(signal.SIGTSTP)
        wait_until(lambda: all_are_stopped(pids))
        send(signal.SIGCONT, signal.SIGTSTP)
        wait_until(lambda: all_are_stopped(pids))
        send(signal.SIGCONT)
        wait_until(lambda: none_is_stopped(pids))


@untimed_shape
def test_a_continuation_before_everything_has_stopped_is_not_lost(job, shape):
    send, pids = job
    for _ in range(20):
        send(signal.SIGTSTP)
        wait_until(lambda: is_stopped(pids[-1]))
        send(signal.SIGCONT)
        wait_until(lambda: none_is_stopped(pids))
