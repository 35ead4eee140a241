"""For whom acquire takes a lock: the script, however swlock was called by it."""

import contextlib
import os
import shutil
import subprocess

import pytest

from conftest import SWLOCK, needs_root, needs_tool
from hardlink_world import claims
from keepers import keepers, no_keepers_left, words_of  # noqa: F401
from observing import (  # noqa: F401
    children_of,
    has_failed,
    is_alive,
    is_free,
    name_of,
    nothing_left,
    wait_until,
    waits_on,
)
from scripts import script, shell

SHELLS = ["dash", "bash", "zsh", "ksh", "mksh", "busybox"]
every_shell = pytest.mark.parametrize("name", SHELLS)
every_mode = pytest.mark.parametrize("mode", ["flock", "posix", "ofd", "hardlink"])

# The lock is probed by a command of another kind of process, which waits for nothing.
PROBE = '"$S" run -n -E 9 -m "$M" lock true'


def is_unlocked(folder, mode):
    """Tried as anybody would: a claim is free for the next one as well once its owner is dead."""
    words = [SWLOCK, "run", "-n", "-q", "-m", mode, "lock", "true"]
    return subprocess.run(words, cwd=folder, capture_output=True).returncode == 0


# The script is the owner


CAPTURED = {
    "plain": 'm=$("$S" acquire -n -m $M lock)',
    "errors": 'm=$("$S" acquire -n -m $M lock 2>&1)',
    "alternative": 'm=$("$S" acquire -n -m $M lock || echo busy)',
    "backquotes": 'm=`"$S" acquire -n -m $M lock 2>&1`',
    "nested": 'm=$(n=$("$S" acquire -n -m $M lock 2>&1); echo "$n")',
    "group": '{ "$S" acquire -n -m $M lock; } | cat',
    "subshell": '("$S" acquire -n -m $M lock; true)',
    "function": 'f() { "$S" acquire -n -m $M lock; }; f | cat',
    "while": '"$S" acquire -n -m $M lock 2>&1 | while read line; do :; done',
    "if": 'if ! m=$("$S" acquire -n -m $M lock 2>&1); then exit 1; fi',
    "read": 'read m <<END\n$("$S" acquire -n -m $M lock 2>&1)\nEND',
}


@pytest.mark.parametrize("text", CAPTURED.values(), ids=CAPTURED.keys())
@every_shell
def test_a_part_of_a_script_acquires_for_the_script(folder, name, text):
    result = script(folder, f"{text}\n{PROBE}; echo held $?\n", name)
    assert result.stdout.splitlines()[-1:] == [b"held 9"], result
    wait_until(lambda: is_free(folder / "lock"))


@every_mode
def test_a_substitution_acquires_for_the_script_in_every_mode(folder, mode):
    text = f'm=$("$S" acquire -n -m $M lock 2>&1)\necho "$m"; {PROBE}; echo held $?\n'
    result = script(folder, text, mode=mode)
    assert result.stdout == b"\nheld 9\n", result
    wait_until(lambda: is_unlocked(folder, mode))


@every_mode
def test_a_forked_part_that_outlives_the_script_keeps_the_lock(folder, mode):
    """Not the script's end ends it, but that of both."""
    text = """
      ("$S" acquire -m $M lock || exit; echo $? >acquired
       until [ -e go ]; do sleep 0.01; done) >/dev/null 2>&1 &
      until [ -e acquired ]; do sleep 0.01; done
    """
    script(folder, text, mode=mode)
    assert not is_unlocked(folder, mode)
    (folder / "go").touch()
    wait_until(lambda: is_unlocked(folder, mode))


RELEASES = {
    "script": '"$S" release -m $M lock',
    "substitution": 'm=$("$S" release -m $M lock 2>&1)',
    "subshell": '("$S" release -m $M lock; exit $?)',
    "timeout": 'timeout 20 "$S" release -m $M lock',
}


@every_mode
@pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES.keys())
@pytest.mark.parametrize("text", [CAPTURED["errors"], CAPTURED["subshell"], '"$S" acquire -m $M lock'])
def test_any_part_of_the_script_releases_it(folder, mode, release, text):
    result = script(folder, f"{text}\n{release}; echo $?; {PROBE}; echo $?\n", mode=mode)
    assert result.stdout == b"0\n0\n", result


def test_a_script_that_acquires_again_is_told_so(folder):
    text = 'm=$("$S" acquire lock 2>&1)\nm=$("$S" acquire -w 20 lock 2>&1); echo $? "$m"\n'
    result = script(folder, text)
    assert result.stdout.startswith(b"75 ") and b"has it already" in result.stdout


# Programs that run one command

