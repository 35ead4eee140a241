"""portage.process.spawn beside `swlock run`: the same wish, and what each makes of it.

portage is the real one, from PyPI. Where it fails, the test says so; it is there to tell when that
changes.
"""

import os
import subprocess
import sys

import pytest

from conftest import needs_root, needs_tool
from observing import appears, nothing_left, wait_until  # noqa: F401

pytest.importorskip("portage")

SPAWN = """
import sys
import portage.process
if __name__ == "__main__":
    keywords = eval(sys.argv[1])
    keywords.setdefault("fd_pipes", {0: 0, 1: 1, 2: 2})
    raise SystemExit(portage.process.spawn(sys.argv[2:], **keywords))
"""


def portage(folder, keywords, *command, **options):
    """Runs spawn(command, **keywords) in a process of its own, which exits with what it returns."""
    (folder / "spawn.py").write_text(SPAWN)
    words = [sys.executable, str(folder / "spawn.py"), repr(keywords), *command]
    options.setdefault("cwd", folder)
    return subprocess.run(words, capture_output=True, timeout=60, stdin=subprocess.DEVNULL, **options)


def both(swlock, folder, keywords, options, *command):
    """What the command writes when portage starts it, and when swlock does."""
    theirs = portage(folder, {"env": dict(os.environ), **keywords}, *command)
    ours = swlock.run("run", *options, "lock", "--", *command)
    return theirs.stdout.decode(), ours.stdout.decode()


def test_a_creation_mask_of_0_is_honoured(swlock, folder):
    command = ["/bin/sh", "-c", "umask"]
    assert both(swlock, folder, {"umask": 0o27}, ["--umask=27"], *command) == ("0027\n", "0027\n")
    theirs, ours = both(swlock, folder, {"umask": 0}, ["--umask=0"], *command)
    assert ours == "0000\n" and theirs != ours


def test_folder_name_and_environment(swlock, folder):
    (folder / "inside").mkdir()
    keywords = {"cwd": f"{folder}/inside", "opt_name": "other", "env": {"A": "b", "PATH": "/bin"}}
    options = ["--chdir=inside", "--argv0=other", "--clear-env", "--env=A=b", "--env=PATH=/bin"]
    command = ["/bin/sh", "-c", "echo $0 $A $PWD"]
    said = f"other b {folder}/inside\n"
    assert both(swlock, folder, keywords, options, *command) == (said, said)


@needs_root
def test_a_user_does_not_keep_roots_groups(swlock, folder):
    folder.chmod(0o777)
    show = ["/bin/grep", "-E", "^(Uid|Gid|Groups):", "/proc/self/status"]
    theirs, ours = both(swlock, folder, {"uid": 65534}, ["--user=nobody"], *show)
    assert "65534" in theirs.splitlines()[0] and theirs.splitlines()[1].split()[1:] == ["0"] * 4
    assert all("65534" in line and " 0" not in line for line in ours.splitlines())


def test_descriptors(swlock, folder):
    command = ["/bin/sh", "-c", "echo out; echo error >&2"]
    keywords = {"fd_pipes": {1: 2, 2: 1}, "env": dict(os.environ)}
    theirs = portage(folder, keywords, *command)
    ours = swlock.run("run", "--fd", "1=2", "--fd", "2=1", "lock", "--", *command)
    assert (theirs.stdout, theirs.stderr) == (ours.stdout, ours.stderr) == (b"error\n", b"out\n")


def test_no_signal_stays_ignored(swlock, folder):
    """Python ignores XFSZ, and portage lets its commands inherit that."""
    show = ["/bin/grep", "SigIgn", "/proc/self/status"]
    theirs, ours = both(swlock, folder, {}, [], *show)
    xfsz = 1 << (25 - 1)
    assert int(theirs.split()[1], 16) & xfsz and int(ours.split()[1], 16) == 0


def test_what_cannot_be_had_stops_the_command(swlock, folder):
    result = portage(folder, {"env": dict(os.environ), "cwd": "/no/such/folder"}, "/bin/echo", "ran")
    assert result.stdout == b"" and result.returncode != 0
    result = swlock.run("run", "--chdir=/no/such/folder", "lock", "--", "/bin/echo", "ran")
    assert (result.returncode, result.stdout) == (71, b"")


