"""Waits for the kernel's locks that are given up: with NFS 3, Linux may then leave the lock to nobody."""

import shlex

import pytest

from conftest import FULL, eventually
from trials import MODES, VERSIONS, Section, hosts, swlock

KERNEL_MODES = [mode for mode in MODES if mode != "hardlink"]
SECONDS = 300 if FULL else 20
# Of each host for each lock.
IMPATIENT = 4


@pytest.fixture(scope="module")
def storms(world, new_folder):
    """All modes and versions at once, since each waits most of the time. Jobs and locks."""
    storms = {}
    for version in VERSIONS:
        for mode in KERNEL_MODES:
            folder = f"/mnt/{version}/{new_folder()}"
            command = shlex.join(["impatient", folder, str(SECONDS), *swlock(mode)])
            jobs = [host.start(command) for host in hosts(world) for _ in range(IMPATIENT)]
            storms[mode, version] = jobs, f"{folder}/lock"
    return storms


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("mode", KERNEL_MODES)
def test_a_wait_that_is_given_up_leaves_no_lock(world, storms, version, mode):
    jobs, lock = storms[mode, version]
    for job in jobs:
        assert job.wait(SECONDS + 120) == 0
    for host in hosts(world):
        host.check(shlex.join([*swlock(mode), "-w", "60", lock, "true"]))


@pytest.mark.parametrize("mode", KERNEL_MODES)
def test_a_server_of_nfs_3_is_not_asked_to_wait(world, new_folder, mode):
    a, b = hosts(world)
    lock = f"/mnt/3/{new_folder()}/lock"
    holder = Section(a, swlock(mode), lock)
    eventually(lambda: holder.entered, 60, "the holder enters")
    waiter = Section(b, swlock(mode), lock, 0)
    stacks = "for process in $(pidof swlock); do cat /proc/$process/stack; done"
    eventually(lambda: "nanosleep" in b.run(stacks)[1], 60, "it waits")
    assert "->" not in world.server.check("cat /proc/locks")
    holder.end()
    assert waiter.job.wait(60) == 0
