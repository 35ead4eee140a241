"""What may be a lock file, what may not, and how one is created, found and removed."""

import contextlib
import fcntl
import grp
import os
import resource
import shutil
import stat
import subprocess

import pytest

from conftest import SWLOCK, needs_root, needs_strace, needs_tool
from observing import (  # noqa: F401
    MODES,
    appears,
    command_of,
    descriptors_of,
    end,
    every_shape,
    has_failed,
    held,
    is_free,
    is_held,
    make_fifo,
    make_socket,
    nothing_left,
    wait_until,
)

NOBODY = 65534
STRANGER = 1

every_mode = pytest.mark.parametrize("mode", MODES)


def refused(result, status, *parts):
    return has_failed(result, status, b"swlock: unable to lock ", *parts)


def bits_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.fixture
def nobody(folder):
    """Runs swlock as a user who owns nothing here; the binary is copied to where he can reach."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    folder.chmod(0o755)
    binary = folder / "binary"
    shutil.copy(SWLOCK, binary)
    binary.chmod(0o755)

    def run(*words, **options):
        options.setdefault("cwd", folder)
        return subprocess.run(
            [binary, *words],
            capture_output=True,
            timeout=30,
            stdin=subprocess.DEVNULL,
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            **options,
        )

    try:
        reachable = run("version").returncode == 0
    except PermissionError:
        reachable = False
    if not reachable:
        pytest.skip("needs a TMPDIR that everybody can reach")
    return run


# What is no lock file


def identity(path):
    status = os.lstat(path)
    return status.st_dev, status.st_ino, status.st_mode, status.st_mtime_ns


def make_link_to_a_device(path):
    path.symlink_to("/dev/null")


def make_link_to_a_fifo(path):
    os.mkfifo(path.with_name("target"))
    path.symlink_to("target")


@every_mode
@pytest.mark.parametrize(
    "make", [make_fifo, make_socket, make_link_to_a_device, make_link_to_a_fifo]
)
@pytest.mark.parametrize("options", [[], ["-n"], ["-s"], ["-w9"], ["--unlink"]], ids=" ".join)
def test_what_is_no_file_is_refused_at_once(swlock, folder, mode, make, options):
    path = folder / "lock"
    make(path)
    before = identity(path)
    result = swlock.run("run", "-m", mode, *options, "lock", "touch", "ran", timeout=5)
    assert refused(result, 65, b" lock: ")
    assert identity(path) == before
    assert not (folder / "ran").exists()


@every_mode
def test_a_device_is_refused(swlock, folder, mode):
    assert refused(swlock.run("run", "-m", mode, "/dev/null", "touch", "ran"), 65, b"/dev/null")
    assert os.listdir(folder) == []


@pytest.fixture
def disk(folder):
    """A block device; nothing else knows it."""
    (folder / "backing").write_bytes(bytes(1 << 20))
    words = ["losetup", "--find", "--show", "backing"]
    try:
        made = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("needs losetup")
    if made.returncode:
        pytest.skip("needs a loop device")
    yield made.stdout.strip()
    subprocess.run(["losetup", "--detach", made.stdout.strip()], check=True)


@every_mode
@pytest.mark.parametrize("sharing", ["-x", "-s"])
@pytest.mark.parametrize("through", ["itself", "link"])
def test_a_block_device_can_be_locked(swlock, folder, disk, mode, sharing, through):
    """As udevadm lock does; /dev/disk/by-id has links."""
    path = disk
    if through == "link":
        path = folder / "link"
        path.symlink_to(disk)
    words = ["run", "-m", mode, sharing, path, "sh", "-c", "echo >in; read x || :"]
    holder = swlock.start(*words, stdin=subprocess.PIPE)
    appears(folder / "in")
    assert refused(swlock.run("run", "-n", "-m", mode, disk, "touch", "ran"), 75, b"held by pid ")
    assert f"{mode}, ".encode() in swlock.run("status", disk).stdout
    assert has_failed(swlock.run("break", disk), 75, b"is alive")
    holder.communicate(timeout=10)
    assert holder.returncode == 0
    assert swlock.run("run", "-n", "-m", mode, disk, "true").returncode == 0
    assert swlock.run("status", disk).stdout == f"{disk}  free\n".encode()
    assert swlock.run("break", disk).returncode == 0


@needs_tool("flock")
def test_the_lock_of_a_block_device_is_flock_1s(swlock, folder, disk):
    holder = subprocess.Popen(["flock", disk, "sh", "-c", "echo >in; read x"], cwd=folder, stdin=subprocess.PIPE)
    swlock.processes.append(holder)
    appears(folder / "in")
    assert refused(swlock.run("run", "-n", disk, "touch", "ran"), 75)
    holder.communicate(timeout=10)


def test_a_block_device_is_never_removed_nor_a_hardlink_lock(swlock, folder, disk):
    for options in (["--unlink"], ["-m", "hardlink"]):
        assert refused(swlock.run("run", *options, disk, "touch", folder / "ran"), 65)
    assert has_failed(swlock.run("cleanup", "--unused", disk), 0, b"stays")
    assert stat.S_ISBLK(os.stat(disk).st_mode) and not (folder / "ran").exists()
    # Nor written to.
    assert (folder / "backing").read_bytes() == bytes(1 << 20)


@needs_strace
def test_a_block_device_is_opened_for_reading_only_and_not_waited_for(swlock, folder, disk):
    trace = ["strace", "-f", "-b", "execve", "-qq", "-e", "trace=openat", "-o", "trace"]
    for words in (["run", disk, "true"], ["status", disk]):
        subprocess.run([*trace, SWLOCK, *words], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        lines = [line for line in (folder / "trace").read_text().splitlines() if disk in line]
        for line in lines:
            # Nothing that creates, or waits for, what is there.
            assert "O_PATH" in line or "O_RDONLY|O_NOCTTY|O_NONBLOCK" in line and "O_CREAT" not in line


@needs_root
def test_a_strangers_block_device_in_a_sticky_folder_is_refused(swlock, sticky, disk):
    number = os.stat(disk).st_rdev
    try:
        os.mknod(sticky / "node", stat.S_IFBLK | 0o600, number)
    except OSError:
        pytest.skip("needs to make device files")
    os.chown(sticky / "node", STRANGER, STRANGER)
    assert refused(swlock.run("run", sticky / "node", "touch", sticky / "ran"), 77)


@pytest.mark.parametrize("words", [["status"], ["break"], ["run", "-m", "auto"], ["run", "-m", "hardlink"]])
def test_a_character_device_is_not_even_opened(swlock, folder, words):
    """A tape is rewound when it is closed."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    trace = ["strace", "-f", "-qq", "-e", "trace=openat", "-o", "trace"]
    command = ["true"] if words[0] == "run" else []
    subprocess.run([*trace, SWLOCK, *words, "/dev/null", *command], cwd=folder, capture_output=True)
    lines = [line for line in (folder / "trace").read_text().splitlines() if '"/dev/null"' in line or '"null"' in line]
    assert all("O_PATH" in line for line in lines), lines


