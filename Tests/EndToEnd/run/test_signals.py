"""Signals on their way to the command, statuses on their way back, and the death of swlock."""

import os
import pathlib
import resource
import signal
import subprocess
import sys
import time

import pytest

from conftest import SWLOCK, needs_root
from observing import (  # noqa: F401
    MODES,
    SHAPES,
    appears,
    children_of,
    command_of,
    counting,
    end,
    every_shape,
    held,
    in_a_group_of_its_own,
    is_alive,
    is_free,
    is_held,
    is_stopped,
    nothing_left,
    processes_in,
    stat_of,
    wait_until,
    waits_on,
)

FORWARDED = ["TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "CONT", "TSTP", "WINCH"]
HARMLESS = {signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH}
STOPPING = {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
FATAL = [number for number in range(1, 65) if number not in HARMLESS | STOPPING]
QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def ignoring(*numbers):
    """Runs in the child before exec."""

    def prepare():
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)

    return prepare


def ignoring_and_blocking_everything():
    for number in range(1, 65):
        if number not in (signal.SIGKILL, signal.SIGSTOP, 32, 33):
            signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))


def ignoring_and_blocking_all_but_hangup():
    ignoring_and_blocking_everything()
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


# To the command


@every_shape
@pytest.mark.parametrize("name", FORWARDED)
def test_a_signal_to_swlock_reaches_the_command_once(swlock, folder, shape, name):
    process = swlock.start("run", *shape, "lock", *counting(f"SIG{name}"))
    assert process.stdout.readline() == b"counting\n"
    process.send_signal(getattr(signal, f"SIG{name}"))
    wait_until(lambda: (folder / "count").exists())
    (folder / "stop").touch()
    assert process.wait(10) == 9
    assert (folder / "count").read_text() == "."


@every_shape
def test_several_signals_all_reach_the_command_and_swlock_goes_on_waiting(swlock, folder, shape):
    script = """
        for name in TERM INT HUP QUIT USR1 USR2; do trap "echo $name >>seen" $name; done
        echo >ready; while ! [ -e stop ]; do sleep 0.01; done; exit 9"""
    process = swlock.start("run", *shape, "lock", "sh", "-c", script)
    appears(folder / "ready")
    names = ["TERM", "INT", "HUP", "QUIT", "USR1", "USR2"]
    for name in names:
        process.send_signal(getattr(signal, f"SIG{name}"))
    wait_until(lambda: (folder / "seen").exists() and "USR2" in (folder / "seen").read_text())
    seen = wait_until(
        lambda: len(words := (folder / "seen").read_text().split()) >= len(names) and words
    )
    assert sorted(seen) == sorted(names) and process.poll() is None
    (folder / "stop").touch()
    assert process.wait(10) == 9


@every_shape
@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "QUIT", "USR1", "USR2"])
def test_a_command_that_does_not_catch_it_is_ended_and_reported(swlock, folder, shape, name):
    number = getattr(signal, f"SIG{name}")
    process = swlock.start("run", *shape, "lock", "sleep", "60")
    command_of(process, "sleep")
    process.send_signal(number)
    assert process.wait(10) == 128 + number
    assert is_free(folder / "lock", "posix" if "posix" in shape else "flock")


@every_shape
def test_tstp_stops_the_command_and_cont_resumes_it(swlock, folder, shape):
    words = ("run", *shape, "lock", "sleep", "60")
    process = swlock.start(*words, preexec_fn=in_a_group_of_its_own)
    command = command_of(process, "sleep")
    # Without a terminal swlock stops itself only where it shares its group with the command.
    stopping = [command] if "--max-runtime" in shape else processes_in(folder)
    process.send_signal(signal.SIGTSTP)
    wait_until(lambda: all(map(is_stopped, stopping)))
    process.send_signal(signal.SIGCONT)
    wait_until(lambda: not any(map(is_stopped, processes_in(folder))))
    process.terminate()
    assert process.wait(10) == 143


@every_shape
def test_a_command_that_stops_itself_can_be_continued_through_swlock(swlock, folder, shape):
    process = swlock.start("run", *shape, "lock", "sh", "-c", "echo $$ >pid; kill -STOP $$; exit 5")
    appears(folder / "pid")
    command = command_of(process, "sh")
    wait_until(lambda: is_stopped(command))
    assert process.poll() is None
    # The command may have stopped before swlock has seen it: CONT is sent until it takes effect.
    wait_until(lambda: process.send_signal(signal.SIGCONT) or process.poll() is not None)
    assert process.wait(10) == 5


