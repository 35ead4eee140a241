"""Locks of the kernel on NFS 4, whose server has to answer: here a local disk that says it is one.

strace has fstatfs(2) call it NFS, and the tables of the mounts, which name the lease time, are covered with
others, for one process alone: a second one of swlock's, as mode posix has it, finds no lease. The questions
to the server are answered by the disk, until the process that asks is stopped.
"""

import os
import re
import signal
import subprocess

import pytest
from conftest import SWLOCK, needs_strace
from observing import appears, children_of, is_alive, name_of, stat_of, wait_until

LEASE = 6

COVERED = f"""
sed 's/ - [^ ]* / - nfs4 /' /proc/self/mountinfo >table
awk '{{ print "device x mounted on " $5 " with fstype nfs4 statvers=1.1"
       print "\\tnfsv4:\\tbm0=0x1,sessions,lease_time={LEASE},lease_expired=0" }}' table >statistics
mount --bind table /proc/$$/mountinfo && mount --bind statistics /proc/$$/mountstats || exit 99
exec strace -D -f -b execve -qq -o /dev/null -e trace=fstatfs \\
  -e inject=fstatfs:poke_exit=@arg2=6969000000000000 "$@"
"""

COMMAND = "trap 'echo TERM >>told' TERM; echo $$ >command; while :; do sleep 0.02; done"


def start(*words):
    """Runs swlock where everything is NFS 4; its errors are in `errors`."""
    shell = ["sh", "-c", COVERED, "sh", SWLOCK, *words]
    with open("errors", "wb") as errors:
        return subprocess.Popen(["unshare", "-Urm", *shell], stderr=errors)


def pokes():
    """Whether strace (6.1) can, and mounts of one's own are allowed."""
    poke = ["-e", "trace=fstatfs", "-e", "inject=fstatfs:poke_exit=@arg2=69"]
    trace = ["strace", "-qq", "-o", "/dev/null", *poke, "true"]
    try:
        return subprocess.run(["unshare", "-Urm", *trace], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


pytestmark = [
    needs_strace,
    pytest.mark.skipif(not pokes(), reason="needs strace 6.1, and mount namespaces"),
]


def asker(command):
    """The process that asks: the other child of the command's parent."""
    parent = stat_of(command)[1]
    return next((child for child in children_of(parent) if name_of(child) == name_of(parent)), None)


@pytest.mark.parametrize("mode", ["flock", "ofd"])
def test_a_command_is_ended_before_the_servers_lease(tmp_path, monkeypatch, mode):
    monkeypatch.chdir(tmp_path)
    swlock = start("run", "-m", mode, "lock", "--", "sh", "-c", COMMAND)
    command = int(appears("command"))
    companion = wait_until(lambda: asker(command))
    os.kill(companion, signal.SIGSTOP)
    assert swlock.wait(timeout=60) == 76
    assert (tmp_path / "told").read_text() == "TERM\n"
    assert re.search("could not be kept: its server did not answer\n", (tmp_path / "errors").read_text())
    wait_until(lambda: not is_alive(command) and not is_alive(companion))


def test_a_command_runs_on_while_the_server_answers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    swlock = start("run", "lock", "--", "sleep", str(2 * LEASE))
    assert swlock.wait(timeout=60) == 0
    assert (tmp_path / "errors").read_text() == ""
