"""What others may put where a `hardlink` lock is expected: it is refused, left alone, never waited
on for ever, and nothing outside of the lock's folder or of anybody else's is touched."""

import os
import pathlib
import subprocess
import time

import pytest

from conftest import SWLOCK, needs_root, needs_tool
from hardlink_world import (
    BUSY,
    NOT_A_LOCK,
    NOT_HELD,
    QUICK,
    SETTLE,
    claims,
    dead_pid,
    forge,
    left_in,
    set_expiry,
    this_host,
    under,
)
from observing import PATIENCE, has_failed, make_fifo, make_socket, nothing_left  # noqa: F401
from sections import finish, hold

STRANGER = 54321
AS_STRANGER = ["setpriv", "--reuid", str(STRANGER), "--regid", str(STRANGER), "--clear-groups"]

VERBS = {
    "run -n": ["run", "-m", "hardlink", *QUICK, "-n", "lock", "--", "touch", "ran"],
    "run -w": ["run", "-m", "hardlink", *QUICK, "-w", "300ms", "lock", "--", "touch", "ran"],
    "acquire": ["acquire", "-m", "hardlink", *QUICK, "-n", "lock"],
    "release": ["release", "-m", "hardlink", *SETTLE, "lock"],
    "refresh": ["refresh", "-m", "hardlink", *SETTLE, "lock"],
    "transfer": ["transfer", "-m", "hardlink", *SETTLE, "--to", "none", "lock"],
    "status": ["status", "lock"],
    "break": ["break", *SETTLE, "lock"],
    "break --force": ["break", "--force", *SETTLE, "lock"],
    "cleanup": ["cleanup", *SETTLE, "lock"],
    "cleanup folder": ["cleanup", *SETTLE, "."],
    "cleanup all": ["cleanup", "--all", "--force", *SETTLE, "."],
}
LOCKERS = [verb for verb in VERBS if verb.startswith(("run", "acquire"))]
each_verb = pytest.mark.parametrize("verb", VERBS)

CONTENTS = {
    "text": b"something that somebody needs\n",
    "long": b"lock|h|1|2" * 10000,
    "long name": b"/" + b"x" * 5000 + b"/lock|h|1|2",
    "binary": bytes(range(256)) * 4,
    "zeros": bytes(200),
    "elsewhere": b"/etc/passwd|h|1|2",
    "another lock": b"/lock2|h|1|2",
    "upwards": b"/x/lock|h|1|../../etc/passwd",
    "host upwards": b"/x/lock|../h|1|2",
    "no pid": b"/x/lock|h|pid|2",
    "negative pid": b"/x/lock|h|-1|2",
    "huge pid": b"/x/lock|h|99999999999999999999999|2",
    "too few parts": b"/x/lock|h|1",
    "empty parts": b"/x/lock|||",
    "newline": b"/x/lock|h|1|2\n/etc/passwd|h|1|2",
    "number": b"4711\n",
}


def perform(folder, verb, prefix=()):
    words = [*prefix, SWLOCK, *VERBS[verb]]
    return subprocess.run(
        words, cwd=folder, capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE
    )


def has_refused(folder, verb, outcome, *statuses):
    """One line that says so, and no command; what cleans a folder passes over what it finds."""
    assert not (folder / "ran").exists()
    if verb.startswith("cleanup") and outcome.returncode == 0:
        # Nothing of the lock is removed.
        assert b"lock" not in outcome.stdout or b"0 removed" in outcome.stdout, outcome
        return True
    if verb == "status" and outcome.returncode == 0:
        return True
    assert outcome.returncode in statuses, outcome
    return has_failed(outcome, outcome.returncode, b"lock")


# Files that are no claims


@each_verb
@pytest.mark.parametrize("name", CONTENTS)
def test_file_that_is_no_claim_is_refused_and_left_alone(folder, name, verb):
    path = folder / "lock"
    path.write_bytes(CONTENTS[name])
    set_expiry(path, -86400)
    before = path.stat()
    assert has_refused(folder, verb, perform(folder, verb), NOT_A_LOCK)
    assert path.read_bytes() == CONTENTS[name] and os.path.samestat(path.stat(), before)
    assert path.stat().st_mtime == before.st_mtime
    assert os.listdir(folder) == ["lock"]


@each_verb
def test_new_empty_file_is_respected(folder, verb):
    """It may be the claim of somebody whose machine lost power; or somebody's data."""
    path = folder / "lock"
    path.touch()
    outcome = perform(folder, verb)
    if verb.startswith("break"):
        assert outcome.returncode == 0  # it may be a lock file of the kernel's, and is free
    else:
        assert has_refused(folder, verb, outcome, NOT_A_LOCK, BUSY, NOT_HELD)
    assert path.exists() and os.listdir(folder) == ["lock"]


