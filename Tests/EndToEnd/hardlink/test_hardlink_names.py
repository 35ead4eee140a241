"""Names: of locks, that leave room for all that the protocol makes; and of hosts, which may change, or be those
of others as well."""

import os
import socket
import subprocess

import pytest

from conftest import SWLOCK
from hardlink_world import (
    BUSY,
    CANNOT_CREATE,
    NOT_HELD,
    SETTLE,
    dead_pid,
    forge,
    holder,
    left_in,
    needs_namespaces,
    owner,
    renamed,
    tag_of,
)
from observing import nothing_left  # noqa: F401

LONGEST = 127
STYLES = [[], ["--style", "portage"]]
each_style = pytest.mark.parametrize("style", STYLES, ids=["flufl", "portage"])

LOCALHOST = "127.0.0.1 localhost\n127.0.0.1 {}\n"


def call(folder, *words, prefix=()):
    words = [*prefix, SWLOCK, *words]
    return subprocess.run(words, cwd=folder, capture_output=True, timeout=30)


@each_style
@pytest.mark.parametrize("verb", ["run", "acquire"])
@pytest.mark.parametrize("length", [LONGEST + 1, 150, 170, 200, 254])
def test_a_name_without_room_for_a_release_is_refused(folder, style, verb, length):
    command = ["--", "touch", "ran"] if verb == "run" else []
    outcome = call(folder, verb, "-m", "hardlink", *style, "x" * length, *command)
    assert outcome.returncode == CANNOT_CREATE, outcome
    assert outcome.stderr.count(b"\n") == 1 and b"too long" in outcome.stderr
    assert os.listdir(folder) == []


@each_style
def test_a_name_of_the_greatest_length_serves_for_everything(folder, style):
    lock = "x" * LONGEST
    with owner(folder) as process:
        (folder / "owner").unlink()
        pid = str(process.pid)
        forever = [] if style else ["--lifetime", "0"]
        words = [["acquire", "-m", "hardlink", *style, *forever, "--owner", pid, lock]]
        if not style:
            words.append(["transfer", "--owner", pid, "--to", pid, "--lifetime", "99999h", lock])
            words.append(["refresh", "--owner", pid, lock])
        words.append(["release", *style, "--owner", pid, lock])
        words += [words[0], ["break", "--force", *style, lock]]
        for each in words:
            outcome = call(folder, *each)
            assert outcome.returncode == 0, outcome
    # Portage's lock file stays, unless it was removed by name.
    assert left_in(folder, lock) in ([], [lock] if style else [])


@needs_namespaces
@pytest.mark.parametrize("node", ["h" * 63, "h"])
def test_a_long_name_of_a_host_leaves_room_as_well(folder, node):
    lock = "x" * LONGEST
    hosts = f"10.0.0.1 {node}.{'d' * 63}.{'d' * 63}.example {node}\n"
    for words in (
        ["acquire", "-m", "hardlink", "--owner", "none", lock],
        ["transfer", "--owner", "none", "--to", "none", lock],
        ["release", "--owner", "none", lock],
    ):
        outcome = call(folder, *words, prefix=renamed(node, [], hosts))
        assert outcome.returncode == 0, outcome
    assert left_in(folder, lock) == []


@pytest.mark.parametrize("length", [128, 140, 150])
def test_a_lock_with_a_longer_name_from_before_can_be_released_and_broken(folder, length):
    path = folder / ("x" * length)
    for words in (["release", "--owner", str(os.getpid())], ["break", "--force"]):
        forge(path, os.getpid(), host="h")
        outcome = call(folder, *words, path.name)
        assert outcome.returncode == 0, outcome
        assert left_in(folder, path.name) == []


# A host that is called otherwise than before


