"""status: who has a lock of the kernel's and who waits for it, as people and programs read it."""

import fcntl
import json
import os
import re
import subprocess

import pytest

from conftest import SWLOCK, needs_root, needs_tool
from observing import MODES, command_of, has_failed, held, nothing_left, wait_until  # noqa: F401

every_mode = pytest.mark.parametrize("mode", MODES)


def objects(result):
    assert result.returncode == 0, result
    return [json.loads(line) for line in result.stdout.splitlines()]


def shown(swlock, *words):
    result = swlock.run("status", *words)
    assert result.returncode == 0, result
    return result.stdout.decode()


def every_object(swlock):
    return objects(swlock.run("status", "--json"))


def shown_of_all(swlock, *paths, look=shown):
    """What is said of all locks, these among them: one that is there may be missed while others come and go."""

    def found():
        text = look(swlock)
        return all(str(path) in str(text) for path in paths) and text

    return wait_until(found)


def test_a_free_path_is_free_with_or_without_a_file(swlock, folder):
    (folder / "file").write_text("data")
    assert shown(swlock, "file", "none") == "file  free\nnone  free (no such file)\n"
    assert [found["state"] for found in objects(swlock.run("status", "--json", "file"))] == ["unlocked"]


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_RDWR, os.O_PATH], ids=["r", "rw", "path"])
def test_a_file_that_is_open_somewhere_is_not_just_free(swlock, folder, flags):
    """To pacman's db.lck, or git's index.lock, the kernel knows no lock."""
    (folder / "db.lck").touch()
    descriptor = os.open(folder / "db.lck", flags)
    text = " ".join(shown(swlock, "db.lck").split())
    assert text.startswith("db.lck free (no kernel lock), but it is open in ")
    assert f"but it is open in pid {os.getpid()} (" in text
    (found,) = objects(swlock.run("status", "--json", "db.lck"))
    assert (found["state"], found["locks"]) == ("unlocked", [])
    assert [process["pid"] for process in found["open"]] == [os.getpid()]
    assert swlock.run("status", "-q", "db.lck").returncode == 1
    os.close(descriptor)
    (found,) = objects(swlock.run("status", "--json", "db.lck"))
    assert found["open"] == []


def test_a_file_that_names_a_process_or_is_named_as_a_lock_is_not_just_free(swlock, folder):
    """As dotlockfile and UUCP make them, and close them."""
    for content in (f"{os.getpid()}\n", f"{os.getpid():10}\n", f"{os.getpid()}"):
        (folder / "lock").write_text(content)
        text = " ".join(shown(swlock, "lock").split())
        assert text.startswith("lock free (no kernel lock), but it names ")
        assert f"but it names pid {os.getpid()} (" in text
    (folder / "lock").write_text("2147483647\n")
    assert "but it names pid 2147483647, which is not to be seen here" in shown(swlock, "lock")
    for content in ("", "data 12", "0", "-1", "99999999999999999999"):
        (folder / "lock").write_text(content)
        assert shown(swlock, "lock") == "lock  free\n"
    (folder / "index.lock").touch()
    text = " ".join(shown(swlock, "index.lock").split())
    assert text.startswith("index.lock free (no kernel lock), but it is there, ")