@every_shape
@pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])
def test_a_signal_at_any_moment_ends_swlock_and_the_command(swlock, folder, shape, name):
    """Looks for the gap in which a signal would be lost, or would orphan the command."""
    number = getattr(signal, f"SIG{name}")
    for step in range(12):
        process = swlock.start("run", *shape, "lock", "sleep", "60", **QUIET)
        # The moment itself is what is tried.
        time.sleep(step * 0.0004)
        process.send_signal(number)
        # Before it knows of the signal that ends it by itself.
        assert process.wait(10) in (-number, 128 + number)
        wait_until(lambda: not processes_in(folder))


# A command that somebody has stopped

in_or_out = pytest.mark.parametrize(
    "shape",
    [*SHAPES.values(), pytest.param(["--unshare=pid"], marks=needs_root)],
    ids=[*SHAPES, "pid"],
)
ENDING = pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "QUIT"])


def is_pending(pid, number):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("\nShdPnd:\t")[2].split()[0], 16) >> number - 1 & 1


def stop_for_good(process, command):
    """Stops the command, and returns when swlock has heard of it: it takes signals in order."""
    os.kill(command, signal.SIGSTOP)
    wait_until(lambda: is_stopped(command))
    process.send_signal(signal.SIGWINCH)
    wait_until(lambda: is_pending(command, signal.SIGWINCH))


def counter_of(process):
    assert process.stdout.readline() == b"counting\n"
    return command_of(process, os.path.basename(os.path.realpath(sys.executable)))


@in_or_out
@ENDING
def test_a_stop_after_a_signal_that_was_passed_on_lasts(swlock, folder, shape, name):
    words = counting(f"SIG{name}", "SIGWINCH")
    process = swlock.start("run", *shape, "lock", *words)
    command = counter_of(process)
    process.send_signal(getattr(signal, f"SIG{name}"))
    wait_until(lambda: (folder / "count").exists())
    stop_for_good(process, command)
    assert is_stopped(command) and not is_stopped(process.pid)
    os.kill(command, signal.SIGCONT)
    (folder / "stop").touch()
    assert process.wait(10) == 9


@in_or_out
@ENDING
def test_a_stop_before_a_signal_that_is_passed_on_is_undone(swlock, folder, shape, name):
    for number in range(3):
        process = swlock.start("run", *shape, "lock", *counting(f"SIG{name}", "SIGWINCH"))
        command = counter_of(process)
        stop_for_good(process, command)
        process.send_signal(getattr(signal, f"SIG{name}"))
        # It is taken, and so is the other one.
        wait_until(lambda: (folder / "count").exists() and (folder / "count").read_text() == "..")
        (folder / "stop").touch()
        assert process.wait(10) == 9
        (folder / "stop").unlink()
        (folder / "count").unlink()


@in_or_out
def test_a_running_command_is_not_continued(swlock, folder, shape):
    process = swlock.start("run", *shape, "lock", *counting("SIGTERM", "SIGCONT", "SIGUSR2"))
    assert process.stdout.readline() == b"counting\n"
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: (folder / "count").exists())
    process.send_signal(signal.SIGUSR2)
    wait_until(lambda: (folder / "count").read_text() == "..")
    (folder / "stop").touch()
    assert process.wait(10) == 9
    assert (folder / "count").read_text() == ".."


@pytest.mark.parametrize("shape", [[], ["--close"], ["-m", "posix"]], ids=" ".join)
def test_a_command_that_is_stopped_off_the_terminal_stops_nobody_else(swlock, folder, shape):
    """Not even soon after a stop signal that it has caught: nobody would continue swlock."""
    words = ["run", *shape, "lock", *counting("SIGTSTP", "SIGWINCH")]
    process = swlock.start(*words, preexec_fn=in_a_group_of_its_own)
    command = counter_of(process)
    process.send_signal(signal.SIGTSTP)
    wait_until(lambda: (folder / "count").exists())
    stop_for_good(process, command)
    assert [pid for pid in processes_in(folder) if is_stopped(pid)] == [command]
    os.kill(command, signal.SIGCONT)
    (folder / "stop").touch()
    assert process.wait(10) == 9


# While waiting


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])
@pytest.mark.parametrize(
    "options",
    [[], ["--close"], ["-w", "60"], ["-s"], ["--max-runtime=9"], ["--unlink"], ["-F"]],
    ids=" ".join,
)
def test_a_signal_while_waiting_ends_swlock_and_leaves_nothing(swlock, folder, mode, name, options):
    if options == ["-F"] and mode != "flock":
        pytest.skip("seen in flock mode")
    number = getattr(signal, f"SIG{name}")
    with held(folder / "lock", mode):
        process = swlock.start("run", "-m", mode, *options, "lock", "touch", "ran")
        wait_until(lambda: waits_on(folder / "lock"))
        process.send_signal(number)
        assert process.wait(10) == 128 + number
        wait_until(lambda: not processes_in(folder) and not waits_on(folder / "lock"))
    assert os.listdir(folder) == ["lock"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["TERM", "INT"])
