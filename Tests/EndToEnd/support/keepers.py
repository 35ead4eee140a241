"""The processes that keep a lock in the kernel's modes for its owner."""

import os
import pathlib

import pytest

from observing import end, every_pid, is_alive, nothing_left, wait_until  # noqa: F401


def words_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
    except (FileNotFoundError, ProcessLookupError):
        return []


def keepers(folder):
    """The processes that keep a lock in this folder."""
    place = os.fsencode(str(folder))
    found = []
    for pid in every_pid():
        words = words_of(pid)
        if words[:2] == [b"swlock", b"hold"] and words[2].startswith(place) and is_alive(pid):
            found.append(pid)
    return found


@pytest.fixture(autouse=True)
def no_keepers_left(folder, nothing_left):
    """Keepers have no working folder in the test's, so `nothing_left` would not see them."""
    yield
    try:
        wait_until(lambda: not keepers(folder), timeout=10)
    finally:
        for pid in keepers(folder):
            end(pid)
