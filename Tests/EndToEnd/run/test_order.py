"""Those who wait for a lock come in the order in which they came: without an option, by --queue, and for --slots."""

import contextlib
import fcntl
import os
import signal
import struct
import subprocess

import pytest

from conftest import SWLOCK, needs_strace
from observing import (
    appears,
    children_of,
    held,
    in_a_group_of_its_own,
    is_free,
    is_stopped,
    locks_on,
    nothing_left,  # noqa: F401
    wait_until,
    waits_on,
)

GATE = 1 << 62
FIRST = GATE + 2


def tickets(path):
    """The processes that have a ticket, in order; docs: TicketQueue."""
    found = [words for words in locks_on(path) if words[1] == "POSIX" and int(words[-2]) >= FIRST]
    return [int(words[4]) for words in sorted(found, key=lambda words: int(words[-2]))]


def byte(kind, start):
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, start, 1, 0)


def slots_of(path):
    """The slots that are held."""
    return sorted(int(words[-2]) for words in locks_on(path) if words[1] == "OFDLCK")


def entering(swlock, name, *options, path="lock", **more):
    """Writes its name into `order` once it has the lock."""
    return swlock.start("run", *options, path, "--", "sh", "-c", f"echo {name} >>order", **more)


def order(folder):
    return (folder / "order").read_text().split()


def ended(processes):
    assert [process.wait(30) for process in processes] == [0] * len(processes)


# A plain wait keeps its place.


@pytest.mark.parametrize("mode", ["flock", "posix", "ofd"])
def test_a_wait_is_in_the_kernels_queue_once(swlock, folder, mode):
    """Not in and out with each look whether it can end, which comes after a second."""
    first = swlock.start("run", "-m", mode, "lock", "sleep", "1000")
    wait_until(lambda: (folder / "lock").exists() and locks_on(folder / "lock"))
    names = [str(number) for number in range(8)]
    processes = []
    for number, name in enumerate(names):
        processes.append(entering(swlock, name, "-m", mode, "--progress", stderr=subprocess.PIPE))
        wait_until(lambda: len([w for w in locks_on(folder / "lock") if w[1] == "->"]) > number)  # noqa: B023
    # Each has looked, and said so.
    for process in processes:
        assert b"waiting for lock" in process.stderr.readline()
        process.stderr.close()
    first.terminate()
    ended(processes)
    assert order(folder) == names


@pytest.mark.parametrize("options", [[], ["-m", "ofd"], ["--queue"], ["--slots=1"]], ids=" ".join)
def test_a_file_that_was_moved_away_is_not_kept_locked(swlock, folder, options):
    """Not by what tells of the wait either, which has the file open as well."""
    (lock, moved), mode = (folder / "lock", folder / "moved"), "flock"
    if options and options != ["--queue"]:
        mode = "ofd"
    with contextlib.ExitStack() as second:
        with held(lock, mode):
            words = ["run", "--progress", *options, "lock", "true"]
            process = swlock.start(*words, stderr=subprocess.PIPE)
            assert b"waiting for lock" in process.stderr.readline()
            lock.rename(moved)
            second.enter_context(held(lock, mode))
        wait_until(lambda: waits_on(lock) or tickets(lock))
        assert is_free(moved, mode)
    assert process.wait(30) == 0
    process.stderr.close()


@needs_strace
def test_who_has_won_is_not_told_that_it_waits_for_itself(swlock, folder):
    """The look at who has the lock comes when it has it already, and goes on from its wait only then."""
    slow = ["-e", "trace=flock", "-e", "inject=flock:delay_exit=3000000:when=3"]
    with held(folder / "lock"):
        words = ["strace", "-f", "-qq", "-o", "/dev/null", *slow, SWLOCK, "run", "lock", "echo", "in"]
        process = subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        swlock.processes.append(process)
        wait_until(lambda: waits_on(folder / "lock"))
    assert process.communicate(timeout=60) == (b"in\n", b"")
    assert process.returncode == 0