@pytest.mark.parametrize("path", ["sub", "sub/", ".", "link", "link/"])
def test_a_directory_can_be_locked_in_flock_mode(swlock, folder, path):
    (folder / "sub").mkdir()
    (folder / "link").symlink_to("sub")
    with held_directory(folder if path == "." else folder / "sub"):
        assert refused(swlock.run("run", "-n", path, "touch", "ran"), 75)
    assert swlock.run("run", "-n", path, "true").returncode == 0
    assert sorted(os.listdir(folder)) == ["link", "sub"] and os.listdir(folder / "sub") == []


@contextlib.contextmanager
def held_directory(path):
    """Holds a flock on a directory, which cannot be opened for writing as `held` does."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("mode", ["posix", "ofd"])
@pytest.mark.parametrize("sharing", ["-s", "-x"])
def test_a_directory_is_refused_in_the_other_modes(swlock, folder, mode, sharing):
    (folder / "sub").mkdir()
    for path in ("sub", "sub/", "."):
        assert refused(swlock.run("run", "-m", mode, sharing, path, "touch", "ran"), 65)
    assert os.listdir(folder) == ["sub"]


# What cannot be created


@every_mode
def test_a_dangling_link_is_refused_and_its_target_not_created(swlock, folder, mode):
    (folder / "lock").symlink_to("target")
    assert refused(swlock.run("run", "-m", mode, "lock", "touch", "ran"), 73, b" lock: ")
    assert os.listdir(folder) == ["lock"]


def test_a_link_that_leads_to_itself_is_refused(swlock, folder):
    (folder / "lock").symlink_to("lock")
    result = swlock.run("run", "lock", "touch", "ran")
    assert refused(result, 65)
    assert os.listdir(folder) == ["lock"]


@every_mode
def test_a_link_to_a_file_locks_the_file(swlock, folder, mode):
    (folder / "target").touch()
    (folder / "lock").symlink_to("target")
    with held(folder / "target", mode):
        assert refused(swlock.run("run", "-m", mode, "-n", "lock", "true"), 75)
    assert swlock.run("run", "-m", mode, "-n", "lock", "true").returncode == 0


@every_mode
@pytest.mark.parametrize(
    "path", ["missing/lock", "missing/", "file/lock", "file/", "dangling/lock", "n" * 300]
)
def test_a_file_that_cannot_be_created_is_73(swlock, folder, mode, path):
    (folder / "file").touch()
    (folder / "dangling").symlink_to("missing")
    assert refused(swlock.run("run", "-m", mode, path, "touch", "ran"), 73, path.encode())
    assert sorted(os.listdir(folder)) == ["dangling", "file"]


@pytest.mark.parametrize("extra", [[], ["--unlink"]], ids=" ".join)
def test_a_path_of_4095_bytes_works_and_a_longer_one_is_73(swlock, folder, extra):
    longest = "./" * 2045 + "abcde"
    assert swlock.run("run", *extra, longest, "true").returncode == 0
    for path in ("./" + longest, "./" * 5000 + "lock"):
        assert refused(swlock.run("run", *extra, path, "touch", "ran"), 73)
    assert not (folder / "ran").exists()


@every_mode
def test_an_odd_name_is_locked_as_it_is_and_escaped_in_messages(swlock, folder, mode):
    name = b"a\nb\xff\x1b[31m\r\t"
    path = os.path.join(os.fsencode(folder), name)
    assert swlock.run("run", "-m", mode, name, "true").returncode == 0
    assert os.listdir(os.fsencode(folder)) == [name]
    with held(path, mode):
        result = swlock.run("run", "-m", mode, "-n", name, "touch", "ran")
        timed_out = swlock.run("run", "-m", mode, "-w0.05", name, "touch", "ran")
    assert refused(result, 75, rb"a\nb\xff\x1b[31m") and refused(timed_out, 75, rb"a\nb\xff")
    for text in (result.stderr, timed_out.stderr):
        assert text[:-1].decode().isprintable()


def test_a_working_folder_that_is_gone_hinders_only_relative_paths(swlock, folder):
    script = 'cd sub && rmdir ../sub && exec "$@"'
    for path, status in ((folder / "lock", 0), ("lock", 73), ("./lock", 73)):
        (folder / "sub").mkdir()
        words = ["sh", "-c", script, "sh", SWLOCK, "run", path, "true"]
        result = subprocess.run(words, cwd=folder, capture_output=True, timeout=10)
        assert result.returncode == status, result
    assert os.listdir(folder) == ["lock"]


# File systems


def mounted(folder, setup, *words):
    """Runs swlock where `setup` (shell) has mounted things, which vanish with the process."""
    script = f'set -e\n{setup}\nset +e\n"$@"\nstatus=$?\nls -A disk >listing\nexit $status'
    (folder / "disk").mkdir(exist_ok=True)
    words = ["unshare", "-m", "sh", "-c", script, "sh", SWLOCK, "run", *words]
    result = subprocess.run(words, cwd=folder, capture_output=True, timeout=30)
    return result, (folder / "listing").read_text().split()


READ_ONLY = "mount -t tmpfs none disk; touch disk/old; mount -o remount,ro disk"


@needs_root
@needs_tool("unshare")
@every_mode
@pytest.mark.parametrize("extra", [[], ["-s"], ["--unlink"]], ids=" ".join)
def test_nothing_can_be_created_on_a_read_only_file_system(swlock, folder, mode, extra):
    result, names = mounted(folder, READ_ONLY, "-m", mode, *extra, "disk/new", "touch", "ran")
    assert refused(result, 73, b"disk/new") and names == ["old"]
    assert not (folder / "ran").exists()


@needs_root
@needs_tool("unshare")
@pytest.mark.parametrize(
    "mode, sharing, status",
    [
        ("flock", "-x", 0),
        ("flock", "-s", 0),
        ("posix", "-s", 0),
        ("ofd", "-s", 0),
        ("posix", "-x", 73),
        ("ofd", "-x", 73),
    ],
)
def test_an_old_file_on_a_read_only_file_system_is_locked_where_the_mode_allows_it(
    swlock, folder, mode, sharing, status
):
    result, _ = mounted(folder, READ_ONLY, "-m", mode, sharing, "disk/old", "touch", "ran")
    assert result.returncode == 0 if status == 0 else refused(result, status, b"disk/old")
    assert (folder / "ran").exists() == (status == 0)


@needs_root
@needs_tool("unshare")
@every_mode
def test_a_full_disk_is_73_and_leaves_no_file(swlock, folder, mode):
    setup = """
        mount -t tmpfs -o nr_inodes=4 none disk
        for number in 1 2 3 4 5; do touch disk/$number 2>/dev/null || break; done
        ! touch disk/more 2>/dev/null"""
    result, names = mounted(folder, setup, "-m", mode, "disk/lock", "touch", "ran")
    assert refused(result, 73, b"disk/lock")
    assert "lock" not in names and not (folder / "ran").exists()


@needs_root
@needs_tool("unshare")
@every_mode
def test_a_disk_without_free_blocks_has_room_for_a_lock_file(swlock, folder, mode):
    setup = "mount -t tmpfs -o size=16k none disk; ! cat /dev/zero 2>/dev/null >disk/zeros"
    result, names = mounted(folder, setup, "-m", mode, "disk/lock", "true")
    assert result.returncode == 0 and names == ["lock", "zeros"]


@needs_root
@needs_tool("unshare")
@every_shape
@pytest.mark.parametrize("hidden", ["/dev", "/proc"])
def test_neither_dev_nor_proc_is_needed(swlock, folder, shape, hidden):
    setup = f"mount -t tmpfs none {hidden}"
    result, _ = mounted(folder, setup, *shape, "lock", "sh", "-c", "echo ran; exit 5")
    assert (result.returncode, result.stdout, result.stderr) == (5, b"ran\n", b"")


# Permissions


def test_a_file_that_can_only_be_read_is_locked_where_the_mode_allows_it(nobody, folder):
    (folder / "lock").touch(0o444)
    (folder / "lock").chmod(0o444)
    for words in (["-x"], ["-s"], ["-m", "posix", "-s"], ["-m", "ofd", "-s"]):
        assert nobody("run", *words, "lock", "true").returncode == 0, words
    for mode in ("posix", "ofd"):
        assert refused(nobody("run", "-m", mode, "-x", "lock", "true"), 77)


def test_a_file_that_can_only_be_written_to_is_77_or_locked(nobody, folder):
    (folder / "lock").touch()
    (folder / "lock").chmod(0o222)
    result = nobody("run", "lock", "echo", "ran")
    assert result.stdout == b"ran\n" if result.returncode == 0 else refused(result, 77)


@every_mode
@pytest.mark.parametrize("sharing", ["-s", "-x"])
def test_what_is_not_permitted_is_77(nobody, folder, mode, sharing):
    (folder / "private").mkdir(0o700)
    (folder / "private" / "lock").touch()
    (folder / "lock").touch()
    (folder / "lock").chmod(0)
    for path in ("lock", "private/lock", "private/new", "new"):
        result = nobody("run", "-m", mode, sharing, path, "echo", "ran")
        assert refused(result, 77, path.encode()) and result.stdout == b""
    assert not (folder / "new").exists()


def test_a_search_path_that_may_not_be_searched_hides_nothing_and_nobody(nobody, folder):
    """As with execvp(3), and so env(1): what is further on is run, and what is nowhere else may be
    in the folder that hides it."""
    (folder / "private").mkdir(0o700)
    (folder / "lock").touch()
    (folder / "lock").chmod(0o666)
    env = {"PATH": f"{folder}/private:/usr/bin:/bin"}
    assert nobody("run", "lock", "echo", "ran", env=env).stdout == b"ran\n"
    assert has_failed(nobody("run", "lock", "no-such-command", env=env), 126)


@pytest.fixture
def sticky(folder):
    """A folder like /tmp, in which strangers own things."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    folder.chmod(0o755)
    path = folder / "sticky"
    path.mkdir()
    path.chmod(0o1777)
    return path


