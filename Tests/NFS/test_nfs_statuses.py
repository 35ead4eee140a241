"""What goes wrong at the server has the documented status, and one line says so."""

import json

import pytest

from conftest import eventually
from trials import VERSIONS, Section, swlock


def refused(guest, status, lock, *options):
    """Asserts that the lock cannot be had, with that status and one line that names it."""
    command = f"swlock run {' '.join(options)} -w 20 {lock} -- true"
    assert_one_line(*guest.run(command), status, lock)


def assert_one_line(got, output, status, lock):
    assert got == status, output
    (line,) = output.splitlines()
    assert line.startswith("swlock: ") and lock in line


@pytest.fixture(scope="module", params=VERSIONS)
def version(request):
    return request.param


@pytest.fixture(scope="module")
def exports(world, version):
    """Where the exports are mounted on a, by name."""
    guest = world.guests["a"]
    return {
        export: guest.mount(version, export=export, at=f"/mnt/{version}-{export}")
        for export in ["full", "readonly", "squash"]
    }


def test_full_disk(world, exports):
    world.server.run("cat /dev/zero >/srv/full/zeros; mkdir -m 777 /srv/full/folder")
    refused(world.guests["a"], 73, f"{exports['full']}/lock", "-m", "hardlink")


def test_probe_of_a_full_disk_says_so(world, exports):
    world.server.run("cat /dev/zero >/srv/full/zeros")
    output = world.guests["a"].run(f"swlock status --probe {exports['full']}")[1]
    assert "ended" not in output


@pytest.mark.parametrize("mode", ["flock", "posix", "ofd", "hardlink"])
def test_read_only_export(world, exports, mode):
    refused(world.guests["a"], 73, f"{exports['readonly']}/new", "-m", mode)


def test_squashed_root_may_use_a_folder_for_all(world, exports):
    place = f"{exports['squash']}/open"
    world.server.check("mkdir -p -m 777 /srv/squash/open")
    for mode in ["flock", "hardlink"]:
        status, output = world.guests["a"].run(f"swlock run -m {mode} {place}/{mode} -- true")
        assert (status, output) == (0, "")


@pytest.mark.parametrize("mode", ["flock", "posix", "ofd", "hardlink"])
def test_squashed_root_is_not_permitted_elsewhere(world, exports, mode):
    place = f"{exports['squash']}/closed"
    world.server.check("mkdir -p -m 755 /srv/squash/closed")
    refused(world.guests["a"], 77, f"{place}/lock", "-m", mode)


def test_folder_removed_by_another_host(world, version, new_folder):
    a, b = world.guests["a"], world.guests["b"]
    name = new_folder()
    lock = f"/mnt/{version}/{name}/lock"
    words = swlock("hardlink", "--lifetime", "3s", "--clock-slop", "1s")
    holder = Section(a, words, lock)
    eventually(lambda: holder.entered, 30, "the holder enters")
    waiter = b.start(f"{' '.join(words)} {lock} -- true")
    eventually(lambda: "|b|" in world.server.check(f"ls /srv/disk/{name}"), 30, "the other waits")
    world.server.check(f"rm -r /srv/disk/{name}")
    assert holder.job.wait(60) == 76
    # That it was lost, and what became of the command: each once.
    said = [line for line in holder.job.output.splitlines() if line.startswith("swlock: ")]
    assert len(said) <= 2 and len(set(said)) == len(said), said
    assert_one_line(waiter.wait(60), waiter.output, 73, lock)


@pytest.mark.parametrize("sharing", ["exclusive", "shared"])
@pytest.mark.parametrize("mode", ["flock", "posix", "ofd"])
def test_kernel_lock_of_another_host_is_seen_and_left_alone(world, version, new_folder, mode, sharing):
    a, b = world.guests["a"], world.guests["b"]
    lock = f"/mnt/{version}/{new_folder()}/lock"
    holder = Section(a, swlock(mode, f"--{sharing}"), lock)
    eventually(lambda: holder.entered, 30, "the holder enters")
    # The server that is tried here does not tell of a shared lock with NFS 3.
    is_told = (version, sharing) != ("3", "shared")
    output = b.check(f"swlock status --json {lock}")
    report = json.loads(output)
    assert (report["held"], report["state"] == "held") == (is_told, is_told), output
    assert report["elsewhere"] == (sharing if is_told else "unknown"), output
    text = "on another host" if is_told else "locks of other hosts are not seen here"
    assert text in b.check(f"swlock status {lock}")
    assert_one_line(*b.run(f"swlock break --kill {lock}"), 75 if is_told else 69, lock)
    assert b.run(f"swlock cleanup --unused {lock}")[0] == 69
    assert b.run(f"swlock run -m {mode} -n {lock} -- true")[0] == 75
    assert holder.finish()[0] == 0
    report = json.loads(b.check(f"swlock status --json {lock}"))
    assert (report["held"], report["elsewhere"]) == (False, "none" if version == "4.2" else "unknown")
