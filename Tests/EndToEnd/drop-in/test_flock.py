"""The binary as flock(1): each row of that contract, and whom its locks exclude."""

import contextlib
import errno
import fcntl
import os
import pathlib
import re
import shlex
import shutil
import signal
import stat
import subprocess
import time

import pytest

from conftest import SWLOCK, needs_strace, needs_tool
from observing import (
    appears,
    command_of,
    counting,
    descriptors_of,
    end,
    held,
    is_alive,
    is_free,
    is_held,
    is_stopped,
    locks_on,
    name_of,
    nothing_left,  # noqa: F401
    stat_of,
    wait_until,
    waits_on,
)
from sections import begin, finish, hold, is_inside, wait_until_inside

CONFLICT, USAGE, DATA, NO_INPUT, UNAVAILABLE, OS_ERROR, CANNOT_CREATE = 1, 64, 65, 66, 69, 71, 73
FLOCK = [SWLOCK, "as", "flock"]
HINT = "Try 'flock --help' for more information.\n"
TOOK = r"flock: getting lock took \d+\.\d{6} seconds\n"
QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}

# Ways to start a command with the lock that differ inside; each takes `lock` as its next word.
WAYS = [[], ["-F"], ["-o"], ["-s"], ["-w", "60"], ["--fcntl"]]
every_way = pytest.mark.parametrize("way", WAYS, ids=" ".join)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    """The same where the tests run in the background, with INT and QUIT ignored."""
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("SHELL", "/bin/sh")
    own = {signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE, signal.SIGXFSZ}
    others = signal.valid_signals() - own
    ignored = [number for number in others if signal.getsignal(number) == signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


def flock(swlock, *words, **options):
    return swlock.run("as", "flock", *words, **options)


def start(swlock, *words, **options):
    return swlock.start("as", "flock", *words, **options)


def has_said(result, status, message=""):
    """The status, nothing on standard output, and on standard error exactly this message."""
    wanted = f"flock: {message}\n" if message else ""
    assert (result.returncode, result.stdout, result.stderr) == (status, b"", wanted.encode())
    return True


def has_refused(result, message):
    """A mistake that getopt finds: the message, and where to look."""
    assert (result.returncode, result.stdout) == (USAGE, b"")
    assert result.stderr.decode() == f"flock: {message}\n{HINT}"
    return True


def at_once(result, status=CONFLICT):
    """It gave up as -n does and not as -w does, which --verbose tells."""
    return has_said(result, status, "failed to get lock")


@contextlib.contextmanager
def opened(path, flags=os.O_RDWR | os.O_CREAT):
    descriptor = os.open(path, flags, 0o666)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def shared(path):
    with opened(path) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield


def range_locked_on(path):
    """Kind, access, first and last byte of the one lock on this file.

    A line of /proc/locks may be left out, or be there twice, where other locks come and go.
    """

    def look():
        found = {(words[1], words[3], *words[-2:]) for words in locks_on(path)}
        return len(found) == 1 and list(found.pop())

    return wait_until(look)


def cat_of(process, way=()):
    """The pid of the command, which is `cat` and stays until its standard input ends: it reads from that now, and has
    opened, and closed, the libraries that it needs."""
    if "-F" in way:
        wait_until(lambda: name_of(process.pid) == "cat")
        pid = process.pid
    else:
        pid = command_of(process, "cat")
    wait_until(lambda: (stat_of(pid) or "Z")[0] == "S", "it waits for its input")
    return pid


def flags_in(information):
    """How a descriptor is open, out of the text that /proc has on it."""
    flags = int(re.search(r"flags:\s*(\d+)", information)[1], 8)
    return flags & (os.O_ACCMODE | os.O_CLOEXEC | os.O_NONBLOCK | os.O_APPEND | os.O_PATH)


def traced(swlock, *words, faults=(), timeout=30):
    """Runs flock with these faults; its result, and its calls that have to do with `lock`."""
    trace = swlock.folder / "trace"
    command = ["strace", "-f", "-e", "quiet=all", "-o", trace]
    for path in ("lock", (swlock.folder / "lock").resolve(), "./command"):
        command += ["-P", path]
    for fault in faults:
        command += ["-e", f"inject={fault}"]
    result = subprocess.run(
        [*command, *FLOCK, *words],
        cwd=swlock.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout,
    )
    lines = trace.read_text().splitlines()
    trace.unlink()
    return result, lines


def opens(lines):
    """The flags and the permissions of each call that opens."""
    found = []
    for line in lines:
        if call := re.search(r"open(?:at)?\(.*\", (\w[\w|]*)(?:, (\d+))?\)", line):
            found.append((set(call[1].split("|")) - {"O_LARGEFILE"}, call[2]))
    return found


CREATE = {"O_CREAT", "O_NOCTTY"}


# The name


@pytest.mark.parametrize("name", ["flock", "./flock", "/nowhere/bin/flock", "../flock"])
def test_the_last_component_of_its_name_makes_it_flock(folder, name):
    result = subprocess.run([name], executable=SWLOCK, cwd=folder, capture_output=True)
    assert has_refused(result, "not enough arguments")


@pytest.mark.parametrize("name", ["flock2", "Flock", "myflock", "flock.old", "flock/swlock", "-"])
def test_by_any_other_name_it_is_swlock(folder, name):
    result = subprocess.run([name, "--version"], executable=SWLOCK, cwd=folder, capture_output=True)
    assert result.stdout.startswith(b"swlock ")


# Forms


@pytest.mark.parametrize("kind", ["file", "new file", "folder"])
@pytest.mark.parametrize("words", [["cat"], ["-c", "exec cat"]], ids=" ".join)
def test_a_command_runs_as_the_only_child_while_a_file_or_folder_is_locked(
    swlock, folder, kind, words
):
    {"file": (folder / "lock").touch, "folder": (folder / "lock").mkdir}.get(kind, bool)()
    process = start(swlock, "lock", *words, stdin=subprocess.PIPE)
    assert stat_of(cat_of(process))[1] == process.pid
    assert is_held(folder / "lock")
    process.communicate(timeout=10)
    assert process.returncode == 0 and is_free(folder / "lock")
    assert os.listdir(folder) == ["lock"]


def test_a_number_alone_locks_that_descriptor_until_it_is_closed(swlock, folder):
    with opened(folder / "lock") as descriptor:
        for words, locked in ((["-n"], True), (["-u"], False), (["-w", "0", "-E", "3"], True)):
            result = flock(swlock, *words, str(descriptor), pass_fds=[descriptor])
            assert has_said(result, 0)
            assert is_held(folder / "lock") == locked
    assert is_free(folder / "lock")


@pytest.mark.parametrize("text", ["%d", "+%d", " %d", "0%d"])
def test_a_number_may_be_written_as_strtol_reads_it(swlock, folder, text):
    with opened(folder / "lock") as descriptor:
        assert has_said(flock(swlock, text % descriptor, pass_fds=[descriptor]), 0)
        assert is_held(folder / "lock")


def test_a_number_before_a_command_is_the_name_of_a_file(swlock, folder):
    with opened(folder / "lock") as descriptor:
        name = str(descriptor)
        words = (name, "cat", name, "/proc/self/fd/0")
        assert has_said(flock(swlock, *words, pass_fds=[descriptor]), 0)
        assert is_free(folder / "lock")
    assert sorted(os.listdir(folder)) == sorted([name, "lock"])


def test_a_lock_file_stays_as_it_is(swlock, folder):
    (folder / "lock").write_text("text")
    (folder / "lock").chmod(0o604)
    before = os.stat(folder / "lock")
    assert has_said(flock(swlock, "lock", "true"), 0)
    assert has_said(flock(swlock, "--fcntl", "lock", "true"), 0)
    assert os.stat(folder / "lock") == before


# Options


@pytest.mark.parametrize("words", [["-s"], ["--shared"], ["--sh"], ["-xs"], ["-e", "-s"]], ids=str)
def test_shared_locks_are_held_together(swlock, folder, words):
    with shared(folder / "lock"):
        assert has_said(flock(swlock, *words, "-n", "lock", "true"), 0)


@pytest.mark.parametrize(
    "words",
    [[], ["-x"], ["-e"], ["--exclusive"], ["--ex"], ["--e"], ["-sx"], ["-s", "-e"], ["-ux"]],
    ids=str,
)
def test_an_exclusive_lock_is_held_alone_and_the_default(swlock, folder, words):
    with shared(folder / "lock"):
        assert has_said(flock(swlock, *words, "-n", "lock", "touch", "ran"), CONFLICT)
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("words", [["-u"], ["--unlock"], ["--u"], ["-xu"], ["-nsu"]], ids=str)
def test_unlock_runs_the_command_without_a_lock(swlock, folder, words):
    with held(folder / "lock"):
        assert has_said(flock(swlock, *words, "lock", "true"), 0)
    process = start(swlock, *words, "lock", "cat", stdin=subprocess.PIPE)
    cat_of(process)
    assert is_free(folder / "lock")
    process.communicate(timeout=10)


@pytest.mark.parametrize(
    "words",
    [
        ["-n"],
        ["--nb"],
        ["--nonblocking"],
        ["--nonblock"],
        ["--non"],
        ["-xn"],
        ["-n", "-w", "60"],
        ["-w60", "-n"],
        ["-nw60"],
        ["-w", "60", "-w", "0"],
    ],
    ids=" ".join,
)
def test_nonblocking_gives_up_at_once_and_silently(swlock, folder, words):
    with held(folder / "lock"):
        assert has_said(flock(swlock, *words, "lock", "touch", "ran"), CONFLICT)
        assert at_once(flock(swlock, "--verbose", *words, "lock", "touch", "ran"))
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("form", ["-w", "-w{}", "--wait", "--timeout={}", "--wa={}", "--ti", "--t"])
def test_a_timeout_has_these_names(swlock, folder, form):
    words = [form.format(".01")] + (["1e-2"] if "{}" not in form else [])
    with held(folder / "lock"):
        result = flock(swlock, "--verbose", *words, "lock", "touch", "ran")
    assert has_said(result, CONFLICT, "timeout while waiting to get lock")
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("text", [".02", "0.02", "2e-2", "+.02", " .02", "0x.05p0", "00.020"])
def test_a_timeout_is_waited_for_silently(swlock, folder, text):
    with held(folder / "lock"):
        started = time.monotonic()
        assert has_said(flock(swlock, "-w", text, "lock", "touch", "ran"), CONFLICT)
        assert time.monotonic() - started >= 0.0195
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("text", ["1", "1.", "1e1", "0x10", "1e9", "4294967297", "1e18", f"{2**63 - 1}"])
def test_a_timeout_ends_neither_a_longer_wait_nor_the_command(swlock, folder, text):
    with held(folder / "lock"):
        process = start(swlock, "-w", text, "lock", "echo", "ran")
        wait_until(lambda: waits_on(folder / "lock"))
    assert process.communicate(timeout=10) == (b"ran\n", b"")
    assert process.returncode == 0


@pytest.mark.parametrize("way", [[], ["-F"], ["-o"]], ids=" ".join)
def test_a_timeout_does_not_end_the_command(swlock, way):
    words = ["-w", ".02", *way, "lock", "sh", "-c", "sleep .05; exit 7"]
    assert has_said(flock(swlock, *words), 7)


@pytest.mark.parametrize("text", ["0", "0.0", "-0", "1e-7", "0.0000009", "-1e-7", "00", "0x0"])
def test_a_timeout_below_a_microsecond_is_nonblocking(swlock, folder, text):
    assert has_said(flock(swlock, f"-w{text}", "lock", "true"), 0)
    with held(folder / "lock"):
        assert at_once(flock(swlock, "--verbose", f"-w{text}", "lock", "touch", "ran"))
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("text", ["-1", "-0.5", "inf", "-inf", "INFINITY", "nan", "1e400", "1e30"])
@pytest.mark.parametrize("words", [[], ["-n"]], ids=" ".join)
def test_a_timeout_that_no_timer_can_have_is_an_error_of_the_timer(swlock, folder, text, words):
    result = flock(swlock, "-w", text, *words, "lock", "touch", "ran")
    assert has_said(result, OS_ERROR, f"cannot set up timer: {os.strerror(errno.EINVAL)}")
    assert os.listdir(folder) == ["lock"]


@pytest.mark.parametrize("text", ["0.1s", "abc", "", "0,1", "1 ", "=1", "1e", "--1", ".", "1m", "0e99999x", "1e-x"])
def test_a_timeout_that_is_no_number_is_refused(swlock, folder, text):
    for words in (["-w", text], [f"--timeout={text}"]):
        result = flock(swlock, *words, "lock", "touch", "ran")
        assert has_said(result, USAGE, f"invalid timeout: '{text}'")
    assert os.listdir(folder) == []


@pytest.mark.parametrize(
    "text", ["1e5000", "-1e5000", "1e-5000", "1e5000x", "0x1p99999", "1e+99999 "]
)
def test_a_timeout_out_of_range_is_refused(swlock, folder, text):
    result = flock(swlock, "-w", text, "lock", "touch", "ran")
    assert has_said(result, USAGE, f"invalid timeout: '{text}': {os.strerror(errno.ERANGE)}")
    assert os.listdir(folder) == []


@pytest.mark.parametrize(
    "words, status",
    [
        (["-E", "0"], 0),
        (["-E5"], 5),
        (["-E", "255"], 255),
        (["-E", " 5"], 5),
        (["-E+5"], 5),
        (["-E", "07"], 7),
        (["-E", "010"], 10),
        (["--conflict-exit-code", "9"], 9),
        (["--conflict-exit-code=9"], 9),
        (["--conf=9"], 9),
        (["-E", "5", "-E", "6"], 6),
        (["-xE6"], 6),
    ],
    ids=str,
)
def test_conflict_exit_code_is_that_of_a_conflict_and_a_timeout(swlock, folder, words, status):
    with held(folder / "lock"):
        for patience in (["-n"], ["-w", ".01"]):
            result = flock(swlock, *words, *patience, "lock", "touch", "ran")
            assert has_said(result, status)
    assert not (folder / "ran").exists()
    assert has_said(flock(swlock, *words, "-n", "lock", "sh", "-c", "exit 3"), 3)
    result = flock(swlock, *words, "-n", "missing/lock", "true")
    assert result.returncode == NO_INPUT


@pytest.mark.parametrize("text", ["abc", "", "0x10", "5 ", "1e1", "1.0", "300x", "-1x"])
def test_a_conflict_exit_code_that_is_none_is_refused(swlock, folder, text):
    message = f"invalid exit code (allowed values: 0-255): '{text}'"
    assert has_said(flock(swlock, "-E", text, "lock", "touch", "ran"), USAGE, message)
    assert os.listdir(folder) == []


@pytest.mark.parametrize(
    "text", ["256", "-1", " -1", "+256", "4294967296", "9" * 30, "-" + "9" * 30, "9" * 30 + "x"]
)
def test_a_conflict_exit_code_out_of_range_is_refused(swlock, folder, text):
    message = f"invalid exit code (allowed values: 0-255): '{text}': {os.strerror(errno.ERANGE)}"
    assert has_said(flock(swlock, "-E", text, "lock", "touch", "ran"), USAGE, message)
    assert os.listdir(folder) == []


@pytest.mark.parametrize(
    "words", [["-o", "-F"], ["-Fo"], ["--no-fork", "--close"], ["--no-", "-o"]]
)
def test_no_fork_and_close_are_incompatible(swlock, folder, words):
    message = "the --no-fork and --close options are incompatible"
    for rest in (["lock", "touch", "ran"], ["lock", "-c"], []):
        assert has_said(flock(swlock, *words, *rest), USAGE, message)
    assert os.listdir(folder) == []


@pytest.mark.parametrize("words", [["-h"], ["--help"], ["--h"], ["-nh"], ["-h", "-z"]], ids=str)
def test_help_names_every_option_and_goes_to_standard_output(swlock, folder, words):
    result = flock(swlock, *words)
    assert (result.returncode, result.stderr) == (0, b"")
    text = result.stdout.decode()
    names = "shared exclusive unlock nonblocking nb wait timeout conflict-exit-code close command"
    for name in (names + " no-fork fcntl start length fd verbose help version").split():
        assert re.search(rf"--{name}\b", text), name
    for letter in "sxeunwEocFhV":
        assert re.search(rf"(^|\s)-{letter}\b", text), letter
    assert os.listdir(folder) == []


@pytest.mark.parametrize("words", [["-V"], ["--version"], ["--vers"], ["-V", "-z"]], ids=str)
def test_version_names_the_flock_that_it_is_like(swlock, words):
    result = flock(swlock, *words)
    own = swlock.run("--version").stdout.decode().strip()
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.decode() == f"flock from util-linux 2.43 ({own})\n"


# Parsing


@pytest.mark.parametrize(
    "words, shown",
    [
        (["lock", "printf", "[%s]", "-n", "--zzz", "--", "-c"], "[-n][--zzz][--][-c]"),
        (["--", "lock", "printf", "[%s]", "-s"], "[-s]"),
        (["-n", "--", "lock", "printf", "[%s]", "--"], "[--]"),
        (["lock", "printf", "[%s]", "-c", "x"], "[-c][x]"),
        (["-", "printf", "[%s]", ""], "[]"),
        (["lock", "printf", "[%s]", " a  b", "\n"], "[ a  b][\n]"),
    ],
    ids=str,
)
def test_what_follows_the_file_is_the_commands(swlock, words, shown):
    result = flock(swlock, *words)
    assert (result.returncode, result.stdout.decode(), result.stderr) == (0, shown, b"")


@pytest.mark.parametrize(
    "program", ["--", "-n", "-s", "--command=true", "--comm", "-ctrue", "-", "", "--verbose"]
)
def test_a_word_after_the_file_is_a_program_even_if_it_looks_like_an_option(
    swlock, monkeypatch, program
):
    monkeypatch.setenv("PATH", os.defpath)
    message = f"failed to execute {program}: {os.strerror(errno.ENOENT)}"
    assert has_said(flock(swlock, "lock", program, "true"), UNAVAILABLE, message)


@pytest.mark.parametrize(
    "words, message",
    [
        (["-z"], "unrecognized option '-z'"),
        (["-nz"], "unrecognized option '-nz'"),
        (["-zn"], "unrecognized option '-zn'"),
        (["-nc"], "unrecognized option '-nc'"),
        (["-cx"], "unrecognized option '-cx'"),
        (["--com"], "unrecognized option '--com'"),
        (["--command=x"], "unrecognized option '--command=x'"),
        (["-c", "-z"], "unrecognized option '-z'"),
        (["-v"], "unrecognized option '-v'"),
        (["-n", "-1"], "unrecognized option '-1'"),
        (["--zzz"], "unrecognized option '--zzz'"),
        (["--zzz=1"], "unrecognized option '--zzz=1'"),
        (["--sx"], "unrecognized option '--sx'"),
        (["--SHARED"], "unrecognized option '--SHARED'"),
        (["-w"], "option '-w' requires an argument"),
        (["-nw"], "option '-nw' requires an argument"),
        (["-E"], "option '-E' requires an argument"),
        (["--wait"], "option '--wait' requires an argument"),
        (["--tim"], "option '--timeout' requires an argument"),
        (["--conflict-exit-code"], "option '--conflict-exit-code' requires an argument"),
        (["--start"], "option '--start' requires an argument"),
        (["--length"], "option '--length' requires an argument"),
        (["--fd"], "option '--fd' requires an argument"),
        (["--shared=1"], "unrecognized option '--shared=1'"),
        (["--non="], "unrecognized option '--non='"),
        (["--fcntl=ofd"], "unrecognized option '--fcntl=ofd'"),
        (["--verb=2"], "unrecognized option '--verb=2'"),
        (["--no"], "unrecognized option '--no'"),
        (["--n=1"], "unrecognized option '--n=1'"),
        (["--s"], "unrecognized option '--s'"),
        (["--ver"], "unrecognized option '--ver'"),
        (["--f"], "unrecognized option '--f'"),
        (["--c"], "unrecognized option '--c'"),
        (["--="], "unrecognized option '--='"),
        (["-z", "-h"], "unrecognized option '-z'"),
        (["-z", "-w", "abc"], "unrecognized option '-z'"),
    ],
    ids=str,
)
def test_a_mistaken_option_is_refused(swlock, folder, words, message):
    assert has_refused(flock(swlock, *words), message)
    assert os.listdir(folder) == []


@pytest.mark.parametrize(
    "words",
    [
        ["-m", "ofd"],
        ["--max-runtime=9"],
        ["--leftovers=kill"],
        ["--unlink"],
        ["--range=0:5"],
        ["--sidecar"],
        ["--perm=600"],
        ["--nonblock=no"],
        ["--posix"],
    ],
    ids=" ".join,
)
def test_no_option_of_swlock_leaks_in(swlock, folder, words):
    result = flock(swlock, *words, "lock", "touch", "ran")
    assert result.returncode == USAGE and result.stderr.decode().endswith(HINT)
    assert os.listdir(folder) == []


def test_the_environment_of_the_command_is_the_callers(swlock):
    env = {"LC_ALL": "C", "SWLOCK_PATH": "/x", "SWLOCK_HELD": "flock=/x", "PATH": os.defpath}
    for names in (env, {"LC_ALL": "C"}):
        result = flock(swlock, "lock", "cat", "/proc/self/environ", env=names)
        entries = [entry for entry in result.stdout.decode().split("\0") if entry]
        assert sorted(entries) == sorted(f"{name}={value}" for name, value in names.items())


RANGE = os.strerror(errno.ERANGE)
BAD = os.strerror(errno.EBADF)


@pytest.mark.parametrize(
    "words, status, message",
    [
        (["-n"], USAGE, "missing file descriptor, file or directory"),
        (["--"], USAGE, "missing file descriptor, file or directory"),
        (["--verbose", "-w", "5"], USAGE, "missing file descriptor, file or directory"),
        (["foo"], USAGE, "invalid file descriptor: 'foo'"),
        (["--verb", "lock"], USAGE, "invalid file descriptor: 'lock'"),
        (["9x"], USAGE, "invalid file descriptor: '9x'"),
        (["0x9"], USAGE, "invalid file descriptor: '0x9'"),
        ([""], USAGE, "invalid file descriptor: ''"),
        (["99999999999"], USAGE, f"invalid file descriptor: '99999999999': {RANGE}"),
        (["2147483648"], USAGE, f"invalid file descriptor: '2147483648': {RANGE}"),
        (["9" * 30], USAGE, f"invalid file descriptor: '{'9' * 30}': {RANGE}"),
        (["77"], DATA, f"77: {BAD}"),
        (["-u", "77"], DATA, f"77: {BAD}"),
        (["-n", "+77"], DATA, f"77: {BAD}"),
        (["--fcntl", "77"], DATA, f"77: {BAD}"),
        (["--", "-1"], USAGE, "missing file descriptor, file or directory"),
        (["-w", "-1", "--", "-2147483648"], USAGE, "missing file descriptor, file or directory"),
        (["--", "-2147483649"], USAGE, f"invalid file descriptor: '-2147483649': {RANGE}"),
        (["9" * 30 + "x"], USAGE, f"invalid file descriptor: '{'9' * 30}x': {RANGE}"),
        (["lock", "-c"], USAGE, "-c requires exactly one command argument"),
        (["lock", "-c", "a", "b"], USAGE, "-c requires exactly one command argument"),
        (["lock", "--command"], USAGE, "--command requires exactly one command argument"),
        (["lock", "--command", "a", "b"], USAGE, "--command requires exactly one command argument"),
        (["--start", "x", "lock", "true"], USAGE, "invalid as start offset: 'x'"),
        (["--start", "-1", "lock", "true"], USAGE, "invalid as start offset: '-1'"),
        (["--start", "", "lock", "true"], USAGE, "invalid as start offset: ''"),
        (["--start", "1Q", "lock", "true"], USAGE, "invalid as start offset: '1Q'"),
        (["--length", "1e3", "lock", "true"], USAGE, "invalid as length of lock range: '1e3'"),
    ],
    ids=str,
)
def test_a_mistake_is_told_and_nothing_is_done(swlock, folder, words, status, message):
    if "invalid as" in message:
        message += f": {os.strerror(errno.EINVAL)}"
    assert has_said(flock(swlock, *words), status, message)
    assert os.listdir(folder) == []


# -c


@pytest.mark.parametrize("option", ["-c", "--command"])
def test_a_string_is_run_by_the_users_shell(swlock, folder, monkeypatch, option):
    shell = folder / "shell"
    shell.write_text('#!/bin/sh\nprintf "[%s]" "$@"\n')
    shell.chmod(0o755)
    monkeypatch.setenv("SHELL", str(shell))
    for way in WAYS:
        assert flock(swlock, *way, "lock", option, "a  b; c").stdout == b"[-c][a  b; c]"


def test_the_users_shell_is_looked_for_as_any_program_and_its_name_is_not_changed(
    swlock, monkeypatch
):
    monkeypatch.setenv("SHELL", "printf")
    assert flock(swlock, "lock", "-c", "[%s]").returncode != UNAVAILABLE
    monkeypatch.setenv("SHELL", "sh")
    assert flock(swlock, "lock", "-c", "cat /proc/$$/cmdline").stdout.split(b"\0")[0] == b"sh"


@pytest.mark.parametrize("shell", [None, ""], ids=["unset", "empty"])
def test_without_a_users_shell_it_is_bin_sh(swlock, monkeypatch, shell):
    monkeypatch.delenv("SHELL") if shell is None else monkeypatch.setenv("SHELL", shell)
    result = flock(swlock, "--verbose", "lock", "-c", "readlink /proc/$$/exe; exit 7")
    assert result.returncode == 7
    assert result.stdout.decode().splitlines()[1:] == [
        "flock: executing /bin/sh",
        os.path.realpath("/bin/sh"),
    ]


def test_a_users_shell_that_is_missing_cannot_be_executed(swlock, monkeypatch):
    monkeypatch.setenv("SHELL", "/nonexistent/shell")
    message = f"failed to execute /nonexistent/shell: {os.strerror(errno.ENOENT)}"
    assert has_said(flock(swlock, "lock", "-c", "true"), UNAVAILABLE, message)


@pytest.mark.parametrize("option", ["-c", "--command"])
@pytest.mark.parametrize(
    "words",
    [["touch ran", "lock"], ["-n", "touch ran", "lock"], [], ["lock", "-c", "touch ran"]],
    ids=" ".join,
)
def test_a_string_before_the_file_is_no_command(swlock, folder, option, words):
    message = f"{option} requires exactly one command argument"
    assert has_said(flock(swlock, option, *words), USAGE, message)
    assert os.listdir(folder) == []


def test_a_string_without_a_file_is_no_command(swlock, folder):
    for words in (["-c", "touch ran"], ["-c", "--", "touch ran"], ["-nu", "--command", "9"]):
        message = "missing file descriptor, file or directory"
        assert has_said(flock(swlock, *words), USAGE, message)
    assert os.listdir(folder) == []


# --fd


@pytest.mark.parametrize(
    "options", [["--fd", "{}"], ["-F", "--fd={}"], ["-on", "--fd=+{}"]], ids=" ".join
)
@pytest.mark.parametrize("words", [["cat"], ["-c", "exec cat"]], ids=" ".join)
def test_a_given_descriptor_is_locked_for_the_command_and_stays_so(swlock, folder, options, words):
    with opened(folder / "lock") as descriptor:
        numbered = [word.format(descriptor) for word in options]
        process = start(swlock, *numbered, *words, pass_fds=[descriptor], stdin=subprocess.PIPE)
        seen = descriptors_of(cat_of(process, options))
        assert is_held(folder / "lock")
        assert (descriptor in seen) == ("-on" not in options)
        process.communicate(timeout=10)
        assert process.returncode == 0 and is_held(folder / "lock")
    assert is_free(folder / "lock")


def test_a_given_descriptor_that_another_has_locked_is_a_conflict(swlock, folder):
    with held(folder / "lock"), opened(folder / "lock") as descriptor:
        for words in (["touch", "ran"], ["-c", "touch ran"]):
            options = ("-n", "-E", "9", "--fd", str(descriptor))
            assert has_said(flock(swlock, *options, *words, pass_fds=[descriptor]), 9)
        words = ("-u", "--fd", str(descriptor), "true")
        assert has_said(flock(swlock, *words, pass_fds=[descriptor]), 0)
    assert not (folder / "ran").exists()


def test_with_a_given_descriptor_all_operands_are_the_command(swlock, folder):
    with opened(folder / "lock") as descriptor:
        words = ["--fd", str(descriptor), "printf", "[%s]", "-c", "-n", "--fd"]
        result = flock(swlock, *words, pass_fds=[descriptor])
    assert (result.returncode, result.stdout) == (0, b"[-c][-n][--fd]")
    assert os.listdir(folder) == ["lock"]


@pytest.mark.parametrize(
    "before, after",
    [
        (["-c"], []),
        (["-n", "--command"], ["-s"]),
        ([], ["-c", "-n"]),
        ([], ["-s", "-c", "--"]),
        ([], ["-n", "--command", "-c", "-w5"]),
    ],
    ids=str,
)
def test_with_a_given_descriptor_a_shells_option_stands_anywhere(swlock, folder, before, after):
    with opened(folder / "lock") as descriptor:
        words = [*before, "--fd", str(descriptor), *after, "echo a  b"]
        assert flock(swlock, *words, pass_fds=[descriptor]).stdout == b"a b\n"
        assert is_held(folder / "lock")


@pytest.mark.parametrize("option", ["-c", "--command"])
def test_behind_the_end_of_the_options_a_shells_option_is_a_program(swlock, folder, option):
    with opened(folder / "lock") as descriptor:
        words = ("--fd", str(descriptor), "--", option, "touch ran")
        message = f"failed to execute {option}: {os.strerror(errno.ENOENT)}"
        assert has_said(flock(swlock, *words, pass_fds=[descriptor]), UNAVAILABLE, message)
    assert os.listdir(folder) == ["lock"]


@pytest.mark.parametrize(
    "words, status, message",
    [
        (["--fd", "-5"], USAGE, "missing file descriptor, file or directory"),
        (["--fd=-1", "touch", "ran"], USAGE, "missing file descriptor, file or directory"),
        (["--fd=-1", "lock", "touch", "ran"], USAGE, "missing file descriptor, file or directory"),
        (["--fd", "-5", "-c", "touch ran"], USAGE, "missing file descriptor, file or directory"),
        (["--fd", "77", "-c"], USAGE, "-c requires exactly one command argument"),
        (["--fd", "0"], USAGE, "missing command"),
        (["--fd=77"], USAGE, "missing command"),
        (["--fd", "foo", "touch", "ran"], USAGE, "invalid file descriptor: 'foo'"),
        (["--fd", "", "touch", "ran"], USAGE, "invalid file descriptor: ''"),
        (
            ["--fd", "99999999999", "touch", "ran"],
            USAGE,
            f"invalid file descriptor: '99999999999': {RANGE}",
        ),
        (["--fd", "77", "touch", "ran"], DATA, f"77: {BAD}"),
        (["--fd", "77", "-c", "touch ran"], DATA, f"77: {BAD}"),
        (["--fd", "77", "-c", "a", "b"], USAGE, "-c requires exactly one command argument"),
    ],
    ids=str,
)
def test_a_mistake_with_a_descriptor_is_told(swlock, folder, words, status, message):
    assert has_said(flock(swlock, *words), status, message)
    assert os.listdir(folder) == []


# How the file is opened


@needs_strace
@pytest.mark.parametrize(
    "words, access",
    [
        ([], "O_RDONLY"),
        (["-s"], "O_RDONLY"),
        (["-u"], "O_RDONLY"),
        (["--fcntl"], "O_WRONLY"),
        (["--fc", "-x"], "O_WRONLY"),
        (["--fcntl", "-s"], "O_RDONLY"),
        (["--fcntl", "-u"], "O_RDONLY"),
        (["--start", "5"], "O_WRONLY"),
        (["--length=5"], "O_WRONLY"),
        (["-s", "--len", "5", "--st=1"], "O_RDONLY"),
    ],
    ids=str,
)
def test_the_file_is_opened_once_in_the_mode_that_its_lock_needs(swlock, words, access):
    result, lines = traced(swlock, *words, "lock", "true")
    assert has_said(result, 0)
    assert opens(lines) == [({access, *CREATE}, "0666")]


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
@pytest.mark.parametrize("words", [[], ["--fcntl"]], ids=" ".join)
def test_a_new_file_has_the_permissions_that_the_umask_leaves(swlock, folder, umask, words):
    assert has_said(flock(swlock, *words, "lock", "true", umask=umask), 0)
    assert stat.S_IMODE(os.stat(folder / "lock").st_mode) == 0o666 & ~umask


def test_a_symbolic_link_is_followed_and_its_target_created(swlock, folder):
    (folder / "lock").symlink_to("target")
    assert has_said(flock(swlock, "lock", "true"), 0)
    assert (folder / "target").exists()


def test_a_pipe_is_opened_when_its_other_end_is(swlock, folder):
    os.mkfifo(folder / "lock")
    process = start(swlock, "lock", "echo", "ran")
    flags = os.O_WRONLY | os.O_NONBLOCK

    def has_reader():
        with contextlib.suppress(OSError), opened(folder / "lock", flags):
            return True
        return process.poll() is not None

    wait_until(has_reader)
    assert process.communicate(timeout=10) == (b"ran\n", b"")


@needs_strace
def test_a_folder_is_opened_without_creating(swlock, folder):
    (folder / "lock").mkdir()
    result, lines = traced(swlock, "lock", "true")
    assert has_said(result, 0)
    assert opens(lines) == [
        ({"O_RDONLY", *CREATE}, "0666"),
        ({"O_RDONLY", "O_NOCTTY"}, None),
    ]


def test_a_folder_is_locked_with_fcntl_only_if_shared(swlock, folder):
    (folder / "lock").mkdir()
    assert has_said(flock(swlock, "--fcntl", "-s", "lock", "true"), 0)
    result = flock(swlock, "--fcntl", "-x", "lock", "touch", "ran")
    assert (result.returncode, result.stdout) == (DATA, b"")
    assert re.fullmatch(rb"flock: lock: .+\n", result.stderr)
    assert os.listdir(folder) == ["lock"]


@pytest.mark.parametrize(
    "path, number",
    [
        ("missing/lock", errno.ENOENT),
        ("", errno.ENOENT),
        ("file/lock", errno.ENOTDIR),
        ("circle", errno.ELOOP),
        ("x" * 256, errno.ENAMETOOLONG),
        ("a\nb\x1b/c", errno.ENOENT),
    ],
    ids=ascii,
)
def test_a_file_that_cannot_be_opened_is_told_as_it_is_written(swlock, folder, path, number):
    (folder / "file").touch()
    (folder / "circle").symlink_to("circle")
    message = f"cannot open lock file {path}: {os.strerror(number)}"
    assert has_said(flock(swlock, path, "touch", "ran"), NO_INPUT, message)
    assert not (folder / "ran").exists()


@needs_strace
@pytest.mark.parametrize(
    "name, status",
    [
        ("EROFS", CANNOT_CREATE),
        ("ENOSPC", CANNOT_CREATE),
        ("ENOMEM", OS_ERROR),
        ("EMFILE", OS_ERROR),
        ("ENFILE", OS_ERROR),
        ("EACCES", NO_INPUT),
        ("EPERM", NO_INPUT),
        ("EDQUOT", NO_INPUT),
        ("EIO", NO_INPUT),
        ("ENXIO", NO_INPUT),
    ],
)
def test_the_status_tells_why_the_file_cannot_be_opened(swlock, folder, name, status):
    words = ("lock", "touch", "ran")
    result, lines = traced(swlock, *words, faults=[f"openat,open:error={name}"])
    message = f"cannot open lock file lock: {os.strerror(getattr(errno, name))}"
    assert has_said(result, status, message)
    assert not (folder / "ran").exists() and len(opens(lines)) == 1


# How the lock is taken


@needs_strace
@pytest.mark.parametrize("call, words", [("flock", []), ("fcntl", ["--fcntl"])], ids=["", "fcntl"])
@pytest.mark.parametrize(
    "name, status",
    [("ENOLCK", OS_ERROR), ("ENOMEM", OS_ERROR), ("EINVAL", DATA), ("EDEADLK", DATA)],
)
def test_the_status_tells_why_the_file_cannot_be_locked(swlock, folder, call, words, name, status):
    faults = [f"{call}:error={name}"]
    result, _ = traced(swlock, *words, "lock", "touch", "ran", faults=faults)
    assert has_said(result, status, f"lock: {os.strerror(getattr(errno, name))}")
    assert not (folder / "ran").exists()


@needs_strace
@pytest.mark.parametrize("call, words", [("flock", []), ("fcntl", ["--fcntl"])], ids=["", "fcntl"])
@pytest.mark.parametrize("name", ["EAGAIN", "EACCES"])
@pytest.mark.parametrize("patience", [["-n"], [], ["-w", "60"]], ids=" ".join)
def test_a_refusal_is_a_conflict_whatever_the_file_system_calls_it(
    swlock, folder, call, words, name, patience
):
    """Also where the call was told to wait, as some network file systems refuse to."""
    faults = [f"{call}:error={name}"]
    words = [*words, *patience, "--verbose", "-E", "9", "lock", "touch", "ran"]
    assert at_once(traced(swlock, *words, faults=faults, timeout=20)[0], 9)
    assert not (folder / "ran").exists()


@needs_strace
@pytest.mark.parametrize("call, words", [("flock", []), ("fcntl", ["--fcntl"])], ids=["", "fcntl"])
@pytest.mark.parametrize("patience", [[], ["-w", "60"]], ids=" ".join)
def test_an_interrupted_wait_goes_on(swlock, call, words, patience):
    faults = [f"{call}:error=EINTR:when=1..3"]
    result, _ = traced(swlock, *words, *patience, "lock", "echo", "ran", faults=faults)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"ran\n", b"")