@every_mode
def test_holders_and_waiters_are_shown_in_order(swlock, folder, mode):
    holder = swlock.start("run", "-m", mode, "lock", "sleep", "1000")
    wait_until(lambda: (folder / "lock").exists() and b"held" in swlock.run("status", "lock").stdout)
    waiters = []
    for count in (1, 2):
        waiters.append(swlock.start("run", "-m", mode, "lock", "true"))
        wait_until(
            lambda: len(objects(swlock.run("status", "--json", "lock"))[0]["locks"][0]["waiters"])
            == count
        )
    (found,) = objects(swlock.run("status", "--json", "lock"))
    (lock,) = found["locks"]
    assert (lock["mode"], lock["shared"], lock["start"], lock["length"]) == (mode, False, 0, 0)
    # In posix mode two processes share the lock, and the command has none.
    pids = {process["pid"] for process in lock["holders"]}
    assert holder.pid in pids and all(process["verified"] for process in lock["holders"])
    queue = [[process["pid"] for process in waiter["processes"]] for waiter in lock["waiters"]]
    assert len(queue) == 2
    if mode == "flock":
        assert queue == [[waiter.pid] for waiter in waiters]
    text = shown(swlock, "lock")
    assert re.match(rf"lock  held\n  {mode}, exclusive, held for [0-9]+s\n", text)
    assert f"held {holder.pid:10}  " in text and text.count("    waits") >= 2
    for process in [*waiters, holder]:
        process.terminate()


def test_every_mode_is_shown_at_once(swlock, folder):
    with held(folder / "lock", "flock"), held(folder / "lock", "ofd"):
        text = shown(swlock, "lock")
    assert "  flock, exclusive, held " in text and "  ofd, exclusive, held " in text


def test_ranges_and_shared_locks_are_shown(swlock, folder):
    (folder / "lock").touch()
    with open(folder / "lock") as file:
        fcntl.lockf(file, fcntl.LOCK_SH, 3, 5)
        assert "  posix, shared bytes 5-7, held since an unknown time\n" in shown(swlock, "lock")
        (lock,) = objects(swlock.run("status", "--json", "lock"))[0]["locks"]
        assert (lock["shared"], lock["start"], lock["length"]) == (True, 5, 3)


def test_quiet_says_by_its_status_whether_a_path_is_held(swlock, folder):
    (folder / "lock").touch()
    assert swlock.run("status", "-q", "lock").returncode == 1
    with held(folder / "lock"):
        result = swlock.run("status", "-q", "lock")
        assert (result.returncode, result.stdout) == (0, b"")
        assert swlock.run("status", "-q", "lock", "other").returncode == 1


