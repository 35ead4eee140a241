"""Wrappers killed under load: no two sections ever overlap, and nothing is left behind.

SWLOCK_STORM_SECONDS is how long each storm lasts.
"""

import os

import pytest

from conftest import needs_root, needs_tool
from observing import PATIENCE
from sections import Storm, any_process_of, the_wrapper

SECONDS = float(os.environ.get("SWLOCK_STORM_SECONDS", "4"))

OPTIONS = {
    "default": [],
    "close": ["--close"],
    "posix": ["-m", "posix"],
    "ofd": ["-m", "ofd"],
}


@pytest.mark.parametrize("name", OPTIONS)
def test_no_sections_overlap_while_wrappers_are_killed(swlock, folder, name):
    storm = Storm(folder, [swlock.binary, "run", *OPTIONS[name], "lock", "--"], depth=2)
    storm.rage(SECONDS, the_wrapper)
    assert storm.hits > 0 and storm.count("enter") > storm.hits
    assert storm.count("overlap") == 0
    # Killed, or not reached.
    assert storm.statuses <= {0, -9}, storm.errors.read_text()
    assert storm.errors.read_bytes() == b""
    assert storm.left_behind() == ["lock"]


@pytest.mark.parametrize("name", ["close", "posix"])
def test_no_sections_overlap_while_any_process_of_the_wrapper_is_killed(swlock, folder, name):
    storm = Storm(folder, [swlock.binary, "run", *OPTIONS[name], "lock", "--"], depth=2)
    storm.rage(SECONDS, any_process_of(swlock.binary))
    assert storm.hits > 0 and storm.count("enter") > storm.hits
    assert storm.count("overlap") == 0
    # Killed: swlock, or its command.
    assert storm.statuses <= {0, -9, 137}, storm.errors.read_text()
    assert storm.left_behind() == ["lock"]


@needs_root
@pytest.mark.parametrize("name", ["default", "close"])
def test_no_sections_overlap_in_pid_namespaces_whose_init_is_killed(swlock, folder, name):
    prefix = [swlock.binary, "run", *OPTIONS[name], "--unshare", "pid", "lock", "--"]
    storm = Storm(folder, prefix, depth=2)
    storm.rage(SECONDS, any_process_of(swlock.binary))
    assert storm.hits > 0 and storm.count("enter") > storm.hits
    assert storm.count("overlap") == 0
    # 71 if there was no command yet.
    assert storm.statuses <= {0, -9, 71, 137}
    assert storm.left_behind() == ["lock"]


def test_no_sections_overlap_while_eight_loops_unlink_the_lock_file(swlock, folder):
    storm = Storm(folder, [swlock.binary, "run", "--unlink", "lock", "--"], depth=2, loops=8)
    storm.rage(SECONDS)
    assert storm.count("enter") > 0
    assert storm.count("overlap") == 0
    assert storm.statuses == {0}
    assert storm.errors.read_bytes() == b""
    # Of two that meet at each of their attempts, none removes it.
    assert swlock.run("run", "-n", "--unlink", "area/lock", "--", "true").returncode == 0
    assert storm.left_behind() == []


def test_no_sections_overlap_while_wrappers_that_unlink_are_killed(swlock, folder):
    storm = Storm(folder, [swlock.binary, "run", "--unlink", "lock", "--"], depth=2, loops=8)
    storm.rage(SECONDS, the_wrapper)
    assert storm.hits > 0 and storm.count("enter") > storm.hits
    assert storm.count("overlap") == 0
    # Killed, or not reached.
    assert storm.statuses <= {0, -9}, storm.errors.read_text()
    assert storm.errors.read_bytes() == b""
    assert swlock.run("run", "-n", "--unlink", "area/lock", "--", "true").returncode == 0
    assert storm.left_behind() == []


def test_storm_sees_sections_overlap_without_a_lock(folder):
    storm = Storm(folder, [])
    storm.rage(PATIENCE, until_overlap=True)
    assert storm.count("overlap") > 0


@needs_tool("flock")
def test_storm_sees_sections_overlap_where_the_lock_file_is_just_removed(folder):
    storm = Storm(folder, ["sh", "-c", 'flock lock "$@"; rm -f lock', "sh"], depth=2, loops=8)
    storm.rage(PATIENCE, until_overlap=True)
    assert storm.count("overlap") > 0


@needs_tool("flock")
def test_storm_sees_sections_overlap_where_a_killed_wrapper_held_the_lock(folder):
    storm = Storm(folder, ["flock", "-o", "lock"])
    storm.rage(PATIENCE, the_wrapper, until_overlap=True)
    assert storm.count("overlap") > 0
