"""`run` in hardlink mode among swlock processes of one machine: who is inside, and what is left."""

import os
import re
import signal
import socket
import subprocess
import time

import pytest

from conftest import needs_tool
from hardlink_world import (
    BUSY,
    CANNOT_CREATE,
    NOT_PERMITTED,
    SETTLE,
    TAG,
    USAGE,
    boot,
    claims,
    dead_pid,
    forge,
    kill_all,
    left_in,
    namespace_of,
    under,
    watches,
)
from observing import (  # noqa: F401
    appears,
    command_of,
    counting,
    descendants_of,
    end,
    has_failed,
    is_alive,
    nothing_left,
    start_of,
    stat_of,
    wait_until,
)
from sections import INCREMENT, begin, count_in_loops, finish, hold, is_inside, wait_until_inside

INCREMENTS = int(os.environ.get("SWLOCK_INCREMENTS", "4"))

STYLES = {"flufl": [], "portage": ["--style", "portage", "--unlink"]}
every_style = pytest.mark.parametrize("style", STYLES.values(), ids=STYLES.keys())
each_end = pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])


def run(swlock, *options, path="lock", command=("true",), **more):
    return swlock.run(*under(*options, path=path)[1:], *command, **more)


def is_busy(swlock, *options, path="lock"):
    outcome = run(swlock, "-n", *options, path=path, command=["touch", "ran"])
    # That is what is asked.
    assert outcome.returncode in (0, BUSY), outcome
    marker = swlock.folder / "ran"
    assert marker.exists() == (outcome.returncode == 0)
    marker.unlink(missing_ok=True)
    return outcome.returncode == BUSY


def waiting(swlock, *options):
    """Starts a waiter, and returns it as soon as it waits."""
    process = begin(swlock, under(*options))
    wait_until(lambda: watches(process), "it waits")
    return process


# Exclusion


@every_style
def test_fifty_processes_lose_no_increment(folder, style):
    """SWLOCK_INCREMENTS is how many each of them makes."""
    command = under(*style) + INCREMENT
    counted = count_in_loops(folder, 50, INCREMENTS, command)
    assert counted == (str(50 * INCREMENTS), b"")
    assert left_in(folder) == []


@every_style
def test_second_holder_waits_until_the_first_exits(swlock, folder, style):
    first = hold(swlock, under(*style))
    second = waiting(swlock, *style)
    assert not is_inside(second)
    assert is_busy(swlock, *style)
    finish(first)
    wait_until_inside(second)
    assert is_busy(swlock, *style)
    finish(second)
    assert left_in(folder) == []


@every_style
def test_every_waiter_gets_in_once_and_alone(swlock, folder, style):
    first = hold(swlock, under(*style))
    others = [waiting(swlock, *style) for _ in range(4)]
    finish(first)
    while others:
        wait_until(lambda: any(map(is_inside, others)), "one of them gets in")
        (inside,) = filter(is_inside, others)
        wait_until_inside(inside)
        assert is_busy(swlock, *style)
        finish(inside)
        others.remove(inside)
    assert left_in(folder) == []


@every_style
@pytest.mark.parametrize("options", [["-n"], ["-w", "0"], ["-w", "50ms"]], ids=" ".join)
def test_busy_lock_is_reported_and_the_claim_goes(swlock, folder, style, options):
    first = hold(swlock, under(*style))
    before = left_in(folder)
    outcome = run(swlock, *style, *options, command=["touch", "ran"])
    assert has_failed(outcome, BUSY, b"unable to lock ", b"lock: ")
    outcome = run(swlock, *style, *options, "-E", "3", command=["touch", "ran"])
    assert outcome.returncode == 3
    assert left_in(folder) == before and not (folder / "ran").exists()
    finish(first)


@every_style
def test_timeout_waits_its_time_and_not_for_ever(swlock, style):
    first = hold(swlock, under(*style))
    start = time.monotonic()
    assert run(swlock, *style, "-w", "300ms").returncode == BUSY
    assert time.monotonic() - start >= 0.3
    finish(first)


@every_style
def test_waiter_is_woken_by_the_release_not_by_a_poll(swlock, style):
    first = hold(swlock, under(*style))
    second = begin(swlock, under(*style, "--poll", "60s:60s"))
    wait_until(lambda: watches(second), "the second waits")
    finish(first)
    wait_until_inside(second)
    finish(second)


@every_style
def test_status_of_the_command_is_passed_on_and_the_lock_is_released(swlock, folder, style):
    for status in (0, 1, 75, 76, 255):
        command = ["sh", "-c", f"exit {status}"]
        assert run(swlock, *style, command=command).returncode == status
    assert run(swlock, *style, command=["sh", "-c", "kill -KILL $$"]).returncode == 137
    assert run(swlock, *style, command=["./missing"]).returncode == 127
    assert left_in(folder) == []


def test_leftovers_of_the_command_do_not_keep_the_lock(swlock, folder):
    """They cannot inherit a hard link: it is released when the command ends."""
    command = ["sh", "-c", "(until [ -e stop ]; do sleep 0.01; done) & exit 0"]
    with open(os.devnull, "wb") as nowhere:
        subprocess.run([*under(), *command], cwd=folder, stdout=nowhere, check=True)
    assert not is_busy(swlock)
    (folder / "stop").touch()