@needs_strace
@pytest.mark.parametrize("name", ["EBADF", "EIO"])
@pytest.mark.parametrize(
    "call, words, access",
    [
        ("flock", [], "O_RDONLY"),
        ("flock", ["-u"], "O_RDONLY"),
        ("flock", ["-n"], "O_RDONLY"),
        ("fcntl", ["--fcntl"], "O_WRONLY"),
    ],
    ids=str,
)
def test_a_file_that_must_be_writable_to_be_locked_is_opened_again(
    swlock, name, call, words, access
):
    faults = [f"{call}:error={name}:when=1"]
    words = [*words, "lock", "cat", "/proc/self/fdinfo/3"]
    result, lines = traced(swlock, *words, faults=faults)
    assert (result.returncode, result.stderr) == (0, b"")
    assert opens(lines) == [({access, *CREATE}, "0666"), ({"O_RDWR", *CREATE}, "0666")]
    assert flags_in(result.stdout.decode()) == os.O_RDWR


@needs_strace
@pytest.mark.parametrize("name", ["EBADF", "EIO"])
def test_a_file_is_opened_again_only_once(swlock, folder, name):
    words = ("lock", "touch", "ran")
    result, lines = traced(swlock, *words, faults=[f"flock:error={name}"])
    assert has_said(result, DATA, f"lock: {os.strerror(getattr(errno, name))}")
    assert len(opens(lines)) == 2 and not (folder / "ran").exists()


