"""A result that cannot be written is no success: whatever a command prints, and wherever it should
go."""

import contextlib
import os
import signal
import subprocess

import pytest

from conftest import SWLOCK, needs_strace
from hardlink_world import dead_pid, forge
from observing import has_failed, held

INPUT_OUTPUT = 74
USAGE_OF_LOCKRUN = 1  # its only status for what goes wrong

COMMANDS = {
    "version": ["version"],
    "--version": ["--version"],
    "help": ["help"],
    "--help": ["--help"],
    "-h": ["-h"],
    "help run": ["help", "run"],
    "run --help": ["run", "--help"],
    "as --help": ["as", "--help"],
    "-V": ["-V"],
    "status of all": ["status"],
    "status of all, json": ["status", "--json"],
    "status": ["status", "held"],
    "status of several": ["status", "held", "one", "two", "free"],
    "status --json": ["status", "--json", "held", "one", "two", "free"],
    "status of a folder": ["status", "."],
    "status --watch": ["status", "--watch=10ms", "held", "one"],
    "status --watch --json": ["status", "--watch=10ms", "--json", "held", "one"],
    "status --probe": ["status", "--probe", ".", "."],
    "status --probe --json": ["status", "--probe", "--json", ".", "."],
    "cleanup": ["cleanup", "one", "two"],
    "cleanup of a folder": ["cleanup", "."],
    "cleanup --json": ["cleanup", "--json", "one", "two"],
    "cleanup --unused": ["cleanup", "--unused", "unused", "one", "two"],
    "cleanup --dry-run": ["cleanup", "--dry-run", ".", "one", "two"],
    "cleanup, portage": ["cleanup", "--style", "portage", ".", "."],
    "as lockrun --help": ["as", "lockrun", "--help"],
    "as lockrun --version": ["as", "lockrun", "--version"],
}
each_command = pytest.mark.parametrize("name", COMMANDS)


@pytest.fixture
def world(folder):
    """Locks to look at and to clean up."""
    dead = dead_pid()
    forge(folder / "one", dead)
    forge(folder / "two", dead)
    (folder / "unused").touch()
    with held(folder / "held"):
        yield folder


def perform(folder, name, stdout=None, closed=(), ignoring=False):
    """What becomes of the command, by its name or as its words, where its standard output is that, or
    these descriptors are closed."""

    def enter():
        signal.signal(signal.SIGPIPE, signal.SIG_IGN if ignoring else signal.SIG_DFL)
        for number in closed:
            os.close(number)

    return subprocess.run(
        [SWLOCK, *(COMMANDS[name] if isinstance(name, str) else name)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=None if 2 in closed else subprocess.PIPE,
        preexec_fn=enter,
        timeout=30,
        check=False,
    )


def has_failed_once(folder, name, outcome):
    """One line that says so, however much there was to write, and the work is done."""
    if name.startswith("as lockrun"):
        assert outcome.returncode == USAGE_OF_LOCKRUN, outcome
        assert outcome.stderr.startswith(b"ERROR: unable to write to standard output: "), outcome
        assert outcome.stderr.count(b"\n") == 1
    else:
        assert has_failed(outcome, INPUT_OUTPUT, b"unable to write to standard output: ")
    return is_done(folder, name)


def is_done(folder, name):
    if name.startswith("cleanup") and "portage" not in name and "dry" not in name:
        assert not [entry for entry in os.listdir(folder) if entry.startswith(("one", "two"))]
        assert (folder / "unused").exists() == ("--unused" not in COMMANDS[name])
    return True


@pytest.mark.parametrize("closed", [(1,), (0, 1)], ids=str)
@each_command
def test_closed_standard_output_is_an_error(world, name, closed):
    assert has_failed_once(world, name, perform(world, name, closed=closed))


@each_command
def test_all_standard_descriptors_may_be_closed(world, name):
    outcome = perform(world, name, closed=(0, 1, 2))
    assert outcome.returncode == (USAGE_OF_LOCKRUN if "lockrun" in name else INPUT_OUTPUT)
    assert is_done(world, name)


@each_command
def test_full_disk_is_an_error(world, name):
    with open("/dev/full", "wb") as full:
        assert has_failed_once(world, name, perform(world, name, full))


@each_command
def test_standard_output_that_is_open_for_reading_is_an_error(world, name):
    with open("/dev/null", "rb") as null:
        assert has_failed_once(world, name, perform(world, name, null))


@contextlib.contextmanager
def pipe_without_a_reader():
    reader, writer = os.pipe()
    os.close(reader)
    try:
        yield writer
    finally:
        os.close(writer)


@each_command
def test_reader_that_has_gone_ends_it_without_a_word(world, name):
    with pipe_without_a_reader() as pipe:
        outcome = perform(world, name, pipe)
    assert (outcome.returncode, outcome.stderr) == (-signal.SIGPIPE, b"")
    assert is_done(world, name)


@each_command
def test_reader_that_has_gone_is_an_error_where_the_signal_is_ignored(world, name):
    """As systemd has it."""
    with pipe_without_a_reader() as pipe:
        assert has_failed_once(world, name, perform(world, name, pipe, ignoring=True))


@pytest.mark.parametrize("ignoring", [False, True])
def test_watch_ends_with_its_reader_although_nothing_changes(folder, ignoring):
    disposition = signal.SIG_IGN if ignoring else signal.SIG_DFL
    process = subprocess.Popen(
        [SWLOCK, "status", "--watch=50d", "lock"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGPIPE, disposition),
    )
    with process:
        assert process.stdout.readline() == b"lock  free (no such file)\n"
        process.stdout.close()
        said = process.stderr.read()
    assert process.wait(timeout=10) == (INPUT_OUTPUT if ignoring else -signal.SIGPIPE)
    assert said.count(b"\n") == ignoring


def test_watch_that_can_show_nothing_ends_with_its_reader(folder):
    """Its only path cannot be looked at; that is said on standard error."""
    (folder / "file").touch()
    with pipe_without_a_reader() as pipe:
        outcome = subprocess.run(
            [SWLOCK, "status", "--watch=50d", "file/lock"],
            cwd=folder,
            stdout=pipe,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_DFL),
            timeout=30,
            check=False,
        )
    assert outcome.returncode == -signal.SIGPIPE
    assert outcome.stderr.count(b"\n") == 1


