"""`status --json`: one shape for every kind of lock, with and without PATH."""

import json
import pathlib
import shutil
import signal
import subprocess
import time

import jsonschema
import pytest

from observing import name_of, wait_until

PROJECT = pathlib.Path(__file__).resolve().parents[3]
SCHEMA = jsonschema.Draft202012Validator(json.loads((PROJECT / "docs/status.schema.json").read_text()))
KINDS = {
    "flock": ["-m", "flock"],
    "posix": ["-m", "posix"],
    "ofd": ["-m", "ofd"],
    "hardlink": ["-m", "hardlink"],
    "portage": ["-m", "hardlink", "--style", "portage"],
}


def look(swlock, *words):
    lines = swlock.run("status", "--json", *words).stdout.decode("utf-8", "surrogateescape").splitlines()
    rows = [json.loads(line) for line in lines]
    for row in rows:
        SCHEMA.validate(row)
    return rows


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


@pytest.fixture
def looking(kind):
    return kind[2:]


@pytest.fixture
def holding(swlock, folder, kind):
    before = int(time.time())
    holder = swlock.start("run", *kind, "lock", "--", "sh", "-c", "touch inside; exec sleep 1000")
    wait_until(lambda: (folder / "inside").exists())
    yield before
    holder.terminate()
    holder.wait(10)


def test_a_held_lock_says_who_has_it_and_since_when(swlock, kind, looking, holding):
    [row] = look(swlock, *looking, "lock")
    assert row["held"] and row["mode"] == kind[1] and row["holders"]
    assert holding <= row["since"] <= time.time()


def test_waiters_are_listed(swlock, kind, looking, holding):
    if "portage" in kind:
        pytest.skip("a waiter for a lock of portage's leaves nothing that lasts")
    waiter = swlock.start("run", *kind, "lock", "true")
    wait_until(lambda: look(swlock, *looking, "lock")[0]["waiters"])
    waiter.terminate()
    waiter.wait(10)


def test_what_is_free_has_the_same_fields(swlock, folder, looking):
    (folder / "file").touch()
    rows = look(swlock, *looking, "nothing", *([] if looking else ["file"]))
    for row in rows:
        assert (row["held"], row["state"], row["mode"], row["since"]) == (False, "unlocked", None, None)


def test_all_locks_of_the_machine_have_the_same_fields(swlock, folder, kind, holding):
    path = str(folder / "lock")

    def mine():
        """One that is there may be missed while others come and go."""
        rows = [row for row in look(swlock) if row["path"] == path]
        return len(rows) == (0 if kind[1] == "hardlink" else 1) and [rows]

    [rows] = wait_until(mine)
    assert all(row["held"] and row["since"] >= holding for row in rows)


def test_an_acquired_lock_says_since_when(swlock, folder):
    before = int(time.time())
    script = '"$S" acquire lock && "$S" status --json lock >seen'
    subprocess.run(["sh", "-c", script], cwd=folder, check=True)
    row = json.loads((folder / "seen").read_text())
    SCHEMA.validate(row)
    assert before <= row["since"] <= time.time()


def test_a_lock_of_another_program_has_no_time(swlock, folder):
    swlock.begin([shutil.which("flock"), "--no-fork", "lock", "sleep", "1000"])
    wait_until(lambda: (folder / "lock").exists() and look(swlock, "lock")[0]["held"])
    assert look(swlock, "lock")[0]["since"] is None
    assert b"held since an unknown time" in swlock.run("status", "lock").stdout


def test_a_stopped_holder_is_called_so(swlock):
    holder = swlock.start("run", "--no-fork", "lock", "sleep", "1000")
    wait_until(lambda: name_of(holder.pid) == "sleep")
    holder.send_signal(signal.SIGSTOP)
    wait_until(lambda: look(swlock, "lock")[0]["holders"][0]["stopped"])
    assert b"sleep 1000, stopped\n" in swlock.run("status", "lock").stdout
    result = swlock.run("run", "-n", "lock", "true")
    assert result.returncode == 75 and b"(sleep 1000, root, stopped)" in result.stderr
