"""Who is alive, and for how long a claim counts: pids, hosts, boots and clocks that mislead.

No live lock is broken, and no dead one is kept for ever.
"""

import os
import subprocess
import sys
import time

import pytest

from conftest import SWLOCK, is_everybodys
from hardlink_world import (
    BUSY,
    ELSEWHERE,
    PID_IN_USE_AGAIN,
    SETTLE,
    SLOP,
    USAGE,
    after_another_boot,
    claims,
    dead_pid,
    forge,
    holder,
    in_a_container,
    kill_all,
    left_in,
    needs_namespaces,
    on_another_host,
    owner,
    set_expiry,
    tag_of,
    under,
)
from observing import PATIENCE, nothing_left, start_of, wait_until  # noqa: F401
from sections import begin, finish, hold, is_inside, wait_until_inside

SKEWS = [-86400, -3600, -75, -11, 75, 3600]

each_skew = pytest.mark.parametrize("skew", SKEWS)


def attempt(folder, *options, prefix=(), path="lock"):
    """The status of a run under the lock, which by default does not wait."""
    words = [*prefix, *under(*(options or ["-n"]), path=path), "true"]
    return subprocess.run(words, cwd=folder, capture_output=True, timeout=PATIENCE).returncode


def breaks(folder, *options, path="lock"):
    words = [SWLOCK, "break", *SETTLE, *options, path]
    return subprocess.run(words, cwd=folder, capture_output=True, timeout=PATIENCE).returncode


def cleaned(folder, lock="lock"):
    """What is left of the lock after a cleanup."""
    subprocess.run([SWLOCK, "cleanup", *SLOP, lock], cwd=folder, check=True, capture_output=True)
    return left_in(folder, lock)


# Claims that swlock makes, of processes on this host


@each_skew
def test_live_owner_keeps_its_lock_whatever_its_expiry_says(folder, skew):
    with owner(folder) as process:
        forge(folder / "lock", process.pid, expires_in=skew)
        assert attempt(folder) == BUSY
        assert breaks(folder) == BUSY
        before = left_in(folder)
        assert cleaned(folder) == before
    assert attempt(folder) == 0
    assert cleaned(folder) == []


@each_skew
def test_lock_of_a_dead_owner_is_free_at_once_whatever_its_expiry_says(folder, skew):
    forge(folder / "lock", dead_pid(), expires_in=skew)
    assert attempt(folder) == 0
    assert cleaned(folder) == []


@pytest.mark.parametrize("how", ["break", "cleanup"])
def test_lock_of_a_dead_owner_can_be_ended_without_taking_it(folder, how):
    forge(folder / "lock", dead_pid())
    if how == "break":
        assert breaks(folder) == 0
        assert not (folder / "lock").exists()
    assert cleaned(folder) == []


def test_owner_whose_pid_has_passed_on_is_dead(folder):
    with owner(folder) as process:
        start = start_of(process.pid)
        for other in (start - 1, start + 1, 1):
            forge(folder / "lock", process.pid, tag_of(process.pid, start=other))
            assert attempt(folder) == 0
        assert cleaned(folder) == []


