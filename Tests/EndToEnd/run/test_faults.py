"""A death before each system call, and each error from it: the lock survives both.

strace names the system calls of one undisturbed run up to the start of the command, and of the
release after it; then each of them is the place of a fault. The command itself is not traced.
"""

import collections
import concurrent.futures
import contextlib
import fcntl
import itertools
import os
import pathlib
import re
import signal
import struct
import subprocess
import tempfile

import pytest

from conftest import SWLOCK, needs_static, needs_strace
from faults import AFTER_START, FOLLOW, NO_ERRORS, Call
from observing import python, wait_until, waiters
from sections import Lifeline

OPTIONS = {
    "default": [],
    "unlink": ["--unlink"],
    "close": ["--close"],
    "posix": ["-m", "posix"],
    "ofd": ["-m", "ofd"],
    "timeout": ["-w", "1h"],
    "wait": ["--leftovers=wait"],
    "kill": ["--leftovers=kill"],
    "max-runtime": ["--max-runtime=1h"],
    "queue": ["--queue"],
    "slots": ["--slots=1"],
    "slots-posix": ["--slots=1", "-m", "posix"],
    "replace": ["--replace=waiting"],
}
ERRORS = ["EIO", "ENOSPC", "EINTR", "ENOLCK", "EMFILE", "ESTALE"]

# Names of a step that may stand for a system call, where they are not the call's own.
STEPS = {
    "openat": ["open", "create"],
    "newfstatat": ["stat", "lstat", "fstat", "fstatat"],
    "unlinkat": ["unlink"],
    "clone": ["clone", "fork", "vfork", "posix_spawn"],
    "rt_sigtimedwait": ["sigtimedwait", "sigwait", "sigwaitinfo"],
    "wait4": ["waitpid", "wait"],
    "execve": ["execute"],
    "prctl": ["wait"],
    "rt_sigaction": ["sigaction", "wait"],
    "rt_sigprocmask": ["sigprocmask", "wait"],
    "access": ["find leftovers"],
}

# The command: notes that it runs, and whether anybody else could take the lock meanwhile.
WITNESS = """
import fcntl, os, sys, time
path, posix, linger, notes = sys.argv[1:]
lock = (lambda *words: fcntl.lockf(*words, 1)) if int(posix) else fcntl.flock
notes = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
os.write(notes, b"started\\n")
for pause in 0, float(linger):
    time.sleep(pause)
    try:
        lock(os.open(path, os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(notes, b"free\\n")
    except BlockingIOError:
        os.write(notes, b"held\\n")
    except FileNotFoundError:
        os.write(notes, b"removed\\n")
"""

# Instead of these, which go with a wait.
QUEUES = [["--queue"], ["--replace=waiting"]]

# Who waits in order has one byte from here on locked.
FIRST_TICKET = (1 << 62) + 2

# A run that takes longer hangs.
HANGS = 10

Run = collections.namedtuple("Run", "what status notes errors left next_status next_errors")

def may_attach():
    scope = pathlib.Path("/proc/sys/kernel/yama/ptrace_scope")
    return os.geteuid() == 0 or not scope.exists() or scope.read_text().strip() == "0"


pytestmark = [needs_strace, needs_static]

each_scope = pytest.mark.parametrize(
    "scope",
    [
        "front",
        "all",
        pytest.param(
            "waiter", marks=pytest.mark.skipif(not may_attach(), reason="may not attach strace")
        ),
    ],
)


