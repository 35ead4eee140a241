"""A nested lock names the ancestor that has it, never the process that asks; a lock that one has already."""

import os
import re
import subprocess

import pytest

from conftest import SWLOCK
from observing import has_failed

MODES = ["flock", "posix", "ofd", "hardlink"]


@pytest.fixture
def call(folder):
    """Runs swlock by a name that is short enough to be seen whole in messages."""
    (folder / "b").mkdir()
    (folder / "b" / "swlock").symlink_to(SWLOCK)

    def call(*words):
        return subprocess.run(words, cwd=folder, capture_output=True, timeout=60)

    return call


def named(line):
    """The process that a line says to have the lock, and its command."""
    found = re.search(rb"held by pid (\d+) \(([^)]*), \w+", line)
    if found:
        return int(found[1]), found[2].decode()
    found = re.search(rb"held[ \w]* by (.*) \(pid (\d+), \w+", line)
    return int(found[2]), found[1].decode()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("wait", [["-n"], ["-w", "9", "--progress"]])
def test_a_command_that_is_swlock_names_the_one_that_called_it(call, mode, wait):
    outer = ["b/swlock", "run", "-m", mode, "L", "--"]
    result = call(*outer, "b/swlock", "run", "-m", mode, *wait, "L", "true")
    assert result.returncode == 75
    lines = result.stderr.splitlines()
    assert lines[-1].startswith(b"swlock: unable to lock L: it is held by pid ")
    for line in lines:
        assert named(line)[1].startswith(" ".join(outer)), line
    if wait != ["-n"]:
        assert lines[-1].endswith(b"which waits for this process (--reentrant goes on without)")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("command", ["run", "acquire"])
@pytest.mark.parametrize("wait", ["-n", "-w 9 --progress"])
def test_a_script_under_the_lock_is_named_or_its_swlock(call, mode, command, wait):
    rest = "true" if command == "run" else ""
    script = f"echo $$ $PPID; b/swlock {command} -m {mode} {wait} L {rest}; echo $?"
    result = call("b/swlock", "run", "-m", mode, "L", "--", "sh", "-c", script)
    shell, parent, status = map(int, result.stdout.split())
    assert status == 75
    for line in result.stderr.splitlines():
        process, words = named(line)
        # Of a lock that the command does not inherit, the one that called its holder.
        is_front = words.startswith(f"b/swlock run -m {mode} L")
        assert process in (shell, parent) or is_front, line


@pytest.mark.parametrize("mode", MODES)
def test_an_acquired_lock_names_the_script(call, mode):
    script = f"""
        echo $$
        b/swlock acquire -m {mode} --lifetime 0 L 2>/dev/null || b/swlock acquire -m {mode} L
        b/swlock run -m {mode} -n L true
        b/swlock run -m {mode} -w 9 --progress L true
        b/swlock release L
    """
    result = call("sh", "-c", script)
    shell = int(result.stdout)
    lines = result.stderr.splitlines()
    assert len(lines) >= 2 and {named(line)[0] for line in lines} == {shell}


def test_a_lock_that_only_this_process_has_inherited_is_said_to_be_so(call):
    script = "exec 9>L; b/swlock acquire --fd 9; exec b/swlock run {} L true"
    for wait in ("-n", "-w 9"):
        result = call("bash", "-c", script.format(wait))
        assert has_failed(result, 75, b"this process has inherited it itself, and nobody else has it")


# ---- A lock that one has already


@pytest.mark.parametrize("mode", MODES[:3])
@pytest.mark.parametrize("first, second", ["sx", "xs", "xx"])
@pytest.mark.parametrize("wait", ["-n", "-w 9", "-n -E 5"])
def test_a_script_that_has_it_hears_how_to_convert_it(call, mode, first, second, wait):
    script = f"""
        echo $$
        b/swlock acquire -m {mode} -{first} L
        b/swlock acquire -m {mode} -{second} {wait} L
        echo $?
        b/swlock status L | sed -n 2p
        b/swlock release L
    """
    result = call("sh", "-c", script)
    shell, status, *held = result.stdout.decode().split()
    assert int(status) == (5 if "-E" in wait else 75)
    kind = {"s": "shared", "x": "exclusive"}[first]
    # The lock that it has stays.
    assert held[:2] == [f"{mode},", f"{kind},"]
    said = f"swlock: unable to lock L: pid {shell} (sh -c "
    assert result.stderr.startswith(said.encode()) and b" has it already" in result.stderr
    hint = f", {kind}: release it first, and others may have it in between; acquire --fd converts a lock\n"
    assert result.stderr.endswith(hint.encode()) == (first != second)