RUNNERS = {
    "timeout": 'timeout 20 "$S" acquire -n lock',
    "timeout shell": "timeout 20 sh -c '\"$S\" acquire -n lock || echo busy'",
    "xargs": 'echo lock | xargs "$S" acquire -n',
    "strace": 'strace -qq -o /dev/null "$S" acquire -n lock',
    "env": 'env X=y timeout 20 "$S" acquire -n lock',
    "nice": 'nice "$S" acquire -n lock',
    "flock": 'flock other "$S" acquire -n lock',
    "swlock": '"$S" run other -- "$S" acquire -n lock',
    "drop-in": '"$S" as flock other "$S" acquire -n lock',
    "shell": "sh -c '\"$S\" acquire -n lock'",
    "shell with an alternative": "sh -c '\"$S\" acquire -n lock || { echo busy; exit 1; }'",
    "find": 'find . -name script -exec "$S" acquire -n lock \\;',
    "substitution": 'm=$(timeout 20 "$S" acquire -n lock 2>&1)',
    "script": "printf '#!/bin/sh\\n\"$@\"\\nexit $?\\n' >wrapper; chmod +x wrapper; ./wrapper \"$S\" acquire -n lock",
    "own name": 'ln -s "$S" mylock; timeout 20 ./mylock acquire -n lock',
}


@pytest.mark.parametrize("text", RUNNERS.values(), ids=RUNNERS.keys())
@pytest.mark.parametrize("name", ["dash", "bash"])
def test_behind_a_program_that_runs_one_command_its_caller_is_the_owner(folder, name, text):
    program = text.split()[0]
    if not program.startswith(('"', ".", "m=", "echo", "printf", "ln")) and not shutil.which(program):
        pytest.skip(f"needs {program}")
    result = script(folder, f"{text}\n{PROBE}; echo held $?\n", name)
    assert result.stdout == b"held 9\n", result
    wait_until(lambda: is_free(folder / "lock"))


@needs_root
@pytest.mark.parametrize(
    "words",
    [
        ["su", "nobody", "-s", "/bin/sh", "-c"],
        ["su", "nobody", "-s", "/bin/bash", "-c"],
        ["runuser", "-u", "nobody", "--", "sh", "-c"],
        ["runuser", "nobody", "-s", "/bin/bash", "-c"],
        ["sudo", "-u", "nobody", "sh", "-c"],
    ],
    ids=" ".join,
)
def test_behind_a_change_of_user_the_caller_is_the_owner(folder, words):
    if shutil.which(words[0]) is None:
        pytest.skip(f"needs {words[0]}")
    folder.chmod(0o777)
    command = f"{SWLOCK} acquire -n {folder}/lock || echo busy"
    text = " ".join(f"'{word}'" for word in words) + f" '{command}'\n"
    text += f"{SWLOCK} status -q lock; echo $?\n"
    result = script(folder, text)
    assert result.stdout == b"0\n", result
    wait_until(lambda: is_free(folder / "lock"))


def test_a_script_of_sh_c_that_goes_on_is_the_owner(folder):
    text = f"sh -c '\"$S\" acquire -n lock && {PROBE}; echo held $?'\n"
    text += '"$S" run -w 20 -E 9 lock true; echo free $?\n'
    assert script(folder, text).stdout == b"held 9\nfree 0\n"