@needs_strace
def test_a_short_wait_starts_no_process(swlock, folder):
    with held(folder / "lock") as descriptor:
        trace = ["strace", "-f", "-qq", "-e", "trace=%process", "-e", "signal=none", "-o", "trace"]
        words = [*trace, SWLOCK, "run", "lock", "true"]
        process = subprocess.Popen(words, cwd=folder)
        swlock.processes.append(process)
        wait_until(lambda: waits_on(folder / "lock"))
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        assert process.wait(30) == 0
    calls = (folder / "trace").read_text()
    # The thread that would have had one started, and the command.
    begun = [line for line in calls.splitlines() if "fork(" in line or "clone(" in line]
    assert len(begun) == 2 and "CLONE_THREAD" in begun[0] and "CLONE_VFORK" in begun[1]


# --queue


def test_a_queue_lets_in_by_arrival(swlock, folder):
    processes = []
    with held(folder / "lock"):
        for number in range(12):
            processes.append(entering(swlock, number, "--queue"))
            wait_until(lambda: len(tickets(folder / "lock")) > number)  # noqa: B023
        assert tickets(folder / "lock") == [process.pid for process in processes]
    ended(processes)
    assert order(folder) == [str(number) for number in range(12)]
    assert locks_on(folder / "lock") == []


def test_a_waiter_that_ends_leaves_no_gap(swlock, folder):
    processes = []
    with held(folder / "lock"):
        for number in range(6):
            processes.append(entering(swlock, number, "--queue"))
            wait_until(lambda: len(tickets(folder / "lock")) > number)  # noqa: B023
        for number in (4, 2, 0):
            processes.pop(number).kill()
        wait_until(lambda: len(tickets(folder / "lock")) == 3)
        processes.append(entering(swlock, 6, "--queue"))
        wait_until(lambda: len(tickets(folder / "lock")) == 4)
    ended(processes)
    assert order(folder) == ["1", "3", "5", "6"]


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_a_full_queue_is_busy(swlock, folder, limit):
    processes = []
    with held(folder / "lock"):
        for number in range(limit):
            processes.append(entering(swlock, number, f"--queue={limit}"))
            wait_until(lambda: len(tickets(folder / "lock")) > number)  # noqa: B023
        result = swlock.run("run", f"--queue={limit}", "-E", "9", "lock", "true")
        assert result.returncode == 9 and b"unable to lock lock: " in result.stderr
        assert (b"wait" in result.stderr) == (limit > 0), result.stderr
        assert limit == 0 or f"for it already (--queue={limit})".encode() in result.stderr
        assert swlock.run("run", f"--queue={limit}", "-q", "-E", "0", "lock", "true").returncode == 0
    ended(processes)
    assert swlock.run("run", f"--queue={limit}", "lock", "true").returncode == 0


def test_who_comes_in_order_overtakes_nobody(swlock, folder):
    """Also where the lock is free for a moment before the first of them has it."""
    with held(folder / "lock"):
        waiting = entering(swlock, 0, "--queue")
        wait_until(lambda: tickets(folder / "lock"))
        os.kill(waiting.pid, signal.SIGSTOP)
        wait_until(lambda: is_stopped(waiting.pid))
    second = entering(swlock, 1, "--queue")
    wait_until(lambda: len(tickets(folder / "lock")) == 2)
    assert swlock.run("run", "-n", "--slots=1", "lock", "true").returncode == 75
    os.kill(waiting.pid, signal.SIGCONT)
    ended([waiting, second])
    assert order(folder) == ["0", "1"]


def test_one_that_is_stopped_at_the_terminal_loses_its_place(swlock, folder):
    with held(folder / "lock"):
        first = entering(swlock, 0, "--queue", preexec_fn=in_a_group_of_its_own)
        wait_until(lambda: len(tickets(folder / "lock")) == 1)
        second = entering(swlock, 1, "--queue")
        wait_until(lambda: len(tickets(folder / "lock")) == 2)
        os.kill(first.pid, signal.SIGTSTP)
        wait_until(lambda: is_stopped(first.pid))
        wait_until(lambda: tickets(folder / "lock") == [second.pid])
    ended([second])
    os.kill(first.pid, signal.SIGCONT)
    ended([first])
    assert order(folder) == ["1", "0"]