class Trial:
    """One run of swlock under strace in a new folder, whose `area` is for the lock file."""

    def __init__(self, folder, options, scope, existing, linger=0):
        self.folder = pathlib.Path(folder)
        self.lock = self.folder / "area" / "lock"
        self.notes = self.folder / "notes"
        self.options, self.scope, self.linger = options, scope, linger
        self.fcntl = "-m" in options or "--slots=1" in options
        # Those who wait in order have somebody before them.
        self.ordered = options[:1] in (["--queue"], ["--slots=1"])
        self.lock.parent.mkdir()
        if existing:
            self.lock.touch()

    def run(self, *strace, lifeline=None):
        """Returns status and standard error of swlock."""
        witness = python(WITNESS, self.lock, int(self.fcntl), self.linger, self.notes)
        command = [SWLOCK, "run", *self.options, "area/lock", "--", *witness]
        if self.scope == "waiter":
            return self._run_waiter(command, strace, lifeline)
        follow = FOLLOW if self.scope == "all" else []
        with self._started(["strace", "-qq", *follow, *strace, *command], lifeline) as process:
            _, errors = process.communicate(timeout=HANGS)
        return process.returncode, errors

    def _run_waiter(self, command, strace, lifeline):
        """Lets swlock wait for a lock of our own, and attaches strace before letting it go."""
        with contextlib.ExitStack() as stack:
            obstacle = stack.enter_context(open(self.lock, "a", encoding="ascii"))
            if self.fcntl:
                fcntl.lockf(obstacle, fcntl.LOCK_EX, 1)
            else:
                fcntl.flock(obstacle, fcntl.LOCK_EX)
            if self.ordered:
                ticket = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, FIRST_TICKET, 1, 0)
                fcntl.fcntl(obstacle, fcntl.F_OFD_SETLK, ticket)
            process = stack.enter_context(self._started(command, lifeline))
            waiter = wait_until(lambda: waiters(self.lock), "swlock waits")[0] or process.pid
            attach = ["strace", *FOLLOW, *strace, "-p", str(waiter)]
            tracer = stack.enter_context(self._started(attach))
            line = tracer.stderr.readline()
            assert b"attached" in line, line
            obstacle.close()
            _, errors = process.communicate(timeout=HANGS)
            tracer.communicate(timeout=HANGS)
        return process.returncode, errors

    @contextlib.contextmanager
    def _started(self, command, lifeline=None):
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=[lifeline.writer] if lifeline else [],
            start_new_session=True,
        )
        with process:
            try:
                yield process
            except BaseException:
                # What strace started would go on without it.
                os.killpg(process.pid, signal.SIGKILL)
                raise


def calls_of(options, scope, existing):
    """The system calls of an undisturbed run: how often the busiest process makes each."""
    with tempfile.TemporaryDirectory(prefix="swlock-test-") as folder:
        trace = pathlib.Path(folder) / "trace"
        trial = Trial(folder, options, scope, existing)
        follow = FOLLOW if scope == "front" else []
        outcome = trial.run(*follow, "-o", trace)
        assert outcome == (0, b""), outcome
        assert set(trial.notes.read_text().split()) == {"started", "held"}
        lines = trace.read_text(errors="replace").splitlines()
    if scope == "front":
        front = lines[0].split()[0]
        lines = [line for line in lines if line.split()[0] == front]
    if scope != "waiter":
        del lines[0]  # the execve of swlock itself
    made = collections.Counter()
    for line in lines:
        match = re.match(r"(\d+) +([a-z_0-9]+)\(", line)
        if match:
            made[match.groups()] += 1
    calls = collections.Counter()
    for (_, name), number in made.items():
        calls[name] = max(calls[name], number)
    return [Call(name, n + 1) for name, most in sorted(calls.items()) for n in range(most)]