@every_mode
@pytest.mark.parametrize("bits", [0o600, 0o666, 0o444])
def test_root_refuses_a_strangers_file_in_a_sticky_folder(swlock, sticky, mode, bits):
    path = sticky / "lock"
    path.touch()
    path.chmod(bits)
    os.chown(path, STRANGER, STRANGER)
    assert refused(swlock.run("run", "-m", mode, path, "touch", sticky / "ran"), 77)
    assert os.listdir(sticky) == ["lock"]


@every_mode
def test_root_uses_and_creates_files_of_his_own_in_a_sticky_folder(swlock, sticky, mode):
    for _ in ("created", "found"):
        assert swlock.run("run", "-m", mode, sticky / "lock", "true").returncode == 0
    assert bits_of(sticky / "lock") == 0o600


def test_a_strangers_file_in_an_ordinary_folder_is_locked(swlock, folder):
    (folder / "lock").touch()
    if os.geteuid() == 0:
        os.chown(folder / "lock", STRANGER, STRANGER)
    assert swlock.run("run", "lock", "true").returncode == 0


@every_mode
def test_root_refuses_a_strangers_link_in_a_sticky_folder(swlock, folder, sticky, mode):
    (folder / "target").touch()
    (sticky / "lock").symlink_to(folder / "target")
    os.chown(sticky / "lock", STRANGER, STRANGER, follow_symlinks=False)
    assert refused(swlock.run("run", "-m", mode, sticky / "lock", "touch", sticky / "ran"), 77)
    assert os.listdir(sticky) == ["lock"]


