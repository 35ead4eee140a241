"""--on-exit and --sync: what is done when the command has ended, and the lock has not."""

import os
import re
import signal
import subprocess

import pytest

from conftest import SWLOCK, needs_strace
from observing import (
    appears,
    end,
    has_failed,
    is_free,
    is_held,
    name_of,
    nothing_left,  # noqa: F401
    processes_in,
    wait_until,
)

MODES = pytest.mark.parametrize("mode", ["flock", "posix", "ofd", "hardlink"])


# --on-exit


def test_they_run_last_first_and_the_status_stays_the_commands(swlock):
    words = ["--on-exit", "echo one $SWLOCK_STATUS", "--on-exit", "echo two; exit 9"]
    result = swlock.run("run", *words, "lock", "--", "sh", "-c", "echo command; exit 3")
    assert result.returncode == 3
    assert result.stdout == b"command\ntwo\none 3\n"
    assert result.stderr == b"swlock: --on-exit 'echo two; exit 9' ended with status 9\n"


@MODES
def test_they_run_under_the_lock_and_know_it(swlock, folder, mode):
    inner = f'{SWLOCK} run -n -m {mode} lock true; echo $? $SWLOCK_MODE $SWLOCK_PATH >inner'
    result = swlock.run("run", "-m", mode, "--on-exit", inner, "lock", "true")
    assert result.returncode == 0, result
    assert (folder / "inner").read_text().split() == ["75", mode, f"{folder}/lock"]


@pytest.mark.parametrize("name", ["TERM", "KILL", "SEGV"])
def test_they_run_when_the_command_was_killed(swlock, name):
    number = getattr(signal, f"SIG{name}")
    result = swlock.run(
        "run", "--on-exit", "echo $SWLOCK_STATUS", "lock", "sh", "-c", f"ulimit -c 0; kill -{name} $$"
    )
    assert (result.returncode, result.stdout) == (128 + number, b"%d\n" % (128 + number))


def test_they_run_when_its_time_was_up_and_have_time_themselves(swlock):
    words = ["--max-runtime", "0.1", "--on-exit", "sleep 0.3; echo $SWLOCK_STATUS"]
    result = swlock.run("run", *words, "lock", "sleep", "60")
    assert (result.returncode, result.stdout) == (124, b"124\n")


def test_they_do_not_run_if_the_command_never_did(swlock, folder):
    result = swlock.run("run", "--on-exit", "touch done", "lock", "./missing")
    assert has_failed(result, 127, b"./missing")
    assert not (folder / "done").exists()


def test_launch_options_are_not_for_them(swlock, folder):
    (folder / "sub").mkdir()
    words = ["--chdir", "sub", "--env", "X=y", "--unshare", "uts", "--on-exit"]
    if os.geteuid() != 0:
        words[-3:-1] = []
    result = swlock.run("run", *words, "pwd; echo -$X-; readlink /proc/self/ns/uts", "lock", "pwd")
    assert result.stdout.decode().splitlines() == [
        f"{folder}/sub", str(folder), "--", os.readlink("/proc/self/ns/uts")
    ]  # fmt: skip


def test_the_shell_is_that_of_the_user(swlock, folder):
    (folder / "shell").write_text("#!/bin/sh\necho \"$@\"\n")
    (folder / "shell").chmod(0o755)
    env = {**os.environ, "SHELL": f"{folder}/shell"}
    result = swlock.run("run", "--on-exit", "a b", "lock", "true", env=env)
    assert result.stdout == b"-c a b\n"


def test_a_shell_that_cannot_be_run_is_said(swlock, folder):
    env = {**os.environ, "SHELL": f"{folder}/missing"}
    result = swlock.run("run", "--on-exit", "a", "lock", "true", env=env)
    assert has_failed(result, 0, b"unable to execute ")