@needs_strace
@pytest.mark.parametrize("name", ["EBADF", "EIO"])
def test_a_file_that_is_locked_shared_is_not_opened_again(swlock, folder, name):
    words = ("-s", "lock", "touch", "ran")
    result, lines = traced(swlock, *words, faults=[f"flock:error={name}:when=1"])
    assert has_said(result, DATA, f"lock: {os.strerror(getattr(errno, name))}")
    assert len(opens(lines)) == 1 and not (folder / "ran").exists()


@needs_strace
@pytest.mark.parametrize("name", ["EBADF", "EIO"])
def test_a_file_that_may_not_be_written_is_not_opened_again(swlock, folder, name):
    (folder / "lock").touch()
    faults = [f"flock:error={name}:when=1", "access,faccessat,faccessat2:error=EACCES"]
    result, lines = traced(swlock, "lock", "touch", "ran", faults=faults)
    assert (result.returncode, result.stdout) == (DATA, b"")
    assert re.fullmatch(rb"flock: lock: .+\n", result.stderr)
    assert len(opens(lines)) == 1 and not (folder / "ran").exists()


def test_a_waiter_keeps_to_the_file_that_it_opened(swlock, folder):
    with held(folder / "lock"):
        process = start(swlock, "lock", "cat", stdin=subprocess.PIPE)
        wait_until(lambda: waits_on(folder / "lock"))
        (folder / "lock").rename(folder / "old")
        (folder / "lock").touch()
    cat_of(process)
    assert is_held(folder / "old") and is_free(folder / "lock")
    process.communicate(timeout=10)


