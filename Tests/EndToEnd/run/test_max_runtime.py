"""Whom the end of the time reaches."""

import re

import pytest

from conftest import needs_tool
from faults import traced
from observing import appears, is_alive, python, wait_until

LEAVER = """
import os, signal, sys, time
def stay():
    while not os.path.exists("stop"):
        time.sleep(0.01)
    os._exit(0)
if os.fork() == 0:
    if (member := os.fork()) == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with open("ready", "w") as file:
            file.write("x")
        stay()
    os.setsid()
    with open("leaver", "w") as file:
        file.write(f"{os.getpid()} {member}")
    os.waitpid(member, 0)
    stay()
time.sleep(60)
"""


@pytest.mark.parametrize("extra", [[], ["--close"]], ids=" ".join)
def test_a_member_whose_parent_has_left_the_group_is_ended(swlock, folder, extra):
    limits = ["--max-runtime=3", "--kill-after=0.3"]
    process = swlock.start("run", *extra, *limits, "lock", *python(LEAVER))
    appears(folder / "ready")
    leaver, member = map(int, appears(folder / "leaver").split())
    try:
        assert process.wait(10) == 124
        assert is_alive(leaver) and not is_alive(member)
    finally:
        (folder / "stop").touch()

JOINER = """
import os, time
import re
os.setpgid(0, os.getpgid(os.getppid()))
with open("pid", "w") as file:
    file.write(str(os.getpid()))
time.sleep(60)
"""


@pytest.mark.parametrize("extra", [[], ["--close"]], ids=" ".join)
def test_a_command_that_joins_its_parents_group_is_ended(swlock, folder, extra):
    limits = ["--max-runtime=3", "--kill-after=0.3"]
    process = swlock.start("run", *extra, *limits, "lock", *python(JOINER))
    pid = int(appears(folder / "pid"))
    assert process.wait(10) == 124
    assert not is_alive(pid)


@needs_tool("strace")
@needs_tool("setsid")
def test_the_number_of_the_group_is_not_used_once_the_command_was_reaped(swlock, folder):
    stay = "while ! [ -e stop ]; do sleep 0.01; done"
    limits = ["--leftovers=wait", "--max-runtime=2", "--kill-after=0.1"]
    words = ["run", *limits, "lock", "sh", "-c", f"setsid sh -c '{stay}' & exec sleep 60"]
    calls = "kill,tkill,tgkill,wait4,waitid,rt_sigtimedwait"
    process = swlock.begin(traced(swlock, *words, calls=calls))

    def after_reaping():
        text = (folder / "trace").read_text() if (folder / "trace").exists() else ""
        return text.partition("WIFSIGNALED(s)")[2]

    wait_until(lambda: "ESRCH" in after_reaping())
    (folder / "stop").touch()
    assert process.wait(10) == 124
    # Whether there is such a group is asked with signal 0, and not again once there is none.
    uses = re.findall(r"kill\(-.*", after_reaping())
    assert [use for use in uses if ", 0)" not in use] == []
    assert ["ESRCH" in use for use in uses].count(True) == 1, uses