def converted(call, *steps, mode="flock"):
    """What becomes of the shared lock of descriptor 9 while another one, of 8, is in the way."""
    begin = f"exec 8<>L 9<>L; a() {{ b/swlock acquire -m {mode} --fd \"$@\"; }}; a 9 -s; a 8 -s"
    return call("bash", "-c", "; ".join([begin, *steps]))


KINDS = "b/swlock status L | sed -n 's/^  [a-z]*, \\([a-z]*\\).*/\\1/p'"


@pytest.mark.parametrize("quiet", [[], ["-q"]])
def test_a_shared_lock_that_could_not_be_converted_is_not_lost_in_silence(call, quiet):
    again = b"the shared lock of descriptor 9 is held again, and others may have had it in between\n"
    result = converted(call, f"a 9 -n -x {' '.join(quiet)}; echo $?", KINDS)
    assert result.stdout == b"75\nshared\nshared\n"
    if quiet:
        assert result.stderr == b"swlock: " + again
    else:
        assert result.stderr.startswith(b"swlock: unable to lock /proc/self/fd/9: it is held by pid ")
        assert result.stderr.endswith(b"; " + again)


def test_a_shared_lock_is_given_up_while_the_exclusive_one_is_waited_for(call):
    given = b"swlock: the shared lock of descriptor 9 is given up while the exclusive one is waited for\n"
    result = converted(call, "a 9 -w 0.2 -x; echo $?", KINDS)
    assert result.stdout == b"75\nshared\nshared\n"
    assert result.stderr.startswith(given) and b"timed out" in result.stderr
    result = converted(call, "b/swlock release --fd 8; a 9 -x; echo $?", KINDS)
    assert (result.stdout, result.stderr) == (b"0\nexclusive\n", b"")


def test_a_shared_lock_that_was_lost_is_said_to_be_lost(call):
    """While it was waited for, another one got the lock."""
    wait = 'until grep -q -- "-> FLOCK .*:$(stat -c %i L) " /proc/locks; do sleep 0.05; done'
    other = f"(exec 9>&-; {wait}; a 8 -x; exec sleep 1000 >/dev/null 2>&1) & a 9 -w 3 -x; echo $?; kill $!; wait $!"
    result = converted(call, other, "exec 8>&-; a 9 -x; echo $?")
    assert result.stdout == b"75\n0\n"
    assert result.stderr.rstrip().endswith(b"the shared lock of descriptor 9 is lost")


def test_a_record_lock_stays_when_it_could_not_be_converted(call):
    result = converted(call, "a 9 -n -x; echo $?", KINDS, mode="ofd")
    assert result.stdout.splitlines()[:2] == [b"75", b"shared"]
    assert b"descriptor 9" not in result.stderr


# ---- The folder's own name


def test_a_sidecar_of_the_folder_that_one_is_in_has_its_name(swlock, folder):
    inside = folder / "job" / "deep"
    inside.mkdir(parents=True)
    (folder / "link").symlink_to("job/deep")
    for path, where in {
        ".": inside,
        "./": inside,
        "..": folder / "job",
        "../.": folder / "job",
        "../deep/../": folder / "job",
        "../../link/.": inside,
    }.items():
        sidecar = where.parent / f".{where.name}.swlock"
        result = swlock.run("run", "--sidecar", path, "--", "sh", "-c", 'echo "$SWLOCK_PATH"', cwd=inside)
        assert (result.returncode, result.stdout) == (0, os.fsencode(sidecar) + b"\n"), result.stderr
        assert sidecar.exists()
    assert has_failed(swlock.run("run", "--sidecar", "/", "true"), 64, b"has no name that")