def test_one_that_goes_on_is_last(swlock, folder):
    with held(folder / "lock"):
        first = entering(swlock, 0, "--queue", preexec_fn=in_a_group_of_its_own)
        wait_until(lambda: len(tickets(folder / "lock")) == 1)
        second = entering(swlock, 1, "--queue")
        wait_until(lambda: len(tickets(folder / "lock")) == 2)
        os.kill(first.pid, signal.SIGTSTP)
        wait_until(lambda: is_stopped(first.pid))
        os.kill(first.pid, signal.SIGCONT)
        wait_until(lambda: tickets(folder / "lock") == [second.pid, first.pid])
    ended([second, first])
    assert order(folder) == ["1", "0"]


def test_a_timeout_gives_the_place_back(swlock, folder):
    with held(folder / "lock"):
        result = swlock.run("run", "--queue", "-w", "0.2", "lock", "true")
        assert result.returncode == 75 and b"timed out" in result.stderr
        assert tickets(folder / "lock") == []


def test_readers_in_a_queue_do_not_starve_a_writer(swlock, folder):
    with held(folder / "lock") as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        assert swlock.run("run", "--queue", "-s", "lock", "true").returncode == 0
        writer = entering(swlock, "writer", "--queue")
        wait_until(lambda: len(tickets(folder / "lock")) == 1)
        reader = entering(swlock, "reader", "--queue", "-s")
        wait_until(lambda: len(tickets(folder / "lock")) == 2)
    ended([writer, reader])
    assert order(folder) == ["writer", "reader"]


def test_the_command_has_no_ticket(swlock, folder):
    with held(folder / "lock"):
        process = swlock.start("run", "--queue", "lock", "sh", "-c", "echo >in; exec sleep 1000")
        wait_until(lambda: tickets(folder / "lock"))
    appears(folder / "in")
    assert tickets(folder / "lock") == []
    process.terminate()


def test_a_lock_file_that_is_removed_is_made_anew(swlock, folder):
    with held(folder / "lock"):
        process = entering(swlock, 0, "--queue")
        wait_until(lambda: tickets(folder / "lock"))
        (folder / "lock").unlink()
    ended([process])
    assert (folder / "lock").exists()


def test_status_shows_them_in_order(swlock, folder):
    processes = []
    with held(folder / "lock"):
        for number in range(3):
            processes.append(entering(swlock, number, "--queue"))
            wait_until(lambda: len(tickets(folder / "lock")) > number)  # noqa: B023
        text = swlock.run("status", "lock").stdout.decode()
        shown = [int(line.split()[1]) for line in text.splitlines() if line.split()[0] == "waits"]
        assert shown == [process.pid for process in processes]
        assert str(GATE)[:6] not in text and "posix" not in text
        # A ticket alone is no lock.
        assert swlock.run("break", "lock").returncode == 75
    ended(processes)


# --slots


def staying(swlock, folder, *options, name="in"):
    """Has a slot, and says which in the file `name`."""
    script = f"echo $SWLOCK_SLOT >{name}; exec sleep 1000"
    process = swlock.start("run", *options, "lock", "--", "sh", "-c", script)
    return process, int(appears(folder / name))


@pytest.mark.parametrize("mode", ["ofd", "posix"])
def test_so_many_are_inside(swlock, folder, mode):
    words = ["-m", mode, "--slots", "3"]
    inside = [staying(swlock, folder, *words, name=f"in{number}") for number in range(3)]
    assert [slot for _, slot in inside] == [0, 1, 2]
    assert swlock.run("run", "-n", *words, "lock", "true").returncode == 75
    waiting = swlock.start("run", *words, "lock", "sh", "-c", "echo $SWLOCK_SLOT >next")
    wait_until(lambda: tickets(folder / "lock") == [waiting.pid])
    # The lowest one that is free.
    inside[1][0].terminate()
    assert waiting.wait(30) == 0 and (folder / "next").read_text() == "1\n"
    for process, _ in inside:
        process.terminate()


