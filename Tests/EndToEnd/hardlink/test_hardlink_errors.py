"""Errors that are said, not taken for another thing: "not held" is said only where that is known; what is in the
way is named; and nothing is removed that a lock merely names."""

import collections
import os
import re
import shutil
import signal
import subprocess

import pytest

from conftest import SWLOCK, needs_strace
from hardlink_world import (
    BUSY,
    NOT_A_LOCK,
    NOT_HELD,
    claims,
    dead_pid,
    forge,
    holder,
    left_in,
    owner,
    tag_of,
    this_host,
    under,
)
from observing import PATIENCE, descendants_of, end, nothing_left, wait_until  # noqa: F401

needs_users = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, and setpriv"
)


def as_user(number, *words):
    identity = ["--reuid", str(number), "--regid", str(number), "--clear-groups"]
    return ["setpriv", *identity, "--", *words]


def call(folder, *words, prefix=()):
    words = [*prefix, SWLOCK, *words]
    return subprocess.run(words, cwd=folder, capture_output=True, timeout=30)


# Errors of release

ERRORS = ["EIO", "EMFILE", "EACCES"]


@needs_strace
@pytest.mark.parametrize("mode", ["hardlink", "flock"])
@pytest.mark.parametrize("error", ERRORS)
def test_release_says_not_held_only_where_that_is_known(folder, mode, error):
    """A sample of the calls: there are as many as there are processes."""
    pid = str(os.getpid())
    acquire = ["acquire", "-n", "-m", mode, "--owner", pid, "lock"]
    release = ["release", "--owner", pid, "lock"]
    assert call(folder, *acquire).returncode == 0
    strace = ["strace", "-qq", "-e", "trace=openat,getdents64,read,newfstatat", "-o", folder / "trace"]
    assert call(folder, *release, prefix=strace).returncode == 0
    calls = []
    counts = collections.Counter()
    for line in (folder / "trace").read_text(errors="replace").splitlines():
        name = line.partition("(")[0]
        counts[name] += 1
        if name in ("openat", "getdents64") and not re.search(r"\.so|/cmdline", line):
            calls.append((name, counts[name]))
    calls += [("openat", 4), ("openat", 5)]
    for name, number in calls:
        held = call(folder, *acquire)
        # A fault before may have left it.
        assert held.returncode in (0, BUSY), held
        fault = f"inject={name}:error={error}:when={number}"
        strace = ["strace", "-qq", "-o", folder / "trace", "-e", "trace=openat,getdents64", "-e", fault]
        outcome = call(folder, *release, prefix=strace)
        hit = re.search(r".*INJECTED.*", (folder / "trace").read_text(errors="replace"))
        # Where processes came or went since, it is another call.
        if hit is None or re.search(r"\.so|/cmdline", hit.group()):
            continue
        assert outcome.returncode != NOT_HELD, (hit.group(), outcome)
        # Never in silence.
        assert outcome.returncode == 0 or outcome.stderr, (fault, outcome)
        call(folder, *release)


# A holder that was stopped


def test_a_command_that_was_told_to_end_by_the_front_ends_with_76(swlock, folder):
    """Also where the holder goes on before the lifetime has ended, and finds its command dead."""
    words = [*under("--lifetime", "6s"), "sh", "-c", "echo >ran; exec sleep 100"]
    process = swlock.start(*words[1:])
    wait_until(lambda: (folder / "ran").exists(), "it runs")
    held = holder(folder / "lock").pid
    command = [pid for pid in descendants_of(held) if not descendants_of(pid)][0]
    os.kill(held, signal.SIGSTOP)
    wait_until(lambda: ") Z" in stat_of(command), "its command has been told to end")
    end(held, signal.SIGCONT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == NOT_HELD, errors
    assert errors.count(b"could not be kept") == 1, errors
    assert left_in(folder) == []


def stat_of(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read()


# What a lock names


@needs_users
@pytest.mark.parametrize("verb", [
    ["cleanup", "."], ["cleanup", "lock"],
    ["break", "lock"], ["break", "--force", "lock"], ["release", "--any", "lock"],
])
@pytest.mark.parametrize("content", ["data", "claim"])
def test_root_does_not_remove_what_a_strangers_lock_names(folder, verb, content):
    """The file is another user's: any, or the claim of one who waits."""
    folder.chmod(0o1777)
    with owner(folder) as process:
        (folder / "owner").unlink()
        pid = process.pid if content == "claim" else dead_pid()
        named = folder / f"lock|{this_host()}|{pid}|12"
        text = str(named) if content == "claim" else "data"
        for user, path, written in ((2001, named, text), (2002, folder / "lock", str(named))):
            path.write_text(written)
            os.chown(path, user, user)
        call(folder, *verb, "--settle", "0")
        assert named.read_text() == text
        # As any file of an owner that lives.
        status = named.stat()
        assert (status.st_uid, status.st_nlink) == (2001, 1) and status.st_mtime > 1


@needs_users
def test_root_that_waits_does_not_remove_files_with_the_name_of_a_claim(folder):
    folder.chmod(0o1777)
    path = folder / f"lock|{this_host()}|{dead_pid()}|12"
    path.write_text(f"lock|{this_host()}|{dead_pid()}|13")
    os.chown(path, 2001, 2001)
    outcome = subprocess.run([*under(), "true"], cwd=folder, capture_output=True)
    assert outcome.returncode == 0, outcome
    assert path.exists()


# What is said


@pytest.mark.parametrize("verb", [["break"], ["cleanup"], ["acquire", "-m", "hardlink", "-n"]])
def test_what_stands_at_a_name_of_the_protocol_is_named(folder, verb):
    claim = forge(folder / "lock", dead_pid())
    token = claim.name.split("|")[3].split(".")[0]
    os.mkfifo(folder / f".lock.swlock-retire-{token}")
    outcome = call(folder, *verb, "lock")
    assert outcome.returncode == NOT_A_LOCK, outcome
    assert f".lock.swlock-retire-{token}".encode() in outcome.stderr, outcome


def test_a_settle_wait_that_runs_out_is_called_that(folder):
    forge(folder / "lock", os.getpid(), "12345", held=False)
    outcome = call(
        folder, "run", "-m", "hardlink", "-w", "300ms", "--settle", "5s", "lock", "--", "true"
    )
    assert outcome.returncode == BUSY, outcome
    assert b"--settle" in outcome.stderr and b"locked by another" not in outcome.stderr, outcome
    assert [claim.tag for claim in claims(folder)] == ["12345"]


@needs_strace
def test_a_claim_that_cannot_be_removed_is_given_up(folder):
    """Otherwise it would look like that of a live owner who waits."""
    with owner(folder) as process:
        (folder / "owner").unlink()
        pid = str(process.pid)
        claim = forge(folder / "lock", process.pid, tag_of(process.pid))
        refused = ["strace", "-qq", "-o", "/dev/null", "-P", claim.name, "-e"]
        refused.append("inject=unlinkat:error=EIO")
        call(folder, "release", "--owner", pid, "lock", prefix=refused)
        assert not (folder / "lock").exists()
        assert claim.stat().st_mtime == 0
        call(folder, "cleanup", "lock")
        assert left_in(folder) == []
