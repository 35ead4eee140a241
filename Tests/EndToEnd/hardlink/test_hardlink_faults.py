"""A death before each system call of `hardlink` mode, and each error from it: the lock survives.

strace names the system calls of one undisturbed act; then each of them is the place of a fault.
"""

import collections
import concurrent.futures
import os
import pathlib
import re
import resource
import sys
import tempfile

import pytest

from conftest import needs_static, needs_strace
from faults import AFTER_START, FOLLOW, NO_ERRORS, Call
from hardlink_trials import TRIALS, disturbed, undisturbed

# With this in the environment every call is disturbed, and not only those after which, or in whose
# place, something else than before can be seen from outside.
EVERY_CALL = bool(os.environ.get("SWLOCK_EVERY_CALL"))
TELLING = set(
    "openat write link linkat rename renameat renameat2 mkdir mkdirat unlink unlinkat rmdir utimensat "
    "clone clone3 fork vfork prctl rt_sigtimedwait wait4 exit_group".split()
)

# Errors that a file system may answer with, and those that are much like others.
MUCH_LIKE = ["ESTALE", "EDQUOT"] if EVERY_CALL else []
ANYWHERE = ["EIO", "ENOENT", *MUCH_LIKE[:1]]
NEEDS_SPACE = ["EIO", "ENOENT", "ENOSPC", *MUCH_LIKE]
NAMES = "link linkat rename renameat renameat2 mkdir mkdirat".split()
ERRORS = {
    **{name: NEEDS_SPACE for name in NAMES},
    "openat": [*NEEDS_SPACE, "EMFILE"],
    "write": ["EIO", "ENOSPC", *MUCH_LIKE],
    "read": ["EIO", "ESTALE"],
    "newfstatat": ["EIO", "ESTALE"],
    "unlinkat": ANYWHERE,
    "inotify_init1": ["EMFILE"],
    "inotify_add_watch": ["ENOSPC"],
}
OTHERWISE = ANYWHERE if EVERY_CALL else ["EIO"]

pytestmark = [needs_strace, needs_static]

each_trial = pytest.mark.parametrize("name", TRIALS)


def calls_of(name):
    """The system calls of an undisturbed act: how often the busiest process makes each."""
    with tempfile.TemporaryDirectory(prefix="swlock-test-") as folder:
        trace = pathlib.Path(folder) / "trace"
        undisturbed(name, ["strace", "-qq", *FOLLOW, "-o", trace])
        lines = trace.read_text(errors="replace").splitlines()
    made = collections.Counter()
    for line in lines[1:]:  # the first is the execve of swlock itself
        match = re.match(r"(\d+) +([a-z_0-9]+)\(", line)
        if match:
            made[match.groups()] += 1
    calls = collections.Counter()
    for (_, call), number in made.items():
        calls[call] = max(calls[call], number)
    return [Call(call, n + 1) for call, most in sorted(calls.items()) for n in range(most)]


def disturb(name, call, fault, more=None):
    fault = f"inject={call.name}:{fault}:when={call.number}"
    prefix = ["strace", "-qq", *FOLLOW, "-o", "/dev/null", "-e", f"trace={call.name}", "-e", fault]
    linger = "0 0.03" if call.name in AFTER_START else "0"
    # It may be made believe that there is no lock, or that it was released already.
    absent = bool(re.search(":error=(ENOENT|ESTALE)", fault))
    return disturbed(name, fault, prefix, linger=linger, more=more, absent=absent)


def disturb_each(faults):
    """Two at a time, since each mostly waits for others; the traces, and all complaints."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda arguments: disturb(*arguments), faults))
    complaints = [line for _, lines in results for line in lines]
    return [trace for trace, _ in results], complaints


def after_an_error(_, trace):
    """Of two processes with the same fault each may say so."""
    lines = trace.errors.splitlines(keepends=True)
    if len(lines) > 2 or trace.errors[-1:] not in (b"", b"\n"):
        yield "the message is not a line or two"
    if not all(line.startswith(b"swlock: ") for line in lines):
        yield "the message does not begin as it should"
    if trace.status < 0:
        yield "it crashed"
    if trace.status > 0 and not trace.errors:
        yield "no message"
    if trace.status in (64, 65, 70):
        yield "nobody did that"


@each_trial
def test_death_before_any_system_call_leaves_a_lock_that_can_be_had(name):
    # A look at all processes opens as many files as the machine has processes.
    most = sys.maxsize if EVERY_CALL else 200
    calls = [call for call in calls_of(name) if call.name in TELLING or EVERY_CALL]
    calls = [call for call in calls if call.number <= most]
    traces, complaints = disturb_each((name, call, "signal=SIGKILL") for call in calls)
    assert sum(trace is not None and trace.status != 0 for trace in traces) > len(calls) // 3
    assert not complaints, "\n".join(complaints)


@each_trial
def test_lock_survives_an_error_of_any_system_call(name):
    most = 100 if EVERY_CALL else 10
    calls = [call for call in calls_of(name) if call.name not in NO_ERRORS and call.number <= most]
    faults = [(call, error) for call in calls for error in ERRORS.get(call.name, OTHERWISE)]
    _, complaints = disturb_each(
        (name, call, f"error={error}", after_an_error) for call, error in faults
    )
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("error", ["EPERM", "EOPNOTSUPP", "EMLINK"])
@pytest.mark.parametrize("name", ["run-free", "acquire"])
def test_file_system_that_refuses_links_is_unsupported(name, error):
    prefix = ["strace", "-qq", *FOLLOW, "-o", "/dev/null", "-e", "trace=link,linkat"]
    fault = f"inject=link,linkat:error={error}"
    trace, complaints = disturbed(name, fault, [*prefix, "-e", fault])
    assert trace.status == 69 and trace.errors.count(b"\n") == 1, trace
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("count", range(5, 14))
def test_a_release_without_a_free_descriptor_is_no_lost_lock(swlock, folder, count):
    """Whatever can be done with so few: the command's status, or that it was not run; never that it was lost."""
    limit = (resource.RLIMIT_NOFILE, (count, count))
    result = swlock.run(
        "run", "-m", "hardlink", "lock", "--", "true", preexec_fn=lambda: resource.setrlimit(*limit)
    )
    # By how many descriptors the step needs that runs out of them.
    assert result.returncode in (0, 69, 71), result
    assert b"lost" not in result.stderr
    assert swlock.run("run", "-m", "hardlink", "-w", "10", "lock", "true").returncode == 0
    if result.returncode == 0:
        assert os.listdir(folder) == []