def test_the_keeper_names_the_script_first(folder):
    text = 'm=$("$S" acquire lock 2>&1)\necho $$\nuntil [ -e go ]; do sleep 0.01; done\n'
    (folder / "script").write_text(text)
    with subprocess.Popen(
        ["bash", "script"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    ) as process, contextlib.ExitStack() as stack:
        stack.callback((folder / "go").touch)
        assert int(process.stdout.readline()) == process.pid
        (keeper,) = keepers(folder)
        assert words_of(keeper)[4].split(b",")[0] == b"%d" % process.pid
        status = subprocess.run([SWLOCK, "status", "lock"], cwd=folder, capture_output=True)
        assert b"for pid %d, bash script\n" % process.pid in status.stdout


# Where it cannot be told


@needs_tool("setarch")
def test_without_random_addresses_a_substitution_is_refused(folder):
    """Then a copy of a shell looks like the same shell that was executed once more."""
    text = 'm=$("$S" acquire -n lock 2>&1); echo $?; echo "$m"\n'
    result = script(folder, text, prefix=["setarch", "-R"])
    assert result.stdout.startswith(b"64\n") and b"--owner" in result.stdout, result
    assert not (folder / "lock").exists()


@needs_tool("setarch")
def test_without_random_addresses_a_plain_script_is_known(folder):
    result = script(folder, f'"$S" acquire -n lock; {PROBE}; echo $?\n', prefix=["setarch", "-R"])
    assert result.stdout == b"9\n", result


@pytest.mark.parametrize("name", ["cron", "sshd", "systemd", "supervisord", "s6-supervise", "tini"])
@pytest.mark.parametrize("words", [[], ["timeout", "20"], ["sh", "-c", '"$@" || exit 1', "sh"]])
def test_a_service_is_never_the_owner(folder, name, words):
    perl = shutil.which("perl")
    if perl is None:
        pytest.skip("needs perl")
    result = subprocess.run(
        [name, "-e", "system(@ARGV)", *words, SWLOCK, "acquire", "-n", "lock"],
        executable=perl,
        cwd=folder,
        capture_output=True,
        timeout=30,
    )
    assert b"--owner" in result.stderr and b"runs the commands of others" in result.stderr
    assert not (folder / "lock").exists()


@needs_root
@needs_tool("unshare")
def test_pid_1_is_not_walked_up_to(folder):
    """timeout(1) has lost its caller."""
    text = """
      (sh -c 'until [ "$(ps -o ppid= -p $$)" -eq 1 ]; do sleep 0.01; done
        exec timeout 20 "$S" acquire lock 2>said' &)
      until [ -s said ]; do sleep 0.01; done
    """
    shell(folder, text, prefix=["unshare", "--pid", "--fork", "--mount-proc"]).check_returncode()
    assert b"--owner" in (folder / "said").read_bytes()
    assert not (folder / "lock").exists()


@needs_root
@needs_tool("unshare")
@every_mode
@pytest.mark.parametrize("runner", [[], ["timeout", "20"]], ids=["", "timeout"])
def test_with_the_proc_of_another_pid_namespace_nobody_is_the_owner(folder, mode, runner):
    text = '"$@" >said 2>&1; echo $? >>said; exit'
    words = [*runner, SWLOCK, "acquire", "-n", "-m", mode, "lock"]
    inside = ["unshare", "--pid", "--fork", "sh", "-c", text, "sh", *words]
    subprocess.run(inside, cwd=folder, check=True, timeout=30)
    said = (folder / "said").read_bytes()
    assert b"--owner" in said and said.endswith(b"\n64\n") and b"another pid namespace" in said
    assert os.listdir(folder) == ["said"]


@every_mode
@pytest.mark.parametrize("wait", [["-w", "20"], []], ids=["timed", "endless"])
def test_a_lock_that_comes_after_its_caller_has_ended_is_let_go(swlock, folder, mode, wait):
    """timeout(1) was killed, and nobody learns of the lock."""
    holder = swlock.start("run", "-m", mode, "lock", "sleep", "1000")
    wait_until(lambda: not is_unlocked(folder, mode))
    # Its caller is the owner.
    words = ["timeout", "1000", SWLOCK, "acquire", "-m", mode, *wait, "lock"]
    with subprocess.Popen(words, cwd=folder, stderr=subprocess.PIPE) as caller:
        waiting = wait_until(lambda: [pid for pid in children_of(caller.pid) if name_of(pid) == "swlock"])
        wait_until(lambda: len(claims(folder)) == 2 if mode == "hardlink" else waits_on(folder / "lock"))
        caller.kill()
    holder.terminate()
    wait_until(lambda: not any(is_alive(pid) for pid in waiting))
    wait_until(lambda: is_unlocked(folder, mode) and not keepers(folder))


# Locks whose file is gone


@pytest.mark.parametrize("mode", ["flock", "posix", "ofd"])
def test_a_lock_whose_file_was_removed_is_ended_and_lost(swlock, folder, mode):
    assert swlock.run("acquire", "--owner", "none", "-m", mode, "lock").returncode == 0
    (keeper,) = keepers(folder)
    os.unlink(folder / "lock")
    assert has_failed(swlock.run("release", "--owner", "none", "lock"), 76, b"removed")
    assert keepers(folder) == []
    assert has_failed(swlock.run("release", "--owner", "none", "lock"), 76)


def test_of_two_locks_of_one_name_both_are_ended(swlock, folder):
    for _ in range(2):
        assert swlock.run("acquire", "--owner", "none", "lock").returncode == 0
        os.rename(folder / "lock", folder / f"lock{len(os.listdir(folder))}")
    assert swlock.run("acquire", "--owner", "none", "lock").returncode == 0
    assert len(keepers(folder)) == 3
    assert swlock.run("release", "--owner", "none", "lock").returncode == 0
    assert keepers(folder) == []


@every_mode
@pytest.mark.parametrize("name", ["dash", "bash", "zsh", "ksh", "mksh"])
def test_a_release_that_takes_the_shells_place_releases(folder, name, mode):
    """The last command of `sh -c` is the owner itself then."""
    text = '"$S" acquire -m "$M" lock; true; "$S" release -m "$M" lock'
    result = shell(folder, text, name, mode)
    assert (result.returncode, result.stderr) == (0, b"")
    assert is_unlocked(folder, mode)