@pytest.mark.parametrize("blocked", [False, True], ids=["ignored", "blocked-too"])
def test_it_ends_even_if_the_caller_ignored_that_signal(swlock, folder, mode, name, blocked):
    number = getattr(signal, f"SIG{name}")
    prepare = ignoring_and_blocking_everything if blocked else ignoring(number)
    with held(folder / "lock", mode):
        process = swlock.start("run", "-m", mode, "lock", "touch", "ran", preexec_fn=prepare)
        wait_until(lambda: waits_on(folder / "lock"))
        process.send_signal(number)
        assert process.wait(10) == 128 + number
    assert os.listdir(folder) == ["lock"]


@pytest.mark.parametrize("mode", MODES)
def test_a_hangup_that_nohup_ignores_does_not_end_the_waiting(swlock, folder, mode):
    with held(folder / "lock", mode):
        words = ("run", "-m", mode, "lock", "echo", "ran")
        process = swlock.start(*words, preexec_fn=ignoring(signal.SIGHUP))
        wait_until(lambda: waits_on(folder / "lock"))
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGCONT)
        wait_until(lambda: waits_on(folder / "lock"))
        assert process.poll() is None
    assert process.communicate(timeout=10)[0] == b"ran\n" and process.returncode == 0


@every_shape
def test_a_waiting_swlock_may_be_stopped_and_continued(swlock, folder, shape):
    with held(folder / "lock", "posix" if "posix" in shape else "flock"):
        words = ("run", *shape, "-w", "60", "lock", "echo", "ran")
        process = swlock.start(*words, preexec_fn=in_a_group_of_its_own)
        wait_until(lambda: waits_on(folder / "lock"))
        for number in (signal.SIGTSTP, signal.SIGSTOP):
            process.send_signal(number)
            wait_until(lambda: is_stopped(process.pid))
            process.send_signal(signal.SIGCONT)
            wait_until(lambda: not is_stopped(process.pid) and waits_on(folder / "lock"))
    assert process.communicate(timeout=10)[0] == b"ran\n" and process.returncode == 0


# Dispositions


def ignored_and_blocked(text):
    """The masks of /proc/PID/status without 32 and 33, which the C library keeps for itself."""
    fields = dict(line.split(":\t") for line in text.decode().splitlines() if line)
    apart = ~(1 << 31 | 1 << 32)
    return int(fields["SigIgn"], 16) & apart, int(fields["SigBlk"], 16) & apart


HANGUP_ONLY = 1 << (signal.SIGHUP - 1)


@pytest.mark.parametrize(
    "prepare, ignored",
    [
        (None, 0),
        (ignoring_and_blocking_everything, HANGUP_ONLY),
        (ignoring_and_blocking_all_but_hangup, 0),
        (ignoring(signal.SIGTERM, signal.SIGPIPE), 0),
        (ignoring(signal.SIGHUP), HANGUP_ONLY),
    ],
    ids=["plain", "everything", "all-but-hangup", "some", "nohup"],
)
@pytest.mark.parametrize(
    "options",
    [
        [],
        ["-F"],
        ["-m", "ofd", "-w", "9"],
        ["--close"],
        ["-m", "posix"],
        ["-m", "posix", "-F"],
        ["--max-runtime", "60"],
        ["--leftovers=wait"],
        ["--leftovers=kill"],
    ],
    ids=" ".join,
)
def test_the_command_starts_with_default_dispositions_and_an_empty_mask(
    swlock, options, prepare, ignored
):
    words = ("run", *options, "lock", "grep", "^Sig", "/proc/self/status")
    result = swlock.run(*words, preexec_fn=prepare)
    assert result.returncode == 0
    assert ignored_and_blocked(result.stdout) == (ignored, 0)


@every_shape
def test_dispositions_are_the_same_after_a_wait(swlock, folder, shape):
    mode = "posix" if "posix" in shape else "flock"
    with held(folder / "lock", mode):
        words = ("run", *shape, "-w", "60", "lock", "grep", "^Sig", "/proc/self/status")
        process = swlock.start(*words, preexec_fn=ignoring_and_blocking_everything)
        wait_until(lambda: waits_on(folder / "lock"))
    output, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert ignored_and_blocked(output) == (HANGUP_ONLY, 0)


@every_shape
def test_a_command_under_nohup_survives_a_hangup(swlock, folder, shape):
    words = ("run", *shape, "lock", *counting("SIGUSR1"))
    process = swlock.start(*words, preexec_fn=ignoring(signal.SIGHUP))
    assert process.stdout.readline() == b"counting\n"
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGUSR1)
    wait_until(lambda: (folder / "count").exists())
    (folder / "stop").touch()
    assert process.wait(10) == 9


