"""What others say of themselves: who calls itself a keeper, a claim in another's name, a descriptor sent."""

import contextlib
import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import pytest

from conftest import SWLOCK, needs_root, needs_tool
from keepers import keepers, no_keepers_left  # noqa: F401
from observing import (  # noqa: F401
    MODES,
    appears,
    end,
    has_failed,
    is_alive,
    is_free,
    is_held,
    nothing_left,
    start_of,
    wait_until,
)
from scripts import shell

every_mode = pytest.mark.parametrize("mode", MODES)
NOBODY = 65534

# Locks the file, and then calls itself a keeper of that lock for somebody.
PRETENDER = """
import fcntl, os, struct, sys
path, words, mode, user = sys.argv[1], sys.argv[2:-2], sys.argv[-2], int(sys.argv[-1])
os.setgroups([]); os.setresgid(user, user, user); os.setresuid(user, user, user)
file = os.open(path, os.O_RDWR)
os.dup2(file, 9)
os.close(file)
if mode == "flock":
    fcntl.flock(9, fcntl.LOCK_EX)
else:
    command = fcntl.F_SETLK if mode == "posix" else fcntl.F_OFD_SETLK
    fcntl.fcntl(9, command, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
os.set_inheritable(9, True)
print("locked", flush=True)
os.execv(os.environ["PAUSE"], ["swlock", "hold", *words])
"""