def test_owner_that_is_a_zombie_is_dead(folder):
    with subprocess.Popen(["true"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        forge(folder / "lock", process.pid, tag_of(process.pid, start=start_of(process.pid)))
        assert attempt(folder) == 0
    assert cleaned(folder) == []


@pytest.mark.parametrize("first_lives", [False, True])
def test_both_processes_of_a_claim_must_be_dead(folder, first_lives):
    with owner(folder) as process:
        dead = dead_pid()
        living = f"{process.pid}.{start_of(process.pid)}"
        if first_lives:
            forge(folder / "lock", process.pid, tag_of(process.pid, second=f"{dead}.1"))
        else:
            forge(folder / "lock", dead, tag_of(dead, second=living))
        assert attempt(folder) == BUSY and breaks(folder) == BUSY
    assert attempt(folder) == 0
    assert cleaned(folder) == []


# Owners of which this process can know nothing: their time decides

# A machine's name is not its own: another boot may be another machine.
OTHER_BOOT = {"booted": "0123456789abcdef"}
UNKNOWN = {
    "boot": ({}, OTHER_BOOT),
    "host and boot": ({"host": ELSEWHERE}, OTHER_BOOT),
    "namespace": ({}, {"namespace": 4026530000}),
}
each_unknown = pytest.mark.parametrize("unknown", UNKNOWN)


def forge_each(folder, pids, lifetime, expires_in):
    """A lock for each owner of whom nothing is known; the claims by the names of the locks."""
    made = {}
    for pid in pids:
        for named, tagged in UNKNOWN.values():
            name = f"lock{len(made)}"
            tag = tag_of(pid, lifetime, **tagged)
            made[name] = forge(folder / name, pid, tag, expires_in=expires_in, **named)
    return made


def each_status(folder, names, *words):
    """The statuses of one command for each lock, all at the same time."""
    processes = [
        subprocess.Popen([*words, name], cwd=folder, stderr=subprocess.DEVNULL) for name in names
    ]
    return [process.wait(PATIENCE) for process in processes]


def run_each(folder, names, *options):
    """The same of runs under the locks; and when each ended."""
    ends = {}
    statuses = []
    processes = {}
    for name in names:
        words = [*under(*options, path=name), "sh", "-c", "date +%s.%N >$0.end", name]
        processes[name] = subprocess.Popen(words, cwd=folder, stderr=subprocess.DEVNULL)
    for name, process in processes.items():
        statuses.append(process.wait(PATIENCE))
        if statuses[-1] == 0:
            ends[name] = float((folder / f"{name}.end").read_text())
            (folder / f"{name}.end").unlink()
    return statuses, ends


@pytest.mark.parametrize("skew", [-3600, 0])
def test_owner_of_whom_nothing_is_known_keeps_its_lock_for_its_lifetime(folder, skew):
    """From the last change of the claim, on the file system's clock, not from what it says."""
    with owner(folder) as process:
        made = forge_each(folder, [process.pid, dead_pid()], 4000, skew)
        changed = {name: claim.stat().st_ctime for name, claim in made.items()}
        assert set(run_each(folder, made, "-n")[0]) == {BUSY}
        assert set(each_status(folder, made, SWLOCK, "break", *SETTLE)) == {BUSY}
        statuses, ends = run_each(folder, made, "-w", "20s")
        assert set(statuses) == {0}
        assert all(ends[name] >= changed[name] + 4.2 for name in made)
    assert [each for name in made for each in cleaned(folder, name)] == []


def test_claim_of_an_owner_of_whom_nothing_is_known_counts_until_it_expires(folder):
    made = forge_each(folder, [dead_pid()], 1000, 3600)
    made |= {
        name + "0": forge(folder / (name + "0"), 1, tag_of(1, 0, **tagged), expires_in=0, **named)
        for name, (named, tagged) in zip(list(made), UNKNOWN.values())
    }  # these have no lifetime at all
    assert set(run_each(folder, made, "-w", "1500ms")[0]) == {BUSY}
    assert set(each_status(folder, made, SWLOCK, "break", *SETTLE)) == {BUSY}
    before = sorted(os.listdir(folder))
    for name in made:
        cleaned(folder, name)
    assert sorted(os.listdir(folder)) == before
    assert set(each_status(folder, made, SWLOCK, "break", "--force", *SETTLE)) == {0}
    assert not any((folder / name).exists() for name in made)


@each_unknown
def test_abandoned_lock_is_free_at_once(folder, unknown):
    named, tagged = UNKNOWN[unknown]
    claim = forge(folder / "lock", 1, tag_of(1, **tagged), **named)
    os.utime(claim, (0, 0))
    assert attempt(folder) == 0
    assert cleaned(folder) == []


# Claims that flufl.lock makes


@each_skew
def test_live_flufl_owner_on_this_host_keeps_its_lock(folder, skew):
    with owner(folder) as process:
        forge(folder / "lock", process.pid, "123456789", expires_in=skew)
        assert attempt(folder) == BUSY and breaks(folder) == BUSY
    assert attempt(folder) == 0
    assert cleaned(folder) == []


# Waiters


def test_live_owner_that_overslept_loses_its_lock_only_to_one_who_watched(swlock, folder):
    """That it has not touched its claim for that long, nobody can tell by a clock."""
    with owner(folder) as process:
        tag = tag_of(process.pid, lifetime=1000)
        claim = forge(folder / "lock", process.pid, tag, expires_in=-3600)
        waiting = begin(swlock, under())
        start = time.monotonic()
        while time.monotonic() < start + 1.5:
            assert not is_inside(waiting, 0.1)
            os.utime(claim, (1, 1))  # it lives
            assert attempt(folder) == BUSY
        wait_until_inside(waiting)
        assert time.monotonic() - start > 2.5
        finish(waiting)
        assert cleaned(folder) == []


# Other hosts, boots and containers


@needs_namespaces
@pytest.mark.parametrize("place", [on_another_host, in_a_container], ids=["host", "container"])
def test_live_owner_in_another_place_keeps_its_lock_by_its_refreshes(swlock, folder, place):
    holding = hold(swlock, place(under("--lifetime", "3s")))
    begun = (folder / "lock").stat().st_ctime
    for skew in SKEWS:
        set_expiry(folder / "lock", skew)
        assert attempt(folder) == BUSY and breaks(folder) == BUSY
    assert attempt(folder, "-w", "5s") == BUSY
    assert (folder / "lock").stat().st_ctime > begun + 3
    assert claims(folder) == [holder(folder / "lock")]
    finish(holding)
    assert left_in(folder) == []


@needs_namespaces
@pytest.mark.parametrize("place", [on_another_host, in_a_container], ids=["host", "container"])
def test_dead_owner_in_another_place_loses_its_lock_after_its_lifetime(swlock, folder, place):
    holding = hold(swlock, place(under("--lifetime", "4s")))
    kill_all(holding)
    assert attempt(folder) == BUSY
    assert attempt(folder, "-w", "20s") == 0
    wait_until(lambda: cleaned(folder) == [], "nothing is left")


@needs_namespaces
@pytest.mark.parametrize("place", [on_another_host, in_a_container], ids=["host", "container"])
def test_owner_here_is_not_dead_for_those_who_cannot_see_it(swlock, folder, place):
    holding = hold(swlock, under())
    assert attempt(folder, prefix=place([])) == BUSY
    assert attempt(folder, "-w", "500ms", prefix=place([])) == BUSY
    finish(holding)
    assert attempt(folder, prefix=place([])) == 0
    assert left_in(folder) == []


@needs_namespaces
def test_two_containers_with_the_same_pids_exclude_each_other(swlock, folder):
    holding = hold(swlock, in_a_container(under()))
    number = holder(folder / "lock").pid
    assert number < 10
    assert attempt(folder, prefix=in_a_container([])) == BUSY
    waiting = begin(swlock, in_a_container(under()))
    assert not is_inside(waiting, 0.3)
    finish(holding)
    wait_until_inside(waiting)
    assert holder(folder / "lock").pid == number
    finish(waiting)
    assert left_in(folder) == []


@needs_namespaces
def test_lock_from_before_a_reboot_is_free_after_its_lifetime(swlock, folder):
    holding = hold(swlock, after_another_boot(under("--lifetime", "1s")))
    assert holder(folder / "lock").tag.split(".")[4] == "0123456789ab4def"
    kill_all(holding)
    assert attempt(folder, "-w", "20s") == 0
    assert cleaned(folder) == []


@needs_namespaces
def test_owner_whose_pid_is_in_use_again_is_dead(folder):
    words = in_a_container([sys.executable, "-c", PID_IN_USE_AGAIN, SWLOCK, "swlock"])
    outcome = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=PATIENCE)
    assert outcome.stdout.split() == [str(BUSY), "0"], outcome
    assert cleaned(folder) == []


# An owner whose first thread has ended, with the number $1.
LEADERLESS = """
import ctypes, pathlib, sys, threading, subprocess
pathlib.Path("/proc/sys/kernel/ns_last_pid").write_text(str(int(sys.argv[1]) - 1))
text = "import ctypes, sys, threading; threading.Thread(target=sys.stdin.read).start();"
text += "print(flush=True); ctypes.CDLL(None).syscall(60, 0)"
owner = subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
assert owner.pid == int(sys.argv[1])
owner.stdout.readline()
while "State:\\tZ" not in pathlib.Path(f"/proc/{owner.pid}/status").read_text():
    pass
print(flush=True)
sys.stdin.read()
"""


@needs_namespaces
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="knows the number of exit(2) there only")
def test_owner_in_a_container_whose_first_thread_has_ended_lives(folder):
    if is_everybodys(os.uname().nodename):
        pytest.skip("nobody is known to be dead on a host without a name of its own")
    pid = dead_pid()
    words = in_a_container([sys.executable, "-c", LEADERLESS, str(pid)])
    with subprocess.Popen(words, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout.readline() == b"\n"
        (folder / "lock").touch()
        os.link(folder / "lock", folder / f".lock.hardlock-{os.uname().nodename}-{pid}")
        assert attempt(folder, "-n", "--style", "portage") == BUSY
    assert attempt(folder, "-n", "--style", "portage") == 0


STRANGE_PROC = """
import pathlib, subprocess, sys
swlock, pid = sys.argv[1:]
pathlib.Path("/proc/sys/kernel/ns_last_pid").write_text(str(int(pid) - 1))
owner = subprocess.Popen(["sleep", "60"])
assert owner.pid == int(pid)
# The next ones get numbers that nobody outside has had of late: other tests ask for owners that have just died.
pathlib.Path("/proc/sys/kernel/ns_last_pid").write_text("100")
words = [swlock, "acquire", "-m", "hardlink", "--owner", pid, "lock"]
subprocess.run(words, check=True)
for line in sys.stdin:
    words = [swlock, "run", "-m", "hardlink", "-n", "lock", "--", "true"]
    print(subprocess.run(words, stderr=subprocess.DEVNULL).returncode, flush=True)
owner.kill()
owner.wait()
"""


@needs_namespaces
def test_processes_that_another_namespace_shows_in_proc_are_not_taken_for_the_owner(folder):
    """As after `unshare --pid --fork` without --mount-proc."""
    pipe = subprocess.PIPE
    with subprocess.Popen(["sleep", "60"]) as namesake:
        words = ["unshare", "--pid", "--fork", sys.executable, "-c", STRANGE_PROC, SWLOCK]
        words.append(str(namesake.pid))
        with subprocess.Popen(words, cwd=folder, stdin=pipe, stdout=pipe, text=True) as inside:

            def status():
                inside.stdin.write("\n")
                inside.stdin.flush()
                return inside.stdout.readline()

            statuses = [status()]
            namesake.kill()
            os.waitid(os.P_PID, namesake.pid, os.WEXITED | os.WNOWAIT)
            statuses.append(status())
            namesake.wait()
            statuses.append(status())
            inside.stdin.close()
    assert statuses == [f"{BUSY}\n"] * 3


@needs_namespaces
def test_caller_outside_of_the_container_cannot_be_named(folder):
    """It has no number in the pid namespace."""
    words = ["unshare", "--pid", "--fork", SWLOCK, "acquire", "-m", "hardlink", "lock"]
    outcome = subprocess.run(words, cwd=folder, capture_output=True, timeout=PATIENCE)
    assert outcome.returncode == USAGE, outcome
    assert left_in(folder) == []
