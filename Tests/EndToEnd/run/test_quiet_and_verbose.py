"""-q and -v mean the same in every command: silence about what was to be expected, and each step with its reason."""

import contextlib
import os
import subprocess
import time
from types import SimpleNamespace

import pytest

from conftest import SWLOCK, needs_root
from observing import wait_until

ME = str(os.getpid())
NOBODY = 65534


@contextlib.contextmanager
def holding(swlock, folder, name, *words):
    script = f"touch {name}.inside; exec sleep 1000"
    holder = swlock.start("run", *words, name, "--", "sh", "-c", script)
    wait_until(lambda: (folder / f"{name}.inside").exists())
    try:
        yield
    finally:
        holder.terminate()
        holder.wait(30)


@pytest.fixture
def world(swlock, folder):
    """Locks of each kind: of a live process, of a dead one, and of this one."""
    with subprocess.Popen(["sleep", "1000"]) as dead:
        for name in ("dead", "dead-too"):
            swlock.run("acquire", "-m", "hardlink", "--owner", str(dead.pid), name).check_returncode()
        dead.kill()
    mine = ["acquire", "-m", "hardlink", "--lifetime", "0", "--owner", ME, "mine"]
    swlock.run(*mine).check_returncode()
    (folder / "unused").touch()
    (folder / "empty").mkdir()
    (folder / "a folder").mkdir()
    with holding(swlock, folder, "busy"), holding(swlock, folder, "claim", "-m", "hardlink"):
        yield SimpleNamespace(run=swlock.run, folder=folder, swlock=swlock)


# What was to be expected: the words, the status, and what is said of it without -q.
EXPECTED = {
    "run": (["-n", "busy", "true"], 75, "it is held by pid "),
    "run, in time": (["-w", "50ms", "busy", "true"], 75, "timed out after 50ms"),
    "run, claim": (["-n", "-m", "hardlink", "claim", "true"], 75, "it is held by pid "),
    "acquire": (["-n", "--owner", ME, "busy"], 75, "it is held by pid "),
    "acquire, claim": (["-n", "--owner", ME, "-m", "hardlink", "claim"], 75, "it is held by pid "),
    "release": (["--owner", ME, "busy"], 76, "it is held by pid "),
    "release, free": (["--owner", ME, "free"], 76, "it is not held by pid "),
    "release, claim": (["--owner", ME, "claim"], 76, "it is held by pid "),
    "refresh": (["--owner", ME, "claim"], 76, "it is held by pid "),
    "transfer": (["--owner", ME, "--to", "none", "claim"], 76, "it is held by pid "),
    "break": (["busy"], 75, "which is alive (--kill ends it)"),
    "break, claim": (["claim"], 75, "which is alive (--force breaks it all the same)"),
    "break, none": (["free"], 66, "No such file"),
    "cleanup": (["empty"], 0, "0 removed"),
    "cleanup, in use": (["--unused", "busy"], 0, "busy stays: it is open in pid "),
    "wait": (["-n", "busy"], 75, "busy is not free: it is held by pid "),
    "wait, in time": (["-w", "50ms", "claim"], 75, "claim is not free: timed out after 50ms, it is held by pid "),
    "wait, gone": (["-n", "--gone", "busy"], 75, "busy is not gone: it is open in pid "),
    "status": (["free"], 1, "free  free (no such file)"),
}

# What is done: the words, what is said without -v, and what with it besides.
DONE = {
    "run": (["free", "true"], "", ["locked free", "started true, pid ", "ended with status 0", "released free"]),
    "acquire": (["--owner", ME, "free"], "", ["locked free (flock, exclusive)"]),
    "release": (["--owner", ME, "mine"], "", ["released mine"]),
    "refresh": (["--owner", ME, "mine"], "", ["refreshed mine"]),
    "transfer": (["--owner", ME, "--to", "none", "mine"], "", ["transferred mine to nobody"]),
    "break": (["dead"], "", ["broke dead, which was held by pid "]),
    "cleanup": (["dead"], "2 removed", []),
    "cleanup, all": (["."], "4 removed", ["found files of 4 locks", "which is alive"]),
    "cleanup, unused": (["--unused", "unused"], "unused (unused lock file)", []),
    "wait": (["free"], "", ["free is free (no such file)"]),
    "status": (["busy"], "busy  held", ["looking at busy", "busy is no hardlink lock: it is an empty file"]),
}

