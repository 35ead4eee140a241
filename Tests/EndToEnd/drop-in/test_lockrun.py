"""The binary called lockrun: the command lines and messages of both of its lineages, and two locks.

unixwiz's lockrun takes a POSIX lock and pushcx's takes a flock lock, so this one takes both.
SWLOCK_STORM_SECONDS is how long each storm lasts.
"""

import contextlib
import errno
import fcntl
import os
import re
import shlex
import shutil
import signal
import stat
import struct
import subprocess
import time

import pytest

from conftest import SWLOCK, needs_strace
from observing import (  # noqa: F401
    PATIENCE,
    appears,
    children_of,
    command_of,
    counting,
    descriptors_of,
    end,
    held,
    is_alive,
    is_free,
    nothing_left,
    python,
    wait_until,
    whole_file,
)
from sections import (
    INCREMENT,
    Storm,
    any_process_of,
    begin,
    count_in_loops,
    finish,
    hold,
    is_inside,
    the_wrapper,
    wait_until_inside,
)

STORM_SECONDS = float(os.environ.get("SWLOCK_STORM_SECONDS", "1.5"))
NOBODY = 65534
HUGE = str(2**63 - 1)
ENVIRONMENT = {**os.environ, "LC_ALL": "C"}

LOCKFILE = ["-L", "lock"]
TOUCH = ["--", "touch", "ran"]


class Lockrun:
    """lockrun under one of its names; everything started is reaped at the end."""

    def __init__(self, swlock, words, name):
        self.swlock, self.words, self.name = swlock, words, name
        self.folder = swlock.folder

    def __call__(self, *arguments, **options):
        """Runs lockrun to its end: status, standard output, standard error."""
        options = {"stdin": subprocess.DEVNULL, "cwd": self.folder, "env": ENVIRONMENT, **options}
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        words = [*self.words, *arguments]
        result = subprocess.run(words, timeout=PATIENCE, **options)
        return result.returncode, result.stdout, result.stderr

    def start(self, *arguments, **options):
        """Its Popen; lines are read one by one, so that `communicate` returns what follows."""
        options = {"stdin": subprocess.DEVNULL, "cwd": self.folder, "env": ENVIRONMENT, **options}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "bufsize": 0}
        process = subprocess.Popen([*self.words, *arguments], **pipes, **options)
        self.swlock.processes.append(process)
        return process

    def has_run(self):
        """Whether TOUCH was run; forgets it."""
        with contextlib.suppress(FileNotFoundError):
            (self.folder / "ran").unlink()
            return True
        return False


def linked(swlock):
    path = swlock.folder / "lockrun"
    path.symlink_to(SWLOCK)
    return Lockrun(swlock, [str(path)], str(path))


@pytest.fixture
def lockrun(swlock):
    return linked(swlock)


@pytest.fixture(params=["link", "as"])
def either(request, swlock):
    """By a link of its name, or as a word of swlock."""
    if request.param == "link":
        return linked(swlock)
    return Lockrun(swlock, [SWLOCK, "as", "lockrun"], "lockrun")


@pytest.fixture
def lock(folder):
    return folder / "lock"