# What can be seen of a lock


def test_claim_says_who_holds_the_lock_as_flufl_would(swlock, folder):
    process = hold(swlock, under("--lifetime", "40s"))
    (claim,) = claims(folder)
    file = folder / claim.name
    assert os.path.samefile(file, folder / "lock") and file.stat().st_nlink == 2
    assert file.read_text() == str(file)
    assert claim.host == socket.getfqdn()
    expiry = file.stat().st_mtime_ns
    assert expiry % 10**9 == 0 and -1 <= time.time() + 40 - expiry / 1e9 < 30
    ours = [process.pid, *descendants_of(process.pid)]
    assert claim.pid in ours
    match = re.fullmatch(TAG, claim.tag)
    assert match
    assert match["lifetime"] == "40000" and match["boot"] == boot()
    assert int(match["namespace"]) == namespace_of()
    assert int(match["start"]) == start_of(claim.pid)
    if match["second"]:
        number, start = map(int, match["second"].split("."))
        assert number in ours and start == start_of(number)
    finish(process)


def test_portage_placeholder_is_the_only_other_name_of_the_lock(swlock, folder):
    process = hold(swlock, under("--style", "portage"))
    placeholder = f".lock.hardlock-{os.uname().nodename}-"
    lock, other = sorted(left_in(folder), reverse=True)
    assert lock == "lock" and other.startswith(placeholder)
    assert os.path.samefile(folder / lock, folder / other)
    assert (folder / "lock").stat().st_nlink == 2 and (folder / "lock").read_bytes() == b""
    assert int(other.removeprefix(placeholder)) in [process.pid, *descendants_of(process.pid)]
    finish(process)
    assert left_in(folder) == ["lock"]


def test_expiry_is_moved_on_while_the_command_runs(swlock, folder):
    process = hold(swlock, under("--lifetime", "2s"))
    first = (folder / "lock").stat().st_mtime
    wait_until(lambda: (folder / "lock").stat().st_mtime > first + 1, "it is refreshed")
    assert is_busy(swlock)
    finish(process)


def test_lock_without_a_lifetime_expires_in_the_far_future(swlock, folder):
    process = hold(swlock, under("--lifetime", "0"))
    (claim,) = claims(folder)
    assert claim.tag.split(".")[1] == "0"
    assert time.time() + 3600 * 24 * 365 < (folder / "lock").stat().st_mtime < 2**31
    finish(process)


# Ends


@every_style
@each_end
def test_signalled_waiter_leaves_nothing_behind(swlock, folder, style, name):
    first = hold(swlock, under(*style))
    before = left_in(folder)
    second = waiting(swlock, *style)
    number = getattr(signal, "SIG" + name)
    second.send_signal(number)
    output, errors = second.communicate(timeout=10)
    assert (second.returncode, output, errors) == (128 + number, b"", b"")
    assert left_in(folder) == before
    finish(first)


def test_waiter_under_nohup_survives_a_hangup(swlock, folder):
    first = hold(swlock, under())
    ignoring = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh"]
    second = begin(swlock, [*ignoring, *under()])
    wait_until(lambda: watches(second), "the second waits")
    for pid in (second.pid, *descendants_of(second.pid)):
        end(pid, signal.SIGHUP)
    assert not is_inside(second, 0.1) and second.poll() is None
    finish(first)
    wait_until_inside(second)
    for pid in (second.pid, *descendants_of(second.pid)):
        end(pid, signal.SIGHUP)
    assert is_busy(swlock)
    finish(second)


@every_style
def test_killed_waiter_is_no_obstacle(swlock, folder, style):
    first = hold(swlock, under(*style))
    before = left_in(folder)
    second = waiting(swlock, *style)
    kill_all(second)
    assert is_busy(swlock, *style)
    assert swlock.run("cleanup", *SETTLE, *style[:2], "lock").returncode == 0
    assert left_in(folder) == before
    finish(first)
    assert not is_busy(swlock, *style)
    assert left_in(folder) == []


@pytest.mark.parametrize("how", ["acquirer", "cleanup"])
def test_claim_of_a_killed_waiter_is_removed(swlock, folder, how):
    """By the next who gets the lock, or by cleanup while it is held."""
    forge(folder / "lock", dead_pid(), held=False)
    if how == "acquirer":
        assert not is_busy(swlock)
        assert left_in(folder) == []
    first = hold(swlock, under())
    forge(folder / "lock", dead_pid(), held=False)
    assert swlock.run("cleanup", *SETTLE, "lock").returncode == 0
    assert len(left_in(folder)) == 2
    finish(first)
    assert left_in(folder) == []


@every_style
@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "USR1"])
def test_signal_to_a_holder_reaches_the_command_and_the_lock_is_released(
    swlock, folder, style, name
):
    process = swlock.start(*under(*style)[1:], *counting("SIG" + name))
    assert process.stdout.readline() == b"counting\n"
    process.send_signal(getattr(signal, "SIG" + name))
    assert appears(folder / "count") == b"."
    assert is_busy(swlock, *style)
    (folder / "stop").touch()
    assert process.wait(10) == 9
    assert left_in(folder) == []