@every_mode
def test_a_strangers_dangling_link_in_a_sticky_folder_creates_nothing(swlock, folder, sticky, mode):
    (sticky / "lock").symlink_to(folder / "target")
    os.chown(sticky / "lock", STRANGER, STRANGER, follow_symlinks=False)
    result = swlock.run("run", "-m", mode, sticky / "lock", "touch", sticky / "ran")
    assert refused(result, 77)
    assert os.listdir(sticky) == ["lock"] and not (folder / "target").exists()


def test_a_link_of_ones_own_in_a_sticky_folder_is_followed(swlock, folder, sticky):
    (folder / "target").touch()
    (sticky / "lock").symlink_to(folder / "target")
    assert swlock.run("run", sticky / "lock", "true").returncode == 0


def test_links_in_a_sticky_folder_are_followed_as_protected_symlinks_would(nobody, folder, sticky):
    (folder / "target").touch()
    (folder / "target").chmod(0o666)
    for owner, status in ((0, 0), (NOBODY, 0), (STRANGER, 77)):
        link = sticky / f"lock-of-{owner}"
        link.symlink_to(folder / "target")
        os.chown(link, owner, owner, follow_symlinks=False)
        assert nobody("run", link, "true").returncode == status, owner


def test_users_share_a_lock_file_in_a_sticky_folder(nobody, sticky):
    for owner in (0, NOBODY, STRANGER):
        path = sticky / f"lock-of-{owner}"
        path.touch()
        path.chmod(0o666)
        os.chown(path, owner, owner)
        assert nobody("run", path, "true").returncode == 0, owner