@pytest.mark.parametrize(
    "text, offset",
    [
        ("0", 0),
        ("1", 1),
        (" 7", 7),
        ("010", 8),
        ("0x10", 16),
        ("1K", 1024),
        ("1k", 1024),
        ("2KiB", 2048),
        ("2kB", 2000),
        ("1.5K", 1536),
        ("0.5kB", 500),
        ("1M", 1 << 20),
        ("1MB", 10**6),
        ("1G", 1 << 30),
        ("1TiB", 1 << 40),
        ("1P", 1 << 50),
        ("1E", 1 << 60),
    ],
)
def test_the_start_of_a_range_may_have_a_suffix(swlock, folder, text, offset):
    words = ("--start", text, "--length=3", "lock", "cat")
    process = start(swlock, *words, stdin=subprocess.PIPE)
    cat_of(process)
    assert range_locked_on(folder / "lock") == ["OFDLCK", "WRITE", str(offset), str(offset + 2)]
    process.communicate(timeout=10)


@pytest.mark.parametrize(
    "words, first, last",
    [
        (["--fcntl"], "0", "EOF"),
        (["--start", "5"], "5", "EOF"),
        (["--length", "5"], "0", "4"),
        (["--length", "1K"], "0", "1023"),
        (["--length", "0", "--start=3"], "3", "EOF"),
        (["-s", "--start=1", "--start=2", "--length=1"], "2", "2"),
    ],
    ids=str,
)
def test_a_range_is_locked_as_it_is_given(swlock, folder, words, first, last):
    process = start(swlock, *words, "lock", "cat", stdin=subprocess.PIPE)
    cat_of(process)
    access = "READ" if "-s" in words else "WRITE"
    assert range_locked_on(folder / "lock") == ["OFDLCK", access, first, last]
    process.communicate(timeout=10)


