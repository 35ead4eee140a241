"""--cgroup and --cgroup-new: where the command runs, and that nothing of it is left."""

import os
import pathlib
import re
import signal
import subprocess
import sys

import pytest

from conftest import SWLOCK, needs_strace, needs_tool
from observing import (
    end,
    has_failed,
    is_alive,
    is_free,
    is_held,
    nothing_left,  # noqa: F401
    processes_in,
    wait_until,
)

PYTHON = [os.path.realpath(sys.executable), "-I", "-S", "-c"]


def mounts():
    """Type, options and mount point of each hierarchy."""
    found = []
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.split()
        if kind in ("cgroup", "cgroup2"):
            found.append((kind, options.split(","), left.split()[4]))
    return found


def own_group(controller):
    """The folder of this process's group: "" is version 2. None if there is none to write to."""
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller not in controllers.split(","):
            continue
        for kind, options, place in mounts():
            if kind == "cgroup2" if controller == "" else kind == "cgroup" and controller in options:
                folder = pathlib.Path(place + path)
                if os.access(folder, os.W_OK):
                    return folder
    return None


UNIFIED, PIDS = own_group(""), own_group("pids")
needs_v2 = pytest.mark.skipif(
    os.geteuid() != 0 or UNIFIED is None, reason="needs root and control groups (version 2)"
)
needs_v1 = pytest.mark.skipif(
    os.geteuid() != 0 or PIDS is None, reason="needs root and control groups (version 1)"
)
needs_any = pytest.mark.skipif(
    os.geteuid() != 0 or (UNIFIED or PIDS) is None, reason="needs root and control groups"
)
# Where version 2 is not mounted.
UNMOUNT = """
for place in $(awk '/ - cgroup2 / { print $5 }' /proc/self/mountinfo); do umount -l "$place"; done
exec "$@"
"""
WITHOUT_V2 = ["unshare", "-m", "sh", "-c", UNMOUNT, "sh"]
every_version = pytest.mark.parametrize(
    "prefix",
    [pytest.param([], id="v2", marks=needs_v2), pytest.param(WITHOUT_V2, id="v1", marks=needs_v1)],
)


def groups(name):
    """Every group of that name, in all hierarchies."""
    found = []
    for _, _, place in mounts():
        for folder, folders, _ in os.walk(place):
            if name in folders:
                found.append(os.path.join(folder, name))
    return found


@pytest.fixture
def name():
    """A name for a group, and of processes in it nothing is left at the end."""
    name = f"swlock-test-{os.getpid()}"
    yield name
    left = groups(name)
    for folder in left:
        for pid in map(int, (pathlib.Path(folder) / "cgroup.procs").read_text().split()):
            end(pid)
        wait_until(lambda: not (pathlib.Path(folder) / "cgroup.procs").read_text())
        os.rmdir(folder)
    assert not left


def run(swlock, prefix, *words, **options):
    return subprocess.run(
        [*prefix, SWLOCK, "run", *words], cwd=swlock.folder, capture_output=True,
        stdin=subprocess.DEVNULL, timeout=30, **options,
    )  # fmt: skip


# --cgroup


@pytest.mark.parametrize(
    "parent",
    [pytest.param(UNIFIED, id="v2", marks=needs_v2), pytest.param(PIDS, id="v1", marks=needs_v1)],
)
def test_the_command_starts_in_the_group(swlock, name, parent):
    group = parent / name
    group.mkdir()
    try:
        words = ["lock", "--", "sh", "-c", "cat /proc/self/cgroup; cat /proc/$PPID/cgroup"]
        result = run(swlock, [], "--cgroup", str(group), *words)
        assert result.returncode == 0, result
        assert result.stdout.decode().count(f"/{name}\n") == 1
    finally:
        os.rmdir(group)


def test_what_is_no_group_keeps_the_command_from_being_started(swlock, folder):
    result = swlock.run("run", "--cgroup", str(folder), "lock", "--", "touch", "started")
    assert has_failed(result, 73, b"cgroup.procs")
    assert not (folder / "started").exists() and is_free(folder / "lock")


# --cgroup-new