def test_a_setuid_copy_refuses_to_run(nobody, folder):
    if os.statvfs(folder).f_flag & os.ST_NOSUID:
        pytest.skip("needs a TMPDIR that is not mounted nosuid")
    (folder / "binary").chmod(0o4755)
    result = nobody("run", "lock", "sh", "-c", "echo ran")
    assert has_failed(result, 77) and result.stdout == b""
    assert not (folder / "lock").exists()


# Creation


@every_mode
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777], ids=oct)
@pytest.mark.parametrize(
    "perm, bits", [([], 0o600), (["--perm=0666"], 0o666), (["--perm=0440"], 0o440)]
)
def test_a_new_lock_file_has_the_permissions_asked_for_whatever_the_umask(
    swlock, folder, mode, umask, perm, bits
):
    assert swlock.run("run", "-m", mode, *perm, "lock", "true", umask=umask).returncode == 0
    assert bits_of(folder / "lock") == bits


def test_an_old_lock_file_keeps_its_permissions_and_group(swlock, folder):
    (folder / "lock").touch()
    (folder / "lock").chmod(0o640)
    before = os.stat(folder / "lock")
    group = grp.getgrgid(os.getegid()).gr_name
    words = ["run", "--perm=0666", f"--group={group}", "lock", "true"]
    assert swlock.run(*words).returncode == 0
    after = os.stat(folder / "lock")
    assert (after.st_mode, after.st_gid) == (before.st_mode, before.st_gid)


