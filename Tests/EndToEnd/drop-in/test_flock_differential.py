"""flock(1) and ours, side by side: what differs is in flock_differences.py, or it is an error.

FLOCK_REFERENCE names the flock of util-linux to compare with; default: the one in PATH.
"""

import contextlib
import dataclasses
import fcntl
import os
import pathlib
import re
import select
import shutil
import signal
import stat
import struct
import sys
import tempfile

import pytest

from conftest import SWLOCK
from flock_cases import MAKERS, SHELL, STARTS, Case, cases_of
from flock_differences import DIFFERENCES, Difference, in_force
from flock_releases import REFERENCE, VERSION
from observing import end, is_free, nothing_left  # noqa: F401

PATIENCE = 10
NOBODY = 65534

# What a command can see: its words, descriptors, locks, parents. It writes no output, since that
# may go anywhere.
PROBE = r"""
import fcntl, os, struct, sys

def descriptor(number):
    try:
        target = os.readlink(f"/proc/self/fd/{number}")
        with open(f"/proc/self/fdinfo/{number}") as file:
            flags = dict(line.split(":", 1) for line in file)["flags"].strip()
    except OSError:
        return None
    return os.path.relpath(target, os.getcwd()) if target[0] == "/" else target[:4], flags

def locks(path):
    descriptor = os.open(path, os.O_RDONLY)
    found = []
    for kind in (fcntl.LOCK_SH, fcntl.LOCK_EX):
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            found.append("free")
        except BlockingIOError:
            found.append("held")
    asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
    found.append(struct.unpack("hhqqi4x", fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, asked))[:4])
    os.close(descriptor)
    return found

def parents(pid):
    with open(f"/proc/{pid}/stat") as file:
        words = file.read().rpartition(")")[2].split()
    return [int(word) for word in words[1:4]]

def known(pid):
    return {int(os.environ["TEST"]): "test", os.getpid(): "command"}.get(pid, "other")

own = {number: descriptor(number) for number in range(10)}
report = [("words", sys.argv[1:]), ("descriptors", own), ("mask", oct(os.umask(0o22)))]
above = parents("self")
report += [("parent", known(above[0])), ("its parent", known(parents(above[0])[0]))]
report += [("same group and session", above[1:] == parents(above[0])[1:])]
hidden = {"PATH", "PWD", "OLDPWD", "SHLVL", "_", "TEST"}
report += [("environment", {key: os.environ[key] for key in sorted({*os.environ} - hidden)})]
for entry in sorted(os.scandir("."), key=lambda entry: entry.name):
    if entry.is_file() or entry.is_dir():
        report.append((entry.name, locks(entry.path)))
with open("report", "a") as file:
    file.writelines(ascii(line) + "\n" for line in report)
"""


pytestmark = pytest.mark.skipif(VERSION is None, reason="needs the flock of util-linux")