FLEEING = """
import os, signal, sys, time
for depth in range(5):
    if os.fork() == 0:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        if os.fork() == 0:
            open(f"pid-{depth}", "w").write(str(os.getpid()))
            time.sleep(1000)
        os._exit(0)
while len([file for file in os.listdir() if file.startswith("pid-")]) < 5:
    time.sleep(0.01)
memory = bytearray(30_000_000)
print(open("/proc/self/cgroup").read())
sys.exit(3)
"""


@every_version
def test_all_that_fled_is_gone_and_so_is_the_group(swlock, folder, name, prefix):
    result = run(swlock, prefix, "-v", f"--cgroup-new={name}", "lock", "--", *PYTHON, FLEEING)
    assert result.returncode == 3, result
    assert bool(re.search(rf"^0::.*/{name}$", result.stdout.decode(), re.M)) == (not prefix)
    assert not processes_in(folder)
    assert len(list(folder.glob("pid-*"))) == 5
    assert not groups(name) and is_free(folder / "lock")
    (line,) = [line for line in result.stderr.decode().splitlines() if "control group" in line]
    assert re.search(rf"control group {name}: cpu time \d+\.\d\d\ds, ", line)
    if own_group("memory"):
        assert int(re.search(r"memory peak (\d+) KiB", line)[1]) > 30_000
    if PIDS:
        assert int(re.search(r"pids peak (\d+)", line)[1]) >= 6


@needs_strace
@needs_v2
def test_without_cgroup_kill_they_are_gone_too(swlock, folder, name):
    path = UNIFIED / name / "cgroup.kill"
    trace = ["strace", "-qq", "-o", "trace", "-P", str(path), "-e", "inject=openat:error=ENOENT"]
    result = run(swlock, trace, f"--cgroup-new={name}", "lock", "--", *PYTHON, FLEEING)
    assert result.returncode == 3, result
    assert "INJECTED" in (folder / "trace").read_text()
    assert not processes_in(folder) and not groups(name)


@every_version
def test_groups_below_it_go_with_it(swlock, folder, name, prefix):
    parent = UNIFIED if not prefix else PIDS
    script = f"""
mkdir -p {parent}/{name}/a/b {parent}/{name}/c
sleep 1000 & echo $! >{parent}/{name}/a/b/cgroup.procs
sleep 1000 & echo $! >{parent}/{name}/c/cgroup.procs
exit 5
"""
    result = run(swlock, prefix, f"--cgroup-new={name}", "lock", "--", "sh", "-c", script)
    assert (result.returncode, result.stderr) == (5, b"")
    assert not processes_in(folder) and not groups(name)


@needs_any
def test_the_default_name_is_that_of_the_process(swlock):
    result = run(swlock, [], "--cgroup-new", "lock", "--", "sh", "-c", "cat /proc/self/cgroup; echo $PPID")
    *lines, parent = result.stdout.decode().split()
    assert any(line.endswith(f"/swlock-{parent}") for line in lines)
    assert not groups(f"swlock-{parent}")


@every_version
def test_a_group_that_exists_is_refused_and_left_alone(swlock, folder, name, prefix):
    group = (PIDS if prefix else UNIFIED) / name
    group.mkdir()
    with subprocess.Popen(["sleep", "1000"]) as stranger:
        (group / "cgroup.procs").write_text(str(stranger.pid))
        try:
            result = run(swlock, prefix, f"--cgroup-new={name}", "lock", "--", "touch", "started")
            assert has_failed(result, 71, name.encode())
            assert not (folder / "started").exists() and is_free(folder / "lock")
            assert stranger.poll() is None and groups(name) == [str(group)]
        finally:
            stranger.kill()
            stranger.wait()
            wait_until(lambda: not (group / "cgroup.procs").read_text())
            group.rmdir()


@needs_any
def test_a_command_that_is_not_started_leaves_no_group(swlock, folder, name):
    result = run(swlock, [], f"--cgroup-new={name}", "lock", "--", "./missing")
    assert has_failed(result, 127, b"./missing")
    assert not groups(name)