def test_a_signal_reaches_the_one_that_runs_and_the_others_run_too(swlock, folder):
    slow = "trap 'echo ended; exit' TERM; echo >in; while :; do sleep 0.01; done"
    process = swlock.start("run", "--on-exit", "echo last", "--on-exit", slow, "lock", "true")
    appears(folder / "in")
    assert is_held(folder / "lock")
    process.terminate()
    output, _ = process.communicate(timeout=10)
    assert (process.returncode, output) == (0, b"ended\nlast\n")


@pytest.mark.parametrize("options", [["--close"], ["-m", "posix"]])
def test_one_ends_with_swlock_where_it_does_not_have_the_lock(swlock, folder, options):
    words = ["--on-exit", "echo $PPID; exec sleep 1000", "lock", "true"]
    process = swlock.start("run", *options, *words)
    holder = int(process.stdout.readline())
    end(holder)
    process.communicate(timeout=10)
    assert process.returncode == 137


def test_the_lock_lives_on_meanwhile(swlock, folder):
    words = ["-m", "hardlink", "--lifetime", "2", "--on-exit", "sleep 5; ls lock"]
    result = swlock.run("run", *words, "lock", "true")
    assert (result.returncode, result.stdout, result.stderr) == (0, b"lock\n", b"")


def test_leftovers_of_theirs_are_treated_as_the_commands(swlock, folder):
    words = ["--leftovers=kill", "--on-exit", "sleep 1000 & echo >left", "lock", "true"]
    assert swlock.run("run", *words).returncode == 0
    assert (folder / "left").exists()


# --sync


def traced(swlock, *words, expression="", **options):
    """Starts `run WORDS` under strace, which is not its parent."""
    trace = ["strace", "-D", "-f", "-qq", "-o", "trace", "-e", "trace=openat,close,syncfs,sync,execve"]
    if expression:
        trace += ["-e", f"inject={expression}"]
    process = subprocess.Popen(
        [*trace, SWLOCK, "run", *words], cwd=swlock.folder, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, **{"stderr": subprocess.PIPE, **options},
    )  # fmt: skip
    swlock.processes.append(process)
    return process


def trace_of(folder):
    path = folder / "trace"
    return path.read_text() if path.exists() else ""


def finished(process, folder):
    """Status and errors, and the lines of the trace once strace, which ends a bit later, has."""
    _, errors = process.communicate(timeout=30)
    wait_until(lambda: not any(name_of(pid) == "strace" for pid in processes_in(folder)))
    return process.returncode, errors, trace_of(folder).splitlines()


@needs_strace
@pytest.mark.parametrize("options", [[], ["-m", "posix"]], ids=["flock", "posix"])
def test_data_is_on_disk_before_the_lock_is_free(swlock, folder, options):
    process = traced(swlock, *options, "--sync", "lock", "--", "sh", "-c", "echo data >file")
    status, _, lines = finished(process, folder)
    assert status == 0
    synced = [index for index, line in enumerate(lines) if re.search(r"syncfs\(\d+\) += 0", line)]
    assert len(synced) == 1
    opened = next(line for line in lines if '"lock", O_' in line and " = -1" not in line)
    number = opened.rpartition(" = ")[2]
    before = lines.index(opened)
    # The process that runs the command closes the lock afterwards, and not before.
    mine = [index for index, line in enumerate(lines)
            if index > before and line.split()[0] == lines[synced[0]].split()[0] and f"close({number})" in line]  # fmt: skip
    assert mine and min(mine) > synced[0]


@needs_strace
def test_the_next_holder_waits_for_the_disk(swlock, folder):
    (folder / "lock").touch()
    process = traced(swlock, "--sync", "lock", "true", expression="syncfs:delay_enter=500000")
    wait_until(lambda: "execve" in trace_of(folder) and is_held(folder / "lock"))
    follower = swlock.start("run", "lock", "--", "sh", "-c", "cp trace seen; echo >entered")
    assert process.wait(20) == 0
    assert follower.wait(20) == 0
    assert re.search(r"syncfs\(\d+\) += 0|syncfs resumed", (folder / "seen").read_text())