@pytest.fixture
def nobody(folder, swlock):
    """lockrun as a user who owns nothing here: a copy of the binary in a folder he can reach."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    folder.chmod(0o755)
    (folder / "bin").mkdir()
    copy = shutil.copy(SWLOCK, folder / "bin" / "lockrun")
    copied = Lockrun(swlock, [str(copy)], str(copy))

    def run(*arguments):
        return copied(*arguments, user=NOBODY, group=NOBODY, extra_groups=[])

    try:
        run("--version")
    except PermissionError:
        pytest.skip("needs a TMPDIR that everybody can reach")
    return run


def error(text):
    """What lockrun answers to a mistake: one line on standard error, status 1."""
    return 1, b"", b"ERROR: " + os.fsencode(text) + b"\n"


def locked(command, attempts=None):
    counted = "" if attempts is None else f" (after {attempts} attempts)"
    return error(f"cannot launch {command} - run is locked{counted}")


def cannot_open(name, code):
    return error(f"cannot open({os.fsdecode(name)}) [err={os.strerror(code)}]")


def missing_command(lockrun):
    return error(f'missing command to {lockrun.name} (must follow "--" marker) ')


def sleeping(seconds, attempt):
    return f"(locked: sleeping {seconds} secs, after attempt #{attempt})\n".encode()


SILENT = 0, b"", b""


def posix_lock(path):
    """Kind, start, length and holder of the POSIX lock on a file, seen from this process."""
    with open(path, "rb") as file:
        found = fcntl.fcntl(file, fcntl.F_GETLK, whole_file(fcntl.F_WRLCK))
    kind, _, start, length, pid = struct.unpack_from("hhqqi", found)
    return kind, start, length, pid


def both_held(path):
    return posix_lock(path)[:3] == (fcntl.F_WRLCK, 0, 0) and not is_free(path, "flock")


def both_free(path):
    return is_free(path, "ofd") and is_free(path, "flock")


each_lock = pytest.mark.parametrize("taken", ["flock", "ofd"], ids=["flock", "fcntl"])


# Command lines

LOCKFILES = [
    ["-L", "lock"],
    ["-L=lock"],
    ["--lockfile", "lock"],
    ["--lockfile=lock"],
]


@pytest.mark.parametrize("words", LOCKFILES, ids=" ".join)
def test_every_spelling_of_the_lock_file(either, lock, words):
    assert either(*words, *TOUCH) == SILENT
    assert either.has_run() and lock.read_bytes() == b""
    with held(lock):
        assert either(*words, *TOUCH) == locked("touch")


def spellings(short, long, value):
    return [[short, value], [f"{short}={value}"], [long, value], [f"{long}={value}"]]


@pytest.mark.parametrize("wait", ["-W", "--wait"])
@pytest.mark.parametrize("verbose", ["-V", "--verbose"])
@pytest.mark.parametrize("sleep", spellings("-S", "--sleep", "0"), ids=" ".join)
@pytest.mark.parametrize("retries", spellings("-R", "--retries", "3"), ids=" ".join)
def test_every_spelling_of_waiting(lockrun, lock, wait, verbose, sleep, retries):
    with held(lock):
        status, output, errors = lockrun(wait, *sleep, verbose, *retries, *LOCKFILE, *TOUCH)
    assert (status, errors) == locked("touch", attempts=3)[::2]
    assert output == sleeping(0, 1) + sleeping(0, 2)
    assert not lockrun.has_run()


@pytest.mark.parametrize("words", spellings("-T", "--maxtime", "60"), ids=" ".join)
def test_every_spelling_of_the_longest_time(lockrun, words):
    assert lockrun(*words, *LOCKFILE, *TOUCH) == SILENT
    assert lockrun.has_run()


@pytest.mark.parametrize(
    "word, status",
    [("-q", 1), ("--quiet", 1), ("-I", 0), ("--idempotent", 0)],
)
@pytest.mark.parametrize("wait", [[], ["-W", "-S=0", "-R=2"]], ids=["at once", "after retries"])
@each_lock
def test_busy_in_silence(lockrun, lock, taken, wait, word, status):
    with held(lock, taken):
        assert lockrun(*wait, word, *LOCKFILE, *TOUCH) == (status, b"", b"")
    assert not lockrun.has_run()
    assert lockrun(*wait, word, *LOCKFILE, *TOUCH) == SILENT
    assert lockrun.has_run()


def test_idempotent_and_quiet_together_are_success(lockrun, lock):
    with held(lock):
        for words in (["-q", "-I"], ["-I", "-q"]):
            assert lockrun(*words, *LOCKFILE, *TOUCH) == SILENT
    assert not lockrun.has_run()


@pytest.mark.parametrize("word", ["-q", "-I"])
def test_silence_about_the_lock_is_none_about_mistakes_and_statuses(lockrun, word):
    assert lockrun(word, "-L", "no/lock", *TOUCH) == cannot_open("no/lock", errno.ENOENT)
    assert lockrun(word, *LOCKFILE, "--", "sh", "-c", "exit 4") == (4, b"", b"")
    assert lockrun(word, *LOCKFILE) == missing_command(lockrun)


@each_lock
@pytest.mark.parametrize("options", [[], ["-V"], ["-R", "3"], ["-S", "60"]], ids=" ".join)
def test_busy_without_waiting_is_an_error_at_once(either, lock, taken, options):
    with held(lock, taken):
        assert either(*options, *LOCKFILE, *TOUCH) == locked("touch")
    assert not either.has_run()


def test_busy_names_the_command_as_it_was_written(lockrun, lock):
    with held(lock):
        for command in ("./some/where", "a b", b"\xff\n", ""):
            name = os.fsdecode(command)
            assert lockrun(*LOCKFILE, "--", command, "argument") == locked(name)


@pytest.mark.parametrize(
    "words",
    [[], LOCKFILE, ["-V"], [*LOCKFILE, "--"], ["--"], ["-q", "-I", *LOCKFILE]],
    ids=" ".join,
)
def test_a_missing_command_is_an_error(either, lock, words):
    assert either(*words) == missing_command(either)
    assert not lock.exists()


@pytest.mark.parametrize("words", [[], ["-W", "-V"], ["-q"]], ids=" ".join)
def test_a_missing_lock_file_is_an_error(either, words):
    assert either(*words, *TOUCH) == error("missing --lockfile=F parameter")
    assert not either.has_run()


UNKNOWN = ["true", "-", "-Z", "--zzz", "-h", "-n", "-s", "-c", "--unlink", "-Llock", "-Wq"]
UNKNOWN += ["--lock", "--lockf", "--wai", "-wait", "", "---", "-l", "-w", "--Wait"]


@pytest.mark.parametrize("word", UNKNOWN)
def test_an_unknown_word_is_an_error(lockrun, lock, word):
    for words in ([word, *LOCKFILE], [*LOCKFILE, word]):
        assert lockrun(*words, *TOUCH) == error(f'"{word}" is an invalid cmdline param')
    assert not lockrun.has_run() and not lock.exists()


def test_the_marker_before_the_command_is_mandatory(either, lock):
    assert either(*LOCKFILE, "touch", "ran") == error('"touch" is an invalid cmdline param')
    assert not either.has_run() and not lock.exists()


def test_an_unknown_word_is_shown_as_it_is(lockrun):
    assert lockrun(b"-\xff\x1b") == error('"-\udcff\x1b" is an invalid cmdline param')


@pytest.mark.parametrize(
    "word",
    ["-L", "--lockfile", "-S", "--sleep", "-R", "--retries", "-T", "--maxtime"],
)
def test_an_option_at_the_end_requires_a_parameter(lockrun, word):
    assert lockrun(word) == error(f"option {word} requires a parameter")
    assert lockrun(*LOCKFILE, "-W", word) == error(f"option {word} requires a parameter")


NO_NUMBERS = ["abc", "", "1x", "x1", "-1", "1.5", "0x10", "1e3", "1 2", "+5", " 5", "9" * 20]


@pytest.mark.parametrize("number", NO_NUMBERS)
@pytest.mark.parametrize(
    "short, long", [("-S", "--sleep"), ("-R", "--retries"), ("-T", "--maxtime")]
)
def test_a_bad_number_is_an_error(lockrun, lock, short, long, number):
    for word in (short, long):
        failure = error(f'option {word} requires a number, not "{number}"')
        assert lockrun(word, number, *LOCKFILE, *TOUCH) == failure
        assert lockrun(f"{word}={number}", *LOCKFILE, *TOUCH) == failure
    assert not lockrun.has_run() and not lock.exists()


@pytest.mark.parametrize(
    "word",
    ["-L", "--lockfile", "-S", "--sleep", "-R", "--retries", "-T", "--maxtime"],
)
def test_the_marker_is_nobodys_parameter(lockrun, folder, word):
    assert lockrun(word, *TOUCH) == error(f"option {word} requires a parameter")
    assert not lockrun.has_run() and not (folder / "--").exists()


def test_the_last_of_several_equal_options_counts(lockrun, folder):
    words = ["-L", "no/lock", "--lockfile=lock", "-S", "60", "-S", "0", "-R=9", "-R=2", "-W"]
    with held(folder / "lock"):
        assert lockrun(*words, *TOUCH) == locked("touch", attempts=2)
    assert lockrun(*words, *TOUCH) == SILENT


def test_options_may_stand_in_any_order(lockrun):
    assert lockrun("-W", "-R", "5", *LOCKFILE, "-q", "-T=9", "-S=1", *TOUCH) == SILENT
    assert lockrun.has_run()


def test_what_follows_the_marker_belongs_to_the_command(lockrun, folder):
    words = ["-L", "other", "--help", "--zzz", "--", "-V", "", "a b", "--version"]
    output = "".join(f"<{word}>\n" for word in words).encode()
    assert lockrun(*LOCKFILE, "--", "printf", "<%s>\n", *words) == (0, output, b"")
    assert not (folder / "other").exists()


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_help_and_version_are_results(either, folder, word):
    before = sorted(os.listdir(folder))
    for words in ([word], [*LOCKFILE, word, *TOUCH]):
        status, output, errors = either(*words)
        assert (status, errors) == (0, b"")
        assert b"lockrun" in output and output.endswith(b"\n")
    assert sorted(os.listdir(folder)) == before


@pytest.mark.parametrize(
    "word",
    [
        "--lockfile",
        "--wait",
        "--sleep",
        "--retries",
        "--maxtime",
        "--verbose",
        "--quiet",
        "--idempotent",
    ],
)
def test_help_names_every_option(lockrun, word):
    assert word.encode() in lockrun("--help")[1]


# Names


@pytest.mark.parametrize("name", ["lockrun", "./lockrun", "/no/such/lockrun", "a/../lockrun"])
def test_the_last_component_of_the_name_makes_it_lockrun(swlock, name):
    called = Lockrun(swlock, [name], name)
    assert called(*TOUCH, executable=SWLOCK) == error("missing --lockfile=F parameter")
    assert called(*LOCKFILE, executable=SWLOCK) == missing_command(called)


@pytest.mark.parametrize("name", ["lockrun2", "mylockrun", "LOCKRUN", "lockrun/swlock", "-lockrun"])
def test_another_name_does_not_make_it_lockrun(swlock, name):
    result = Lockrun(swlock, [name], name)(*TOUCH, executable=SWLOCK)
    assert result[0] == 64 and result[2].startswith(b"swlock: ")


@pytest.mark.parametrize("make", [shutil.copy, os.link, os.symlink], ids=lambda make: make.__name__)
def test_a_copy_and_any_link_are_lockrun(swlock, folder, make):
    (folder / "bin").mkdir()
    try:
        make(SWLOCK, folder / "bin" / "lockrun")
    except OSError as failure:
        pytest.skip(f"cannot make it: {failure}")
    path = f"{folder}/bin:{os.environ['PATH']}"
    found = Lockrun(swlock, ["env", f"PATH={path}", "lockrun"], "lockrun")
    assert found(*LOCKFILE, *TOUCH) == SILENT
    assert found.has_run()
    assert found(*LOCKFILE) == missing_command(found)


# The lock file


@pytest.mark.parametrize(
    "name, code",
    [
        ("no/lock", errno.ENOENT),
        (b"no\xff\n/lock", errno.ENOENT),
        ("folder", errno.EISDIR),
        ("folder/", errno.EISDIR),
        ("new/", errno.EISDIR),
        ("file/lock", errno.ENOTDIR),
        ("loop", errno.ELOOP),
        ("x" * 256, errno.ENAMETOOLONG),
    ],
)
def test_a_name_that_cannot_be_opened_is_an_error(lockrun, folder, name, code):
    (folder / "folder").mkdir()
    (folder / "file").touch()
    (folder / "loop").symlink_to("loop")
    for options in ([], ["-W"], ["-q"], ["-I"]):
        assert lockrun(*options, "-L", name, *TOUCH) == cannot_open(name, code)
    assert not lockrun.has_run()


@pytest.mark.parametrize(
    "words", [["-L", ""], ["-L="], ["--lockfile="], ["-L", "lock", "-L", ""]], ids=" ".join
)
def test_an_empty_name_cannot_be_opened(either, lock, words):
    assert either(*words, *TOUCH) == cannot_open("", errno.ENOENT)
    assert not either.has_run() and not lock.exists()


def test_a_name_may_be_any_bytes(lockrun, folder):
    for name in (b"a=b", b"-L", b" ", b"\xff\xfe", b"\n", b"--"):
        assert lockrun(b"--lockfile=" + name, *TOUCH) == SILENT
        assert name in os.listdir(os.fsencode(folder))


def test_a_link_is_followed_and_its_target_made(lockrun, folder):
    (folder / "link").symlink_to("target")
    with open(folder / "target", "w") as file:
        file.write("kept")
    (folder / "dangling").symlink_to("new")
    assert lockrun("-L", "link", *TOUCH) == lockrun("-L", "dangling", *TOUCH) == SILENT
    assert (folder / "link").is_symlink() and (folder / "dangling").is_symlink()
    assert (folder / "target").read_text() == "kept" and (folder / "new").read_bytes() == b""


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o027])
def test_a_new_lock_file_has_the_bits_that_the_umask_leaves(lockrun, lock, mask):
    assert lockrun(*LOCKFILE, *TOUCH, umask=mask) == SILENT
    assert stat.S_IMODE(lock.stat().st_mode) == 0o666 & ~mask


@needs_strace
@pytest.mark.parametrize("exists", [False, True])
def test_the_lock_file_is_opened_once_to_read_and_write_and_left_alone(lockrun, folder, exists):
    if exists:
        (folder / "lock").write_text("kept")
    calls = "%file,ftruncate,fchmod,fchown,write"
    trace = ["strace", "-f", "-qq", "-y", "-o", str(folder / "trace"), "-e", f"trace={calls}"]
    traced = Lockrun(lockrun.swlock, [*trace, *lockrun.words], lockrun.name)
    assert traced(*LOCKFILE, *TOUCH) == SILENT
    lines = (folder / "trace").read_text().splitlines()
    about_it = [line for line in lines if '"lock"' in line or f"<{folder}/lock>" in line]
    (line,) = [line for line in about_it if "execve(" not in line]
    flags, mode = re.search(r'open(?:at)?\(.*"lock", (\S+), (\d+)\)', line).groups()
    optional = {"O_CLOEXEC", "O_NOCTTY", "O_LARGEFILE"}
    assert set(flags.split("|")) - optional == {"O_RDWR", "O_CREAT"} and mode == "0666"


def test_the_lock_file_keeps_its_contents_and_its_place(either, lock):
    lock.write_text("kept")
    before = lock.stat()
    with held(lock):
        assert either(*LOCKFILE, *TOUCH) == locked("touch")
    assert either(*LOCKFILE, *TOUCH) == SILENT
    after = lock.stat()
    assert lock.read_text() == "kept"
    assert (before.st_ino, before.st_mode, before.st_mtime_ns) == (
        after.st_ino,
        after.st_mode,
        after.st_mtime_ns,
    )


def test_a_file_that_is_not_writable_cannot_be_opened(nobody, folder, lock):
    lock.touch()
    for mode in (0o444, 0o222, 0o000):
        lock.chmod(mode)
        assert nobody(*LOCKFILE, *TOUCH) == cannot_open("lock", errno.EACCES)
    assert nobody("-L", "new", *TOUCH) == cannot_open("new", errno.EACCES)
    assert os.listdir(folder / "bin") == ["lockrun"] and not (folder / "new").exists()


def test_a_stranger_may_lock_what_he_may_write(nobody, lock):
    lock.touch()
    lock.chmod(0o666)
    assert nobody(*LOCKFILE, "--", "echo", "ran") == (0, b"ran\n", b"")
    with held(lock):
        assert nobody(*LOCKFILE, "--", "echo", "ran") == locked("echo")


# The command


@pytest.mark.parametrize("status", [0, 1, 2, 42, 126, 127, 128, 255])
def test_the_status_is_that_of_the_command(either, lock, status):
    assert either(*LOCKFILE, "--", "sh", "-c", f"exit {status}") == (status, b"", b"")
    assert both_free(lock)


@pytest.mark.parametrize("name", ["HUP", "INT", "QUIT", "ABRT", "KILL", "SEGV", "PIPE", "TERM"])
def test_a_command_that_a_signal_ended_gives_128_and_its_number(either, lock, name):
    script = f"ulimit -c 0; kill -{name} $$"
    status = 128 + getattr(signal, f"SIG{name}")
    assert either(*LOCKFILE, "--", "sh", "-c", script) == (status, b"", b"")
    assert both_free(lock)


@pytest.mark.parametrize(
    "name, code",
    [
        ("no-such-command", errno.ENOENT),
        ("./missing", errno.ENOENT),
        (b"./\xff", errno.ENOENT),
        ("", errno.ENOENT),
        ("./plain", errno.EACCES),
        ("./folder", errno.EACCES),
    ],
)
def test_a_command_that_cannot_be_executed_is_an_error(either, folder, lock, name, code):
    (folder / "plain").write_text("#!/bin/sh\n")
    (folder / "folder").mkdir()
    failure = error(f"cannot exec({os.fsdecode(name)}) [err={os.strerror(code)}]")
    # A folder of $PATH that may not be searched would be another reason.
    environment = {**ENVIRONMENT, "PATH": str(folder)}
    assert either(*LOCKFILE, "--", name, "argument", env=environment) == failure
    assert both_free(lock)


def test_a_script_without_an_interpreter_is_run_by_the_shell(either, folder):
    (folder / "script").write_text('echo "$0 $*"; exit 6\n')
    (folder / "script").chmod(0o755)
    result = either(*LOCKFILE, "--", "./script", "a", "b")
    assert result == (6, b"./script a b\n", b"")


def test_the_command_has_the_callers_streams_and_folder(either, folder):
    (folder / "input").write_text("in\n")
    with open(folder / "input") as file:
        result = either(*LOCKFILE, "--", "sh", "-c", "cat; pwd -P; echo err >&2", stdin=file)
    assert result == (0, b"in\n" + os.fsencode(folder.resolve()) + b"\n", b"err\n")


def test_the_command_has_the_callers_environment_and_no_more(either):
    environment = {"PATH": os.environ["PATH"], "EMPTY": "", "SWLOCK_HELD": "a", "FLOCKER": "b"}
    status, output, errors = either(*LOCKFILE, "--", "env", env=environment)
    assert (status, errors) == (0, b"")
    lines = output.decode().splitlines()
    assert lines == [f"{name}={value}" for name, value in environment.items()]


def test_the_command_does_not_inherit_the_lock(either, lock):
    process = either.start(*LOCKFILE, "--", "sleep", "60")
    command = command_of(process, "sleep")
    assert sorted(descriptors_of(command)) == [0, 1, 2]
    assert both_held(lock)
    process.terminate()
    assert process.wait(10) == 128 + signal.SIGTERM


def test_the_command_inherits_what_the_caller_had_open(either, lock):
    """Even the lock file: if lockrun closed such a descriptor, the POSIX lock would end."""
    with open(lock, "w") as mine:
        number = mine.fileno()
        process = either.start(*LOCKFILE, "--", "sleep", "60", pass_fds=[number])
        command = command_of(process, "sleep")
        assert descriptors_of(command)[number] == str(lock)
        assert both_held(lock)
    process.terminate()
    assert process.wait(10) == 128 + signal.SIGTERM
    assert both_free(lock)


def test_a_command_that_uses_the_lock_file_does_not_end_the_locks(lockrun, lock):
    script = "read line <lock; echo text >lock; cat lock; echo in; read line || :"
    process = lockrun.start(*LOCKFILE, "--", "sh", "-c", script, stdin=subprocess.PIPE)
    assert process.stdout.readline() == b"text\n"
    assert process.stdout.readline() == b"in\n"
    assert both_held(lock)
    finish(process)


def test_a_daemon_that_the_command_leaves_keeps_nothing_locked(either, lock):
    script = "sleep 60 >/dev/null 2>&1 & echo $!"
    status, output, errors = either(*LOCKFILE, "--", "sh", "-c", script)
    try:
        assert (status, errors) == (0, b"")
        assert is_alive(int(output)) and both_free(lock)
    finally:
        end(int(output))


def ignore(*numbers):
    def prepare():
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)

    return prepare


def test_the_status_is_known_where_sigchld_is_ignored(either):
    words = [*LOCKFILE, "--", "sh", "-c", "exit 5"]
    assert either(*words, preexec_fn=ignore(signal.SIGCHLD)) == (5, b"", b"")


@pytest.mark.parametrize("name", ["HUP", "INT", "QUIT", "PIPE"])
def test_what_the_caller_ignores_the_command_ignores(either, name):
    """nohup ignores HUP, and a shell that runs a script ignores INT and QUIT in its `&` jobs."""
    words = [*LOCKFILE, "--", "sh", "-c", f"kill -{name} $$; exit 5"]
    prepare = ignore(getattr(signal, f"SIG{name}"))
    assert either(*words, preexec_fn=prepare) == (5, b"", b"")


# Closed and unusable streams, as cron and daemons have them

CLOSED = [(0,), (1,), (2,), (0, 1), (1, 2), (0, 2), (0, 1, 2)]


def close(*descriptors):
    def prepare():
        for descriptor in descriptors:
            os.close(descriptor)

    return prepare


@pytest.mark.parametrize("closed", CLOSED, ids=str)
def test_the_lock_file_never_becomes_a_standard_stream(either, folder, lock, closed):
    (folder / "seen").touch()
    script = "for n in 0 1 2; do readlink /proc/$$/fd/$n >>seen 2>/dev/null; done; exit 5"
    words = [*LOCKFILE, "-V", "--", "sh", "-c", script]
    status, output, errors = either(*words, preexec_fn=close(*closed))
    assert (status, output, errors) == (5, b"", b"")
    assert b"/lock\n" not in (folder / "seen").read_bytes()
    assert lock.read_bytes() == b""


@pytest.mark.parametrize("closed", CLOSED, ids=str)
def test_nothing_is_said_into_the_lock_file(either, lock, closed):
    words = [*LOCKFILE, "-W", "-V", "-S=0", "-R=2"]
    with held(lock):
        assert either(*words, *TOUCH, preexec_fn=close(*closed))[0] == 1
    assert not either.has_run()
    assert either(*words, "--", "./missing", preexec_fn=close(*closed))[0] == 1
    assert lock.read_bytes() == b""


@pytest.fixture(params=["full", "unread"])
def useless(request):
    """A standard output that nothing can be written to."""
    if request.param == "full":
        descriptor = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, descriptor = os.pipe()
        os.close(reader)
    yield descriptor
    os.close(descriptor)


def test_a_line_that_cannot_be_written_changes_nothing(either, lock, useless):
    words = [*LOCKFILE, "-W", "-V", "-S=0", "-R=3"]
    with held(lock):
        status, _, errors = either(*words, *TOUCH, stdout=useless)
    assert (status, errors) == locked("touch", attempts=3)[::2]
    assert either(*words, *TOUCH, stdout=useless)[::2] == SILENT[::2]
    assert either.has_run()


# Waiting


@each_lock
def test_waiting_lasts_until_the_lock_is_free_and_sleeps_as_long_as_is_said(lockrun, lock, taken):
    with held(lock, taken):
        start = time.monotonic()
        process = lockrun.start(*LOCKFILE, "-W", "-V", "-S", "1", "--", "echo", "ran")
        assert process.stdout.readline() == sleeping(1, 1)
    assert process.communicate(timeout=PATIENCE) == (b"ran\n", b"")
    assert process.returncode == 0
    assert time.monotonic() - start > 0.9


def test_waiting_says_nothing_unless_it_is_verbose(lockrun, lock):
    with held(lock):
        words = [*LOCKFILE, "-W", "-S", "0", "-R", "3"]
        assert lockrun(*words, *TOUCH) == locked("touch", attempts=3)


def test_a_free_lock_is_nothing_to_talk_about(lockrun):
    assert lockrun(*LOCKFILE, "-V", "-W", "--", "echo", "ran") == (0, b"ran\n", b"")


@each_lock
@pytest.mark.parametrize("retries", [1, 2, 7])
def test_retries_are_attempts_in_all(lockrun, lock, taken, retries):
    words = [*LOCKFILE, "-W", "-S", "0", "-V", "-R", str(retries)]
    with held(lock, taken):
        status, output, errors = lockrun(*words, *TOUCH)
    assert (status, errors) == locked("touch", retries)[::2]
    assert output == b"".join(sleeping(0, number) for number in range(1, retries))
    assert not lockrun.has_run()
    assert lockrun(*words, *TOUCH) == SILENT


def test_there_is_no_sleep_after_the_last_attempt(lockrun, lock):
    with held(lock):
        words = [*LOCKFILE, "-W", "-S", HUGE, "-R", "1"]
        assert lockrun(*words, *TOUCH) == locked("touch", attempts=1)


@pytest.mark.parametrize(
    "words, seconds",
    [([], "10"), (["-S", "3600"], "3600"), (["-S", str(2**32)], str(2**32)), (["-S", HUGE], HUGE)],
    ids=str,
)
def test_long_sleeps_are_long(lockrun, lock, words, seconds):
    with held(lock):
        process = lockrun.start(*LOCKFILE, "-W", "-V", *words, *TOUCH)
        assert process.stdout.readline() == sleeping(seconds, 1)
        assert not is_inside(process, 0.1)
        process.terminate()
        assert process.communicate(timeout=PATIENCE) == (b"", b"")
        assert process.returncode == 128 + signal.SIGTERM
    assert not lockrun.has_run()


@pytest.mark.parametrize("option", ["-R", "-T"])
def test_huge_numbers_are_not_taken_for_small_ones(lockrun, lock, option):
    words = [*LOCKFILE, "-W", "-S", "0", "-V", option, HUGE]
    with held(lock):
        process = lockrun.start(*words, "--", "echo", "ran")
        for number in range(1, 6):
            assert process.stdout.readline() == sleeping(0, number)
    output, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (0, b"") and output.endswith(b"ran\n")


@each_lock
def test_neither_lock_is_kept_asleep_while_the_other_is_taken(either, lock, taken):
    free = {"flock": "ofd", "ofd": "flock"}[taken]
    with held(lock, taken):
        process = either.start(*LOCKFILE, "-W", "-V", "-S", "3600", *TOUCH)
        assert process.stdout.readline() == sleeping(3600, 1)
        with held(lock, free):
            pass
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "KILL"])
@each_lock
def test_a_signal_ends_the_waiting(lockrun, lock, taken, name):
    number = getattr(signal, f"SIG{name}")
    with held(lock, taken):
        process = lockrun.start(*LOCKFILE, "-W", "-V", "-S", "3600", *TOUCH)
        process.stdout.readline()
        process.send_signal(number)
        # One that comes before it is handled ends the process itself.
        assert process.wait(10) in (-number, 128 + number)
    assert not lockrun.has_run() and both_free(lock)


# The time that a command took


def test_a_command_that_took_longer_than_the_longest_time_is_reported(lockrun, folder):
    """All at once, since one second must pass."""
    cases = {
        "exits": ("exit 3", 3, 3 << 8, 3),
        "is killed": ("kill -TERM $$", 143, 15, 143),
    }
    started = {}
    for number, (name, (script, *_)) in enumerate(cases.items()):
        script = f"echo $$; sleep 1.05; {script}"
        options = ["-L", f"lock{number}", "-T", "0"]
        started[name] = lockrun.start(*options, "--", "sh", "-c", script)
    patient = lockrun.start("-L", "lock9", "-T", "60", "--", "sleep", "1.05")
    for name, process in started.items():
        _, status, raw, code = cases[name]
        output, errors = process.communicate(timeout=PATIENCE)
        pid, report = output.decode().split("\n", 1)
        expected = rf"pid {pid} exited with status {raw}, exit code: {code} \(time=[1-9] sec\)\n"
        assert re.fullmatch(expected, report), report
        assert (process.returncode, errors) == (status, b"")
    assert patient.communicate(timeout=PATIENCE) == (b"", b"")
    assert patient.returncode == 0


# Both locks


def test_both_locks_are_held_while_the_command_runs_and_free_afterwards(either, folder, lock):
    process = hold(either.swlock, [*either.words, *LOCKFILE, "--"])
    kind, start, length, pid = posix_lock(lock)
    assert (kind, start, length) == (fcntl.F_WRLCK, 0, 0)
    assert pid in (process.pid, *children_of(process.pid))
    assert not is_free(lock, "flock") and not is_free(lock, "ofd")
    finish(process)
    assert both_free(lock) and posix_lock(lock)[0] == fcntl.F_UNLCK


def test_locks_are_free_as_soon_as_lockrun_has_ended(lockrun, lock):
    for _ in range(30):
        assert lockrun(*LOCKFILE, "--", "true") == SILENT
        assert both_free(lock)


def faulty(lockrun, fault):
    """lockrun with faults in its system calls about `lock`."""
    path = str(lockrun.folder / "lock")
    trace = ["strace", "-f", "-qq", "-o", "/dev/null", "-P", path, "-e", f"inject={fault}"]
    return Lockrun(lockrun.swlock, [*trace, *lockrun.words], lockrun.name)


@needs_strace
@pytest.mark.parametrize("call", ["fcntl", "flock"])
@pytest.mark.parametrize("code", ["EIO", "ENOLCK", "EOPNOTSUPP"])
@pytest.mark.parametrize("options", [[], ["-q"], ["-I"], ["-W", "-S", "0"]], ids=" ".join)
def test_the_command_does_not_run_where_either_lock_fails(lockrun, lock, call, code, options):
    traced = faulty(lockrun, f"{call}:error={code}")
    status, _, errors = traced("-L", lock, *options, *TOUCH)
    reason = os.fsencode(os.strerror(getattr(errno, code)))
    assert status == 1 and errors.startswith(b"ERROR: ") and errors.count(b"\n") == 1
    assert reason in errors and os.fsencode(lock) in errors
    assert not lockrun.has_run()


@needs_strace
@pytest.mark.parametrize(
    "fault", ["fcntl:error=EACCES", "fcntl:error=EAGAIN", "flock:error=EAGAIN"]
)
def test_every_way_to_say_busy_is_understood(lockrun, lock, fault):
    assert faulty(lockrun, fault)("-L", lock, *TOUCH) == locked("touch")
    waiting = faulty(lockrun, f"{fault}:when=1..3")
    status, output, errors = waiting("-L", lock, "-W", "-V", "-S", "0", *TOUCH)
    assert (status, errors) == (0, b"") and output.startswith(sleeping(0, 1))
    assert lockrun.has_run()


@needs_strace
@pytest.mark.parametrize("call", ["fcntl", "flock"])
def test_an_interrupted_attempt_is_repeated(lockrun, lock, call):
    assert faulty(lockrun, f"{call}:error=EINTR:when=1")("-L", lock, *TOUCH) == SILENT
    assert lockrun.has_run()


def test_lockruns_may_be_nested_and_find_their_own_lock_busy(either, lock):
    inner = [*either.words, "-L"]
    assert either(*LOCKFILE, "--", *inner, "other", *TOUCH) == SILENT
    assert either.has_run()
    assert either(*LOCKFILE, "--", *inner, "lock", *TOUCH) == locked("touch")
    assert not either.has_run()


# A process that takes one lock and becomes the command.
LOCKER = """
import fcntl, os, sys
take = getattr(fcntl, sys.argv[1])
descriptor = os.open("lock", os.O_RDWR | os.O_CREAT, 0o666)
os.set_inheritable(descriptor, True)
try:
    take(descriptor, fcntl.LOCK_EX | (fcntl.LOCK_NB if sys.argv[2] == "try" else 0))