@needs_any
def test_it_can_be_made_below_another_group(swlock, name):
    group = (UNIFIED or PIDS) / name
    group.mkdir()
    try:
        words = ["--cgroup", str(group), "--cgroup-new=inner", "lock", "cat", "/proc/self/cgroup"]
        result = run(swlock, [], *words)
        assert f"/{name}/inner\n" in result.stdout.decode(), result
        assert not any(path.is_dir() for path in group.iterdir())
    finally:
        group.rmdir()


@needs_v2
@needs_tool("setpriv")
def test_an_ordinary_user_needs_a_group_that_is_its_own(swlock, folder, name):
    folder.chmod(0o777)
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    words = ["--cgroup-new=inner", "lock", "--", "sh", "-c", "touch started; setsid sleep 1000 &"]
    refused = run(swlock, user, *words)
    assert has_failed(refused, 77, b"inner: Permission denied (try as root)") and not (folder / "started").exists()
    group = UNIFIED / name
    group.mkdir()
    try:
        for path in group, group / "cgroup.procs":
            os.chown(path, 65534, 65534)
        enter = ["sh", "-c", f'echo 0 >{group}/cgroup.procs; exec "$@"', "sh"]
        result = run(swlock, [*enter, *user], *words)
        assert (result.returncode, result.stderr) == (0, b"")
        assert (folder / "started").exists() and not processes_in(folder) and not groups("inner")
    finally:
        group.rmdir()


@needs_any
@pytest.mark.parametrize("options", [["--close"], ["-m", "posix"], ["-m", "hardlink"]])
@pytest.mark.parametrize("victim", ["front", "holder"])
def test_in_two_processes_whichever_is_killed(swlock, folder, name, options, victim):
    """The other one kills what is left, and removes the group."""
    script = "(setsid sleep 1000 &); echo $PPID; echo in; exec sleep 1000"
    process = swlock.start("run", *options, f"--cgroup-new={name}", "lock", "--", "sh", "-c", script)
    holder = int(process.stdout.readline())
    assert process.stdout.readline() == b"in\n" and groups(name)
    assert holder != process.pid
    if victim == "holder":
        end(holder)
        assert process.wait(10) == 137
    else:
        process.kill()
        process.wait()
        end(holder, signal.SIGTERM)
        wait_until(lambda: not is_alive(holder))
    assert not processes_in(folder) and not groups(name)
    # A lock that is no file any more is free.
    assert not (folder / "lock").exists() or is_free(folder / "lock")


@needs_any
def test_a_group_whose_swlock_was_killed_stays_with_the_lock(swlock, folder, name):
    process = swlock.start("run", f"--cgroup-new={name}", "lock", "--", "sh", "-c", "echo in; sleep 1000")
    assert process.stdout.readline() == b"in\n"
    process.kill()
    process.wait()
    assert is_held(folder / "lock")
    for group in groups(name):
        for pid in map(int, (pathlib.Path(group) / "cgroup.procs").read_text().split()):
            end(pid)
        wait_until(lambda: not (pathlib.Path(group) / "cgroup.procs").read_text())
        os.rmdir(group)
    wait_until(lambda: is_free(folder / "lock"))


@needs_any
def test_with_a_pid_namespace_and_the_polite_end_before(swlock, folder, name):
    script = "(setsid sh -c 'trap \"echo told >told; exit\" TERM; echo >ready; while :; do sleep 0.01; done' 2>/dev/null &)"
    script += "; while [ ! -e ready ]; do sleep 0.01; done; exit 6"
    words = ["--leftovers=kill", "--unshare", "pid", f"--cgroup-new={name}"]
    result = run(swlock, [], *words, "lock", "--", "sh", "-c", script)
    assert (result.returncode, result.stderr) == (6, b"")
    assert (folder / "told").exists() and not processes_in(folder) and not groups(name)


@pytest.mark.parametrize(
    "words",
    [
        ["--cgroup-new=a/b"],
        ["--cgroup-new=.."],
        ["--cgroup-new", "--leftovers=keep"],
        ["--cgroup-new", "--no-fork"],
    ],
)
def test_a_mistake_is_a_usage_error(swlock, words):
    assert has_failed(swlock.run("run", *words, "lock", "--", "true"), 64, b"--cgroup-new")
