"""What a waiter's watch for the release costs the next holder."""

import re
import subprocess

from conftest import SWLOCK, needs_strace
from hardlink_world import forge, watches
from observing import wait_until

pytestmark = needs_strace


def test_who_has_waited_does_not_close_what_it_watched_with_while_it_has_the_lock(folder, tmp_path):
    """The kernel takes some 10 ms for that."""
    owner = subprocess.Popen(["sleep", "60"])
    claim = forge(folder / "lock", owner.pid)
    trace = tmp_path / "trace"
    strace = ["strace", "-f", "-qq", "-e", "trace=inotify_init1,close", "-o", trace]
    run = [SWLOCK, "run", "-m", "hardlink", "lock", "--", "true"]
    waiter = subprocess.Popen([*strace, *run], cwd=folder)
    wait_until(lambda: watches(waiter), "it waits")
    owner.kill()
    owner.wait()
    assert waiter.wait() == 0
    assert not claim.exists()
    lines = trace.read_text().splitlines()
    [begun] = [line for line in lines if "inotify_init1(" in line]
    pid, number = re.match(r"(\d+) .* = (\d+)$", begun).groups()
    assert not [line for line in lines if line.startswith(pid) and f"close({number})" in line]
