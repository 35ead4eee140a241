"""run with a lock that an engine keeps: who is kept out, and what the command is told."""

import json
import os
import re

import pytest

from conftest import SWLOCK, needs_static, needs_strace
from engines import Section, engine  # noqa: F401
from observing import has_failed, nothing_left, result_of, wait_until  # noqa: F401


def test_the_command_runs_under_the_lock_and_its_status_is_swlocks(engine):
    result = engine.run("run", "job", "--", "sh", "-c", "cat locks/job; exit 7")
    assert result.returncode == 7
    assert result.stdout.startswith(b"1\n1\texclusive\t")
    engine.nothing_left()


def test_the_command_is_told_of_the_lock(engine):
    environment = engine.environment | {"ETCDCTL_USER": "me:secret", "ETCDCTL_PASSWORD": "secret"}
    command = ["env", "-0"]
    for _ in range(2):
        result = engine.run("run", "a:b %", "--", *command, env=environment)
    words = dict(word.split("=", 1) for word in result.stdout.decode().split("\0")[:-1])
    assert words["SWLOCK_PATH"] == "a:b %"
    assert words["SWLOCK_MODE"] == "folder"
    assert words["SWLOCK_HELD"] == "folder=a%3Ab %25"
    assert words["SWLOCK_TOKEN"] == words["ETCD_LOCK_REV"] == "2"
    assert words["ETCD_LOCK_KEY"] == "a:b %/2"
    # Of the engine's variables, those that are none, or swlock's own.
    assert "A B" not in words
    assert not [word for word in words if word.startswith("ETCDCTL_")]


def test_an_inherited_token_is_not_taken_for_the_locks_own(engine):
    (engine.program).write_text("#!/bin/sh\necho held - 9000000000000000000; read x; echo released\n")
    environment = engine.environment | {"SWLOCK_TOKEN": "7"}
    result = engine.run("run", "job", "--", "sh", "-c", 'echo "<$SWLOCK_TOKEN>"', env=environment)
    assert (result.returncode, result.stdout) == (0, b"<>\n")


def test_of_a_variable_that_is_given_twice_the_last_one_counts(engine):
    (engine.program).write_text("#!/bin/sh\necho held - 9000000000000000000 A=1 AB=2 A=3; read x; echo released\n")
    result = engine.run("run", "job", "--", "env")
    assert (result.stdout.count(b"A=3\n"), result.stdout.count(b"A=1\n")) == (1, 0), result
    assert b"\nAB=2\n" in result.stdout


def test_secrets_are_in_no_arguments_environment_or_message(engine):
    environment = engine.environment | {"ETCDCTL_USER": "me:s3cret", "ETCDCTL_PASSWORD": "s3cret"}
    look = "cat /proc/*/cmdline /proc/$PPID/environ /proc/self/environ | tr '\\0' '\\n' | grep -c s3[c]ret"
    result = engine.run("run", "-v", "other", "--", "sh", "-c", look, env=environment)
    # That of the engine is its own.
    assert result.stdout == b"0\n"
    assert b"s3cret" not in result.stderr


def test_arguments_of_the_command_are_not_shown_to_others(engine):
    result = engine.run("run", "job", "--", "sh", "-c", "cat locks/job; : argum3nt")
    assert b"command=sh\t" in result.stdout and b"argum3nt" not in result.stdout


def read(path):
    return path.read_text() if path.exists() else ""


def test_a_name_that_no_line_has_room_for_is_refused(engine):
    assert has_failed(engine.run("run", "x" * 1025, "true"), 64, b"at most 1024 bytes")
    assert has_failed(engine.run("status"), 64, b"status needs the name of a lock")


# --- Waiting


def test_without_patience_a_busy_lock_is_named_and_nothing_is_left(engine):
    section = Section(engine)
    assert has_failed(engine.run("run", "-n", "job", "true"), 75, b"unable to lock job", b"(sh, ")
    assert has_failed(engine.run("run", "-w", "0", "-E", "3", "job", "true"), 3)
    assert engine.run("run", "-nq", "job", "true").stderr == b""
    assert engine.entries() == ["1"]
    end_of(section)


def test_a_wait_ends_at_its_time_and_gives_back_its_place(engine):
    section = Section(engine)
    result = engine.run("run", "-w", "3", "job", "true")
    assert has_failed(result, 75, b"timed out after 3s, behind pid")
    wait_until(lambda: engine.entries() == ["1"])
    assert section.runs()
    end_of(section)


def test_a_signal_ends_a_wait_and_gives_back_its_place(engine):
    section = Section(engine)
    waiter = engine.start("run", "job", "true")
    wait_until(lambda: len(engine.entries()) == 2)
    waiter.terminate()
    assert result_of(waiter).returncode == 128 + 15
    wait_until(lambda: engine.entries() == ["1"])
    assert section.runs()
    end_of(section)


def test_a_waiter_is_told_who_is_ahead_and_enters_next(engine):
    section = Section(engine)
    waiter = engine.start("run", "--progress", "job", "echo", "in")
    wait_until(lambda: len(engine.entries()) == 2)
    verbose = engine.start("run", "-v", "job", "echo", "in")
    wait_until(lambda: len(engine.entries()) == 3)
    with waiter.stderr as errors:
        assert re.match(rb"swlock: waiting for job, behind pid \d+ \(sh, ", errors.readline())
    end_of(section)
    assert waiter.wait() == 0
    result = result_of(verbose)
    assert result.returncode == 0 and result.stdout == b"in\n"
    assert b"swlock: waiting for job, behind pid" in result.stderr
    assert b"swlock: locked job (folder, exclusive)\n" in result.stderr
    assert b"swlock: released job\n" in result.stderr
    engine.nothing_left()


