"""Locks of flufl.lock whose claims have another separator than `|`, or a relative path; and files that are in
the way of a `hardlink` lock and are none."""

import os
import sys

import pytest

from hardlink_world import BUSY, FLUFL, QUICK, SETTLE, kill_all, left_in, set_expiry, under, watches
from observing import PATIENCE, has_failed, make_fifo, make_socket, nothing_left, wait_until  # noqa: F401
from sections import INCREMENT, begin, count_in_loops, finish, hold, is_inside, wait_until_inside

pytestmark = pytest.mark.timeout(2 * PATIENCE)

SEPARATORS = ["+", "-", "^", "::", ".", "x1", "%|%"]
each_separator = pytest.mark.parametrize("separator", SEPARATORS)


def flufl(path="lock", separator="+", lifetime=60):
    """The prefix of a command under a lock of flufl.lock; a relative path stays relative."""
    environment = ["env", f"SEPARATOR={separator}"]
    return [*environment, sys.executable, "-c", FLUFL, str(path), str(lifetime), ""]


def is_refused(swlock, *options):
    words = ["run", *options, "lock", "touch", "ran"]
    result = swlock.run(*words)
    assert (result.returncode == 0) == (swlock.folder / "ran").exists(), result
    # That is what is asked.
    assert result.returncode in (0, BUSY), result
    return result.returncode == BUSY


@each_separator
@pytest.mark.parametrize("relative", [False, True], ids=["absolute", "relative"])
def test_a_lock_with_another_separator_is_held_and_waited_for(swlock, folder, separator, relative):
    path = "lock" if relative else folder / "lock"
    holder = hold(swlock, flufl(path, separator))
    for mode in ("hardlink", "auto"):
        for options in (["-n"], ["-w", "0.2"]):
            assert is_refused(swlock, "-m", mode, *options)
    text = swlock.run("status", "lock").stdout.decode()
    assert "held by the owner of lock" in " ".join(text.split()) and "expires in" in text, text
    assert swlock.run("status", "-q", "lock").returncode == 0
    # Nothing is known of its owner: it may live.
    assert has_failed(swlock.run("break", "lock"), BUSY, b"may be alive")
    before = sorted(os.listdir(folder))
    assert swlock.run("cleanup", ".").stdout == b"0 removed\n"
    assert swlock.run("cleanup", "--unused", "lock").stdout == b"0 removed\n"
    assert sorted(os.listdir(folder)) == before
    waiter = begin(swlock, under(*QUICK))
    wait_until(lambda: watches(waiter), "swlock waits")
    assert not is_inside(waiter)
    finish(holder)
    wait_until_inside(waiter)
    finish(waiter)
    assert left_in(folder) == []


def test_a_relative_path_with_the_usual_separator_is_a_lock_like_any_other(swlock, folder):
    holder = hold(swlock, flufl("lock", "|"))
    assert is_refused(swlock, "-m", "auto", "-n")
    assert f"held by pid {holder.pid} on " in swlock.run("status", "lock").stdout.decode()
    finish(holder)


@each_separator
def test_a_dead_owner_of_whom_nothing_is_known_keeps_its_lock_until_it_is_overdue(
    swlock, folder, separator
):
    holder = hold(swlock, flufl(folder / "lock", separator))
    kill_all(holder)
    assert is_refused(swlock, "-m", "hardlink", *QUICK, "-w", "0.3")
    assert has_failed(swlock.run("break", *SETTLE, "lock"), BUSY)
    # Nor is it taken over then: flufl.lock does that for itself.
    set_expiry(folder / "lock", -86400)
    assert is_refused(swlock, "-m", "hardlink", *QUICK, "-w", "0.3")
    assert swlock.run("break", *SETTLE, "--force", "lock").returncode == 0
    assert left_in(folder) == []
    assert not is_refused(swlock, "-m", "hardlink", "-n")


@each_separator
def test_flufl_waits_for_swlock_and_swlock_settles_beside_it(swlock, folder, separator):
    holder = hold(swlock, under("--lifetime", "60s"))
    waiter = begin(swlock, flufl(folder / "lock", separator))
    start = f"lock{separator}"
    wait_until(lambda: any(name.startswith(start) for name in os.listdir(folder)), "flufl.lock waits")
    assert not is_inside(waiter)
    finish(holder)
    wait_until_inside(waiter)
    assert is_refused(swlock, "-m", "auto", "-n")
    finish(waiter)
    assert left_in(folder) == []