def paths_synced(lines):
    """The paths that were opened by the processes that called syncfs(2)."""
    callers = {line.split()[0] for line in lines if "syncfs(" in line}
    return [re.search('"(.*)"', line)[1] for line in lines
            if line.split()[0] in callers and "openat(" in line and "O_NONBLOCK" in line]  # fmt: skip


@needs_strace
@pytest.mark.parametrize(
    "options, paths",
    [
        (["--sync"], ["."]),
        (["--sync", "--chdir", "sub"], ["sub"]),
        (["--sync=sub", "--sync=file"], ["sub", "file"]),
    ],
)
def test_what_is_synced(swlock, folder, options, paths):
    (folder / "sub").mkdir()
    (folder / "file").touch()
    process = traced(swlock, *options, "lock", "true")
    status, _, lines = finished(process, folder)
    assert status == 0
    assert paths_synced(lines) == paths


@needs_strace
def test_sync_stands_in_for_syncfs(swlock, folder):
    process = traced(swlock, "--sync", "lock", "true", expression="syncfs:error=ENOSYS")
    status, _, lines = finished(process, folder)
    assert status == 0
    assert any(re.search(r" sync\(\)", line) for line in lines)


@needs_strace
@pytest.mark.parametrize("code, status", [(0, 74), (5, 5)])
def test_an_error_counts_if_the_command_succeeded(swlock, folder, code, status):
    process = traced(
        swlock, "--sync", "lock", "--", "sh", "-c", f"exit {code}", expression="syncfs:error=EIO"
    )
    ended, errors, _ = finished(process, folder)
    assert ended == status
    assert errors == b"swlock: unable to sync .: Input/output error\n"


def test_what_cannot_be_opened_counts_and_the_rest_is_synced(swlock):
    result = swlock.run("run", "--sync=missing", "--sync=.", "lock", "true")
    assert has_failed(result, 74, b"unable to sync missing: ")


def test_a_fifo_does_not_hold_it_up(swlock, folder):
    os.mkfifo(folder / "fifo")
    assert swlock.run("run", "--sync=fifo", "lock", "true").returncode == 0


HANGING = [("TERM", []), ("INT", []), ("HUP", []), ("QUIT", [])]
HANGING += [("TERM", ["-m", "posix"]), ("TERM", ["-m", "hardlink"])]


@needs_strace
@pytest.mark.parametrize("name, options", HANGING)
def test_a_signal_ends_a_sync_that_hangs(swlock, folder, name, options):
    number = getattr(signal, f"SIG{name}")
    with open(folder / "errors", "wb") as errors:
        process = traced(
            swlock, *options, "--sync", "lock", "true", stderr=errors,
            expression="syncfs:delay_enter=60000000",
        )  # fmt: skip
    try:
        opened = r'openat\(AT_FDCWD, "\.", [^\n]*O_NONBLOCK'
        wait_until(lambda: re.search(opened, trace_of(folder)))
        process.send_signal(number)
        assert process.wait(10) == 128 + number
    finally:
        # It waits for its delay to pass.
        for pid in processes_in(folder):
            if name_of(pid) == "strace":
                end(pid)
    said = (folder / "errors").read_text().splitlines()
    assert "swlock: a signal ended --sync, not all that was written may be on disk" in said
    lock = folder / "lock"
    # That of hardlink mode is gone.
    assert not lock.exists() or is_free(lock) and is_free(lock, "posix")


def test_on_exit_comes_before_sync(swlock, folder):
    words = ["--sync=made", "--on-exit", "mkdir made", "lock", "true"]
    assert swlock.run("run", *words).returncode == 0


@pytest.mark.parametrize("words", [["--sync"], ["--on-exit", "true"]])
def test_no_fork_leaves_nobody_to_do_it(swlock, words):
    assert has_failed(swlock.run("run", "--no-fork", *words, "lock", "true"), 64, words[0].encode())
