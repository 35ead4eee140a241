"""Without /dev/null, /proc, or anybody who reads standard error."""

import os
import re
import shutil
import signal
import stat
import subprocess

import pytest

from conftest import SWLOCK, needs_root, needs_tool
from observing import every_shape


@pytest.fixture
def jail(folder):
    """Options for a process that sees only a folder with the binary and its libraries."""
    root = folder / "jail"
    root.mkdir()
    found = subprocess.run(["ldd", SWLOCK], capture_output=True, text=True, check=False).stdout
    for library in re.findall(r"(/\S+)", found):
        (root / library[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, root / library[1:])
    shutil.copy(SWLOCK, root / "swlock")

    def enter(*closed):
        os.chroot(root)
        os.chdir("/")
        for descriptor in closed:
            os.close(descriptor)

    def start(*words, closed=()):
        return subprocess.run(
            ["/swlock", *words],
            executable="/swlock",
            preexec_fn=lambda: enter(*closed),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=10,
            check=False,
        )

    start.root = root
    return start


@needs_root
@pytest.mark.parametrize("closed", [(), (0,), (0, 1), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("options", [[], ["--close"], ["-m", "posix"]], ids=" ".join)
def test_swlock_does_not_hang_where_there_is_no_dev_null(jail, closed, options):
    result = jail("run", *options, "lock", "/swlock", "help", closed=closed)
    # The command itself cannot write where standard output is closed.
    assert result.returncode == (74 if 1 in closed else 0)
    assert (jail.root / "lock").read_bytes() == b""


@needs_root
@pytest.mark.parametrize("options", [[], ["--close"], ["-m", "posix"]], ids=" ".join)
def test_permissions_are_given_where_there_is_no_proc(jail, options):
    result = jail("run", *options, "--perm=644", "lock", "/swlock", "version")
    assert (result.returncode, result.stderr) == (0, b"")
    assert stat.S_IMODE((jail.root / "lock").stat().st_mode) == 0o644


@needs_root
@pytest.mark.parametrize("disposition", [signal.SIG_DFL, signal.SIG_IGN])
def test_a_group_that_only_getent_knows_is_found(swlock, folder, disposition):
    (folder / "bin").mkdir()
    (folder / "bin" / "getent").write_text("#!/bin/sh\necho not-in-etc-group:x:4321:\n")
    os.chmod(folder / "bin" / "getent", 0o755)
    result = swlock.run(
        "run",
        "--group=not-in-etc-group",
        "lock",
        "true",
        env={**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}"},
        preexec_fn=lambda: signal.signal(signal.SIGCHLD, disposition),
    )
    assert (result.returncode, result.stderr) == (0, b"")
    assert (folder / "lock").stat().st_gid == 4321


@pytest.fixture
def unread():
    """A pipe for standard error; its reader can be closed."""
    reader, writer = os.pipe()
    ends = {"reader": reader, "writer": writer}

    def drop(name):
        if name in ends:
            os.close(ends.pop(name))

    yield reader, writer, drop
    drop("reader")
    drop("writer")


@pytest.mark.parametrize(
    "words, status",
    [
        (["run", "--no-such-option"], 64),
        (["run", "--no-create", "missing", "true"], 66),
        (["run", "lock", "./missing"], 127),
        (["run", "-v", "lock", "sh", "-c", "exit 3"], 3),
        (["run", "-v", "-o", "lock", "sh", "-c", "exit 3"], 3),
        (["run", "-v", "-m", "posix", "lock", "sh", "-c", "exit 3"], 3),
        (["run", "-v", "-F", "lock", "sh", "-c", "exit 3"], 3),
        (["run", "--max-runtime=0.1", "lock", "sleep", "60"], 124),
        (["run", "-o", "--max-runtime=0.1", "lock", "sleep", "60"], 124),
    ],

)
def test_the_status_is_the_same_when_nobody_reads_standard_error(swlock, unread, words, status):
    _, writer, drop = unread
    process = swlock.start(*words, stderr=writer)
    drop("reader")
    drop("writer")
    assert process.wait(10) == status


@every_shape
def test_a_command_runs_to_its_end_when_the_reader_of_the_steps_leaves(
    swlock, folder, unread, shape
):
    reader, writer, drop = unread
    script = "while ! [ -e stop ]; do sleep 0.01; done; echo >done; exit 3"
    process = swlock.start("run", "-v", *shape, "lock", "sh", "-c", script, stderr=writer)
    drop("writer")
    text = b""
    while b"started" not in text:
        more = os.read(reader, 1000)
        assert more, text
        text += more
    drop("reader")
    (folder / "stop").touch()
    assert process.wait(10) == 3
    assert (folder / "done").exists()


@needs_root
@needs_tool("unshare")
@pytest.mark.parametrize(
    "words", [["run", "-m", "posix", "lock"], ["as", "lockrun", "-L", "lock"]], ids=" ".join
)
def test_the_command_may_be_the_first_process_of_a_new_namespace(swlock, folder, words):
    command = ["unshare", "--pid", swlock.binary, *words, "--", "echo", "inside"]
    result = subprocess.run(command, cwd=folder, capture_output=True, timeout=30)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"inside\n", b"")