@pytest.mark.parametrize("option", ["--start", "--length"])
@pytest.mark.parametrize("text", ["9223372036854775808", "8E"])
def test_a_range_that_no_file_has_cannot_be_locked(swlock, folder, option, text):
    result = flock(swlock, option, text, "lock", "touch", "ran")
    assert has_said(result, DATA, f"lock: {os.strerror(errno.EINVAL)}")
    assert not (folder / "ran").exists()


# The command


@every_way
@pytest.mark.parametrize("status", [0, 1, 2, 64, 125, 127, 128, 255])
def test_the_commands_status_is_passed_on(swlock, way, status):
    assert has_said(flock(swlock, *way, "lock", "sh", "-c", f"exit {status}"), status)


@pytest.mark.parametrize("way", [way for way in WAYS if "-F" not in way], ids=" ".join)
@pytest.mark.parametrize("name", ["HUP", "INT", "KILL", "TERM", "USR1", "PIPE"])
def test_a_command_that_a_signal_ends_is_128_and_the_signal(swlock, way, name):
    result = flock(swlock, *way, "lock", "sh", "-c", f"kill -{name} $$")
    assert has_said(result, 128 + getattr(signal, f"SIG{name}"))


def not_found(path):
    return errno.ENOENT


def not_executable(path):
    path.touch(0o644)
    return errno.EACCES