# What nobody expects is said all the same.
ERRORS = {
    "run": (["nowhere/lock", "true"], 73, "its folder is missing"),
    "acquire": (["--owner", ME, "nowhere/lock"], 73, "its folder is missing"),
    "release": (["--owner", ME, "-m", "hardlink", "nowhere/lock"], 73, "No such file"),
    "refresh": (["--owner", ME, "nowhere/lock"], 73, "No such file"),
    "transfer": (["--owner", ME, "--to", "none", "nowhere/lock"], 73, "No such file"),
    "break": (["a folder"], 65, "it is a directory"),
    "cleanup": (["nowhere/lock"], 73, "No such file"),
    "wait": (["unused/lock"], 73, "unable to look at unused/lock: stat: Not a directory"),
    "status": (["nowhere/lock"], 73, "No such file"),
}


def command(name):
    return name.partition(",")[0]


def text(result):
    return (result.stdout + result.stderr).decode()


def is_said_by_swlock(result):
    return all(line.startswith("swlock: ") for line in result.stderr.decode().splitlines())


@pytest.mark.parametrize("name", EXPECTED)
def test_quiet_says_nothing_of_what_was_to_be_expected(world, name):
    words, status, said = EXPECTED[name]
    quiet = world.run(command(name), "-q", *words)
    assert (quiet.returncode, text(quiet)) == (status, "")
    # Both: the last one counts.
    assert text(world.run(command(name), "-v", "-q", *words)) == ""
    usual = 0 if name == "status" else status
    for options in ([], ["-v"], ["-q", "-v"]):
        result = world.run(command(name), *options, *words)
        assert result.returncode == usual and said in text(result)
        assert is_said_by_swlock(result)


@pytest.mark.parametrize("name", DONE)
@pytest.mark.parametrize("option", [None, "-q", "-v"])
def test_verbose_says_what_is_done(world, name, option):
    words, shown, steps = DONE[name]
    result = world.run(command(name), *([option] if option else []), *words)
    assert result.returncode == 0 and is_said_by_swlock(result)
    if command(name) == "acquire":
        world.run("release", "--owner", ME, "free").check_returncode()
    if option == "-q":
        assert text(result) == ""
        return
    assert shown in result.stdout.decode()
    said = result.stderr.decode()
    if option == "-v":
        assert all(step in said for step in steps), said
    else:
        assert said == ""


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("option", ["-q", "-v"])
def test_every_other_error_is_said(world, name, option):
    words, status, said = ERRORS[name]
    result = world.run(command(name), option, *words)
    assert result.returncode == status and said in result.stderr.decode()
    assert is_said_by_swlock(result)


def test_a_probe_says_where_it_is_made(world):
    result = world.run("status", "--probe", "-v", "empty")
    assert result.returncode == 0 and b"held/asked" in result.stdout
    assert result.stderr.startswith(b"swlock: trying locks in empty/.swlock-probe-")
    assert list((world.folder / "empty").iterdir()) == []
    assert world.run("status", "--probe", "-q", "empty").returncode == 64


def test_what_quiet_leaves_nothing_of_is_refused(world):
    for words in (["status", "--json"], ["status", "--watch"], ["cleanup", "--json"], ["cleanup", "--dry-run"]):
        result = world.run(*words, "-q", "busy")
        assert result.returncode == 64 and b"--quiet leaves nothing for --json or " in result.stderr


def stays(result):
    """What `cleanup -v` says of each file that it has left."""
    lines = result.stderr.decode().splitlines()
    told = [line.removeprefix("swlock: ").partition(" stays: ") for line in lines if " stays: " in line]
    return {os.path.basename(path): reason for path, _, reason in told}


def claim_of_another_host(folder, name):
    """As flufl.lock makes it."""
    claim = folder / f"{name}|far.example|4711|1234567890"
    claim.write_text(str(claim))
    os.utime(claim, (time.time() + 3600, time.time() + 3600))
    os.link(claim, folder / name)


