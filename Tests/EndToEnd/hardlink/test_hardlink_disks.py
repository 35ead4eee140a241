"""`hardlink` mode on file systems that are full, read-only, without hard links, or seen twice."""

import contextlib
import os
import shutil
import subprocess

import pytest

from conftest import SWLOCK, needs_root, needs_strace, needs_tool
from hardlink_world import BUSY, CANNOT_CREATE, SETTLE, UNSUPPORTED, left_in, under, watches
from mounts import mounted
from observing import PATIENCE, has_failed, nothing_left, wait_until  # noqa: F401
from sections import begin, finish, hold, is_inside, wait_until_inside

SFTP_SERVER = "/usr/lib/openssh/sftp-server"
STYLES = {"flufl": [], "portage": ["--style", "portage", "--unlink"]}
every_style = pytest.mark.parametrize("style", STYLES.values(), ids=STYLES.keys())

pytestmark = needs_root


def small(folder):
    return mounted(folder, "mount", "-t", "tmpfs", "-o", "size=64k,nr_inodes=8", "none")


def run(disk, *options, command=("true",)):
    return subprocess.run(
        [*under(*options), *command],
        cwd=disk,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
    )


def fill(disk):
    """Uses up all inodes; returns the files."""
    made = []
    with contextlib.suppress(OSError):
        while True:
            path = disk / f"filling{len(made)}"
            path.touch()
            made.append(path)
    return made


@every_style
def test_full_disk_is_a_clear_error_and_nothing_is_left(folder, style):
    with small(folder) as disk:
        fill(disk)
        before = sorted(os.listdir(disk))
        outcome = run(disk, "-n", *style, command=["touch", "../ran"])
        assert has_failed(outcome, CANNOT_CREATE, b"lock")
        assert sorted(os.listdir(disk)) == before and not (folder / "ran").exists()