def a_directory(path):
    path.mkdir()
    return errno.EACCES


def without_its_interpreter(path):
    path.write_text("#!/nonexistent/interpreter\n")
    path.chmod(0o755)
    return errno.ENOENT


@every_way
@pytest.mark.parametrize("make", [not_found, not_executable, a_directory, without_its_interpreter])
def test_a_command_that_cannot_be_executed_is_69(swlock, folder, way, make):
    reason = os.strerror(make(folder / "command"))
    message = f"failed to execute ./command: {reason}"
    assert has_said(flock(swlock, *way, "lock", "./command"), UNAVAILABLE, message)
    assert is_free(folder / "lock") and is_free(folder / "lock", "ofd")


@needs_strace
@pytest.mark.parametrize("name, status", [("ENOMEM", OS_ERROR), ("E2BIG", UNAVAILABLE)])
def test_a_command_that_memory_is_missing_for_is_71(swlock, name, status):
    result, _ = traced(swlock, "lock", "./command", faults=[f"execve:error={name}"])
    message = f"failed to execute ./command: {os.strerror(getattr(errno, name))}"
    assert has_said(result, status, message)


@needs_strace
def test_a_fork_that_fails_is_71(swlock, folder):
    words = [*FLOCK, "lock", "touch", "ran"]
    fault = "inject=?fork,?vfork,?clone,?clone3:error=EAGAIN"
    result = subprocess.run(
        ["strace", "-qq", "-o", "/dev/null", "-e", fault, *words],
        cwd=folder,
        capture_output=True,
        timeout=30,
    )
    assert has_said(result, OS_ERROR, f"fork failed: {os.strerror(errno.EAGAIN)}")
    assert os.listdir(folder) == ["lock"]


@pytest.mark.parametrize("way", [[], ["-F"]], ids=" ".join)
def test_a_command_is_looked_for_as_execvp_does(swlock, folder, monkeypatch, way):
    """What may not be executed is passed over; a file of no known format is for the shell."""
    for name, mode in (("first", 0o644), ("second", 0o755)):
        (folder / name).mkdir()
        (folder / name / "command").write_text(f'echo {name} "$1"')
        (folder / name / "command").chmod(mode)
    monkeypatch.setenv("PATH", f"{folder}/first:second:{os.environ['PATH']}")
    assert flock(swlock, *way, "lock", "command", "x").stdout == b"second x\n"
    env = {"LC_ALL": "C"}
    assert flock(swlock, *way, "lock", "sh", "-c", "exit 5", env=env).returncode == 5


@pytest.mark.parametrize(
    "words, access",
    [
        ([], os.O_RDONLY),
        (["-F"], os.O_RDONLY),
        (["-s"], os.O_RDONLY),
        (["-u"], os.O_RDONLY),
        (["-w", "60"], os.O_RDONLY),
        (["--fcntl"], os.O_WRONLY),
        (["--fcntl", "-s"], os.O_RDONLY),
        (["--fcntl", "-F"], os.O_WRONLY),
    ],
    ids=str,
)
def test_the_command_inherits_the_descriptor_and_no_other(swlock, folder, words, access):
    process = start(swlock, *words, "lock", "cat", stdin=subprocess.PIPE)
    pid = cat_of(process, words)
    seen = descriptors_of(pid)
    assert sorted(seen) == [0, 1, 2, 3] and seen[3] == str((folder / "lock").resolve())
    assert flags_in(pathlib.Path(f"/proc/{pid}/fdinfo/3").read_text()) == access
    process.communicate(timeout=10)


@pytest.mark.parametrize("words", [["-o"], ["--close"], ["--cl", "--fcntl"]], ids=" ".join)
def test_with_close_flock_holds_the_lock_and_the_command_has_no_descriptor(swlock, folder, words):
    process = start(swlock, *words, "lock", "cat", stdin=subprocess.PIPE)
    seen = descriptors_of(cat_of(process))
    assert sorted(seen) == [0, 1, 2]
    assert descriptors_of(process.pid)[3] == str((folder / "lock").resolve())
    assert is_held(folder / "lock", "ofd" if "--fcntl" in words else "flock")
    process.communicate(timeout=10)


@pytest.mark.parametrize("redirection, number", [("3<&0", 4), ("0<&-", 0), ("2>&-", 2)])
def test_the_descriptor_is_the_lowest_that_is_free(swlock, folder, redirection, number):
    words = ["sh", "-c", f'exec "$@" {redirection}', "sh", *FLOCK, "lock"]
    words += ["readlink", f"/proc/self/fd/{number}"]
    result = subprocess.run(words, cwd=folder, capture_output=True, timeout=30)
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.decode().strip() == str((folder / "lock").resolve())


@pytest.mark.parametrize(
    "words, kept", [([], True), (["-F"], True), (["--fcntl"], True), (["-o"], False)], ids=str
)
def test_a_process_in_the_background_keeps_the_lock_if_it_has_the_descriptor(
    swlock, folder, words, kept
):
    text = "sleep 60 & echo $! >pid; exit 6"
    assert start(swlock, *words, "lock", "sh", "-c", text, **QUIET).wait(10) == 6
    pid = int(appears(folder / "pid"))
    assert is_held(folder / "lock", "ofd" if "--fcntl" in words else "flock") == kept
    end(pid)
    wait_until(lambda: is_free(folder / "lock"))


@pytest.mark.parametrize("words", [["-F"], ["--no-fork"], ["-nF"], ["--no-f", "--fcntl"]], ids=str)
def test_without_a_fork_the_command_is_flocks_own_process(swlock, folder, words):
    process = start(swlock, *words, "lock", "cat", stdin=subprocess.PIPE)
    assert cat_of(process, ["-F"]) == process.pid
    assert is_held(folder / "lock", "ofd" if "--fcntl" in words else "flock")
    process.communicate(timeout=10)


# Signals


@pytest.mark.parametrize("name", ["TERM", "HUP", "INT", "USR1", "ALRM", "KILL"])
def test_a_signal_ends_flock_and_the_command_goes_on_with_the_lock(swlock, folder, name):
    process = start(swlock, "lock", *counting("SIGTERM"))
    assert process.stdout.readline() == b"counting\n"
    number = getattr(signal, f"SIG{name}")
    process.send_signal(number)
    assert process.wait(10) == -number
    assert is_held(folder / "lock") and not (folder / "count").exists()
    (folder / "stop").touch()
    wait_until(lambda: is_free(folder / "lock"))


def test_a_signal_to_flock_reaches_the_command_where_it_is_the_same_process(swlock, folder):
    process = start(swlock, "-F", "lock", *counting("SIGTERM"))
    assert process.stdout.readline() == b"counting\n"
    process.send_signal(signal.SIGTERM)
    assert appears(folder / "count") == b"."
    (folder / "stop").touch()
    assert process.wait(10) == 9