def disturb(options, scope, existing, call, fault):
    """One run with a fault, and one after it, when all processes of the first have ended."""
    fault = f"inject={call.name}:{fault}:when={call.number}"
    strace = ["-o", "/dev/null", "-e", f"trace=clone,{call.name}", "-e", fault]
    if call.name == "rt_sigprocmask":
        # The command ends before swlock goes on: if it did not block SIGCHLD, it never sees it.
        strace += ["-e", "inject=clone:delay_exit=30000"]
    what = f"{scope}: strace {' '.join(strace)} swlock run {' '.join(options)}"
    with tempfile.TemporaryDirectory(prefix="swlock-test-") as folder:
        linger = 0.03 if call.name in AFTER_START else 0
        trial = Trial(folder, options, scope, existing, linger)
        with contextlib.closing(Lifeline()) as lifeline:
            try:
                status, errors = trial.run(*strace, lifeline=lifeline)
            except subprocess.TimeoutExpired as error:
                raise AssertionError(f"it hangs: {what}") from error
            lifeline.wait_until_all_have_ended(what)
        notes = trial.notes.read_text().split() if trial.notes.exists() else []
        left = sorted(os.listdir(trial.lock.parent))
        at_once = ["--queue=0"] if options[0:1] in QUEUES else ["-n", *options]
        following = subprocess.run(
            [SWLOCK, "run", *at_once, "area/lock", "--", "true"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=HANGS,
        )
    return Run(what, status, notes, errors, left, following.returncode, following.stderr)


def disturb_each(faults):
    """Two at a time, since each mostly waits for others."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda arguments: disturb(*arguments), faults))


def complaints_of(run):
    """What must hold after any fault."""
    if set(run.notes) - {"started", "held"}:
        yield "the command ran without the lock"
    if run.notes.count("started") > 1:
        yield "the command ran twice"
    # One that is killed between two system calls of the removal leaves the file by another name, which is
    # nobody's lock and which `cleanup` removes.
    aside = [name for name in run.left if name.startswith(".swlock-removed-")]
    if set(run.left) - {"lock", *(aside if run.status == -9 else [])} or len(aside) > 1:
        yield "files were left"
    if (run.next_status, run.next_errors) != (0, b""):
        yield "the next did not get the lock at once"


def complaints_after_an_error(run, call, scope):
    """Of two processes with the same fault each may say so: in `waiter` too, the child is traced."""
    lines = run.errors.splitlines(keepends=True)
    if len(lines) > (1 if scope == "front" else 2) or run.errors[-1:] not in (b"", b"\n"):
        yield "the message is not one line"
    if not all(line.startswith(b"swlock: ") for line in lines):
        yield "the message does not begin as it should"
    if run.notes and run.status == 0:
        return
    if run.status <= 0:
        yield "the command did not run and the status does not say so"
    if not run.errors:
        yield "no message"
        return
    steps = [call.name, *STEPS.get(call.name, [])]
    if not re.search(rb"\b(%s)\b" % b"|".join(step.encode() for step in steps), run.errors):
        yield "the message does not name the step"


def assert_no(complaints):
    """Each line shows a complaint and the whole run."""
    lines = [f"{complaint}: {run}" for complaint, run in complaints]
    assert not lines, "\n".join(lines)


@each_scope
@pytest.mark.parametrize("existing", [False, True], ids=["new", "existing"])
@pytest.mark.parametrize("name", OPTIONS)
def test_death_before_any_system_call_leaves_the_lock_free(name, existing, scope):
    options = OPTIONS[name]
    calls = calls_of(options, scope, existing)
    runs = disturb_each((options, scope, existing, call, "signal=SIGKILL") for call in calls)
    assert sum(run.status != 0 for run in runs) > len(calls) // 3
    assert_no((complaint, run) for run in runs for complaint in complaints_of(run))


@each_scope
@pytest.mark.parametrize("name", OPTIONS)
def test_command_never_runs_without_the_lock_after_an_error(name, scope):
    options = OPTIONS[name]
    calls = [call for call in calls_of(options, scope, False) if call.name not in NO_ERRORS]
    # The many calls that reset the signals, one after the other, are alike.
    calls = [call for call in calls if call.number <= 4]
    faults = list(itertools.product(calls, ERRORS))
    runs = disturb_each((options, scope, False, call, f"error={error}") for call, error in faults)
    assert any(not run.notes for run in runs)
    complaints = []
    for (call, _), run in zip(faults, runs):
        found = [*complaints_of(run), *complaints_after_an_error(run, call, scope)]
        complaints += [(complaint, run) for complaint in found]
    assert_no(complaints)