@needs_tool("bash")
def test_bash(swlock, folder):
    (folder / "spawn.py").write_text(SPAWN.replace(".spawn(sys.argv[2:]", ".spawn_bash(sys.argv[2]"))
    words = [sys.executable, "spawn.py", repr({"env": dict(os.environ), "debug": True}), "echo hello"]
    theirs = subprocess.run(words, cwd=folder, capture_output=True)
    ours = swlock.run("run", "--trace", "lock", "--", "echo hello")
    assert (theirs.stdout, theirs.stderr) == (ours.stdout, ours.stderr) == (b"hello\n", b"+ echo hello\n")


def test_a_program_is_found_and_folders_are_passed_over(swlock, folder):
    (folder / "one" / "tool").mkdir(parents=True)
    (folder / "two").mkdir()
    (folder / "two" / "tool").write_text("#!/bin/sh\necho here\n")
    (folder / "two" / "tool").chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}/one:{folder}/two:/bin"}
    theirs = portage(folder, {"env": environment}, "tool", env=environment)
    ours = swlock.run("run", "lock", "tool", env=environment)
    assert (theirs.stdout, ours.stdout) == (b"here\n", b"here\n")


@pytest.mark.parametrize("command, status", [("exit 7", 7), ("kill -TERM $$", 143)])
def test_how_the_command_ended(swlock, folder, command, status):
    theirs = portage(folder, {"env": dict(os.environ)}, "/bin/sh", "-c", command)
    assert swlock.run("run", "lock", "-c", command).returncode == status
    # portage returns -15 for a signal.
    assert theirs.returncode == (7 if status == 7 else 256 - 15)


def test_a_program_that_is_not_there(swlock, folder):
    theirs = portage(folder, {"env": dict(os.environ)}, "swlock-no-such-program")
    assert b"CommandNotFound" in theirs.stderr
    assert swlock.run("run", "lock", "swlock-no-such-program").returncode == 127


def test_a_log(swlock, folder):
    keywords = {"logfile": f"{folder}/theirs"}
    command = ["/bin/sh", "-c", "echo out; echo error >&2"]
    theirs, ours = both(swlock, folder, keywords, ["--log=ours"], *command)
    # portage has one pipe for both, and shows both on standard output.
    assert (theirs, ours) == ("out\nerror\n", "out\n")
    assert (folder / "theirs").read_text() == "out\nerror\n"
    assert sorted((folder / "ours").read_text().split()) == ["error", "out"]


def test_a_leftover_that_keeps_the_log_open(swlock, folder):
    """portage waits for its tee(1), and so for whoever still has the pipe."""
    command = ["/bin/sh", "-c", "(until [ -e go ]; do sleep 0.01; done; echo late) & echo early"]
    (folder / "spawn.py").write_text(SPAWN)
    keywords = repr({"env": dict(os.environ), "logfile": f"{folder}/theirs"})
    null = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    words = [sys.executable, str(folder / "spawn.py"), keywords, *command]
    with subprocess.Popen(words, cwd=folder, **null) as theirs:
        appears(folder / "theirs")
        ours = swlock.start("run", "--log=ours", "lock", "--", *command, **null)
        assert ours.wait(timeout=10) == 0
        assert theirs.poll() is None
        (folder / "go").touch()
        assert theirs.wait(timeout=10) == 0
    for name in ("ours", "theirs"):
        wait_until(lambda: (folder / name).read_text() == "early\nlate\n")  # noqa: B023


def test_a_log_on_a_full_disk(swlock, folder):
    """portage's tee(1) goes on as well, but its status is the command's then."""
    command = ["/bin/sh", "-c", "echo out; exit 3"]
    keywords = {"env": dict(os.environ), "logfile": "/dev/full"}
    theirs = portage(folder, keywords, *command)
    ours = swlock.run("run", "--log=/dev/full", "lock", "--", *command)
    assert theirs.stdout == ours.stdout == b"out\n"
    assert ours.returncode == 3 and ours.stderr.count(b"\n") == 1
    assert theirs.returncode == 1