def test_a_message_of_ones_own_is_said_while_waiting(engine):
    section = Section(engine)
    waiter = engine.start("run", "--progress", "--message", "one moment", "job", "true")
    with waiter.stderr as errors:
        assert errors.readline() == b"one moment\n"
    end_of(section)
    assert waiter.wait() == 0


def end_of(section):
    """The command ends with KILL alone."""
    os.kill(section.command, 9)
    assert section.result()[0] == 137


@pytest.mark.parametrize("options", [["-s"], ["--slots", "2"]], ids=str)
def test_two_that_may_both_enter_do_and_a_third_kind_waits(engine, options):
    first = Section(engine, *options, log="one")
    second = Section(engine, *options, log="two")
    assert has_failed(engine.run("run", "-n", "job", "true"), 75)
    if "-s" not in options:
        assert has_failed(engine.run("run", *options, "-n", "job", "true"), 75)
    assert first.runs() and second.runs()
    end_of(first)
    end_of(second)
    engine.nothing_left()


def test_a_crowd_enters_one_by_one_in_order_of_arrival(engine, folder):
    text = 'echo "+ $SWLOCK_TOKEN"; sleep 0.01; echo "- $SWLOCK_TOKEN"'
    with open(folder / "log", "a") as log:
        crowd = [
            engine.start("run", "job", "--", "sh", "-c", text, stdout=log) for _ in range(8)
        ]  # fmt: skip
        for process in crowd:
            result = result_of(process)
            assert result.returncode == 0, result
    lines = (folder / "log").read_text().split("\n")[:-1]
    tokens = [int(line[2:]) for line in lines]
    assert lines[::2] == [f"+ {token}" for token in tokens[::2]]
    assert lines[1::2] == [f"- {token}" for token in tokens[::2]]
    assert tokens == sorted(tokens) and len(set(tokens)) == 8


# --- What comes after, and what is inside


def test_what_the_command_leaves_is_killed_unless_it_is_waited_for(engine, folder):
    leave = "(trap '' TERM; while [ ! -e stop ]; do sleep 0.02; done; touch done) & :"
    result = engine.run("run", "--kill-after", "0.1", "job", "--", "sh", "-c", leave)
    assert result.returncode == 0
    engine.nothing_left()
    assert not (folder / "done").exists()
    waiting = engine.start("run", "--leftovers=wait", "job", "--", "sh", "-c", leave)
    wait_until(lambda: engine.entries() == ["2"])
    (folder / "stop").touch()
    assert result_of(waiting).returncode == 0
    assert (folder / "done").exists()


def test_a_lock_above_is_not_waited_for_and_reentrant_relies_on_it(engine):
    inner = f"'{SWLOCK}' run -m folder"
    result = engine.script(f"'{SWLOCK}' run -m folder job -- sh -c \"{inner} job true\"")
    assert result.returncode == 75 and b"above this process" in result.stderr
    text = f"{inner} --reentrant job sh -c 'echo $SWLOCK_TOKEN; exit 4'"
    result = engine.run("run", "job", "--", "sh", "-c", text)
    assert (result.returncode, result.stdout) == (4, b"2\n")
    # Other names are other locks, and what anybody says is no proof.
    assert engine.run("run", "job", "--", "sh", "-c", f"{inner} other true").returncode == 0
    section = Section(engine)
    lie = engine.environment | {"SWLOCK_HELD": "folder=job"}
    result = engine.run("run", "--reentrant", "-n", "job", "true", env=lie)
    assert has_failed(result, 75, b"it is held by pid")
    end_of(section)


def test_runs_are_recorded(engine, folder):
    # A file of the lock's name has nothing to do with it.
    (folder / "job").write_text("")
    assert engine.run("run", "--record", "job", "job", "true").returncode == 0
    section = Section(engine)
    assert engine.run("run", "-n", "--record", "job", "job", "true").returncode == 75
    end_of(section)
    ran, busy = [json.loads(line) for line in (folder / "job").read_text().splitlines()]
    assert (ran["path"], ran["mode"], ran["outcome"], ran["status"]) == ("job", "folder", "ran", 0)
    assert (busy["outcome"], busy["status"]) == ("busy", 75)


def test_a_command_that_cannot_be_run_gives_the_lock_back(engine):
    assert has_failed(engine.run("run", "job", "./missing"), 127, b"unable to execute")
    assert engine.run("run", "--max-runtime", "0.2", "job", "sleep", "60").returncode == 124
    engine.nothing_left()


@needs_strace
@needs_static
@pytest.mark.parametrize("command", ["run", "acquire", "status"])
def test_swlock_opens_no_socket_but_a_pair(engine, folder, command):
    # What is kept here for any owner is told apart by its name alone.
    name = folder.name
    words = ["--owner", "none"] if command == "acquire" else []
    words += [name, "true"] if command == "run" else [name]
    trace = ["strace", "-f", "-o", "trace", "-e", "trace=%net,execve"]
    process = engine.swlock.begin([*trace, SWLOCK, command, "-m", "folder", *words], env=engine.environment)
    if command == "acquire":
        # Whoever releases it before acquire has returned ends that as well.
        front = wait_until(lambda: re.match(r"\d+", read(folder / "trace"))).group()
        wait_until(lambda: f"{front} +++ exited with 0 +++" in re.sub(" +", " ", read(folder / "trace")))
        assert engine.run("release", "--any", name).returncode == 0
    assert result_of(process).returncode == 0
    calls = re.findall(r"^(\d+) +(\w+)\((.*)", (folder / "trace").read_text(), re.M)
    ours = [name for _, name, _ in calls if name not in ("execve",)]
    assert "socketpair" in ours
    assert not {"socket", "connect", "bind", "accept"} & {
        name for _, name, text in calls if "AF_UNIX" not in text or name != "socketpair"}  # fmt: skip
