"""A holder's host that is cut off, or lost, while a process of another host waits."""

import time

import pytest

from conftest import eventually
from guests import LEASE
from trials import MODES, VERSIONS, Section, swlock, waiting

LIFETIME, SLOP = 15, 2
HARDLINK = ["--lifetime", f"{LIFETIME}s", "--clock-slop", f"{SLOP}s"]
# How long a loaded machine may take where a promise is of so many seconds.
BUSY = 10
KERNEL = [mode for mode in MODES if mode != "hardlink"]
ALL = [(mode, version) for mode in MODES for version in VERSIONS]
# Locks of NFS 3 stay at the server until the client's host has started again.
FREED = [pair for pair in ALL if pair[0] == "hardlink" or pair[1].startswith("4")]


def words(mode):
    return swlock(mode, *(HARDLINK if mode == "hardlink" else []))


@pytest.fixture(scope="module")
def lost(world, new_folder):
    """Host a is cut off for a while, and c ends, at about the same time; b waits for both.

    Sections of the holder and of its waiter by host, mode and version, and when it happened by host.
    """
    a, b, c = (world.guests[name] for name in "abc")
    world.boot("c")
    for version in VERSIONS:
        c.mount(version)
    sections, when = {}, {}
    for mode, version in ALL:
        for host in a, c:
            lock = f"/mnt/{version}/{new_folder()}/lock"
            sections[host.name, mode, version] = [Section(host, words(mode), lock)]
    for pair in sections.values():
        eventually(lambda pair=pair: pair[0].entered, 60, "a holder enters")
    for (_, mode, _), pair in sections.items():
        pair.append(Section(b, words(mode), pair[0].lock))
    eventually(lambda: waiting(b) >= len(sections), 60, "all wait")
    world.cut("a")
    when["a"] = time.time()
    c.crash()
    when["c"] = time.time()
    pairs = [sections[host, *pair] for host in "ac" for pair in FREED]
    # Whoever is not inside then fails the test of its mode.
    end = time.monotonic() + 4 * LEASE
    while time.monotonic() < end and not all(pair[1].entered for pair in pairs):
        time.sleep(0.2)
    time.sleep(1)
    healed = time.time()
    world.heal("a")
    yield sections, when, healed
    for host, mode, version in sections:
        for section in sections[host, mode, version]:
            if section.guest is not c:
                section.end()


def after(section, moment):
    return "never" if section.entered is None else f"{section.entered - moment:.1f} s"


@pytest.mark.parametrize("version", VERSIONS)
def test_hardlink_next_one_enters_after_the_last_work_of_a_host_that_is_cut_off(
    lost, figures, version
):
    sections, when, _ = lost
    holder, waiter = sections["a", "hardlink", version]
    figures[f"hardlink on {version}, holder cut off: next enters"] = after(waiter, when["a"])
    assert waiter.entered
    assert holder.job.wait(90) == 76
    assert holder.told and holder.last_work < waiter.entered


@pytest.mark.parametrize("mode", KERNEL)
def test_kernel_lock_of_nfs_4_is_given_up_before_its_lease_is_lost(lost, figures, mode):
    sections, when, _ = lost
    holder, waiter = sections["a", mode, "4.2"]
    told = "never" if holder.told is None else f"{holder.told - when['a']:.1f} s"
    figures[f"{mode} on 4.2, holder cut off: next enters, TERM"] = (
        f"{after(waiter, when['a'])}, {told}"
    )
    assert waiter.entered
    assert holder.told and holder.told < waiter.entered
    assert holder.last_work < waiter.entered
    assert holder.job.wait(90) == 76


@pytest.mark.parametrize("mode", KERNEL)
def test_kernel_lock_of_nfs_3_stays_with_a_host_that_is_cut_off(lost, mode):
    sections, _, healed = lost
    holder, waiter = sections["a", mode, "3"]
    # Not before the host is back.
    assert waiter.entered is None or waiter.entered > healed
    assert holder.finish(60)[0] == 0
    eventually(lambda: waiter.entered, 60, "the next one enters")
    assert holder.last_work < waiter.entered


@pytest.mark.parametrize("version", VERSIONS)
def test_hardlink_lock_of_a_lost_host_is_free_after_lifetime_and_slop(lost, figures, version):
    sections, when, _ = lost
    _, waiter = sections["c", "hardlink", version]
    figures[f"hardlink on {version}, holder's host lost: next enters"] = (
        f"{after(waiter, when['c'])} (at most {LIFETIME + SLOP + 3} s)"
    )
    assert waiter.entered and waiter.entered - when["c"] < LIFETIME + SLOP + 3 + BUSY


@pytest.mark.parametrize("mode", KERNEL)
def test_kernel_lock_of_nfs_4_is_free_after_the_lease_of_a_lost_host(lost, figures, mode):
    sections, when, _ = lost
    _, waiter = sections["c", mode, "4.2"]
    figures[f"{mode} on 4.2, holder's host lost: next enters"] = after(waiter, when["c"])
    assert waiter.entered