@pytest.mark.parametrize("verb", LOCKERS)
def test_old_empty_claim_does_not_block_for_ever(folder, verb):
    """The power was lost before the claim's content reached the disk."""
    path = folder / "lock"
    claim = folder / f"lock|{this_host()}|{dead_pid()}|12345"
    claim.touch()
    os.link(claim, path)
    set_expiry(path, -60)
    assert perform(folder, verb).returncode == 0


# Things that are no files


def make(kind, path, target):
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        make_fifo(path)
    elif kind == "socket":
        make_socket(path)
    elif kind == "dangling link":
        path.symlink_to("missing")
    elif kind == "link":
        path.symlink_to(target)
    elif kind == "link to itself":
        path.symlink_to(path.name)


KINDS = ["directory", "fifo", "socket", "dangling link", "link", "link to itself"]
each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
@each_verb
def test_thing_that_is_no_file_is_refused_and_left_alone(folder, kind, verb):
    target = folder / "target"
    target.write_text("data")
    make(kind, folder / "lock", target)
    before = (folder / "lock").lstat()
    outcome = perform(folder, verb)
    if kind == "directory" and verb == "cleanup":
        assert outcome.returncode == 0  # a folder to be cleaned up
    else:
        assert has_refused(folder, verb, outcome, NOT_A_LOCK)
    assert os.path.samestat((folder / "lock").lstat(), before)
    assert sorted(os.listdir(folder)) == ["lock", "target"]
    assert target.read_text() == "data"


@each_verb
def test_symbolic_link_to_a_claim_is_no_lock(folder, verb):
    claim = forge(folder / "lock", dead_pid(), held=False)
    (folder / "lock").symlink_to(claim.name)
    outcome = perform(folder, verb)
    if not verb.startswith("cleanup"):
        assert has_refused(folder, verb, outcome, NOT_A_LOCK)
    assert (folder / "lock").is_symlink()


@each_kind
@pytest.mark.parametrize("verb", ["run -n", "cleanup", "cleanup folder", "cleanup all"])
def test_strange_thing_with_the_name_of_a_claim_is_left_alone(folder, kind, verb):
    target = folder / "target"
    target.write_text("data")
    name = f"lock|{this_host()}|{dead_pid()}|12345"
    make(kind, folder / name, target)
    assert perform(folder, verb).returncode == 0
    assert os.path.lexists(folder / name) and target.read_text() == "data"


@each_kind
@pytest.mark.parametrize("role", ["retire", "exit", "arm"])
@pytest.mark.parametrize("verb", ["run -n", "run -w", "break", "cleanup", "cleanup folder"])
def test_strange_thing_with_a_name_of_the_protocol_is_no_trap(folder, kind, role, verb):
    """It may keep a dead lock from being broken, but not swlock from ending."""
    target = folder / "target"
    target.write_text("data")
    claim = forge(folder / "lock", dead_pid())
    token = claim.name.rpartition("|")[2].partition(".")[0]
    for each in (token, "0" * 32):
        make(kind, folder / f".lock.swlock-{role}-{each}", target)
    started = time.monotonic()
    outcome = perform(folder, verb)
    assert time.monotonic() < started + 5
    # Passed over, refused or waited for: by role, kind and verb.
    assert outcome.returncode in (0, NOT_A_LOCK, BUSY), outcome
    assert outcome.stderr.count(b"\n") == (outcome.returncode != 0), outcome
    assert target.read_text() == "data"


@pytest.mark.parametrize("role", ["retire", "exit", "arm"])
@pytest.mark.parametrize("verb", ["cleanup", "cleanup folder", "cleanup all"])
def test_file_of_a_stranger_with_a_name_of_the_protocol_keeps_its_content(folder, role, verb):
    path = folder / f".lock.swlock-{role}-{'a' * 32}"
    path.write_text("data")
    os.utime(path, (1, 1))
    assert perform(folder, verb).returncode == 0
    assert path.read_text() == "data"


# Claims that say more than they may


@pytest.mark.parametrize("verb", ["run -n", "break", "break --force", "cleanup"])
def test_claim_that_names_another_folder_acts_on_this_one(folder, verb):
    """Another host may have mounted it elsewhere. Only the file name counts."""
    outside, inside = folder / "outside", folder / "inside"
    outside.mkdir()
    inside.mkdir()
    name = f"lock|{this_host()}|{dead_pid()}|12345"
    for place in (outside, inside):
        (place / name).write_text(str(outside / name))
        os.link(place / name, place / "lock")
    outcome = subprocess.run(
        [SWLOCK, *VERBS[verb]], cwd=inside, capture_output=True, timeout=PATIENCE
    )
    assert outcome.returncode == 0, outcome
    assert not (inside / "lock").exists()
    assert sorted(os.listdir(outside)) == ["lock", name]