def claim_of_a_waiter(folder, separator="+"):
    """As flufl.lock makes it, whose process is gone."""
    name = f"lock{separator}elsewhere.example{separator}4711{separator}1234567890"
    (folder / name).write_text(str(folder / name))
    return folder / name


def test_swlock_takes_its_time_where_such_a_client_may_be_about_to_break_the_lock(swlock, folder):
    words = ["run", "-m", "hardlink", "--settle", "30s", "-w", "0.3", "lock", "true"]
    assert swlock.run(*words).returncode == 0
    claim = claim_of_a_waiter(folder)
    assert swlock.run(*words).returncode == BUSY
    claim.write_text("data")
    assert swlock.run(*words).returncode == 0
    assert left_in(folder) == [claim.name]


def test_no_increment_is_lost_between_swlock_and_flufl_with_another_separator(swlock, folder):
    either = ["sh", "-c", 'n=$(($$ % 2)); [ $n = 0 ] && exec sh -c "$1" || exec sh -c "$2"', "sh"]
    prefixes = [under("--lifetime", "60s"), flufl(folder / "lock", "+")]
    both = [" ".join(f"'{word}'" for word in [*prefix, *INCREMENT]) for prefix in prefixes]
    number, _ = count_in_loops(folder, 6, 3, [*either, *both])
    assert number == "18"
    assert left_in(folder) == []


# What is no lock


@pytest.mark.parametrize("content", ["data", "1234\n", "{}", "{}|h|1", "/elsewhere/other"])
def test_data_with_two_links_are_no_lock(swlock, folder, content):
    (folder / "lock").write_text(content.format(folder / "lock"))
    os.link(folder / "lock", folder / "copy")
    assert not is_refused(swlock, "-m", "auto", "-n")
    result = swlock.run("run", "-m", "hardlink", "lock", "touch", "ran2")
    assert has_failed(result, 65) and not (folder / "ran2").exists()
    assert has_failed(swlock.run("break", "--force", "lock"), 65)
    assert sorted(os.listdir(folder)) == ["copy", "lock", "ran"]


def test_data_that_name_another_file_are_no_lock(swlock, folder):
    (folder / "lock").write_text(str(folder / "other"))
    os.link(folder / "lock", folder / "copy")
    (folder / "other").touch()
    assert not is_refused(swlock, "-m", "auto", "-n")


def make_file(path):
    path.write_text("data")


def make_link(path):
    path.symlink_to("nowhere")


OBSTACLES = {
    "an empty file": lambda path: path.touch(),
    "a file with other contents": make_file,
    "a directory": lambda path: path.mkdir(),
    "a symbolic link": make_link,
    "a FIFO": make_fifo,
    "a FIFO, a socket": make_socket,
}


@pytest.mark.parametrize("what", OBSTACLES)
@pytest.mark.parametrize("options", [[], ["-n"], ["-w", "60"]], ids=["plain", "-n", "-w"])
def test_what_is_in_the_way_is_named_at_once(swlock, folder, what, options):
    OBSTACLES[what](folder / "lock")
    before = os.lstat(folder / "lock")
    for words in (["run"], ["acquire", "--owner", "none"]):
        command = ["touch", "ran"] if words == ["run"] else []
        result = swlock.run(*words, "-m", "hardlink", *options, "lock", *command, timeout=10)
        assert has_failed(result, 65, b"it is " + what.encode(), b"no lock of --mode hardlink")
    assert os.listdir(folder) == ["lock"] and os.lstat(folder / "lock").st_ino == before.st_ino


@pytest.mark.parametrize("options", [["-n"], ["-w", "60"]], ids=["-n", "-w"])
def test_a_link_that_portage_does_not_make_is_named(swlock, folder, options):
    (folder / "lock").touch()
    os.link(folder / "lock", folder / "copy")
    words = ["run", "-m", "hardlink", "--style", "portage", *options, "lock", "touch", "ran"]
    assert has_failed(swlock.run(*words, timeout=10), 65, b"a link that is no placeholder")
    assert sorted(os.listdir(folder)) == ["copy", "lock"]