@contextlib.contextmanager
def pretender(folder, mode, user=NOBODY, owner=None, permissions=0o755):
    """A process of `user` that says of itself that it keeps the lock for `owner`."""
    folder.chmod(0o755)
    (folder / "lock").touch()
    (folder / "lock").chmod(0o666)
    owner = owner or os.getpid()
    words = [str(folder / "lock"), "for", str(owner), str(start_of(owner)), mode, "9"]
    program = folder / "swlock"
    if not program.exists():
        source = folder / "pause.c"
        source.write_text("#include <unistd.h>\nint main(void) { for (;;) pause(); }\n")
        subprocess.run(["cc", "-O", "-static", "-o", program, source], check=True)
        program.chmod(permissions)
    process = subprocess.Popen(
        ["/usr/bin/python3", "-I", "-c", PRETENDER, str(folder / "lock"), *words, mode, str(user)],
        cwd="/",
        env={"PAUSE": str(program)},
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout.readline() == b"locked\n"
        wait_until(lambda: pathlib.Path(f"/proc/{process.pid}/cmdline").read_bytes().startswith(b"swlock"))
        yield process
    finally:
        process.kill()
        process.wait()


needs_cc = pytest.mark.skipif(shutil.which("cc") is None, reason="needs cc")


@needs_root
@needs_cc
@every_mode
@pytest.mark.parametrize("words", [["run"], ["acquire"]], ids=["run", "acquire"])
def test_who_is_not_trusted_keeps_nothing_for_anybody(swlock, folder, mode, words):
    with pretender(folder, mode) as stranger:
        command = ["touch", "ran"] if words == ["run"] else []
        result = swlock.run(*words, "--reentrant", "-n", "-m", mode, "lock", *command)
        assert has_failed(result, 75, b"held by pid %d" % stranger.pid)
        # Nor is it told that it would wait for itself.
        result = swlock.run(*words, "-w", "2.5", "-m", mode, "lock", *command)
        assert has_failed(result, 75, b"timed out", b"held by pid %d" % stranger.pid)
    assert not (folder / "ran").exists()
    assert keepers(folder) == []


@needs_root
@needs_cc
@every_mode
def test_a_pretender_is_named_itself_and_not_for_whom_it_says_that_it_keeps(swlock, folder, mode):
    with pretender(folder, mode) as stranger:
        shown = swlock.run("status", "lock").stdout
        assert b"%d" % stranger.pid in shown
        assert has_failed(swlock.run("release", "lock"), 76)
        assert stranger.poll() is None
        # It is ended, and not the process that it names.
        assert swlock.run("break", "--kill=KILL", "lock").returncode == 0
        assert stranger.wait(10) == -signal.SIGKILL


@needs_root
@needs_cc
@every_mode
def test_a_program_with_the_rights_of_its_file_is_not_trusted(swlock, folder, mode):
    """Whoever may run a set-user-ID program gives it its words and its descriptors."""
    with subprocess.Popen(["sleep", "1000"]) as owner:
        try:
            with pretender(folder, mode, owner=owner.pid, permissions=0o4755) as stranger:
                assert os.stat(f"/proc/{stranger.pid}").st_uid == 0
                words = ["--owner", str(owner.pid), "--reentrant", "-n", "-m", mode, "lock"]
                assert has_failed(swlock.run("acquire", *words), 75, b"held by pid %d" % stranger.pid)
                assert has_failed(swlock.run("release", "--owner", str(owner.pid), "lock"), 76)
                # No other process is ended in its place.
                assert swlock.run("break", "--kill=KILL", "lock").returncode == 0
                assert stranger.wait(10) == -signal.SIGKILL and owner.poll() is None
            with pretender(folder, mode, permissions=0o4755) as stranger:
                result = swlock.run("run", "--reentrant", "-n", "-m", mode, "lock", "touch", "ran")
                assert has_failed(result, 75, b"held by pid %d" % stranger.pid)
        finally:
            owner.kill()
    assert not (folder / "ran").exists()


@needs_root
@needs_cc
def test_a_pretender_without_the_lock_is_not_believed_even_of_root(swlock, folder):
    """It had the lock, and another one has it now."""
    with pretender(folder, "flock", user=0) as keeper:
        # The open file is shared with this process for a moment, and unlocked from here.
        handle = os.pidfd_open(keeper.pid)
        copy = get_descriptor(handle, 9)
        fcntl.flock(copy, fcntl.LOCK_UN)
        os.close(copy)
        os.close(handle)
        holder = swlock.start("run", "lock", "sleep", "1000")
        wait_until(lambda: is_held(folder / "lock"))
        result = swlock.run("run", "--reentrant", "-n", "lock", "touch", "ran")
        # The command of the swlock that holds it.
        assert has_failed(result, 75, b"held by pid ", b" (sleep 1000, root)")
        assert not (folder / "ran").exists()
        holder.terminate()


def get_descriptor(handle, number):
    """pidfd_getfd(2)"""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    copy = libc.syscall(438, handle, number, 0)
    if copy < 0:
        pytest.skip("needs pidfd_getfd(2)")
    return copy


@needs_root
@pytest.mark.parametrize("words", [["run"], ["acquire"]], ids=["run", "acquire"])
def test_a_claim_in_the_name_of_an_ancestor_is_not_believed(swlock, folder, words):
    """A stranger takes the lock of hardlink mode for this process, which knows nothing of it."""
    folder.chmod(0o777)
    with subprocess.Popen(["sleep", "1000"], cwd=folder) as other:
        drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        acquire = [*drop, SWLOCK, "acquire", "-m", "hardlink", "--lifetime", "0", "--owner"]
        taken = subprocess.run([*acquire, str(os.getpid()), "lock"], cwd=folder, capture_output=True)
        try:
            assert taken.returncode == 0, taken
            command = ["touch", "ran"] if words == ["run"] else []
            result = swlock.run(*words, "-m", "hardlink", "--reentrant", "-w", "0.2", "lock", *command)
            assert has_failed(result, 75)
            assert not (folder / "ran").exists()
        finally:
            other.kill()
            swlock.run("break", "--force", "lock")


# Whom break --kill ends


SCRIPT = """
m=$("$S" acquire -m $M lock 2>&1) || exit 9
echo $$ >ready
while :; do sleep 0.05; done
"""


@contextlib.contextmanager
def script_with_lock(folder, mode, text=SCRIPT):
    (folder / "script").write_text(text)
    process = subprocess.Popen(["bash", "script"], cwd=folder, env={**os.environ, "M": mode})
    try:
        appears(folder / "ready")
        yield process
    finally:
        process.kill()
        process.wait()


@every_mode
def test_the_script_for_which_a_lock_is_kept_is_ended_and_not_its_keeper(swlock, folder, mode):
    with script_with_lock(folder, mode) as script:
        (keeper,) = keepers(folder)
        refused = swlock.run("break", "lock")
        assert has_failed(refused, 75, b"pid %d" % script.pid, b"--kill")
        assert swlock.run("break", "--kill", "lock").returncode == 0
        assert script.wait(10) == -signal.SIGTERM
        assert not is_alive(keeper)
        assert is_free(folder / "lock", mode)


def test_a_script_that_ignores_the_signal_is_killed_and_has_the_lock_till_then(swlock, folder):
    text = 'trap "" TERM\n' + SCRIPT
    with script_with_lock(folder, "flock", text) as script:
        breaker = swlock.start("break", "--kill", "--kill-after", "1", "lock")
        wait_until(lambda: not is_alive(script.pid) or breaker.poll() is not None)
        assert breaker.wait(20) == 0
        assert script.wait(10) == -signal.SIGKILL
    assert is_free(folder / "lock")


@every_mode
def test_a_keeper_of_nobody_is_ended_itself(swlock, folder, mode):
    assert swlock.run("acquire", "-m", mode, "--owner", "none", "lock").returncode == 0
    assert swlock.run("break", "--kill", "lock").returncode == 0
    assert keepers(folder) == [] and is_free(folder / "lock", mode)


def test_an_ancestor_is_not_ended_for_its_lock(swlock, folder):
    script = """
      "$S" acquire lock || exit 9
      (sh -c '"$S" break --kill lock; echo $?') 2>&1
      "$S" run -n -E 7 lock true; echo $?
    """
    result = shell(folder, script)
    said, status, held_still = result.stdout.splitlines()
    assert (status, held_still) == (b"75", b"7") and b"has called this command" in said


@needs_root
@needs_tool("unshare")
def test_the_first_process_is_not_ended(swlock, folder):
    script = '"$S" acquire --owner 1 lock; setsid sh -c \'"$S" break --kill lock 2>said; echo $? >>said\'; cat said'
    result = shell(folder, script, prefix=["unshare", "--pid", "--fork", "--mount-proc"])
    assert result.stdout.splitlines()[-1:] == [b"75"], result


@needs_root
@needs_tool("unshare")
@every_mode
@pytest.mark.parametrize("words", [["break", "--kill"], ["release", "--owner", "none"]], ids=" ".join)
def test_nobody_is_ended_by_a_number_of_another_pid_namespace(swlock, folder, mode, words):
    """/proc is still that of the namespace outside."""
    swlock.run("acquire", "--owner", "none", "-m", mode, "lock")
    inside = ["unshare", "--pid", "--fork", SWLOCK, *words, "lock"]
    result = subprocess.run(inside, cwd=folder, capture_output=True, timeout=30)
    assert has_failed(result, 69, b"/proc is that of another pid namespace")
    assert len(keepers(folder)) == 1 and is_held(folder / "lock", mode)
    assert swlock.run("release", "--owner", "none", "lock").returncode == 0


@needs_root
def test_an_owner_that_may_not_be_ended_keeps_its_lock(folder):
    """By a user who may end neither it nor its keeper."""
    folder.chmod(0o777)
    with script_with_lock(folder, "flock") as script:
        drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        result = subprocess.run(
            [*drop, SWLOCK, "break", "--kill", "lock"], cwd=folder, capture_output=True
        )
        assert result.returncode == 77 and script.poll() is None
        assert b"which cannot be inspected (try as root)" in result.stderr
        assert is_held(folder / "lock") and len(keepers(folder)) == 1


# Takes the lock and sends its descriptor to a process that has nothing to do with it, which keeps it.
SENDER = """
import array, fcntl, os, socket, struct, sys, time
mode = sys.argv[1]
ours, theirs = socket.socketpair()
first = os.fork()
if first == 0:
    os.setsid()
    if os.fork() == 0:
        # No descendant of the sender by now, or soon.
        ours.close()
        message, ancillary, *_ = theirs.recvmsg(1, socket.CMSG_SPACE(4))
        numbers = array.array("i")
        numbers.frombytes(ancillary[0][2])
        print(os.getpid(), file=open("stranger.new", "w"), flush=True)
        os.rename("stranger.new", "stranger")
        time.sleep(1000)
    os._exit(0)
os.waitpid(first, 0)
file = os.open("lock", os.O_RDWR | os.O_CREAT)
if mode == "flock":
    fcntl.flock(file, fcntl.LOCK_EX)
else:
    fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
ours.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file]))])
if len(sys.argv) > 2:
    sys.exit(0)
time.sleep(1000)
"""


@contextlib.contextmanager
def sent(folder, mode, *words):
    process = subprocess.Popen([sys.executable, "-c", SENDER, mode, *words], cwd=folder)
    stranger = int(appears(folder / "stranger"))
    try:
        yield process, stranger
    finally:
        process.kill()
        process.wait()
        end(stranger)


@pytest.mark.parametrize("mode", ["flock", "ofd"])
def test_who_was_only_sent_the_descriptor_is_named_and_not_ended(swlock, folder, mode):
    with sent(folder, mode) as (sender, stranger):
        result = swlock.run("break", "--kill", "lock")
        assert has_failed(result, 75, b"--strangers")
        if mode == "flock":
            assert b"pid %d" % stranger in result.stderr
        assert is_alive(stranger) and sender.poll() is None
        assert swlock.run("break", "--kill", "--strangers", "lock").returncode == 0
        assert is_free(folder / "lock", mode)
        wait_until(lambda: not is_alive(stranger))


def test_who_was_sent_the_descriptor_of_one_that_is_gone_is_not_ended(swlock, folder):
    with sent(folder, "flock", "exit") as (sender, stranger):
        sender.wait(10)
        assert has_failed(swlock.run("break", "--kill", "lock"), 75, b"pid %d" % stranger, b"--strangers")
        assert is_alive(stranger)
        assert swlock.run("break", "--kill", "--strangers", "lock").returncode == 0
        assert is_free(folder / "lock")


@pytest.mark.parametrize("words", [["flock"], ["flock", "--fcntl"]], ids=" ".join)
def test_what_flock_has_started_is_ended_with_it(swlock, folder, words):
    (folder / "lock").touch()
    process = subprocess.Popen(
        [SWLOCK, "as", *words, "lock", "sh", "-c", "sleep 1000 & echo >ready; wait"], cwd=folder
    )
    appears(folder / "ready")
    assert swlock.run("break", "--kill", "lock").returncode == 0
    assert is_free(folder / "lock", "flock" if len(words) == 1 else "ofd")
    process.wait(10)


def test_strangers_needs_kill(swlock):
    assert has_failed(swlock.run("break", "--strangers", "lock"), 64, b"--kill")


# A descriptor on somebody's file system in user space


@needs_root
def test_a_descriptor_on_a_file_system_of_its_user_hides_no_holder(swlock, folder):
    """Root may not look at what is mounted there; at the process's descriptors it may."""
    if shutil.which("bindfs") is None or not os.path.exists("/dev/fuse"):
        pytest.skip("needs bindfs and /dev/fuse")
    folder.chmod(0o777)
    for name in ("source", "mount"):
        (folder / name).mkdir()
        os.chown(folder / name, NOBODY, NOBODY)
    (folder / "source" / "f").touch()
    (folder / "source" / "f").chmod(0o666)
    (folder / "lock").touch()
    (folder / "lock").chmod(0o666)
    # Mounted by nobody, for whom the device is opened meanwhile.
    mode = os.stat("/dev/fuse").st_mode
    os.chmod("/dev/fuse", 0o666)
    try:
        drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        mounted = subprocess.run(
            [*drop, "bindfs", "--no-allow-other", folder / "source", folder / "mount"],
            env={**os.environ, "HOME": "/"},
            capture_output=True,
        )
    finally:
        os.chmod("/dev/fuse", mode)
    if mounted.returncode != 0:
        pytest.skip(f"nobody cannot mount here: {mounted.stderr}")
    try:
        command = f"exec 5<{folder}/mount/f; exec {SWLOCK} as flock {folder}/lock sleep 1000"
        process = subprocess.Popen([*drop, "sh", "-c", command], cwd="/", start_new_session=True)
        try:
            wait_until(lambda: is_held(folder / "lock"))
            shown = swlock.run("status", "lock").stdout
            assert b"sleep 1000" in shown and b"held?" not in shown, shown
            assert swlock.run("break", "--kill", "lock").returncode == 0
            assert is_free(folder / "lock")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    finally:
        subprocess.run(["umount", "-l", folder / "mount"], check=True)