@pytest.mark.parametrize("verb", ["run -n", "run -w", "acquire"])
@pytest.mark.parametrize("pid", ["0", "1", "4194304", "2147483647"])
def test_claim_with_a_special_pid_is_judged_without_harm(folder, verb, pid):
    name = folder / f"lock|{this_host()}|{pid}|12345"
    name.write_text(str(name))
    os.link(name, folder / "lock")
    set_expiry(name, 60)
    outcome = perform(folder, verb)
    # A dead one's is broken, for which the time of `run -w` may be too short on a busy machine.
    wanted = [BUSY] if pid in ("0", "1") else [0, BUSY] if verb == "run -w" else [0]
    assert outcome.returncode in wanted, outcome


@pytest.mark.parametrize("verb", LOCKERS)
def test_claim_with_a_third_link_can_be_broken_once_its_owner_is_dead(folder, verb):
    """flufl.lock would wait for ever."""
    claim = forge(folder / "lock", dead_pid())
    os.link(claim, folder / "backup")
    assert perform(folder, verb).returncode == 0
    assert (folder / "backup").read_text() == str(claim)


@pytest.mark.parametrize("verb", LOCKERS)
def test_lock_whose_claim_was_removed_can_be_broken_once_its_owner_is_dead(folder, verb):
    forge(folder / "lock", dead_pid()).unlink()
    assert perform(folder, verb).returncode == 0


# Names of a portage lock


@pytest.mark.parametrize("size", [0, 5])
def test_file_with_data_is_not_removed_by_a_portage_lock(swlock, folder, size):
    """Not even where it shall go: somebody needs it."""
    path = folder / "lock"
    path.write_bytes(b"x" * size)
    outcome = swlock.run(*under("--style", "portage", "--unlink")[1:], "true")
    assert outcome.returncode == 0, outcome
    if size:
        assert path.read_bytes() == b"x" * size and path.stat().st_nlink == 1
    assert [name for name in os.listdir(folder) if name.startswith(".")] == []


def test_file_that_somebody_else_has_linked_is_not_locked_by_portage(swlock, folder):
    (folder / "lock").touch()
    os.link(folder / "lock", folder / "backup")
    outcome = swlock.run(*under("--style", "portage", "-n")[1:], "true")
    assert outcome.returncode == NOT_A_LOCK, outcome
    assert sorted(os.listdir(folder)) == ["backup", "lock"]


@each_kind
def test_portage_lock_that_is_no_file_is_refused(swlock, folder, kind):
    (folder / "target").write_text("data")
    make(kind, folder / "lock", folder / "target")
    outcome = swlock.run(*under("--style", "portage", "-w", "300ms")[1:], "touch", "ran")
    assert has_failed(outcome, NOT_A_LOCK, b"lock")
    assert sorted(os.listdir(folder)) == ["lock", "target"]


# Other users


@needs_root
@needs_tool("setpriv")
@pytest.mark.parametrize("verb", ["run -n", "run -w", "break", "cleanup", "cleanup folder"])
def test_dead_lock_of_root_in_a_sticky_folder_cannot_be_broken_by_a_user(folder, verb):
    folder.chmod(0o1777)
    before = forge(folder / "lock", dead_pid()).name
    started = time.monotonic()
    outcome = perform(folder, verb, AS_STRANGER)
    assert time.monotonic() < started + 5
    assert outcome.returncode == 77, outcome
    assert outcome.stderr.count(b"\n") == 1 and not (folder / "ran").exists(), outcome
    assert {"lock", before} <= set(os.listdir(folder))
    assert perform(folder, "run -n").returncode == 0
    assert perform(folder, "cleanup").returncode == 0
    assert [name for name in os.listdir(folder) if name != "ran"] == []


@needs_root
@needs_tool("setpriv")
def test_lock_of_a_user_in_a_sticky_folder_cannot_be_made_to_harm_root(folder):
    folder.chmod(0o1777)
    user = folder / "user"
    user.mkdir()
    os.chown(user, STRANGER, STRANGER)
    holding = hold_as_stranger(folder)
    assert perform(folder, "run -n").returncode == 77
    holding.kill()
    holding.communicate()
    outcome = perform(folder, "run -n")
    assert outcome.returncode == 0, outcome


def hold_as_stranger(folder):
    words = [*AS_STRANGER, *under(), "sh", "-c", "echo in; read line"]
    process = subprocess.Popen(
        words, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout.readline() == b"in\n"
    return process


@needs_root
@needs_tool("setpriv")
def test_folder_without_permission_to_write_is_a_clear_error(folder):
    folder.chmod(0o755)
    outcome = perform(folder, "run -n", AS_STRANGER)
    assert has_failed(outcome, 77, b"lock")
    assert os.listdir(folder) == []


@needs_root
@needs_tool("setpriv")
def test_claims_of_others_are_only_read(swlock, folder):
    folder.chmod(0o1777)
    holding = hold(swlock, under())
    (claim,) = claims(folder)
    mode = pathlib.Path(folder / claim.name).stat().st_mode & 0o777
    assert mode & 0o022 == 0
    assert perform(folder, "status", AS_STRANGER).returncode == 0
    assert perform(folder, "break --force", AS_STRANGER).returncode == 77
    finish(holding)
    assert left_in(folder) == []