def test_disk_without_room_for_the_content_is_a_clear_error_and_nothing_is_left(folder):
    with small(folder) as disk:
        with contextlib.suppress(OSError), open(disk / "filling", "wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        outcome = run(disk, "-n")
        assert has_failed(outcome, CANNOT_CREATE, b"lock")
        assert os.listdir(disk) == ["filling"]


@every_style
@pytest.mark.parametrize("what", ["inodes", "space"])
def test_lock_is_released_on_a_disk_that_is_full_by_then(folder, style, what):
    filling = {
        "inodes": "i=0; while touch filling$i; do i=$((i + 1)); done 2>/dev/null",
        "space": "cat /dev/zero >filling0 2>/dev/null",
    }[what]
    with small(folder) as disk:
        outcome = run(disk, "-n", *style, command=["sh", "-c", f"{filling}; exit 7"])
        assert outcome.returncode == 7, outcome
        outcome = run(disk, "-n", *style)
        # portage needs no new file there.
        assert outcome.returncode == (0 if "portage" in style else CANNOT_CREATE), outcome
        for path in disk.glob("filling*"):
            path.unlink()
        outcome = run(disk, "-n", *style)
        assert (outcome.returncode, outcome.stderr) == (0, b"")
        subprocess.run([SWLOCK, "cleanup", *SETTLE, *style[:2], "lock"], cwd=disk, check=True)
        assert os.listdir(disk) == []


def test_waiter_on_a_full_disk_gets_in_or_says_why_not(swlock, folder):
    with small(folder) as disk:
        holding = hold(swlock, under(path="disk/lock"))
        waiting = begin(swlock, under(path="disk/lock"))
        wait_until(lambda: watches(waiting), "it waits")
        fill(disk)
        finish(holding)
        _, errors = waiting.communicate(timeout=PATIENCE)
        assert (waiting.returncode, errors.count(b"\n")) == (CANNOT_CREATE, 1)
        for path in disk.glob("filling*"):
            path.unlink()
        assert run(disk, "-n").returncode == 0
        subprocess.run([SWLOCK, "cleanup", *SETTLE, "lock"], cwd=disk, check=True)
        assert os.listdir(disk) == []


@every_style
def test_read_only_file_system_is_a_clear_error(folder, style):
    with mounted(folder, "mount", "-t", "tmpfs", "none") as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        assert has_failed(run(disk, "-n", *style), CANNOT_CREATE, b"lock")


@contextlib.contextmanager
def without_links(folder):
    """exFAT, which has none."""
    image = folder / "image"
    with open(image, "wb") as file:
        file.truncate(4 << 20)
    subprocess.run(["mkfs.exfat", str(image)], check=True, capture_output=True)
    words = ["losetup", "--find", "--show", str(image)]
    loop = subprocess.run(words, capture_output=True, text=True, check=False)
    if loop.returncode:
        pytest.skip(f"losetup: {loop.stderr.strip()}")
    device = loop.stdout.strip()
    try:
        with mounted(folder, "mount.exfat-fuse", device) as disk:
            yield disk
    finally:
        subprocess.run(["losetup", "--detach", device], check=False)


@needs_tool("mkfs.exfat")
@needs_tool("mount.exfat-fuse")
@every_style
@pytest.mark.parametrize("verb", ["run", "acquire"])
def test_file_system_without_hard_links_is_unsupported(folder, style, verb):
    with without_links(folder) as disk:
        words = [SWLOCK, verb, "-m", "hardlink", *style, "lock"]
        words += ["--", "touch", "ran"] if verb == "run" else []
        outcome = subprocess.run(words, cwd=disk, capture_output=True, timeout=PATIENCE)
        # Some drivers have no names with the separator of a claim's there, either.
        assert outcome.returncode in (UNSUPPORTED, UNSUPPORTED if style else CANNOT_CREATE)
        assert has_failed(outcome, outcome.returncode, b"lock")
        assert os.listdir(disk) == []


@needs_tool("bindfs")
@every_style
def test_two_mounts_of_a_folder_exclude_each_other(swlock, folder, style):
    """In whose kernel locks they do not."""
    (folder / "source").mkdir()
    with mounted(folder, "bindfs", "source", name="view"):
        for first, second in (("source", "view"), ("view", "source")):
            holding = hold(swlock, under(*style, path=f"{first}/lock"))
            outcome = run(folder / second, "-n", *style)
            assert outcome.returncode == BUSY, outcome
            waiting = begin(swlock, under(*style, path=f"{second}/lock"))
            assert not is_inside(waiting, 0.3)
            finish(holding)
            wait_until_inside(waiting)
            outcome = run(folder / first, "-n", *style)
            assert outcome.returncode == BUSY, outcome
            finish(waiting)
            assert left_in(folder / "source") == []


@needs_strace
@needs_tool("bindfs")
@pytest.mark.parametrize("patience", ["0", "0.1"])
def test_name_of_a_file_that_is_gone_is_looked_up_again(swlock, folder, patience):
    """As long as a client of NFS 4 has a delegation for the file it does so for none but writers."""
    (folder / "source").mkdir()
    with mounted(folder, "bindfs", "source", name="view") as view:
        holding = hold(swlock, under(path="view/lock"))

        def look(*fault):
            """The calls of a process that finds it held."""
            trace = folder / "trace"
            words = ["strace", "-qq", "-f", "-o", trace, "-e", "trace=statx,openat", *fault]
            outcome = subprocess.run(
                [*words, *under("--timeout", patience, path=view / "lock"), "true"],
                capture_output=True,
                timeout=PATIENCE,
            )
            assert has_failed(outcome, BUSY, b"lock"), outcome
            return trace.read_text().splitlines()

        calls = [line for line in look() if "statx(" in line]
        number = 1 + next(n for n, line in enumerate(calls) if '"lock", AT_STATX_FORCE_SYNC' in line)
        calls = look("-e", f"inject=statx:error=ESTALE:when={number}")
        failed = next(n for n, line in enumerate(calls) if "INJECTED" in line)
        assert '"lock", AT_STATX_DONT_SYNC' in calls[failed + 1]
        assert '"lock", O_WRONLY|O_NOCTTY|O_NONBLOCK|O_NOFOLLOW|O_CLOEXEC)' in calls[failed + 2]
        assert '"lock", AT_STATX_FORCE_SYNC' in calls[failed + 3]
        assert (view / "lock").exists()
        finish(holding)


@needs_tool("sshfs")
@pytest.mark.skipif(not shutil.which(SFTP_SERVER), reason="needs an SFTP server")
def test_sshfs_either_excludes_or_says_that_it_cannot(swlock, folder):
    """Its link counts stay 1, and each name has an inode number of its own."""
    (folder / "source").mkdir()
    (folder / "ssh").write_text(f"#!/bin/sh\nexec {SFTP_SERVER}\n")
    (folder / "ssh").chmod(0o755)
    words = ["sshfs", "-o", f"ssh_command={folder}/ssh", f"host:{folder}/source"]
    with mounted(folder, *words, name="view") as view:
        outcome = run(view, "-n")
        # By the version of sshfs.
        assert outcome.returncode in (0, UNSUPPORTED), outcome
        assert left_in(folder / "source") == []
        if outcome.returncode:
            assert has_failed(outcome, UNSUPPORTED, b"lock")
            return
        holding = hold(swlock, under(path="view/lock"))
        assert run(view, "-n").returncode == BUSY
        assert run(folder / "source", "-n").returncode == BUSY
        finish(holding)
        assert run(view, "-n").returncode == 0
        assert left_in(folder / "source") == []