@needs_strace
@pytest.mark.parametrize(
    "words",
    [["version"], ["status", "--json", "lock"], ["cleanup", "."], ["as", "flock", "--version"]],
    ids=str,
)
def test_what_only_the_end_of_writing_tells_is_an_error(folder, tmp_path, words):
    """A server of files that has no space says so at close(2): here, that of the copy."""

    def traced(*options):
        strace = ["strace", "-qq", "-o", tmp_path / "calls", *options, SWLOCK, *words]
        return subprocess.run(strace, cwd=folder, capture_output=True, check=False)

    clean = traced("-e", "trace=fcntl,close")
    calls = (tmp_path / "calls").read_text().splitlines()
    copied = max(n for n, call in enumerate(calls) if call.startswith("fcntl(1, F_DUPFD_CLOEXEC"))
    number = 1 + sum(call.startswith("close(") for call in calls[:copied])
    outcome = traced("-e", f"inject=close:error=ENOSPC:when={number}")
    if "flock" in words:
        assert outcome.returncode == 1 and outcome.stderr.startswith(b"flock: write error: ")
    else:
        assert has_failed(outcome, INPUT_OUTPUT, b"unable to write to standard output: ")
    assert outcome.stdout == clean.stdout


@pytest.mark.parametrize(
    "words, status",
    [
        (["status", "-q", "held"], 0),
        (["status", "-q", "free"], 1),
        (["cleanup", "--json", "free"], 0),
        (["run", "lock", "true"], 0),
        (["run", "-m", "hardlink", "hl", "true"], 0),
        (["break", "one"], 0),
        (["acquire", "-m", "hardlink", "hl"], 0),
        (["release", "-m", "hardlink", "hl"], 76),
    ],
    ids=str,
)
def test_whoever_prints_nothing_needs_no_standard_output(world, words, status):
    assert perform(world, words, closed=(1,)).returncode == status


@pytest.mark.parametrize("mode", ["flock", "posix", "ofd"])
def test_command_of_run_may_write_where_standard_output_was_closed(world, mode):
    """swlock has opened /dev/null on it, not to write into the lock file itself."""
    words = ["run", "-m", mode, "lock", "-c", "echo yes; file=$(readlink /proc/$$/fd/1); echo $file >&2"]
    outcome = perform(world, words, closed=(1,))
    assert (outcome.returncode, outcome.stderr) == (0, b"/dev/null\n")