@every_style
@each_end
def test_lock_is_released_when_a_signal_ends_the_command(swlock, folder, style, name):
    process = hold(swlock, under(*style))
    number = getattr(signal, "SIG" + name)
    process.send_signal(number)
    assert process.wait(10) == 128 + number
    assert left_in(folder) == []


@every_style
def test_lock_of_a_killed_job_is_free_at_once(swlock, folder, style):
    process = swlock.start(*under(*style)[1:], "sleep", "60")
    command = command_of(process, "sleep")
    kill_all(process)
    finish(hold(swlock, under(*style)))
    assert not is_alive(command)
    swlock.run("cleanup", *SETTLE, *style[:2], "lock")
    assert left_in(folder) == []


@every_style
def test_killed_holder_takes_its_command_with_it(swlock, folder, style):
    """Of the two processes of swlock it is the one below; the other releases the lock."""
    process = swlock.start(*under(*style)[1:], "sleep", "60")
    command = command_of(process, "sleep")
    second = waiting(swlock, *style)
    end(stat_of(command)[1])
    wait_until_inside(second)
    assert not is_alive(command)
    assert process.wait(10) == 137
    finish(second)
    assert left_in(folder) == []


@every_style
def test_killed_front_leaves_the_lock_with_the_command(swlock, folder, style):
    os.mkfifo(folder / "fifo")
    process = swlock.start(*under(*style)[1:], "sh", "-c", "echo $$ >pid; read line <fifo; exit 3")
    command = int(appears(folder / "pid"))
    second = waiting(swlock, *style)
    process.kill()
    process.wait()
    assert not is_inside(second, 0.2)
    assert is_alive(command) and is_busy(swlock, *style)
    (folder / "fifo").write_text("\n")
    wait_until_inside(second)
    finish(second)
    assert left_in(folder) == []


# Paths


@every_style
def test_relative_path_still_names_the_lock_after_a_change_of_folder(swlock, folder, style):
    (folder / "inner").mkdir()
    process = hold(swlock, under(*style))
    assert is_busy(swlock, *style, path=f"../{folder.name}/lock")
    assert is_busy(swlock, *style, path=str(folder / "lock"))
    finish(process)
    words = under(*style, path="../lock")[1:]
    outcome = swlock.run(*words, "sh", "-c", "cd /; true", cwd=folder / "inner")
    assert outcome.returncode == 0, outcome
    assert left_in(folder) == []


@every_style
@pytest.mark.parametrize("name", [b"a lock", b"l\xff\xfeck", b"new\nline", "Schloß".encode(), b"-"])
def test_any_bytes_name_a_lock(swlock, folder, style, name):
    path = os.fsencode(folder) + b"/" + name
    process = hold(swlock, under(*style, path=path))
    outcome = run(swlock, "-n", *style, path=path)
    assert has_failed(outcome, BUSY, b"unable to lock")
    finish(process)
    assert os.listdir(folder) == []


@pytest.mark.parametrize("name", ["a|b", "|", "inner|folder/lock"])
def test_separator_in_the_path_is_a_usage_error(swlock, folder, name):
    (folder / name).parent.mkdir(exist_ok=True)
    before = os.listdir(folder)
    assert has_failed(run(swlock, path=name), USAGE)
    assert os.listdir(folder) == before


def test_separator_in_the_path_is_nothing_to_portage(swlock, folder):
    assert run(swlock, *STYLES["portage"], path="a|b").returncode == 0
    assert os.listdir(folder) == []


@every_style
def test_name_without_room_for_a_claim_is_a_clear_error(swlock, folder, style):
    outcome = run(swlock, *style, path="n" * 255, command=["touch", "ran"])
    assert has_failed(outcome, CANNOT_CREATE, b"nnnn")
    assert os.listdir(folder) == []


def test_missing_folder_is_a_clear_error(swlock, folder):
    assert has_failed(run(swlock, path="missing/lock"), CANNOT_CREATE, b"missing/lock")


@pytest.mark.parametrize("options", [["-s"], ["--range", "0:1"], ["-F"]], ids=" ".join)
def test_what_a_hard_link_cannot_do_is_a_usage_error(swlock, folder, options):
    assert has_failed(run(swlock, *options), USAGE)
    assert left_in(folder) == []


@needs_tool("setpriv")
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@every_style
def test_another_user_is_excluded_in_a_sticky_folder(swlock, folder, style):
    folder.chmod(0o1777)
    user = ["setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups"]
    process = hold(swlock, under(*style))
    outcome = subprocess.run([*user, *under("-n", *style), "true"], cwd=folder, capture_output=True)
    assert outcome.returncode == (NOT_PERMITTED if "portage" in style else BUSY), outcome
    finish(process)
    process = hold(swlock, [*user, *under(*style)])
    # Root does not rely on what a user may put there.
    assert run(swlock, "-n", *style).returncode == NOT_PERMITTED
    finish(process)
    assert left_in(folder) == []