def test_each_counts_by_its_own_number(swlock, folder):
    first, _ = staying(swlock, folder, "--slots", "4", name="a")
    second, slot = staying(swlock, folder, "--slots", "4", name="b")
    assert slot == 1
    # Two are inside already, whichever their slots are.
    first.terminate()
    first.wait(30)
    assert swlock.run("run", "-n", "--slots", "1", "lock", "true").returncode == 75
    assert swlock.run("run", "-n", "--slots", "2", "lock", "true").returncode == 0
    second.terminate()


@pytest.mark.parametrize("mode", ["ofd", "posix"])
def test_a_whole_lock_excludes_all_slots(swlock, folder, mode):
    process, _ = staying(swlock, folder, "--slots", "4")
    assert swlock.run("run", "-n", "-m", mode, "lock", "true").returncode == 75
    process.terminate()
    process.wait(30)
    whole = swlock.start("run", "-m", mode, "lock", "sh", "-c", "echo >whole; exec sleep 1000")
    appears(folder / "whole")
    assert swlock.run("run", "-n", "--slots", "4", "lock", "true").returncode == 75
    whole.terminate()


def test_the_command_keeps_the_slot_of_a_killed_swlock(swlock, folder):
    process, _ = staying(swlock, folder, "--slots", "1")
    (command,) = children_of(process.pid)
    process.kill()
    process.wait(30)
    assert slots_of(folder / "lock") == [0]
    assert swlock.run("run", "-n", "--slots", "1", "lock", "true").returncode == 75
    os.kill(command, signal.SIGKILL)
    wait_until(lambda: swlock.run("run", "-n", "--slots", "1", "lock", "true").returncode == 0)


def test_a_slot_that_is_acquired_is_printed(swlock, folder):
    text = 'for i in 1 2; do "$S" acquire --slots 3 lock; done; "$S" acquire -n -q --slots 2 lock; echo $?; "$S" status lock'
    environment = {**os.environ, "S": SWLOCK}
    result = subprocess.run(["sh", "-c", text], cwd=folder, env=environment, capture_output=True)
    assert result.stdout.startswith(b"0\n1\n75\n")
    wait_until(lambda: slots_of(folder / "lock") == [])


def test_a_nested_run_has_no_slot_of_the_outer_one(swlock, folder):
    script = '"$S" run other sh -c \'echo "<$SWLOCK_SLOT>"\''
    result = swlock.run("run", "--slots", "2", "lock", "sh", "-c", script, env={**os.environ, "S": SWLOCK})
    assert result.stdout == b"<>\n"


def test_a_slot_of_an_ancestors_is_waited_for(swlock, folder):
    script = '"$S" run --slots 2 lock echo in'
    result = swlock.run("run", "--slots", "2", "lock", "sh", "-c", script, env={**os.environ, "S": SWLOCK})
    assert result.returncode == 0 and result.stdout == b"in\n"


def test_a_slot_of_an_ancestors_that_is_the_only_one_is_an_error(swlock, folder):
    script = '"$S" run -w 20 --slots 1 lock true'
    result = swlock.run("run", "--slots", "1", "lock", "sh", "-c", script, env={**os.environ, "S": SWLOCK})
    assert result.returncode == 75
    assert b"SWLOCK_SLOT" in result.stderr and b"--reentrant" not in result.stderr


@pytest.mark.parametrize("words", [["--queue"], ["--slots", "2"]], ids=str)
def test_a_script_that_nobody_can_start_meanwhile_is_told_of(swlock, folder, words):
    (folder / "lock").touch(0o700)
    said = swlock.run("run", *words, "lock", "true").stderr
    assert said.startswith(b"swlock: lock cannot be executed meanwhile") and b"--sidecar" in said
    assert swlock.run("run", "-q", *words, "lock", "true").stderr == b""
    assert swlock.run("run", "--sidecar", *words, "lock", "true").stderr == b""


def test_what_is_done_is_said(swlock, folder):
    assert b"locked lock (ofd, exclusive, slot 0)" in swlock.run("run", "-v", "--slots", "2", "lock", "true").stderr
    holder = swlock.start("run", "lock", "sh", "-c", "echo >in; exec sleep 1000")
    appears(folder / "in")
    said = swlock.run("run", "-v", "--replace", "lock", "true").stderr
    assert f"ending pid {holder.pid} (".encode() in said and b"which has lock" in said
    assert holder.wait(30) == 143


