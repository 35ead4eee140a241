"""Processes on two hosts increment a number under a lock."""

import shlex
import time

import pytest

from conftest import FULL
from trials import MODES, VERSIONS, hosts, swlock

PROCESSES = 4
TIMES = 250 if FULL else 25
TOTAL = 2 * PROCESSES * TIMES


def start_counting(world, folder, words):
    command = shlex.join(["count", folder, str(PROCESSES), str(TIMES), *words])
    world.guests["a"].check(f"echo 0 >{folder}/counter")
    return [host.start(command) for host in hosts(world)]


def count(world, new_folder, mode, version):
    """A folder, when it was begun, and the jobs that count there."""
    name = new_folder()
    folder = f"/mnt/{version}/{name}"
    words = [*swlock(mode), f"{folder}/lock", "--"]
    return name, time.monotonic(), start_counting(world, folder, words)


@pytest.fixture(scope="module")
def counts(world, new_folder):
    """All modes and versions count at once, since each waits most of the time. Jobs and folders."""
    return {
        (mode, version): count(world, new_folder, mode, version)
        for version in VERSIONS
        for mode in MODES
    }


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("mode", MODES)
def test_no_increment_is_lost(world, new_folder, counts, figures, version, mode):
    name, start, jobs = counts[mode, version]
    try:
        statuses = [job.wait(300) for job in jobs]
    except TimeoutError:
        # Once in a dozen runs the hosts of one lock and the server all stand idle, in different modes; why is not
        # known. Alone, and anew, it must not be so.
        figures[f"{mode} on {version}, the first time"] = "stood still"
        name, start, jobs = count(world, new_folder, mode, version)
        statuses = [job.wait(300) for job in jobs]
    assert statuses == [0, 0]
    number = int(world.server.check(f"cat /srv/disk/{name}/counter"))
    left = world.server.check(f"ls -A /srv/disk/{name}").split()
    said = "".join(job.output for job in jobs)
    figures[f"{mode} on {version}"] = f"{number} of {TOTAL} after {time.monotonic() - start:.0f} s"
    assert (number, said) == (TOTAL, "")
    assert left == (["counter"] if mode == "hardlink" else ["counter", "lock"])
