"""status --probe: which kinds of lock exclude each other in a folder."""

import json
import os
import shutil
import signal
import subprocess

import pytest

from conftest import SWLOCK, needs_root, needs_strace, needs_tool
from mounts import mounted
from observing import children_of, has_failed, name_of, nothing_left, wait_until  # noqa: F401

SFTP_SERVER = "/usr/lib/openssh/sftp-server"

# What Linux does on a disk of its own, which is the table in the man page as well.
LOCAL = """\
held/asked flock -s flock -x posix -s posix -x   ofd -s   ofd -x hardlink
flock -s       both     busy     both     both     both     both     file
flock -x       busy     busy     both     both     both     both     file
posix -s       both     both     both     busy     both     busy     file
posix -x       both     both     busy     busy     busy     busy     file
ofd -s         both     both     both     busy     both     busy     file
ofd -x         both     both     busy     busy     busy     busy     file
hardlink       both     both     both     both     both     both     busy
"""


def rows(swlock, folder, *, type=None):
    """The table of that folder; nothing is left in it."""
    result = swlock.run("status", "--probe", str(folder))
    assert result.returncode == 0 and not result.stderr, result
    assert os.listdir(folder) == []
    heading, _, text = result.stdout.decode().partition("\n")
    assert all(len(line) <= 80 for line in text.splitlines())
    if type:
        assert heading == f"{folder} ({type})"
    return "".join(line + "\n" for line in text.splitlines()[:8])


def test_the_kinds_of_lock_of_a_local_disk(swlock, folder):
    assert rows(swlock, folder) == LOCAL


@needs_root
def test_the_same_on_tmpfs(swlock, folder):
    with mounted(folder, "mount", "-t", "tmpfs", "none") as disk:
        assert rows(swlock, disk, type="tmpfs") == LOCAL


@needs_root
def test_the_same_on_overlay(swlock, folder):
    with mounted(folder, "mount", "-t", "tmpfs", "none", name="layers") as layers:
        for name in ("lower", "upper", "work"):
            (layers / name).mkdir()
        options = f"lowerdir={layers}/lower,upperdir={layers}/upper,workdir={layers}/work"
        with mounted(folder, "mount", "-t", "overlay", "-o", options, "overlay") as disk:
            assert rows(swlock, disk, type="overlay") == LOCAL


@needs_root
@needs_tool("bindfs")
def test_the_same_on_bindfs(swlock, folder):
    """For the processes of this host."""
    (folder / "source").mkdir()
    with mounted(folder, "bindfs", "source", name="view") as view:
        assert rows(swlock, view) == LOCAL


@needs_root
@needs_tool("sshfs")
@pytest.mark.skipif(not shutil.which(SFTP_SERVER), reason="needs an SFTP server")
def test_sshfs_without_proper_links_has_no_hardlink_locks(swlock, folder):
    (folder / "source").mkdir()
    (folder / "ssh").write_text(f"#!/bin/sh\nexec {SFTP_SERVER}\n")
    (folder / "ssh").chmod(0o755)
    words = ["sshfs", "-o", "disable_hardlink", "-o", f"ssh_command={folder}/ssh"]
    with mounted(folder, *words, f"host:{folder}/source", name="view") as view:
        result = swlock.run("status", "--probe", str(view))
        assert result.returncode == 0, result
        assert b"\nrefused: hardlink: " in result.stdout
        line = next(line for line in result.stdout.splitlines() if line.startswith(b"flock -x"))
        assert line.split()[2:4] == [b"busy", b"busy"]
        assert os.listdir(view) == [] and os.listdir(folder / "source") == []


def test_json_has_every_pair(swlock, folder):
    result = swlock.run("status", "--probe", "--json", ".")
    assert result.returncode == 0, result
    (found,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert found["path"] == "." and found["type"] and found["refused"] == []
    pairs = {
        tuple((pair[side]["mode"], pair[side]["shared"]) for side in ("held", "asked")): pair
        for pair in found["pairs"]
    }
    assert len(pairs) == 49 == len(found["pairs"])
    assert pairs[("posix", False), ("ofd", True)]["outcome"] == "busy"
    assert pairs[("flock", False), ("ofd", False)]["outcome"] == "both"
    assert all(pair["error"] is None for pair in found["pairs"])


@needs_strace
@pytest.mark.parametrize("error", ["ENOLCK", "EOPNOTSUPP"])
def test_what_a_file_system_refuses_is_named(folder, error):
    words = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject=flock:error={error}"]
    result = subprocess.run(
        [*words, SWLOCK, "status", "--probe", "--json", "."], cwd=folder, capture_output=True
    )
    assert result.returncode == 0, result
    found = json.loads(result.stdout)
    assert found["refused"] == [
        {"mode": "flock", "shared": shared, "error": error} for shared in (True, False)
    ]
    beside = [pair for pair in found["pairs"] if pair["asked"]["mode"] == "flock"]
    assert beside and all((pair["outcome"], pair["error"]) == ("refused", error) for pair in beside)
    assert os.listdir(folder) == []


@needs_root
def test_a_folder_without_room_for_a_lock_file_is_an_error(swlock, folder):
    with mounted(folder, "mount", "-t", "tmpfs", "-o", "nr_inodes=2", "none") as disk:
        result = swlock.run("status", "--probe", str(disk))
        assert result.returncode == 73, result
        assert b"\nrefused: posix -x: ENOSPC\n" in result.stdout
        assert os.listdir(disk) == []


@needs_strace
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_nothing_is_left(folder, number):
    """While one of its processes is in a call that lasts."""
    (folder / "disk").mkdir()
    words = ["strace", "-f", "-qq", "-o", "calls", "-e", "inject=flock:delay_enter=3000000:when=2"]
    tracer = subprocess.Popen(
        [*words, SWLOCK, "status", "--probe", "disk"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        front = wait_until(
            lambda: [pid for pid in children_of(tracer.pid) if name_of(pid) == "swlock"]
        )[0]
        wait_until(lambda: (folder / "calls").read_text().count("flock(") >= 2)
        os.kill(front, number)
        # One that comes before it is handled ends the process itself.
        assert tracer.wait(20) in (128 + number, -number)
        assert os.listdir(folder / "disk") == []
    finally:
        tracer.kill()
        tracer.communicate()


def test_without_a_folder_it_says_so(swlock, folder):
    (folder / "file").touch()
    assert has_failed(swlock.run("status", "--probe"), 64)
    assert has_failed(swlock.run("status", "--probe", "none"), 66, b"none")
    assert has_failed(swlock.run("status", "--probe", "file"), 73, b"file")


@pytest.mark.parametrize("option", ["-q", "--watch", "--sidecar"])
def test_other_options_do_not_go_with_it(swlock, option):
    assert has_failed(swlock.run("status", "--probe", option, "."), 64)


@needs_root
def test_a_folder_where_nothing_can_be_made_is_an_error(swlock, folder):
    with mounted(folder, "mount", "-t", "tmpfs", "-o", "ro", "none") as disk:
        assert has_failed(swlock.run("status", "--probe", str(disk)), 73)
    with mounted(folder, "mount", "-t", "tmpfs", "-o", "nr_inodes=1", "none", name="full") as disk:
        assert has_failed(swlock.run("status", "--probe", str(disk)), 73)
