"""Mounts inside the folder of a test."""

import contextlib
import subprocess

import pytest


@contextlib.contextmanager
def mounted(folder, *words, name="disk"):
    """Mounts something at a new folder in the test's; the mount goes with the test."""
    disk = folder / name
    disk.mkdir()
    mount = subprocess.run([*words, str(disk)], capture_output=True, cwd=folder, check=False)
    if mount.returncode:
        pytest.skip(f"{words[0]}: {mount.stderr.decode(errors='replace').strip()}")
    try:
        yield disk
    finally:
        # By force: a process in another test's mount namespace may have a copy of it, with which a server in user space
        # would live on.
        subprocess.run(["umount", "-f", "-l", str(disk)], check=True)