@dataclasses.dataclass(frozen=True)
class Tool:
    """One of the two: what to execute, and the words between name and options, by form."""

    forms: dict

    def command(self, case):
        binary, name, *words = self.forms.get(case.form) or self.forms["link"]
        return binary, [name or case.name, *words, *case.words]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a tool did: `left` is the folder and its locks afterwards, `before` as it was made."""

    status: int | str
    stdout: bytes
    stderr: bytes
    left: tuple
    before: tuple = dataclasses.field(compare=False)


# One case


class Running:
    """A tool while it runs, in a folder of its own."""

    def __init__(self, bench, tool, case):
        self.case = case
        self.place = bench.new_place()
        self.folder = os.path.join(self.place, b"folder")
        self.outputs = [os.path.join(self.place, name) for name in (b"stdout", b"stderr")]
        self.files = contextlib.ExitStack()
        make(self.folder, case.steps, self.files)
        self.before = seen_in(self.folder)
        self.nine = hold(self.folder, case, self.files)
        self.status = None
        self.pid = self.start(bench, *tool.command(case))

    def start(self, bench, binary, words):
        environment = {**bench.environment, **self.case.environment}
        environment = {key: value for key, value in environment.items() if value is not None}
        # Not /dev/null: `flock 0` would lock it for both tools.
        streams = [(0, os.path.join(self.place, b"stdin"), os.O_RDONLY | os.O_CREAT)]
        for number, path in enumerate(self.outputs, 1):
            streams.append((number, path, os.O_WRONLY | os.O_CREAT | os.O_APPEND))
        steps = [STARTS[start].do for start in self.case.starts if STARTS[start].do]
        if self.case.user == "nobody" and os.geteuid() == 0:
            steps.insert(0, become_nobody)
        with inside(self.folder):
            if not steps:
                return spawn(binary, words, environment, streams, self.nine)
            # Slower, but it can do whatever is wanted.
            return fork(binary, words, environment, streams, self.nine, steps)

    def wait(self):
        handle = os.pidfd_open(self.pid)
        if not select.select([handle], [], [], PATIENCE)[0]:
            end(self.pid)
            # Never the same for both: no case may be one in which flock(1) waits for ever.
            self.status = f"process {self.pid} did not end"
        os.close(handle)
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self.status = self.status or status

    def outcome(self):
        stdout, stderr = (pathlib.Path(os.fsdecode(path)).read_bytes() for path in self.outputs)
        held = locked(self.folder, self.case)
        self.files.close()
        locks = held, locked(self.folder, self.case)
        left, before = (*seen_in(self.folder), *locks), (*self.before, *locks)
        remove(self.place)
        return Outcome(self.status, without_times(stdout), stderr, left, before)


@contextlib.contextmanager
def inside(folder):
    """Whatever is started meanwhile has this working folder, and the usual mask."""
    back, mask = os.open(".", os.O_RDONLY), os.umask(0o22)
    os.chdir(folder)
    try:
        yield
    finally:
        os.fchdir(back)
        os.close(back)
        os.umask(mask)


def spawn(binary, words, environment, streams, nine):
    actions = [(os.POSIX_SPAWN_OPEN, *stream, 0o600) for stream in streams]
    if nine is not None:
        actions.append((os.POSIX_SPAWN_DUP2, nine, 9))
    signals = [signal.SIGPIPE, signal.SIGXFSZ]
    return os.posix_spawn(binary, words, environment, file_actions=actions, setsigdef=signals)


def fork(binary, words, environment, streams, nine, steps):
    pid = os.fork()
    if pid:
        return pid
    try:
        for number, path, flags in streams:
            os.dup2(os.open(path, flags, 0o600), number)
        if nine is not None:
            os.dup2(nine, 9)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        for step in steps:
            step()
        os.execve(binary, words, environment)
    except BaseException as error:
        os.write(2, repr(error).encode())
    finally:
        os._exit(125)


def become_nobody():
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def make(folder, steps, files):
    os.mkdir(folder)
    os.chmod(folder, 0o755)
    for kind, name, *rest in steps:
        path = os.path.join(folder, name)
        if kind == "file":
            mode, content = rest
            with open(path, "wb") as file:
                file.write(content)
            os.chmod(path, mode)
        elif kind == "folder":
            os.makedirs(path, exist_ok=True)
            os.chmod(path, rest[0])
        elif kind == "link":
            os.symlink(rest[0], path)
        else:
            os.mkfifo(path)
            # A reader of the pipe need not wait for a writer.
            files.callback(os.close, os.open(path, os.O_RDWR))


def hold(folder, case, files):
    """Locks what the case wants locked, and returns what is to be its descriptor 9."""

    def opened(flags):
        path = os.path.join(folder, case.locked)
        mode = os.stat(path).st_mode
        os.chmod(path, 0o700)
        descriptor = os.open(path, flags)
        os.chmod(path, mode)
        files.callback(os.close, descriptor)
        return descriptor

    flags = {"<": os.O_RDONLY, ">>": os.O_WRONLY | os.O_APPEND, "<>": os.O_RDWR}
    nine = opened(flags[case.nine]) if case.nine else None
    kind, _, how = case.state.partition(" ")
    if "bytes" in how:
        kind = {"exclusive": fcntl.F_WRLCK, "shared": fcntl.F_RDLCK}[kind]
        wanted = struct.pack("hhqqi4x", kind, os.SEEK_SET, 10, 10, 0)
        fcntl.fcntl(opened(os.O_RDWR), fcntl.F_OFD_SETLK, wanted)
    elif kind != "free":
        operation = {"exclusive": fcntl.LOCK_EX, "shared": fcntl.LOCK_SH}[kind]
        fcntl.flock(nine if how else opened(os.O_RDONLY), operation | fcntl.LOCK_NB)
    return nine


def locked(folder, case):
    """Whether the lock file is locked, in both ways."""
    path = os.path.join(folder, case.locked) if case.locked else None
    if path is None or not os.path.isfile(path) or not os.access(path, os.R_OK):
        return None
    return is_free(path), is_free(path, "ofd")


def seen_in(folder):
    """Everything in the folder, with kind, mode, owner and content."""
    found = []
    paths = [folder]
    for place, folders, files in os.walk(folder):
        paths += [os.path.join(place, name) for name in folders + files]
    for path in paths:
        status = os.lstat(path)
        content = None
        with contextlib.suppress(OSError):
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    content = without_times(file.read())
            elif stat.S_ISLNK(status.st_mode):
                content = os.readlink(path)
        name = os.path.relpath(path, folder)
        found.append((name, stat.filemode(status.st_mode), status.st_uid, content))
    return tuple(sorted(found))


def without_times(output):
    return re.sub(rb"(?<=getting lock took )\d+\.\d{6}(?= seconds\n)", b"N", output)


def remove(place):
    for folder, names, _ in os.walk(place):
        for name in names:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                os.chmod(path, 0o700)
    shutil.rmtree(place)


class Bench:
    """The two tools, and the places where they run."""

    def __init__(self, folder, ours=None):
        # Everybody has to reach it; and several groups may run in the folder of one test.
        folder.chmod(0o755)
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=folder))
        self.folder.chmod(0o755)
        self.count = 0
        tools = self.folder / "tools"
        for name in ("link", "copy", "bin"):
            (tools / name).mkdir(parents=True)
        probe = tools / "bin" / "probe"
        probe.write_text(f"#!{sys.executable} -IS{PROBE}")
        probe.chmod(0o755)
        (tools / "link" / "flock").symlink_to(SWLOCK)
        shutil.copy(SWLOCK, tools / "copy" / "flock")
        self.reference = Tool({"link": (REFERENCE, None)})
        self.ours = Tool(
            {
                "link": (tools / "link" / "flock", None),
                "copy": (tools / "copy" / "flock", None),
                "as": (SWLOCK, "swlock", "as", "flock"),
            }
        )
        if ours:
            self.ours = Tool({"link": (ours, None)})
        self.environment = {
            b"PATH": os.fsencode(tools / "bin") + b":/usr/local/bin:/usr/bin:/bin",
            b"HOME": b"/nonexistent",
            b"SHELL": SHELL,
            b"LC_ALL": b"C",
            b"TEST": str(os.getpid()).encode(),
        }

    def new_place(self):
        self.count += 1
        place = os.fsencode(self.folder / str(self.count))
        os.mkdir(place)
        os.chmod(place, 0o755)
        return place

    def outcomes(self, case):
        """Of the reference and of ours."""
        found = self.outcomes_once(case)
        # flock(1) waits for ever if its timer has expired before it waits for the lock.
        return self.outcomes_once(case) if isinstance(found[0].status, str) else found

    def outcomes_once(self, case):
        """Both run at a time, except on what there is only once."""
        if any(word.startswith(b"/") for word in case.words):
            return [self.outcome(tool, case) for tool in (self.reference, self.ours)]
        running = [Running(self, tool, case) for tool in (self.reference, self.ours)]
        # Both have to be over: until it executes the tool, a process has the locks of the other.
        for tool in running:
            tool.wait()
        return [tool.outcome() for tool in running]

    def outcome(self, tool, case):
        running = Running(self, tool, case)
        running.wait()
        return running.outcome()


# All cases of a group


@dataclasses.dataclass
class Comparison:
    compared: int = 0
    used: set = dataclasses.field(default_factory=set)
    unexplained: list = dataclasses.field(default_factory=list)


def compare(bench, cases, differences):
    result = Comparison()
    for case in cases:
        reference, ours = bench.outcomes(case)
        expected = reference
        for row in differences:
            if row.applies(case):
                before, expected = expected, row.expected(case, expected, ours)
                if before != expected:
                    result.used.add(row.reason)
        result.compared += 1
        if expected != ours:
            result.unexplained.append(described(case, reference, expected, ours))
    return result


def described(case, reference, expected, ours):
    lines = [str(case)]
    for field in ("status", "stdout", "stderr", "left"):
        values = [getattr(outcome, field) for outcome in (reference, expected, ours)]
        if values[1] != values[2]:
            for name, value in zip(("reference", "expected", "ours"), values):
                if name != "expected" or value != values[0]:
                    lines.append(f"    {field} of {name}: {value!r}"[:1000])
    return "\n".join(lines)


COMPARISONS = {}


def comparison_of(group, folder):
    """Runs the group once, whichever test asks first."""
    if group not in COMPARISONS:
        cases = [case for case in cases_of(group) if case.since <= VERSION]
        if not all(part.stat().st_mode & stat.S_IXOTH for part in folder.parents):
            cases = [case for case in cases if case.user != "nobody"]
        COMPARISONS[group] = compare(Bench(folder), cases, in_force(VERSION))
    return COMPARISONS[group]


@pytest.mark.parametrize("group", MAKERS)
def test_ours_does_as_flock_does(folder, group):
    comparison = comparison_of(group, folder)
    if not comparison.compared:
        pytest.skip("needs a newer flock")
    unexplained = comparison.unexplained
    shown = "\n".join(unexplained[:40])
    assert not unexplained, f"{len(unexplained)} of {comparison.compared} cases:\n{shown}"


def test_there_are_a_thousand_cases_or_more(folder):
    assert sum(comparison_of(group, folder).compared for group in MAKERS) >= 1000


def test_every_known_difference_is_one(folder):
    used = set().union(*(comparison_of(group, folder).used for group in MAKERS))
    assert used == {row.reason for row in in_force(VERSION)}
    assert len({row.reason for row in DIFFERENCES}) == len(DIFFERENCES)


# That the comparison can fail


CASES = [
    Case((b"lock", b"sh", b"-c", b"echo out; echo err >&2"), command=(b"sh",)),
    Case((b"-n", b"lock", b"true"), (("file", b"lock", 0o640, b"text"),), "exclusive", b"lock"),
]


@pytest.mark.parametrize(
    "after, wrong",
    [
        ("exit $status", ""),
        ("exit $((status + 1))", "status"),
        ("echo more; exit $status", "stdout"),
        ("echo more >&2; exit $status", "stderr"),
        (">more; exit $status", "left"),
        ("chmod 600 lock; exit $status", "left"),
        ("echo more >>lock; exit $status", "left"),
        ("kill -KILL $$", "status"),
    ],
    ids=["nothing", "status", "stdout", "stderr", "file", "mode", "content", "signal"],
)
def test_the_comparison_finds_what_differs(folder, after, wrong):
    other = folder / "other"
    other.write_text(f'#!/bin/sh\n"{REFERENCE}" "$@"\nstatus=$?\n{after}\n')
    other.chmod(0o755)
    result = compare(Bench(folder, ours=other), CASES, [])
    assert result.compared == len(CASES)
    assert len(result.unexplained) == (len(CASES) if wrong else 0), result.unexplained
    for found in result.unexplained:
        assert f"    {wrong} of reference: " in found and f"    {wrong} of ours: " in found


def test_a_difference_that_is_known_is_no_failure_and_one_that_is_none_is_not_used(folder):
    other = folder / "other"
    other.write_text(f'#!/bin/sh\n"{REFERENCE}" "$@"\nexit 9\n')
    other.chmod(0o755)
    known = Difference(
        "the status", None, lambda _case, found, _ours: dataclasses.replace(found, status=9)
    )
    unknown = Difference("nothing", None, lambda _case, found, _ours: found)
    result = compare(Bench(folder, ours=other), CASES, [known, unknown])
    assert not result.unexplained and result.used == {"the status"}