@every_shape
@pytest.mark.parametrize("number", [signal.SIGCHLD, signal.SIGTERM, signal.SIGPIPE])
def test_a_signal_that_the_caller_ignored_does_not_spoil_the_status(swlock, shape, number):
    for script, status in (("exit 7", 7), ("kill -KILL $$", 137)):
        words = ("run", *shape, "lock", "sh", "-c", script)
        assert swlock.run(*words, preexec_fn=ignoring(number)).returncode == status


# Statuses


@every_shape
def test_all_256_exit_codes_pass_through(swlock, folder, shape):
    for code in range(256):
        words = [SWLOCK, "run", *shape, "lock", "sh", "-c", f"exit {code}"]
        assert subprocess.run(words, cwd=folder, timeout=10, **QUIET).returncode == code


def without_core():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def with_core():
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


@every_shape
def test_every_signal_that_kills_the_command_is_reported(swlock, folder, shape):
    for number in FATAL:
        words = [SWLOCK, "run", *shape, "lock", "sh", "-c", f"kill -{number} $$"]
        result = subprocess.run(words, cwd=folder, timeout=10, preexec_fn=without_core, **QUIET)
        assert result.returncode == 128 + number


@pytest.mark.parametrize("name", ["QUIT", "ABRT", "SEGV"])
def test_a_core_dump_does_not_change_the_status(swlock, name):
    words = ("run", "lock", "sh", "-c", f"kill -{name} $$")
    result = swlock.run(*words, preexec_fn=with_core)
    assert result.returncode == 128 + getattr(signal, f"SIG{name}")


@every_shape
def test_children_that_swlock_did_not_start_are_not_taken_for_the_command(swlock, folder, shape):
    """A shell that execs swlock leaves its own children to it."""
    script = '(exit 9) & sh -c "read line <gate; exit 8" & echo $! >child; exec "$0" "$@"'
    command = "echo >ready; read line <gate2; exit 3"
    os.mkfifo(folder / "gate")
    os.mkfifo(folder / "gate2")
    words = ["sh", "-c", script, SWLOCK, "run", *shape, "lock", "sh", "-c", command]
    process = subprocess.Popen(words, cwd=folder, **QUIET)
    swlock.processes.append(process)
    appears(folder / "ready")
    (folder / "gate").write_text("\n")
    child = int((folder / "child").read_text())
    wait_until(lambda: stat_of(child) is None)
    assert process.poll() is None
    (folder / "gate2").write_text("\n")
    assert process.wait(10) == 3


# The death of swlock


@pytest.mark.parametrize("mode", ["flock", "ofd"])
@pytest.mark.parametrize(
    "options", [[], ["--leftovers=wait"], ["--leftovers=kill"], ["--max-runtime=60"]], ids=" ".join
)
def test_a_killed_swlock_leaves_the_command_running_under_the_lock(swlock, folder, mode, options):
    process = swlock.start("run", "-m", mode, *options, "lock", "sleep", "60", **QUIET)
    command = command_of(process, "sleep")
    process.kill()
    assert process.wait(10) == -signal.SIGKILL
    assert is_alive(command) and is_held(folder / "lock", mode)
    end(command)
    wait_until(lambda: is_free(folder / "lock", mode))


@pytest.mark.parametrize(
    "mode, options",
    [
        ("flock", ["--close"]),
        ("ofd", ["--close"]),
        ("posix", []),
        ("flock", ["--leftovers=release"]),
    ],
    ids=str,
)
def test_a_killed_front_leaves_holder_and_command_under_the_lock(swlock, folder, mode, options):
    process = swlock.start("run", "-m", mode, *options, "lock", "sleep", "60", **QUIET)
    command = command_of(process, "sleep")
    process.kill()
    assert process.wait(10) == -signal.SIGKILL
    assert is_alive(command) and is_held(folder / "lock", mode)
    end(command)
    wait_until(lambda: is_free(folder / "lock", mode) and not processes_in(folder))


@pytest.mark.parametrize("mode", MODES)
def test_a_killed_holder_takes_the_command_with_it_before_the_lock_is_free(swlock, folder, mode):
    process = swlock.start("run", "-m", mode, "--close", "lock", "sleep", "60", **QUIET)
    command = command_of(process, "sleep")
    (holder,) = children_of(process.pid)
    end(holder)
    assert process.wait(10) == 137
    assert not is_alive(command)
    assert is_free(folder / "lock", mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("options", [[], ["--close"]], ids=" ".join)
def test_a_swlock_killed_while_waiting_never_starts_the_command(swlock, folder, mode, options):
    with held(folder / "lock", mode):
        words = ("run", "-m", mode, *options, "lock", "touch", "ran")
        process = swlock.start(*words, **QUIET)
        wait_until(lambda: waits_on(folder / "lock"))
        process.kill()
        assert process.wait(10) == -signal.SIGKILL
        wait_until(lambda: not waits_on(folder / "lock"))
    wait_until(lambda: not processes_in(folder))
    assert os.listdir(folder) == ["lock"]