except BlockingIOError:
    sys.exit("busy")
os.execvp(sys.argv[3], sys.argv[3:])
"""

# What the lockruns of both lineages do: attempts, sleeps, and a child that does not inherit.
LINEAGE = """
import fcntl, os, sys, time
take = {"unixwiz": fcntl.lockf, "pushcx": fcntl.flock}[sys.argv[1]]
marker = sys.argv.index("--")
options, command = sys.argv[2:marker], sys.argv[marker + 1:]
path = next(word.partition("=")[2] for word in options if word.startswith("--lockfile="))
descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
while True:
    try:
        take(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        break
    except BlockingIOError:
        if "--wait" not in options:
            sys.exit(f"ERROR: cannot launch {command[0]} - run is locked")
    time.sleep(0.005)
child = os.fork()
if child == 0:
    os.close(descriptor)
    os.execvp(command[0], command)
status = os.waitpid(child, 0)[1]
sys.exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 0)
"""

# How others wait for the lock, and how they are refused.
OTHERS = {
    "posix": (python(LOCKER, "lockf", "wait"), python(LOCKER, "lockf", "try")),
    "flock": (python(LOCKER, "flock", "wait"), python(LOCKER, "flock", "try")),
    "unixwiz": (
        python(LINEAGE, "unixwiz", "--lockfile=lock", "--wait", "--"),
        python(LINEAGE, "unixwiz", "--lockfile=lock", "--"),
    ),
    "pushcx": (
        python(LINEAGE, "pushcx", "--lockfile=lock", "--wait", "--"),
        python(LINEAGE, "pushcx", "--lockfile=lock", "--"),
    ),
    "flock(1)": (["flock", "lock"], ["flock", "-n", "lock"]),
    **{
        f"swlock run -m {mode}": (
            [SWLOCK, "run", "-m", mode, "lock", "--"],
            [SWLOCK, "run", "-n", "-m", mode, "lock", "--"],
        )
        for mode in ("flock", "posix", "ofd")
    },
    "swlock as flock": (
        [SWLOCK, "as", "flock", "lock"],
        [SWLOCK, "as", "flock", "-n", "lock"],
    ),
    "swlock as flock --fcntl": (
        [SWLOCK, "as", "flock", "--fcntl", "lock"],
        [SWLOCK, "as", "flock", "--fcntl", "-n", "lock"],
    ),
    "swlock as lockrun": (
        [SWLOCK, "as", "lockrun", "-L", "lock", "-W", "-S", "0", "--"],
        [SWLOCK, "as", "lockrun", "-L", "lock", "--"],
    ),
}


@pytest.fixture(params=OTHERS)
def other(request):
    waiting, trying = OTHERS[request.param]
    if shutil.which(waiting[0]) is None:
        pytest.skip(f"needs {waiting[0]}")
    return waiting, trying


def test_lockrun_is_kept_out_by_any_other(lockrun, other):
    waiting, _ = other
    first = hold(lockrun.swlock, waiting)
    assert lockrun(*LOCKFILE, *TOUCH) == locked("touch")
    assert not lockrun.has_run()
    finish(first)
    assert lockrun(*LOCKFILE, *TOUCH) == SILENT


def test_lockrun_waits_for_any_other(lockrun, other):
    waiting, _ = other
    first = hold(lockrun.swlock, waiting)
    options = [*LOCKFILE, "-W", "-V", "-S", "0"]
    second = begin(lockrun.swlock, [*lockrun.words, *options, "--"])
    number = 1
    assert second.stdout.readline() == sleeping(0, number)
    finish(first)
    while (line := second.stdout.readline()) != b"in\n":
        number += 1
        assert line == sleeping(0, number)
    finish(second)


def test_any_other_is_kept_out_by_lockrun(lockrun, folder, other):
    waiting, trying = other
    first = hold(lockrun.swlock, [*lockrun.words, *LOCKFILE, "--"])
    refused = subprocess.run(
        [*trying, "touch", "ran"], cwd=folder, capture_output=True, timeout=PATIENCE
    )
    assert refused.returncode != 0 and not lockrun.has_run()
    second = begin(lockrun.swlock, waiting)
    assert not is_inside(second)
    finish(first)
    wait_until_inside(second)
    finish(second)


def test_fifty_lockruns_lose_no_increment(lockrun, folder):
    command = [*lockrun.words, *LOCKFILE, "-W", "-S", "0", "--", *INCREMENT]
    assert count_in_loops(folder, 50, 4, command) == ("200", b"")


@pytest.mark.parametrize("lineage", ["unixwiz", "pushcx"])
def test_lockruns_of_two_kinds_lose_no_increment(lockrun, folder, lineage):
    """Half of the processes are ours."""
    ours = [*lockrun.words, *LOCKFILE, "-W", "-S", "0", "--"]
    theirs = python(LINEAGE, lineage, "--lockfile=lock", "--wait", "--")
    ours, theirs = (shlex.join([*prefix, *INCREMENT]) for prefix in (ours, theirs))
    script = f"if [ $(($$ % 2)) = 0 ]; then {ours}; else {theirs}; fi"
    assert count_in_loops(folder, 8, 5, ["sh", "-c", script]) == ("40", b"")


# Kills


def holder_of(process):
    """The second process of lockrun, the parent of the command."""

    def is_ours(pid):
        with contextlib.suppress(OSError):
            return os.path.samefile(f"/proc/{pid}/exe", f"/proc/{process.pid}/exe")

    return wait_until(lambda: [pid for pid in children_of(process.pid) if is_ours(pid)])[0]


def test_killing_the_front_leaves_the_command_running_and_locked(either, folder, lock):
    process = either.start(*LOCKFILE, "--", *counting())
    assert process.stdout.readline() == b"counting\n"
    process.kill()
    assert process.wait(10) == -signal.SIGKILL
    assert both_held(lock)
    assert either(*LOCKFILE, *TOUCH) == locked("touch")
    (folder / "stop").touch()
    wait_until(lambda: both_free(lock))
    assert either(*LOCKFILE, *TOUCH) == SILENT


def test_killing_the_holder_kills_the_command_and_is_reported(either, lock):
    process = either.start(*LOCKFILE, "--", "sleep", "60")
    command = command_of(process, "sleep")
    os.kill(holder_of(process), signal.SIGKILL)
    assert process.wait(10) == 128 + signal.SIGKILL
    assert not is_alive(command) and both_free(lock)


# As sudo and su are: the kernel clears the parent-death signal of a program that changes users.
SURVIVOR = """
import ctypes, os, time
ctypes.CDLL(None).prctl(1, 0)
print("in", flush=True)
while not os.path.exists("stop"):
    time.sleep(0.003)