@needs_root
@every_mode
def test_a_new_lock_file_has_the_group_asked_for(swlock, folder, mode):
    group = next(entry for entry in grp.getgrall() if entry.gr_gid != 0)
    words = ["-m", mode, "--group", group.gr_name, "--perm", "0660"]
    assert swlock.run("run", *words, "lock", "true").returncode == 0
    assert os.stat(folder / "lock").st_gid == group.gr_gid
    assert bits_of(folder / "lock") == 0o660


def test_a_group_that_does_not_exist_is_refused_before_anything_is_created(swlock, folder):
    assert has_failed(swlock.run("run", "--group", "no-such-group", "lock", "true"), 64)
    assert os.listdir(folder) == []


@every_mode
def test_no_create_wants_the_file_to_exist(swlock, folder, mode):
    words = ["run", "-m", mode, "--no-create", "lock", "touch", "ran"]
    assert refused(swlock.run(*words), 66)
    assert os.listdir(folder) == []
    (folder / "lock").touch()
    assert swlock.run(*words).returncode == 0
    assert (folder / "ran").exists()


# Removal


@every_mode
@pytest.mark.parametrize(
    "command, status",
    [
        (["true"], 0),
        (["sh", "-c", "exit 7"], 7),
        (["sh", "-c", "kill -KILL $$"], 137),
        (["./missing"], 127),
    ],
    ids=["success", "failure", "killed", "not-found"],
)
def test_unlink_removes_the_lock_file_however_the_command_ends(
    swlock, folder, mode, command, status
):
    for extra in ([], ["--close"], ["-s"], ["--max-runtime=60"]):
        result = swlock.run("run", "-m", mode, "--unlink", *extra, "lock", *command)
        assert result.returncode == status, extra
        assert os.listdir(folder) == [], extra


@every_mode
def test_unlink_refuses_a_file_with_data_in_it(swlock, folder, mode):
    (folder / "lock").write_text("precious")
    assert refused(swlock.run("run", "-m", mode, "--unlink", "lock", "touch", "ran"), 65)
    assert (folder / "lock").read_text() == "precious" and not (folder / "ran").exists()


@every_mode
def test_unlink_spares_a_file_that_the_command_has_written_to(swlock, folder, mode):
    swlock.run("run", "-m", mode, "--unlink", "lock", "sh", "-c", "echo precious >lock")
    assert (folder / "lock").read_text() == "precious\n"


@every_mode
def test_unlink_spares_a_file_that_was_put_in_the_lock_files_place(swlock, folder, mode):
    swlock.run("run", "-m", mode, "--unlink", "lock", "sh", "-c", "rm lock; touch lock")
    assert (folder / "lock").exists()


@every_mode
def test_unlink_is_content_when_the_file_is_gone_already(swlock, folder, mode):
    result = swlock.run("run", "-m", mode, "--unlink", "lock", "sh", "-c", "rm lock; exit 3")
    assert result.returncode == 3
    assert os.listdir(folder) == []


def test_unlink_refuses_a_directory(swlock, folder):
    (folder / "sub").mkdir()
    assert refused(swlock.run("run", "--unlink", "sub", "touch", "ran"), 65)
    assert os.listdir(folder) == ["sub"]


@pytest.mark.parametrize("mode", ["flock", "ofd"])
def test_unlink_spares_a_file_that_a_leftover_still_holds(swlock, folder, mode):
    script = "sleep 60 >/dev/null 2>&1 & echo $! >pid"
    assert swlock.run("run", "-m", mode, "--unlink", "lock", "sh", "-c", script).returncode == 0
    try:
        assert is_held(folder / "lock", mode)
    finally:
        end(int((folder / "pid").read_text()))


@every_mode
def test_unlink_spares_a_file_that_somebody_else_holds_shared(swlock, folder, mode):
    other = swlock.start(
        "run", "-m", mode, "-s", "lock", "sh", "-c", "echo >in; read x", stdin=subprocess.PIPE
    )
    appears(folder / "in")
    assert swlock.run("run", "-m", mode, "-s", "--unlink", "lock", "true").returncode == 0
    assert (folder / "lock").exists()
    other.communicate()


@every_mode
def test_unlink_removes_nothing_when_the_lock_is_busy(swlock, folder, mode):
    with held(folder / "lock", mode):
        assert refused(swlock.run("run", "-m", mode, "--unlink", "-n", "lock", "true"), 75)
        assert (folder / "lock").exists()


# Sidecars


