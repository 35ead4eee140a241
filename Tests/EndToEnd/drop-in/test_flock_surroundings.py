"""swlock in the place of flock(1): its clock, its name, its errors."""

import errno
import os
import shutil
import subprocess

import pytest

from conftest import needs_root, needs_tool

STRANGER = 54321


@pytest.mark.parametrize("seconds", ["9223372036.5", "9223372036.9", "9223372037"])
def test_flock_waits_longer_than_its_clock_can_count(swlock, folder, seconds):
    assert swlock.run("as", "flock", "-w", seconds, "lock", "true").returncode == 0


@needs_root
@needs_tool("setpriv")
def test_flock_names_what_keeps_it_from_opening_anew(swlock, folder):
    folder.chmod(0o755)
    shutil.copy(swlock.binary, folder / "flock")
    (folder / "owned").mkdir(mode=0o755)
    user = ["setpriv", "--reuid", str(STRANGER), "--regid", str(STRANGER), "--clear-groups"]
    command = [*user, folder / "flock", "--fcntl", "owned", "true"]
    result = subprocess.run(command, cwd=folder, capture_output=True, timeout=30)
    assert result.returncode == 65
    assert result.stderr == b"flock: owned: %s\n" % os.strerror(errno.EACCES).encode()


def test_a_drop_in_may_be_named_by_its_path(swlock):
    assert b"util-linux" in swlock.run("as", "/usr/bin/flock", "-V").stdout
