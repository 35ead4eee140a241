"""What a person meets: silence where it is asked for, hints at what was meant, and who is in the way."""

import contextlib
import os
import pwd
import signal
import subprocess

import pytest

from conftest import SWLOCK, needs_root
from observing import has_failed, wait_until

NOBODY = 65534


@contextlib.contextmanager
def held(swlock, folder, *words):
    holder = swlock.start("run", *words, "lock", "--", "sh", "-c", "touch inside; exec sleep 1000")
    wait_until(lambda: (folder / "inside").exists())
    try:
        yield
    finally:
        holder.terminate()
        holder.wait(30)


@pytest.mark.parametrize("wait", [["-n"], ["-w", "0.1"]])
@pytest.mark.parametrize("mode", ["flock", "posix", "hardlink"])
def test_quiet_says_nothing_of_a_busy_lock(swlock, folder, mode, wait):
    with held(swlock, folder, "-m", mode):
        result = swlock.run("run", "-m", mode, "-q", *wait, "-E", "0", "lock", "true")
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


def test_quiet_says_every_other_error(swlock):
    assert has_failed(swlock.run("run", "-q", "-n", "none/lock", "true"), 73, b"its folder is missing")
    assert has_failed(swlock.run("run", "-q", "lock", "no-such-program"), 127, b"unable to execute")


def test_a_timeout_says_how_long_it_was(swlock, folder):
    with held(swlock, folder):
        result = swlock.run("run", "-w", "300ms", "lock", "true")
    assert has_failed(result, 75, b"timed out after 300ms, it is held by pid ", b" (sleep 1000, root)")


def test_who_keeps_the_lock_after_a_command_that_ran_too_long(swlock, folder):
    script = "setsid sleep 1000 >left.out 2>&1 & echo $! >left; wait"
    result = swlock.run("run", "--max-runtime", "3", "lock", "--", "sh", "-c", script)
    left = (folder / "left").read_text().strip()
    os.kill(int(left), signal.SIGKILL)
    assert result.returncode == 124
    assert result.stderr.endswith(f"\nswlock: the lock stays with pid {left} (sleep 1000, root)\n".encode())


@pytest.mark.parametrize(
    "words, status, said",
    [
        (["acquire", "-n", "9"], 64, "9 is a file name here; for descriptor 9: --fd 9; for a file: ./9"),
        (["release", "9"], 64, "for descriptor 9: --fd 9"),
        (["break", "typo"], 66, "No such file"),
        (["acquire", "--unlock", "f"], 64, "'swlock release'"),
        (["unlock", "f"], 64, "swlock release"),
        (["lock", "f"], 64, "swlock acquire"),
        (["list"], 64, "swlock status"),
        (["ps"], 64, "swlock status"),
        (["who"], 64, "swlock status"),
        (["kill", "f"], 64, "swlock break --kill"),
        (["-n", "f", "true"], 64, "swlock run -n"),
        (["run", "-W", "5", "f", "true"], 64, "-w says how long"),
        (["run", "f", "echo a | cat"], 127, "(a shell command needs -c)"),
        (["run", "f", "--", "ls -l /"], 127, "(a shell command needs -c)"),
        (["run", "f", "--", "cd", "x"], 127, "(a shell command needs -c)"),
        (["transfer", "-m", "flock", "--to", "none", "f"], 64, "only hardlink locks can be transferred"),
        (["run", "-w", "1h30", "f", "true"], 64, "1h30m"),
        (["run", "-t", "5", "f", "true"], 64, "unknown option '-t', here it is -w (--timeout)"),
        (["acquire", "-t", "5", "f"], 64, "here it is -w (--timeout)"),
        (["run", "-T", "5", "f", "true"], 64, "here it is --max-runtime"),
        (["run", "-k", "5", "f", "true"], 64, "here it is --kill-after; a lock file stays"),
        (["run", "-N", "f", "true"], 64, "swlock waits without an option"),
        (["run", "-i", "f", "true"], 64, "here it is -n -E 0"),
        (["run", "-r", "5", "f", "true"], 64, "-w says how long"),
        (["run", "-S", "5", "f", "true"], 64, "-w says how long"),
        (["run", "-f", "f", "true"], 64, "here PATH stands without an option"),
        (["acquire", "-l", "f"], 64, "here PATH stands without an option"),
    ],
)
def test_what_was_meant_is_said(swlock, words, status, said):
    result = swlock.run(*words)
    assert has_failed(result, status, said.encode())
    assert b"--unlink" not in result.stderr


def test_a_program_that_is_missing_needs_no_shell(swlock):
    result = swlock.run("run", "f", "no-such-program")
    assert result.returncode == 127 and b"-c" not in result.stderr


def test_a_lock_of_the_kernel_cannot_be_transferred(swlock, folder):
    with held(swlock, folder):
        result = swlock.run("transfer", "--to", "none", "lock")
    assert has_failed(result, 69, b"only hardlink locks can be transferred, and this is of mode flock")


def test_permissions_of_a_file_that_was_there_are_not_changed(swlock, folder):
    (folder / "lock").touch(0o600)
    words = ["run", "--perm", "660", "lock", "true"]
    said = swlock.run(*words).stderr
    assert said == b"swlock: the permissions of lock are 0600, not those of --perm\n"
    assert swlock.run("run", "-q", *words[1:]).stderr == b""
    (folder / "lock").chmod(0o660)
    assert swlock.run(*words).stderr == b""


@needs_root
def test_a_file_of_another_user_says_how_it_could_be_shared(swlock, folder):
    folder.chmod(0o755)
    (folder / "lock").touch(0o600)
    words = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", SWLOCK]
    result = subprocess.run([*words, "run", "lock", "true"], cwd=folder, capture_output=True)
    assert has_failed(result, 77, b"--perm and --group")


@pytest.mark.parametrize("limit, name", [("nofile=5:4", None), ("nofile=1:unlimited", "nofile")])
def test_an_error_of_a_limit_names_it(folder, limit, name):
    words = [SWLOCK, "run", "--rlimit", limit, "lock", "true"]
    if name is None:
        result = subprocess.run(words, cwd=folder, capture_output=True)
        assert has_failed(result, 64, b"--rlimit")
        return
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    if os.geteuid() == 0:
        folder.chmod(0o777)
        words = [*drop, *words]
    result = subprocess.run(["sh", "-c", 'ulimit -n 512; exec "$@"', "sh", *words], cwd=folder, capture_output=True)
    assert has_failed(result, 77, b"setrlimit nofile: ", b"try as root")


@needs_root
def test_a_user_has_the_variables_of_the_account(swlock):
    user = pwd.getpwuid(NOBODY)
    names = 'echo "$USER $LOGNAME $HOME $SHELL"'
    env = {**os.environ, "HOME": "/else", "USER": "other", "LOGNAME": "other", "SHELL": "/bin/sh"}
    words = ["--user", user.pw_name, "lock", "--", "sh", "-c", names]
    own = f"{user.pw_name} {user.pw_name} {user.pw_dir} {user.pw_shell}\n".encode()
    assert swlock.run("run", *words, env=env).stdout == own
    assert swlock.run("run", "--clear-env", "--env", "PATH=/usr/bin:/bin", *words, env=env).stdout == own
    assert swlock.run("run", "--keep-env", *words, env=env).stdout == b"other other /else /bin/sh\n"
    changed = swlock.run("run", "--env", "HOME=/mine", *words, env=env).stdout
    assert changed.split()[2] == b"/mine"