@pytest.mark.parametrize(
    "option, name", [("--sidecar", ".{}.swlock"), ("--sidecar=portage", ".{}.portage_lockfile")]
)
@pytest.mark.parametrize("path", ["sub", "sub/", "sub//", "./sub", "data", "absent"])
def test_a_sidecar_is_locked_beside_the_path(swlock, folder, option, name, path):
    (folder / "sub").mkdir()
    (folder / "data").write_text("precious")
    sidecar = name.format(path.strip("./"))
    with held(folder / sidecar):
        assert has_failed(swlock.run("run", option, "-n", path, "true"), 75)
    os.unlink(folder / sidecar)
    assert swlock.run("run", option, "-n", path, "true").returncode == 0
    assert sorted(os.listdir(folder)) == sorted([sidecar, "sub", "data"])
    assert bits_of(folder / sidecar) == 0o600 and os.listdir(folder / "sub") == []


@pytest.mark.parametrize("path", ["/", "//", "/..", "none/.", "none/.."])
def test_a_path_without_a_name_of_its_own_has_no_sidecar(swlock, folder, path):
    (folder / "sub").mkdir()
    for option in ("--sidecar", "--sidecar=portage"):
        assert has_failed(swlock.run("run", option, path, "touch", folder / "ran"), 64)
    assert os.listdir(folder) == ["sub"] and os.listdir(folder / "sub") == []


def test_unlink_removes_the_sidecar_and_not_what_it_stands_for(swlock, folder):
    (folder / "data").write_text("precious")
    assert swlock.run("run", "--sidecar", "--unlink", "data", "true").returncode == 0
    assert os.listdir(folder) == ["data"]


def test_a_sidecar_whose_name_would_be_too_long_is_73(swlock, folder):
    assert refused(swlock.run("run", "--sidecar", "n" * 250, "touch", "ran"), 73)
    assert os.listdir(folder) == []


# Descriptors

CLOSED = [[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]]


def without(closed, *words):
    """swlock started by a shell that closes these descriptors first."""
    closing = "; ".join(f"exec {number}<&-" for number in closed)
    return ["sh", "-c", f'{closing}; exec "$@"', "sh", SWLOCK, *words]


@every_shape
@pytest.mark.parametrize("closed", CLOSED, ids=str)
def test_the_lock_never_becomes_a_standard_descriptor(swlock, folder, shape, closed):
    words = without(closed, "run", *shape, "lock", "sleep", "60")
    null = subprocess.DEVNULL
    process = subprocess.Popen(words, cwd=folder, stdin=null, stdout=null, stderr=null)
    swlock.processes.append(process)
    command = command_of(process, "sleep")
    seen = descriptors_of(command)
    assert all(seen.get(number, "/dev/null") == "/dev/null" for number in (0, 1, 2)), seen
    end(command)
    assert process.wait(10) == 137


@pytest.mark.parametrize("closed", CLOSED, ids=str)
def test_messages_never_land_in_the_lock_file(swlock, folder, closed):
    (folder / "ran").touch()
    for words in (["-v", "lock", "true"], ["-v", "lock", "./missing"]):
        status = subprocess.run(without(closed, "run", *words), cwd=folder, timeout=10).returncode
        assert status == (0 if "true" in words else 127)
        assert (folder / "lock").read_bytes() == b""
    with held(folder / "lock"):
        words = without(closed, "run", "-vn", "lock", "true")
        assert subprocess.run(words, cwd=folder, timeout=10).returncode == 75
    assert (folder / "lock").read_bytes() == b""


@every_shape
def test_too_few_descriptors_start_nothing(swlock, folder, shape):
    statuses = []
    for limit in range(3, 14):
        result = swlock.run(
            *("run", *shape, "lock", SWLOCK, "version"),
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)),
        )
        statuses.append(result.returncode)
        if result.returncode == 0:
            assert result.stdout.startswith(b"swlock ")
        elif result.returncode == 71:
            assert has_failed(result, 71) and result.stdout == b""
        else:  # the dynamic linker, if there is one, wants a descriptor itself
            assert result.returncode == 127 and b"shared librar" in result.stderr, result
    assert statuses[0] != 0 and statuses[-1] == 0


def test_the_lock_is_free_again_after_every_kind_of_failure(swlock, folder):
    for words in (["lock", "./missing"], ["lock", "false"], ["lock", "-c", "kill -9 $$"]):
        assert swlock.run("run", *words).returncode != 0
        wait_until(lambda: is_free(folder / "lock"))