def test_cleanup_says_what_it_leaves_and_why(world):
    folder = world.folder
    with subprocess.Popen(["sleep", "1000"]) as gone:
        gone.kill()
    for name, content in {
        "there.lock": "",
        "names-me.lock": f"{ME}\n",
        "names-nobody.lock": f"{gone.pid}\n",
        ".sidecar.swlock": "",
        "data": "data",
    }.items():
        (folder / name).write_text(content)
    claim_of_another_host(folder, "theirs")
    result = world.run("cleanup", "-v", ".")
    assert result.returncode == 0 and result.stdout.endswith(b"\n4 removed\n")
    assert b"swlock: found files of 5 locks of mode hardlink in .\n" in result.stderr
    reasons = stays(result)
    for name, reason in {
        "claim": "which is alive (expires in ",
        "mine": f"it is held by pid {ME} on ",
        "theirs": "it is held by pid 4711 on far.example, which may be alive (expires in ",
        "there.lock": "to some programs is a lock; if it is nobody's: swlock cleanup --unused ./there.lock",
        "names-me.lock": f"it names pid {ME} (",
        "names-nobody.lock": f"pid {gone.pid}, which is not to be seen here; if it is nobody's: rm ./names-nobody.lock",
        ".sidecar.swlock": "swlock cleanup --unused ./.sidecar.swlock",
        "unused": "an empty file, perhaps a lock file; if it is nobody's: swlock cleanup --unused ./unused",
        "busy": "it is open in pid ",
        "data": "it is no file of a lock of mode hardlink",
        "a folder": "it is no file of a lock of mode hardlink",
    }.items():
        assert reason in reasons[name], (name, reasons[name])
    assert "if it is" not in reasons["names-me.lock"]
    assert set(os.listdir(folder)) - set(reasons) - {"."} == {
        name for name in os.listdir(folder) if "|" in name
    }


def test_the_command_that_is_named_takes_it(world):
    (world.folder / "there.lock").touch()
    reason = stays(world.run("cleanup", "-v", "there.lock"))["there.lock"]
    words = reason.rpartition(": ")[2].split()
    assert words[:3] == ["swlock", "cleanup", "--unused"]
    assert world.run(*words[1:]).stdout.endswith(b"1 removed\n")
    assert not (world.folder / "there.lock").exists()


def test_the_command_that_is_named_may_be_pasted(world):
    """From a folder where strangers may name files."""
    (world.folder / "$(touch run).lock").touch()
    (said,) = [line for line in world.run("cleanup", "-v", ".").stderr.splitlines() if b"touch run" in line]
    assert said.endswith(b": swlock cleanup --unused './$(touch run).lock'")


@needs_root
def test_cleanup_goes_on_after_a_file_of_another_user(world):
    folder = world.folder / "mixed"
    folder.mkdir()
    folder.chmod(0o777)
    world.folder.chmod(0o755)
    for name in "abcdef":
        (folder / f".{name}.swlock").touch()
        if name in "ace":
            os.chown(folder / f".{name}.swlock", NOBODY, NOBODY)
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    result = subprocess.run([*drop, SWLOCK, "cleanup", "--unused", folder], capture_output=True)
    assert (result.returncode, len(result.stderr.splitlines())) == (77, 1), result
    assert result.stdout.endswith(b"3 removed\n")
    assert sorted(os.listdir(folder)) == [".b.swlock", ".d.swlock", ".f.swlock"]


def test_cleanup_says_what_is_too_young(world):
    result = world.run("cleanup", "-v", "--older-than", "1h", "--unused", "dead", "unused")
    assert result.stdout == b"0 removed\n"
    reasons = stays(result)
    assert reasons["dead"] == reasons["unused"] == "it was changed too short a time ago"
    quiet = world.run("cleanup", "--older-than", "1h", "--unused", "dead", "unused")
    assert (quiet.stdout, quiet.stderr) == (b"0 removed\n", b"")


def test_cleanup_says_of_the_style_of_portage(world):
    with holding(world.swlock, world.folder, "placed", "-m", "hardlink", "--style", "portage"):
        reasons = stays(world.run("cleanup", "-v", "--style", "portage", "."))
    assert ["which is alive" in reasons[name] for name in reasons if name.startswith(".placed.hardlock-")] == [True]


@needs_root
def test_cleanup_says_what_it_may_not_read(world):
    world.folder.chmod(0o755)
    (world.folder / "secret").write_text("data")
    (world.folder / "secret").chmod(0o600)
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    words = [*drop, SWLOCK, "cleanup", "--dry-run", "-v", "."]
    result = subprocess.run(words, cwd=world.folder, capture_output=True)
    assert stays(result)["secret"] == "open: Permission denied"


def test_a_lock_file_that_is_not_there_is_said_to_be_missing(world):
    result = world.run("cleanup", "-v", "free")
    assert result.returncode == 0 and b"free is not there" in result.stderr