@pytest.mark.parametrize("words", [[], ["-w", "60"], ["--fcntl"]], ids=" ".join)
@pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])
def test_a_signal_ends_the_wait(swlock, folder, words, name):
    with held(folder / "lock", "ofd" if words == ["--fcntl"] else "flock"):
        process = start(swlock, *words, "lock", "touch", "ran")
        wait_until(lambda: waits_on(folder / "lock"))
        process.send_signal(getattr(signal, f"SIG{name}"))
        assert process.wait(10) == -getattr(signal, f"SIG{name}")
    assert not (folder / "ran").exists()


def test_a_stopped_command_is_waited_for(swlock):
    process = start(swlock, "lock", "sh", "-c", "kill -STOP $$; exit 5")
    pid = command_of(process, "sh")
    wait_until(lambda: is_stopped(pid))
    assert process.poll() is None and is_alive(process.pid) and not is_stopped(process.pid)
    os.kill(pid, signal.SIGCONT)
    assert process.wait(10) == 5


SIGNALS = [number for number in range(1, 65) if number not in (9, 19, 32, 33)]


def mask(numbers):
    return sum(1 << (number - 1) for number in numbers)


def masks_of(result):
    """The sets of ignored and of blocked signals of a command that shows its /proc/self/status.

    Without 32 and 33, the C library's own: what its posix_spawn(3) starts, as make, ignores them.
    """
    assert (result.returncode, result.stderr) == (0, b"")
    words = dict(line.split(":", 1) for line in result.stdout.decode().splitlines())
    others = ~mask([32, 33])
    return int(words["SigIgn"], 16) & others, int(words["SigBlk"], 16) & others


@every_way
@pytest.mark.parametrize(
    "ignored, blocked",
    [
        ([], []),
        ([signal.SIGCHLD], []),
        ([signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD], [signal.SIGUSR1]),
        ([signal.SIGRTMIN], [signal.SIGRTMIN, signal.SIGRTMAX]),
        ([number for number in SIGNALS if number != signal.SIGALRM], [signal.SIGTERM, 40]),
    ],
    ids=["none", "CHLD", "some", "real-time", "all"],
)
def test_the_command_inherits_all_about_signals_but_has_the_default_for_chld(
    swlock, way, ignored, blocked
):
    def prepare():
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)

    words = ("lock", "cat", "/proc/self/status")
    seen = masks_of(flock(swlock, *way, *words, preexec_fn=prepare))
    assert seen == (mask(set(ignored) - {signal.SIGCHLD}), mask(blocked))


def test_the_status_is_right_where_chld_is_ignored(swlock):
    def prepare():
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    assert has_said(flock(swlock, "lock", "sh", "-c", "exit 5", preexec_fn=prepare), 5)


def test_a_timeout_works_where_alrm_is_ignored(swlock, folder):
    def prepare():
        signal.signal(signal.SIGALRM, signal.SIG_IGN)

    with held(folder / "lock"):
        result = flock(swlock, "-w", ".02", "lock", "touch", "ran", preexec_fn=prepare)
    assert has_said(result, CONFLICT)


# --verbose


@every_way
@pytest.mark.parametrize("option", ["--verbose", "--verb"])
def test_verbose_lines_come_before_the_commands_output(swlock, way, option):
    result = flock(swlock, option, *way, "lock", "echo", "ran")
    assert (result.returncode, result.stderr) == (0, b"")
    assert re.fullmatch(TOOK + "flock: executing echo\nran\n", result.stdout.decode())


@pytest.mark.parametrize("way", [[], ["-F"]], ids=" ".join)
def test_verbose_lines_are_out_before_the_command_starts(swlock, folder, way):
    process = start(swlock, "--verbose", *way, "lock", "cat", stdin=subprocess.PIPE)
    cat_of(process, way)
    os.set_blocking(process.stdout.fileno(), False)
    assert process.stdout.read().decode().endswith("flock: executing cat\n")
    process.communicate(timeout=10)


def test_verbose_names_the_lock_alone_where_there_is_no_command(swlock, folder):
    with opened(folder / "lock") as descriptor:
        result = flock(swlock, "--verbose", str(descriptor), pass_fds=[descriptor])
    assert (result.returncode, result.stderr) == (0, b"")
    assert re.fullmatch(TOOK, result.stdout.decode())


def test_verbose_tells_how_long_the_lock_took(swlock, folder):
    with held(folder / "lock"):
        process = start(swlock, "--verbose", "lock", "true")
        wait_until(lambda: waits_on(folder / "lock"))
        # Time itself is what is told.
        time.sleep(0.02)
    output, errors = process.communicate(timeout=10)
    assert errors == b"" and float(output.split()[4]) >= 0.02


def test_verbose_lines_are_written_once_where_the_command_cannot_be_executed(swlock):
    for way in ([], ["-F"], ["-o"]):
        result = flock(swlock, "--verbose", *way, "lock", "./missing")
        assert result.returncode == UNAVAILABLE
        assert re.fullmatch(TOOK + "flock: executing ./missing\n", result.stdout.decode())


@pytest.mark.parametrize("kind", ["flock", "ofd"])
def test_verbose_tells_a_conflict_and_a_timeout_on_stderr(swlock, folder, kind):
    words = ["--verbose"] + (["--fcntl"] if kind == "ofd" else [])
    with held(folder / "lock", kind):
        assert at_once(flock(swlock, *words, "-n", "lock", "touch", "ran"))
        result = flock(swlock, *words, "-w", ".02", "lock", "touch", "ran")
        assert has_said(result, CONFLICT, "timeout while waiting to get lock")
    assert not (folder / "ran").exists()


# Output that cannot be written


@pytest.mark.parametrize("words", [["-h"], ["-V"], ["--verbose", "lock", "touch", "ran"]], ids=str)
def test_a_write_error_is_told_at_the_end(folder, words):
    with open("/dev/full", "wb") as full:
        result = subprocess.run(
            [*FLOCK, *words], cwd=folder, stdout=full, stderr=subprocess.PIPE, timeout=30
        )
    message = f"flock: write error: {os.strerror(errno.ENOSPC)}\n"
    assert (result.returncode, result.stderr.decode()) == (1, message)
    assert (folder / "ran").exists() == ("ran" in words)


@pytest.mark.parametrize(
    "words, status",
    [
        (["lock", "sh", "-c", "exit 7"], 7),
        (["--verbose", "-F", "lock", "sh", "-c", "exit 7"], 7),
        (["-z"], USAGE),
    ],
    ids=str,
)
def test_without_output_at_the_end_there_is_no_write_error(folder, words, status):
    with open("/dev/full", "wb") as full:
        result = subprocess.run(
            [*FLOCK, *words], cwd=folder, stdout=full, stderr=subprocess.PIPE, timeout=30
        )
    assert result.returncode == status and b"write error" not in result.stderr


@contextlib.contextmanager
def broken_pipe():
    reader, writer = os.pipe()
    os.close(reader)
    try:
        yield writer
    finally:
        os.close(writer)


@pytest.mark.parametrize("ignored, status", [(False, -signal.SIGPIPE), (True, 7)])
def test_a_broken_pipe_ends_flock_after_the_command(folder, ignored, status):
    with broken_pipe() as pipe:
        result = subprocess.run(
            [*FLOCK, "--verbose", "lock", "sh", "-c", "touch ran; exit 7"],
            cwd=folder,
            stdout=pipe,
            stderr=subprocess.PIPE,
            timeout=30,
            restore_signals=not ignored,
        )
    assert (result.returncode, result.stderr) == (status, b"")
    assert (folder / "ran").exists()


@pytest.mark.parametrize("way", [[], ["-F"], ["-o"]], ids=" ".join)
@pytest.mark.parametrize("ignored", [False, True])
def test_a_broken_pipe_changes_nothing_for_the_command(folder, way, ignored):
    """Not even whether it ignores SIGPIPE."""
    words = [*FLOCK, "--verbose", *way, "lock", "sh", "-c", "exec cat /proc/self/status >seen"]
    with broken_pipe() as pipe:
        subprocess.run(words, cwd=folder, stdout=pipe, timeout=30, restore_signals=not ignored)
    seen = re.search(r"SigIgn:\s*(\w+)", (folder / "seen").read_text())[1]
    assert bool(int(seen, 16) & mask([signal.SIGPIPE])) == ignored


