"""Folders with thousands of names that look like claims: of dead waiters of flufl.lock, or made to annoy."""

import os
import signal
import subprocess
import time

import pytest

from conftest import SWLOCK
from hardlink_world import BUSY, SLOP, forge, left_in, needs_namespaces, renamed, under
from observing import descendants_of, end, name_of, nothing_left, wait_until  # noqa: F401

MANY = 3000
HOST = "crowded"
HOSTS = f"127.0.0.1 localhost\n10.0.0.1 {HOST}\n"
# No process has these numbers: they are above the largest that Linux gives.
DEAD = 4_194_304

pytestmark = needs_namespaces


def here(*words):
    return renamed(HOST, list(map(str, words)), HOSTS)


def name(number, base="lock"):
    return f"{base}|{HOST}|{DEAD + number}|{number}"


@pytest.fixture(params=["folders", "files", "claims"])
def crowd(request, folder):
    """So many names; and whether they are claims, which go once their owner is dead."""
    for number in range(MANY):
        path = folder / name(number)
        if request.param == "folders":
            path.mkdir()
        else:
            path.write_text(str(path) if request.param == "claims" else "data")
    return request.param


def timed(folder, *words, **options):
    start = time.monotonic()
    outcome = subprocess.run(
        words, cwd=folder, capture_output=True, timeout=60, check=False, **options
    )
    return time.monotonic() - start, outcome


def test_a_timeout_is_kept_among_them(folder, crowd):
    forge(folder / "lock", os.getpid())
    took, outcome = timed(folder, *here(*under("-w", "1s"), "true"))
    assert outcome.returncode == BUSY, outcome
    assert took < 20, took


def test_the_lock_is_won_among_them_and_released(folder, crowd):
    took, outcome = timed(folder, *here(*under("--lifetime", "20s"), "true"))
    assert outcome.returncode == 0, outcome
    assert took < 20, took
    assert not (folder / "lock").exists()
    if crowd == "folders":
        assert len(left_in(folder)) == MANY


def test_each_look_at_all_processes_does_for_all(folder, crowd):
    trace = folder / "trace"
    strace = ["strace", "-f", "-qq", "-e", "trace=open,openat", "-o", trace]
    took, outcome = timed(folder, *strace, *here(*under(), "true"))
    if outcome.returncode != 0 and not trace.exists():
        pytest.skip("needs strace")
    opened = trace.read_text(errors="replace").count("/proc/1/status")
    assert opened <= 4, opened


def test_a_signal_is_heard_among_them(swlock, folder, crowd):
    process = subprocess.Popen(
        here(SWLOCK, "acquire", "-m", "hardlink", "--settle", "30s", "--owner", os.getpid(), "lock"),
        cwd=folder, stderr=subprocess.DEVNULL,
    )
    swlock.processes.append(process)
    wait_until(lambda: name_of(process.pid) == "swlock", "it runs")
    for pid in [process.pid, *descendants_of(process.pid)]:
        end(pid, signal.SIGTERM)
    sent = time.monotonic()
    process.wait(timeout=30)
    assert time.monotonic() - sent < 20


def test_cleanup_goes_past_what_is_no_claim(folder, crowd):
    took, outcome = timed(folder, *here(SWLOCK, "cleanup", *SLOP, "."))
    assert outcome.returncode == 0, outcome
    assert took < 40, took
    assert len(left_in(folder)) == (0 if crowd == "claims" else MANY)


def test_status_goes_past_them(folder, crowd):
    took, outcome = timed(folder, *here(SWLOCK, "status", "lock"))
    assert outcome.returncode == 0, outcome
    assert took < 20, took


def test_dead_placeholders_of_portage_cost_no_look_each(folder):
    (folder / "lock").touch()
    for number in range(300):
        os.link(folder / "lock", folder / f".lock.hardlock-{HOST}-{DEAD + number}")
    took, outcome = timed(folder, *here(SWLOCK, "cleanup", "--dry-run", "."))
    assert outcome.returncode == 0 and b"300 would be removed" in outcome.stdout, outcome
    assert took < 20, took


def test_waiters_that_settle_longer_than_a_right_lives_do_not_overtake_each_other(folder):
    """The right is refreshed during the wait: nobody comes to think its holder dead."""
    forge(folder / "lock", DEAD, "12345", host=HOST)
    process = subprocess.Popen(
        here(SWLOCK, "break", "--settle", "12s", "lock"), cwd=folder, stderr=subprocess.PIPE
    )
    try:
        def right():
            names = [each for each in os.listdir(folder) if each.startswith(".lock.swlock-retire")]
            return (folder / names[0]).stat().st_mtime if names else 0

        wait_until(right, "it has a right")
        first = right()
        wait_until(lambda: right() > first + 25, "it is refreshed")
    finally:
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