"""


def test_a_command_that_survives_its_holder_stays_locked(either, folder, lock):
    process = either.start(*LOCKFILE, "--", *python(SURVIVOR))
    assert process.stdout.readline() == b"in\n"
    holder = holder_of(process)
    os.kill(holder, signal.SIGKILL)
    wait_until(lambda: not is_alive(holder))
    assert both_held(lock) and process.poll() is None
    (folder / "stop").touch()
    assert process.wait(10) == 128 + signal.SIGKILL
    assert both_free(lock)


def test_killing_both_kills_the_command(either, lock):
    process = either.start(*LOCKFILE, "--", "sleep", "60")
    command = command_of(process, "sleep")
    holder = holder_of(process)
    os.kill(holder, signal.SIGSTOP)
    process.kill()
    os.kill(holder, signal.SIGKILL)
    process.wait(10)
    wait_until(lambda: not is_alive(command))
    wait_until(lambda: both_free(lock))


@pytest.mark.parametrize("whom", ["front", "holder"])
@pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])
def test_a_signal_reaches_the_command_and_the_locks_stay_until_it_ends(
    either, folder, lock, name, whom
):
    process = either.start(*LOCKFILE, "--", *counting(f"SIG{name}"))
    assert process.stdout.readline() == b"counting\n"
    pid = process.pid if whom == "front" else holder_of(process)
    os.kill(pid, getattr(signal, f"SIG{name}"))
    assert appears(folder / "count") == b"."
    assert both_held(lock) and process.poll() is None
    (folder / "stop").touch()
    assert process.wait(10) == 9
    assert (folder / "count").read_text() == "." and both_free(lock)


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])
def test_a_signal_that_ends_the_command_is_its_status(either, lock, name):
    process = either.start(*LOCKFILE, "--", "sleep", "60")
    command = command_of(process, "sleep")
    number = getattr(signal, f"SIG{name}")
    process.send_signal(number)
    assert process.wait(10) == 128 + number
    assert not is_alive(command) and both_free(lock)


def any_end_of(binary):
    """A chooser of victims: KILL for any process of lockrun; or TERM, INT or HUP for its front."""
    kill = any_process_of(binary)

    def choose(pid, handle, dice):
        number = dice.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
        if number == signal.SIGKILL:
            return kill(pid, handle, dice)
        signal.pidfd_send_signal(handle, number)
        return True

    return choose


def test_no_sections_overlap_while_lockruns_are_killed(either, folder):
    storm = Storm(folder, [*either.words, *LOCKFILE, "-W", "-S", "0", "--"], loops=3)
    storm.rage(STORM_SECONDS, any_end_of(SWLOCK))
    assert storm.hits > 0 and storm.count("enter") > storm.hits
    assert storm.count("overlap") == 0
    assert storm.left_behind() == ["lock"]
    ends = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
    # 1 is a section of Python that was interrupted as it started.
    assert storm.statuses <= {0, 1, *(-number for number in ends), *(128 + end for end in ends)}


def test_storm_sees_sections_of_a_killed_lockrun_of_old_overlap(folder):
    words = python(LINEAGE, "unixwiz", "--lockfile=lock", "--wait", "--")
    storm = Storm(folder, words)
    storm.rage(PATIENCE, the_wrapper, until_overlap=True)
    assert storm.count("overlap") > 0