def test_a_directory_is_looked_at(swlock, folder):
    (folder / "place").mkdir()
    descriptor = os.open(folder / "place", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert f"held {os.getpid():10}" in shown(swlock, "place")
    os.close(descriptor)


def test_without_a_path_every_lock_is_in_the_table(swlock, folder):
    with held(folder / "lock"), held(folder / "other", "ofd"):
        lines = shown_of_all(swlock, folder / "lock", folder / "other").splitlines()
        assert lines[0].split() == ["PID", "USER", "MODE", "KIND", "HELD", "COMMAND", "PATH"]
        for name, mode in (("lock", "flock"), ("other", "ofd")):
            (place,) = [i for i, line in enumerate(lines) if line.endswith(str(folder / name))]
            row = lines[place] if not lines[place].startswith("    /") else lines[place - 1]
            assert row.split()[0] == str(os.getpid()) and row.split()[2] == mode
        everything = shown_of_all(swlock, folder / "lock", look=every_object)
    assert str(folder / "lock") in [found["path"] for found in everything]


@needs_tool("lslocks")
def test_nothing_is_missing_or_wrong_against_lslocks(swlock, folder):
    with held(folder / "a", "flock"), held(folder / "b", "ofd"):
        listed = json.loads(
            subprocess.run(
                ["lslocks", "--json", "--notruncate", "-o", "PID,TYPE,PATH"], stdout=subprocess.PIPE
            ).stdout.decode(errors="replace")
        )["locks"]
        seen = shown_of_all(swlock, folder / "a", folder / "b", look=every_object)
    mine = [lock for lock in listed if (lock["path"] or "").startswith(str(folder))]
    assert mine
    for lock in mine:
        (found,) = [found for found in seen if found["path"] == lock["path"]]
        assert found["locks"][0]["mode"] == lock["type"].lower().replace("lck", "")
        pids = [process["pid"] for process in found["locks"][0]["holders"]]
        # It does not know who has an open file description lock.
        assert lock["pid"] in pids or lock["pid"] == -1


@needs_tool("fuser")
def test_every_holder_that_fuser_finds_is_a_holder(swlock, folder):
    process = swlock.start("run", "lock", "sleep", "1000")
    command_of(process, "sleep")
    found = subprocess.run(["fuser", folder / "lock"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    (lock,) = objects(swlock.run("status", "--json", "lock"))[0]["locks"]
    assert {process["pid"] for process in lock["holders"]} == {int(pid) for pid in found.stdout.split()}
    process.terminate()


def test_hostile_names_are_escaped_and_lines_fit_a_terminal(swlock, folder):
    name = b"l\n\x1b[31m\xff" + b"x" * 60
    hostile = "sleep 1000; \x1b[2J\u202e" + "鍵" * 60 + "\n\n"
    os.close(os.open(os.fsencode(folder) + b"/" + name, os.O_CREAT))
    process = swlock.start("run", "--leftovers=kill", name, "sh", "-c", hostile)
    wait_until(lambda: b"sleep" in swlock.run("status", name).stdout)
    for result in (swlock.run("status", name), swlock.run("status")):
        assert b"\x1b" not in result.stdout and b"\xff" not in result.stdout
        assert b"\xe2\x80\xae" not in result.stdout
        for line in result.stdout.decode().splitlines():
            wide = sum(2 if character == "鍵" else 1 for character in line)
            # A name is not cut, and "free" stands behind it; others on this machine have long ones as well.
            is_name = line.strip().startswith("/") or "l\\n" in line
            assert wide <= 80 or line.endswith("free") or is_name
    process.terminate()


def test_a_long_path_has_a_line_of_its_own(swlock, folder):
    name = "x" * 76
    with held(folder / name):
        lines = shown(swlock, name).splitlines()
        assert lines[:3] == [name, "  held", "  flock, exclusive, held since an unknown time"]
        table = shown_of_all(swlock, folder / name).splitlines()
    place = table.index(f"    {folder / name}")
    # Not those of others, whose names may end with a blank.
    assert all(line == line.rstrip() for line in [*lines, *table[place - 1 : place + 1]])


def test_a_holder_is_shown_with_its_own_age_and_not_the_locks(swlock, folder):
    with held(folder / "lock"):
        (row,) = [line for line in shown(swlock, "lock").splitlines() if line.startswith("    held")]
    assert row.split()[3] == "up" and str(os.getpid()) in row


@needs_root
def test_a_user_sees_what_may_not_be_inspected(swlock, folder):
    os.chmod(folder, 0o755)
    process = swlock.start("run", "lock", "sleep", "1000")
    wait_until(lambda: b"sleep" in swlock.run("status", "lock").stdout)
    try:
        os.chmod(folder / "lock", 0o644)
        result = subprocess.run(
            [SWLOCK, "status", "--json", "lock"], cwd=folder, user=65534, stdout=subprocess.PIPE
        )
    except PermissionError:
        pytest.skip("the binary is where other users cannot execute it")
    (found,) = objects(result)
    assert process.pid in found["unreadable"] and found["complete"] is False
    for holder in found["locks"][0]["holders"]:
        assert holder["verified"] is False
    process.terminate()


def test_watching_writes_a_line_when_something_changes(swlock, folder):
    (folder / "lock").touch()
    # Open all the time, so that the only news is the lock.
    with open(folder / "lock") as file:
        process = swlock.start("status", "--watch=10ms", "--json", "lock")
        assert json.loads(process.stdout.readline())["state"] == "unlocked"
        fcntl.flock(file, fcntl.LOCK_EX)
        assert json.loads(process.stdout.readline())["state"] == "held"
        fcntl.flock(file, fcntl.LOCK_UN)
        assert json.loads(process.stdout.readline())["state"] == "unlocked"
        process.terminate()
        assert process.wait(10) == 128 + 15


def test_quiet_needs_a_path(swlock, folder):
    assert has_failed(swlock.run("status", "-q"), 64)