@pytest.mark.parametrize("words", [["-h"], ["-V"]], ids=" ".join)
def test_help_to_a_broken_pipe_ends_by_the_signal(folder, words):
    with broken_pipe() as pipe:
        result = subprocess.run([*FLOCK, *words], stdout=pipe, stderr=subprocess.PIPE, timeout=30)
    assert (result.returncode, result.stderr) == (-signal.SIGPIPE, b"")


def test_a_closed_standard_output_is_no_error(folder):
    words = ["sh", "-c", '"$@" >&-', "sh", *FLOCK, "--verbose", "lock", "sh", "-c", "exit 7"]
    result = subprocess.run(words, cwd=folder, capture_output=True, timeout=30)
    assert (result.returncode, result.stdout, result.stderr) == (7, b"", b"")


# Mutual exclusion


def installed_flock():
    """The path of util-linux's own flock(1), if there is one."""
    path = shutil.which("flock")
    if path is None:
        return None
    version = subprocess.run([path, "-V"], capture_output=True, check=False).stdout
    return path if b"util-linux" in version and b"swlock" not in version else None


INSTALLED = installed_flock()
LOCKERS = {"ours": FLOCK, "util-linux": [INSTALLED], "swlock run": [SWLOCK, "run"]}
needs_installed = pytest.mark.skipif(INSTALLED is None, reason="needs util-linux's flock")
PAIRS = [
    ("ours", "ours"),
    ("ours", "util-linux"),
    ("util-linux", "ours"),
    ("ours", "swlock run"),
    ("swlock run", "ours"),
    ("util-linux", "swlock run"),
    ("swlock run", "util-linux"),
]
KINDS = [("-x", "-x"), ("-x", "-s"), ("-s", "-x"), ("-s", "-s")]


def exclude_each_other(swlock, first, second, excluded):
    """`first` is inside: does `second` give up at once, or wait and then get in?"""
    holder = hold(swlock, first)
    attempt = subprocess.run(
        [*second[:-1], "-n", second[-1], "true"], cwd=swlock.folder, capture_output=True, timeout=30
    )
    assert (attempt.returncode != 0) == excluded
    waiter = begin(swlock, second)
    if excluded:
        wait_until(lambda: waits_on(swlock.folder / "lock"))
        assert not is_inside(waiter)
        finish(holder)
        wait_until_inside(waiter)
    else:
        wait_until_inside(waiter)
        finish(holder)
    finish(waiter)


@pytest.mark.parametrize("wanted_kind", ["-x", "-s"])
@pytest.mark.parametrize("held_kind", ["-x", "-s"])
@pytest.mark.parametrize(
    "first, second",
    [
        pytest.param(LOCKERS[a], LOCKERS[b], marks=[needs_installed] * ("util-linux" in (a, b)))
        for a, b in PAIRS
    ],
    ids=[" then ".join(pair) for pair in PAIRS],
)
def test_all_who_lock_with_flock_respect_each_other(swlock, first, second, held_kind, wanted_kind):
    excluded = "-x" in (held_kind, wanted_kind)
    words = [*first, held_kind, "lock"], [*second, wanted_kind, "lock"]
    exclude_each_other(swlock, *words, excluded)


@pytest.mark.parametrize("ours_first", [True, False], ids=["ours first", "ours second"])
@pytest.mark.parametrize("held_kind, wanted_kind", KINDS)
@pytest.mark.parametrize("mode", ["ofd", "posix"])
def test_fcntl_locks_and_those_of_run_respect_each_other(
    swlock, mode, held_kind, wanted_kind, ours_first
):
    lockers = [[*FLOCK, "--fcntl"], [SWLOCK, "run", "-m", mode]]
    first, second = lockers if ours_first else reversed(lockers)
    excluded = "-x" in (held_kind, wanted_kind)
    words = [*first, held_kind, "lock"], [*second, wanted_kind, "lock"]
    exclude_each_other(swlock, *words, excluded)


@pytest.mark.parametrize("mode", ["flock", "ofd", "posix"])
@pytest.mark.parametrize("ours_first", [True, False], ids=["ours first", "ours second"])
def test_locks_of_flock_and_of_fcntl_do_not_see_each_other(swlock, mode, ours_first):
    option = ["--fcntl"] if mode == "flock" else []
    lockers = [[*FLOCK, *option, "lock"], [SWLOCK, "run", "-q", "-m", mode, "lock"]]
    first, second = lockers if ours_first else reversed(lockers)
    exclude_each_other(swlock, first, second, False)


@pytest.mark.parametrize(
    "ours, theirs, excluded",
    [
        (["--length=10"], "10:10", False),
        (["--length=10"], "9:1", True),
        (["--start=10", "--length=10"], "0:10", False),
        (["--start=10", "--length=10"], "0:11", True),
        (["--start=10"], "1000000:1", True),
        (["--start=10"], "0:10", False),
        (["--start=1K", "--length=1K"], "2047:1", True),
        (["--start=1K", "--length=1K"], "2048:1", False),
        (["--start=0"], "4611686018427387904:1", True),
    ],
    ids=str,
)
@pytest.mark.parametrize("ours_first", [True, False], ids=["ours first", "ours second"])
@pytest.mark.parametrize("mode", ["ofd", "posix"])
def test_ranges_exclude_each_other_if_they_overlap(
    swlock, ours, theirs, excluded, ours_first, mode
):
    lockers = [[*FLOCK, *ours, "lock"], [SWLOCK, "run", "-m", mode, "--range", theirs, "lock"]]
    first, second = lockers if ours_first else reversed(lockers)
    exclude_each_other(swlock, first, second, excluded)


@pytest.mark.parametrize(
    "held_range, wanted_range, excluded",
    [
        (["--length=10"], ["--start=10"], False),
        (["--length=10"], ["--start=9"], True),
        (["--start=9"], ["--length=10"], True),
    ],
    ids=str,
)
def test_ranges_of_our_own_exclude_each_other_if_they_overlap(
    swlock, held_range, wanted_range, excluded
):
    words = [*FLOCK, *held_range, "lock"], [*FLOCK, *wanted_range, "lock"]
    exclude_each_other(swlock, *words, excluded)


# Scripts

SHELLS = {"dash": ["dash"], "bash": ["bash"], "busybox": ["busybox", "sh"]}

GUARD = """exec 9>lock
flock -n 9 || exit 1
echo in
read line || :
exit 5
"""
BLOCK = """(
  flock -n 9 || exit 1
  echo in
  read line || :
  exit 5
) 9>lock
"""
ITSELF = """[ "${LOCKER}" != "$0" ] && exec env LOCKER="$0" flock -en "$0" @shell@ "$0" "$@" || :
echo in
read line || :
exit 5
"""
COMMAND = """flock -n lock -c 'echo in; read line; exit 5'
"""


@pytest.fixture(params=[pytest.param(name, marks=needs_tool(name)) for name in SHELLS])
def shell(request, folder, monkeypatch):
    """A shell that finds our flock first; some prefer one that they have built in."""
    words = SHELLS[request.param]
    (folder / "bin").mkdir()
    (folder / "bin" / "flock").symlink_to(SWLOCK)
    monkeypatch.setenv("PATH", f"{folder}/bin:{os.environ['PATH']}")
    output = subprocess.run([*words, "-c", "flock -V"], capture_output=True, timeout=30).stdout
    if b"swlock" not in output:
        # Nothing but a shell's own flock may be in the way of ours.
        built_in = subprocess.run([words[0], "--list"], capture_output=True, timeout=30).stdout
        assert b"flock" in built_in.split(), output
        pytest.skip(f"{request.param} has a flock of its own")
    return words


def start_script(swlock, shell):
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [*shell, "script"], cwd=swlock.folder, stdin=pipe, stdout=pipe, stderr=pipe
    )
    swlock.processes.append(process)
    return process


@pytest.mark.parametrize(
    "script", [GUARD, BLOCK, ITSELF, COMMAND], ids=["guard", "block", "itself", "command"]
)
def test_of_two_scripts_at_once_one_gets_in_and_the_other_exits_with_1(
    swlock, folder, shell, script
):
    (folder / "script").write_text(script.replace("@shell@", shlex.join(shell)))
    both = [start_script(swlock, shell) for _ in range(2)]
    wait_until(lambda: any(process.poll() is not None for process in both))
    (outside,) = [process for process in both if process.poll() is not None]
    (inside,) = [process for process in both if process is not outside]
    assert outside.communicate(timeout=10) == (b"", b"") and outside.returncode == 1
    wait_until_inside(inside)
    assert inside.communicate(b"\n", timeout=10) == (b"", b"")
    assert inside.returncode == 5
    third = start_script(swlock, shell)
    wait_until_inside(third)
    third.communicate(b"\n", timeout=10)
