"""Fixtures for the tests on NFS. SWLOCK names the binary, CONTENDER a program of bench/ that uses the
library; SWLOCK_NFS=full asks for longer trials."""

import contextlib
import itertools
import os
import pathlib
import signal
import time

import pytest

import guests

pytest.register_assert_rewrite("trials")

from trials import VERSIONS  # noqa: E402

PROJECT = pathlib.Path(__file__).resolve().parents[2]
SWLOCK = os.environ.get("SWLOCK", str(PROJECT / "build" / "swlock"))
CONTENDER = os.environ.get("CONTENDER", str(PROJECT / ".build" / "release" / "contender"))
FULL = os.environ.get("SWLOCK_NFS") == "full"


def pytest_sessionstart(session):
    for program in SWLOCK, CONTENDER:
        if not os.access(program, os.X_OK):
            pytest.exit(f"{program} is not there: run make nfs", returncode=2)
    # All that runs is ended in these two cases, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def world():
    """The server and the hosts a and b, with /mnt/4.2 and /mnt/3; c is not booted."""
    if reason := guests.missing():
        pytest.skip(reason)
    with contextlib.closing(guests.World(SWLOCK, CONTENDER)) as world:
        try:
            world.boot(guests.SERVER, "a", "b")
        except (guests.GuestLost, TimeoutError) as error:
            pytest.skip(f"user-mode Linux does not boot: {error}")
        for name in "ab":
            for version in VERSIONS:
                world.guests[name].mount(version)
        yield world


class Figures:
    """What was measured, by name: shown at the end."""

    def __init__(self, record):
        self._record = record

    def __setitem__(self, name, value):
        self._record(name, value)


@pytest.fixture
def figures(record_property):
    return Figures(record_property)


def pytest_terminal_summary(terminalreporter):
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                for name, value in report.user_properties:
                    terminalreporter.write_line(f"{name}: {value}")


_folders = itertools.count(1)


@pytest.fixture(scope="session")
def new_folder(world):
    """Makes a folder on the server's disk, and returns its name below each mount of it."""

    def make():
        name = f"folder{next(_folders)}"
        world.server.check(f"mkdir -m 777 /srv/disk/{name}")
        return name

    return make


def eventually(condition, seconds, what):
    """Waits until the condition holds, and returns its value."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return value