@needs_namespaces
@pytest.mark.parametrize("words", [["release"], ["refresh"], ["transfer", "--to", "none"]])
def test_an_owner_is_known_on_a_host_that_was_renamed(folder, words):
    with owner(folder) as process:
        (folder / "owner").unlink()
        pid = str(process.pid)
        outcome = call(
            folder, "acquire", "-m", "hardlink", "--owner", pid, "lock", prefix=renamed("alpha", [])
        )
        assert outcome.returncode == 0, outcome
        assert holder(folder / "lock").host == "alpha"
        outcome = call(folder, *words, "--owner", pid, "lock", prefix=renamed("beta", []))
        assert outcome.returncode == 0, outcome


@needs_namespaces
def test_a_dead_owner_is_seen_on_a_host_that_was_renamed(folder):
    forge(folder / "lock", dead_pid(), host="alpha")
    waiter = forge(folder / "lock", dead_pid(), host="gamma", held=False)
    prefix = renamed("beta", [], "127.0.0.1 localhost\n")
    outcome = call(folder, "run", "-m", "hardlink", "-n", "lock", "--", "true", prefix=prefix)
    assert outcome.returncode == 0, outcome
    assert not waiter.exists() and left_in(folder) == []


# A name that is not of this host alone


@needs_namespaces
@pytest.mark.parametrize("name, hosts", [
    ("alpha", LOCALHOST.format("alpha")),
    ("alpha", "127.0.0.1 localhost localhost.localdomain alpha\n"),
    ("alpha", "::1 box.example localhost alpha\n"),
    ("localhost", "127.0.0.1 localhost\n"),
])
def test_a_claim_with_a_name_of_every_host_is_of_nobody_known(folder, name, hosts):
    here = renamed(name, [], hosts)
    words = [*renamed(name, [], hosts), "python3", "-c", "import socket; print(socket.getfqdn())"]
    called = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    forge(folder / "lock", dead_pid(), "12345", host=called, expires_in=60)
    take = ["run", "-m", "hardlink", "--settle", "0", "-w", "300ms", "lock", "--", "touch", "ran"]
    outcome = call(folder, *take, prefix=here)
    assert outcome.returncode == BUSY and not (folder / "ran").exists(), outcome
    assert outcome.stderr.count(b"cannot be known") == 1, outcome
    assert call(folder, "break", "lock", prefix=here).returncode == BUSY
    assert call(folder, "cleanup", "lock", prefix=here).stdout == b"0 removed\n"
    outcome = call(folder, "release", "--owner", "1", "lock", prefix=here)
    assert outcome.returncode == NOT_HELD, outcome
    assert call(folder, "break", "--force", "--settle", "0", "lock", prefix=here).returncode == 0


@needs_namespaces
@pytest.mark.parametrize("hosts", [
    "127.0.0.1 localhost\n127.0.1.1 alpha.example alpha\n", "127.0.0.1 localhost\n",
    "127.0.0.1 localhost\n10.0.0.1 beta alpha\n", "127.0.0.1 alpha localhost\n",
])
def test_a_claim_with_a_name_of_this_host_alone_is_judged(folder, hosts):
    here = renamed("alpha", [], hosts)
    words = [*here, "python3", "-c", "import socket; print(socket.getfqdn())"]
    called = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    if called.startswith("localhost"):
        pytest.skip("other sources than /etc/hosts name this host")
    forge(folder / "lock", dead_pid(), "12345", host=called, expires_in=60)
    assert call(folder, "break", *SETTLE, "lock", prefix=here).returncode == 0


@needs_namespaces
def test_a_placeholder_of_every_host_is_of_nobody_known(folder):
    (folder / "lock").touch()
    os.link(folder / "lock", folder / f".lock.hardlock-localhost-{dead_pid()}")
    here = renamed("localhost", [], "127.0.0.1 localhost\n")
    assert call(folder, "break", "--style", "portage", "lock", prefix=here).returncode == BUSY


@needs_namespaces
def test_swlocks_own_claims_do_not_need_the_name(folder):
    forge(folder / "lock", dead_pid(), tag_of(dead_pid()), host="localhost")
    here = renamed("alpha", [], LOCALHOST.format("alpha"))
    assert call(folder, "break", *SETTLE, "lock", prefix=here).returncode == 0
    assert socket.gethostname() != "alpha"