# Refused


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--queue=x"], b"invalid value 'x' for --queue"),
        (["--queue=-1"], b"invalid value '-1' for --queue"),
        (["--queue", "-n"], b"--queue and --nonblock exclude each other"),
        (["-m", "ofd", "--queue"], b"--slots 1"),
        (["-m", "posix", "--queue"], b"--slots 1"),
        (["-m", "hardlink", "--queue"], b"--queue needs --mode flock"),
        (["-m", "auto", "--queue"], b"--queue needs --mode flock"),
        (["--slots", "0"], b"invalid value '0' for --slots"),
        (["--slots", "4097"], b"invalid value '4097' for --slots"),
        (["--slots", "x"], b"invalid value 'x' for --slots"),
        (["--slots", "2", "-m", "flock"], b"--slots needs --mode ofd or posix"),
        (["-m", "flock", "--slots", "2"], b"--slots needs --mode ofd or posix"),
        (["-m", "hardlink", "--slots", "2"], b"--slots needs --mode ofd or posix"),
        (["--slots", "2", "-s"], b"--slots and --shared exclude each other"),
        (["--slots", "2", "--range", "0:1"], b"--slots and --range exclude each other"),
        (["--slots", "2", "--reentrant"], b"--slots and --reentrant exclude each other"),
        (["--queue=2", "-n"], b"--queue=0 does not wait"),
        (["--queue", "--range", "0:1"], b"a lock file of its own"),
        (["--queue", "--replace"], b"--replace=waiting"),
        (["--slots", "2", "-s"], b"--shared alone"),
        (["--slots", "2", "--reentrant"], b"SWLOCK_SLOT"),
        (["--slots", "2", "--replace"], b"swlock break --kill"),
        (["--replace", "--slots", "2"], b"swlock break --kill"),
        (["--replace", "-n"], b"as long as -w says"),
        (["--replace", "-s"], b"the newest has the lock alone"),
        (["--replace", "--reentrant"], b"--reentrant alone"),
        (["--replace", "-m", "ofd"], b"--replace needs --mode flock"),
        (["--replace=foo"], b"invalid value 'foo' for --replace: only waiting"),
        (["--kill-after", "5"], b"--kill-after needs --max-runtime, --leftovers=kill or --replace"),
        (["--queue", "3"], b"--queue=3; a lock file of that name is ./3"),
        (["--replace", "waiting"], b"--replace=waiting; a lock file of that name is ./waiting"),
        (["--jobs", "4"], b"here it is --slots"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_said(swlock, words, said):
    result = swlock.run("run", *words, "lock", "true")
    assert result.returncode == 64 and said in result.stderr and result.stderr.count(b"\n") == 1


@pytest.mark.parametrize("words", [["--queue", "./3"], ["--queue", "--", "3"]], ids=str)
def test_a_lock_file_can_have_a_number_for_its_name(swlock, folder, words):
    assert swlock.run("run", *words, "true").returncode == 0
    assert (folder / "3").exists()


def test_an_option_of_another_command_is_called_that(swlock):
    result = swlock.run("acquire", "--replace", "lock")
    assert result.returncode == 64 and b"unknown option '--replace', which is one of: swlock run" in result.stderr


def test_a_folder_has_no_room_for_a_queue(swlock, folder):
    (folder / "lock").mkdir()
    for words in (["--queue"], ["--slots", "2"]):
        result = swlock.run("run", *words, "lock", "true")
        assert result.returncode == 69 and b"directory" in result.stderr


@needs_strace
@pytest.mark.parametrize(("words", "count"), [(["--queue"], 2), (["--slots", "4"], 3)], ids=str)
def test_a_free_lock_takes_few_calls(folder, words, count):
    """But for the look whether another kind of lock is held, which -q leaves out."""
    trace = ["strace", "-qq", "-e", "trace=flock,fcntl", "-e", "signal=none", "-o", "trace"]
    subprocess.run([*trace, SWLOCK, "run", "-q", *words, "lock", "true"], cwd=folder, check=True)
    calls = (folder / "trace").read_text().splitlines()
    assert len([call for call in calls if "LK" in call or "LOCK_" in call]) == count
