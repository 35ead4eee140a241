"""Lock files that are removed, that are not to be trusted, and that cannot be opened."""

import os
import subprocess

import pytest

from conftest import needs_root, needs_strace, needs_tool
from faults import traced
from observing import appears, has_failed, held

STRANGER = 54321


@pytest.mark.parametrize("mode, other", [("posix", "flock"), ("ofd", "flock"), ("flock", "ofd")])
def test_a_lock_of_another_kind_keeps_the_file(swlock, folder, mode, other):
    path = folder / "lock"
    with held(path, other):
        assert swlock.run("run", "-m", mode, "--unlink", "lock", "true").returncode == 0
        assert path.exists()
    assert swlock.run("run", "-m", mode, "--unlink", "lock", "true").returncode == 0
    assert not path.exists()


@pytest.mark.parametrize("mode", ["flock", "posix", "ofd"])
def test_nothing_is_removed_through_a_link(swlock, folder, mode):
    (folder / "lock").touch()
    (folder / "link").symlink_to("lock")
    result = swlock.run("run", "-m", mode, "--unlink", "link", "touch", "ran")
    assert has_failed(result, 65)
    assert sorted(os.listdir(folder)) == ["link", "lock"]


@pytest.fixture
def sticky(folder):
    os.chmod(folder, 0o755)
    path = folder / "sticky"
    path.mkdir()
    os.chmod(path, 0o1777)
    return path


@needs_root
@pytest.mark.parametrize("slashes", ["", "/", "//"])
def test_a_slash_at_the_end_does_not_make_a_link_trusted(swlock, folder, sticky, slashes):
    (folder / "target").mkdir()
    (sticky / "lock").symlink_to(folder / "target")
    os.chown(sticky / "lock", STRANGER, STRANGER, follow_symlinks=False)
    result = swlock.run("run", f"{sticky}/lock{slashes}", "touch", "ran")
    assert has_failed(result, 77)
    assert not (folder / "ran").exists()


@needs_root
@pytest.mark.parametrize("mode", ["flock", "posix", "ofd"])
@pytest.mark.parametrize("relative", [False, True], ids=["absolute", "relative"])
def test_root_refuses_a_strangers_file_behind_a_link(swlock, folder, sticky, mode, relative):
    (sticky / "lock").touch()
    os.chown(sticky / "lock", STRANGER, STRANGER)
    (folder / "second").symlink_to("sticky/lock" if relative else sticky / "lock")
    (folder / "first").symlink_to("second")
    for link in ("second", "first"):
        result = swlock.run("run", "-m", mode, link, "touch", "ran")
        assert has_failed(result, 77)
    assert not (folder / "ran").exists()


@needs_tool("strace")
@pytest.mark.parametrize(
    "options", [[], ["-w", "60"], ["--no-create"], ["-m", "posix"]], ids=" ".join
)
def test_a_file_that_is_always_missing_is_an_error(swlock, folder, options):
    (folder / "lock").touch()
    path = str(folder / "lock")
    inject = ["-f", "-P", path, "-e", "inject=open,openat:error=ENOENT"]
    process = swlock.begin(traced(swlock, "run", *options, path, "touch", "ran", inject=inject))
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 66
    assert errors.startswith(b"swlock: ") and errors.count(b"\n") == 1
    assert not (folder / "ran").exists()


@needs_tool("strace")
@pytest.mark.parametrize("options", [[], ["--close"]], ids=" ".join)
def test_a_blocking_flock_that_does_not_block_is_not_repeated_at_once(swlock, folder, options):
    inject = ["-f", "-e", "inject=flock:error=EAGAIN:when=2+"]
    words = ["run", "-w", "0.5", *options, "lock", "touch", "ran"]
    with held(folder / "lock"):
        process = swlock.begin(traced(swlock, *words, inject=inject, calls="flock"))
        process.communicate(timeout=10)
    assert process.returncode == 75
    assert (folder / "trace").read_text().count("flock(") < 100

SELF_LOCKING = """#!/bin/sh
test -n "$locked" || locked=yes exec "$S" run %s "$0" -- "$0"
echo inside
"""


@pytest.mark.parametrize("options", ["-n", "-s", "-o", "-F", "-s -m ofd", "-s -m posix"])
def test_a_script_may_lock_itself(swlock, folder, options):
    (folder / "script").write_text(SELF_LOCKING % options)
    (folder / "script").chmod(0o755)
    environment = {**os.environ, "S": swlock.binary}
    result = subprocess.run(
        ["./script"], cwd=folder, env=environment, capture_output=True, timeout=30
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, b"inside\n", b"")


@needs_strace
@pytest.mark.parametrize("error", ["EBADF", "EIO"])
def test_a_file_is_opened_for_writing_where_nfs_asks_for_that(swlock, folder, error):
    (folder / "lock").touch()
    fault = ["strace", "-o", "trace", "-e", f"inject=flock:error={error}:when=1"]
    command = [*fault, swlock.binary, "run", "lock", "--", "true"]
    result = subprocess.run(command, cwd=folder, capture_output=True, timeout=30)
    assert (result.returncode, result.stderr) == (0, b"")
    opened = [line for line in appears(folder / "trace").splitlines() if b'"lock"' in line]
    assert any(b"O_RDWR" in line for line in opened)
