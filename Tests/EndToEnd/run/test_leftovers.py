"""What outlives the command: nobody is missed, the lock is not free before, and no longer than that.

Whether anybody is left is asked of the kernel, where no reading of /proc would be a snapshot.
"""

import contextlib
import os
import pathlib
import resource
import signal
import subprocess

import pytest

from conftest import SWLOCK, needs_root, needs_strace, needs_tool
from observing import (  # noqa: F401
    appears,
    children_of,
    command_of,
    end,
    has_failed,
    is_alive,
    is_free,
    is_held,
    name_of,
    nothing_left,
    processes_in,
    python,
    relays_in,
    stat_of,
    times_asleep,
    wait_until,
    waits_on,
)

# What runs beside the command, or above it.
BESIDE = {
    "plain": [],
    "log": ["--log=log"],
    "filter": ["--log=log", "--log-filter=cat"],
    "gzip": ["--log=log.gz"],
    "pty": ["--pty"],
    "posix": ["-m", "posix"],
    "posix-log": ["-m", "posix", "--log=log"],
    "hardlink": ["-m", "hardlink"],
    "hardlink-log": ["-m", "hardlink", "--log=log"],
    "pid": pytest.param(["--unshare=pid"], marks=needs_root, id="pid"),
    "pid-log": pytest.param(["--unshare=pid", "--log=log"], marks=needs_root, id="pid-log"),
}
beside = pytest.mark.parametrize("options", BESIDE.values(), ids=BESIDE.keys())

# A shell that leaves swlock children of its own, one of which is soon going to leave it another one.
EARLIER = 'sleep 60 & (sleep 60 & exec sleep 0.1) & exec "$@"'
ways = pytest.mark.parametrize("way", ["alone", "earlier"])

# Forks and exits, again and again, in sessions of its own, and does not hear SIGTERM.
RABBIT = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
pause, leaves = float(sys.argv[1]), len(sys.argv) > 2
end = time.monotonic() + 60
with open("rabbit", "w") as file:
    file.write("x")
while time.monotonic() < end:
    if os.fork():
        os._exit(0)
    if leaves:
        os.setsid()
    time.sleep(pause)
"""


def away(script):
    """In a shell: a process that nobody waits for and that holds no pipe, by an ordinary double fork."""
    return f"trap '' HUP; (sh -c '{script}' >/dev/null 2>&1 </dev/null &) &"


def start(swlock, way, *words, **options):
    if way == "alone":
        return swlock.start("run", *words, **options)
    options = {"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE, **options}
    words = ["sh", "-c", EARLIER, "sh", SWLOCK, "run", *words]
    process = subprocess.Popen(words, cwd=swlock.folder, **options)
    swlock.processes.append(process)
    return process


@pytest.fixture(autouse=True)
def no_earlier_children(folder, nothing_left):  # noqa: F811
    yield
    for pid in processes_in(folder):
        if name_of(pid) == "sleep":
            end(pid)


def left_of_the_command(folder):
    """The processes in the test's folder, but for the earlier children."""
    return [pid for pid in processes_in(folder) if name_of(pid) not in ("sleep", None)]


def can_be_had(folder, options):
    mode = options[options.index("-m") + 1 :][:1] if "-m" in options else []
    mode = mode and ["-m", *mode]
    probe = subprocess.run([SWLOCK, "run", "-q", "-n", *mode, "lock", "true"], cwd=folder)
    return probe.returncode == 0


# Nobody is missed


@ways
@beside
def test_a_double_fork_is_not_missed(swlock, folder, options, way):
    """Whoever looks while it is done may see neither the one nor the other."""
    for number in range(6):
        done = folder / f"done{number}"
        script = f"sleep 0.1; echo >done{number}"
        words = [*options, "--leftovers=wait", "lock", "sh", "-c", f"{away(script)} exit 5"]
        assert start(swlock, way, *words).wait(20) == 5
        assert done.exists()
        # Of others the leader is among them.
        assert not way == "alone" or processes_in(folder) == []


@ways
@beside
def test_the_lock_is_held_until_the_last_has_ended(swlock, folder, options, way):
    script = "until [ -e stop ]; do sleep 0.02; done; echo >done"
    words = [*options, "--leftovers=wait", "lock", "sh", "-c", f"{away(script)} echo >ran; exit 5"]
    process = start(swlock, way, *words)
    appears(folder / "ran")
    wait_until(lambda: not any(command(pid).startswith("sh -c (") for pid in processes_in(folder)))
    assert process.poll() is None and not can_be_had(folder, options)
    (folder / "stop").touch()
    assert process.wait(10) == 5
    assert (folder / "done").exists() and can_be_had(folder, options)


def command(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().replace("\0", " ")
    return ""


@ways
@beside
def test_all_are_killed(swlock, folder, options, way):
    script = 'trap "" TERM HUP; while :; do sleep 0.05; done'
    deaf = f"sh -c '{script}'"
    text = f"setsid {deaf} & ({deaf} &) & {away(script)} exit 5"
    words = [*options, "--leftovers=kill", "--kill-after=0.1", "lock", "sh", "-c", text]
    process = start(swlock, way, *words, stdout=subprocess.DEVNULL)
    assert process.wait(20) == 5
    assert left_of_the_command(folder) == [] and can_be_had(folder, options)


@ways
@pytest.mark.parametrize("pause", [0, 0.05])
@pytest.mark.parametrize("options", [[], ["--log=log"], ["-m", "posix", "--log=log"]], ids=" ".join)
def test_whoever_forks_and_exits_is_caught(swlock, folder, options, pause, way):
    rabbit = python(RABBIT, pause, "leaves")
    text = '"$@" >/dev/null 2>&1 & until [ -s rabbit ]; do sleep 0.01; done; exit 5'
    kill = ["--leftovers=kill", "--kill-after=0.2"]
    process = start(swlock, way, *options, *kill, "lock", "sh", "-c", text, "sh", *rabbit)
    assert process.wait(25) == 5
    assert left_of_the_command(folder) == []


@pytest.mark.parametrize("what", ["wait", "kill"])
def test_children_of_earlier_children_are_not_the_commands(swlock, folder, what):
    """They come to the process that swlock was started in when their parents end."""
    text = "until [ -e go ]; do sleep 0.01; done; exit 5"
    process = start(swlock, "earlier", f"--leftovers={what}", "lock", "sh", "-c", text)

    def has_lost_its_parent():
        sleepers = [pid for pid in processes_in(folder) if command(pid) == "sleep 60 "]
        parents = {stat_of(pid)[1] for pid in sleepers}
        return len(sleepers) == 2 and parents.isdisjoint(children_of(process.pid))

    wait_until(has_lost_its_parent)
    (folder / "go").touch()
    assert process.wait(10) == 5
    assert [name_of(pid) for pid in processes_in(folder)] == ["sleep", "sleep"]


@pytest.mark.parametrize("name", ["TERM", "INT", "USR1"])
def test_a_signal_reaches_the_command_beside_earlier_children(swlock, folder, name):
    text = f"trap 'echo $? >got; exit 9' {name}; echo >ready; while :; do sleep 0.01; done"
    process = start(swlock, "earlier", "--leftovers=wait", "lock", "sh", "-c", text)
    appears(folder / "ready")
    process.send_signal(getattr(signal, f"SIG{name}"))
    assert process.wait(10) == 9 and (folder / "got").exists()


@pytest.mark.parametrize("options", [[], ["-m", "posix"]], ids=" ".join)
def test_a_killed_swlock_beside_earlier_children_leaves_command_and_lock(swlock, folder, options):
    mode = "posix" if options else "flock"
    process = start(swlock, "earlier", *options, "--leftovers=wait", "lock", "sleep", "61")
    sleeper = wait_until(lambda: [pid for pid in processes_in(folder) if command(pid) == "sleep 61 "])
    process.kill()
    process.wait(10)
    assert is_alive(sleeper[0]) and is_held(folder / "lock", mode)
    end(sleeper[0])
    wait_until(lambda: is_free(folder / "lock", mode))


def test_swlock_killed_beside_earlier_children_while_it_waits_never_starts_the_command(swlock, folder):
    holder = swlock.start("run", "lock", "sleep", "62")
    command_of(holder, "sleep")
    process = start(swlock, "earlier", "--leftovers=wait", "lock", "touch", "ran")
    wait_until(lambda: waits_on(folder / "lock"))
    process.kill()
    process.wait(10)
    holder.terminate()
    holder.wait(10)
    wait_until(lambda: is_free(folder / "lock"))
    wait_until(lambda: all(name_of(pid) == "sleep" for pid in processes_in(folder)))
    assert not (folder / "ran").exists()


# /proc


@needs_strace
@pytest.mark.parametrize("options", [[], ["--log=log"], ["-m", "posix"]], ids=" ".join)
def test_proc_is_not_read_to_know_that_nobody_is_left(swlock, folder, options):
    words = [*options, "--leftovers=wait", "lock", "sh", "-c", f"{away('sleep 0.2')} exit 5"]
    trace = ["strace", "-qq", "-f", "-b", "execve", "-e", "trace=open,openat", "-o", "trace"]
    result = subprocess.run([*trace, SWLOCK, "run", *words], cwd=folder, stdout=subprocess.DEVNULL)
    assert result.returncode == 5
    opened = [line for line in (folder / "trace").read_text().splitlines() if '"/proc' in line]
    # By the start of an ordinary Swift program; and to open the output once more.
    own = ('"/proc/self/maps"', '"/proc/self/fd/')
    assert [line for line in opened if not any(name in line for name in own)] == []


def waits_of(folder, *words, end="WEXITSTATUS(s) == 5", status=5):
    """What the waiting swlock did, from the command's end on, until the last process had ended: its calls,
    and how many of its waits ended because it was time."""
    calls = "trace=openat,pread64,getdents64,wait4,waitid,rt_sigtimedwait,poll,ppoll"
    trace = ["strace", "-qq", "-f", "-b", "execve", "-e", calls, "-e", "signal=none", "-o", "trace"]
    result = subprocess.run([*trace, SWLOCK, "run", *words], cwd=folder, stdout=subprocess.DEVNULL)
    assert result.returncode == status
    lines = (folder / "trace").read_text().splitlines()
    after = next(n for n, line in enumerate(lines) if end in line)
    own = lines[after].split()[0]
    lines = [line for line in lines[after:] if line.split()[0] == own]
    return lines, sum("EAGAIN" in line for line in lines)


@needs_strace
@pytest.mark.parametrize("options", [[], ["--log=log"], ["--log=log", "-m", "posix"]], ids=" ".join)
def test_a_second_of_waiting_for_leftovers_takes_no_call(folder, options):
    lines, timeouts = waits_of(
        folder, *options, "--leftovers=wait", "lock", "sh", "-c", f"{away('sleep 1.3')} exit 5"
    )
    assert timeouts == 0
    assert not [line for line in lines if "/proc" in line], lines
    assert len(lines) < 20, lines


@needs_strace
@pytest.mark.parametrize("options", [[], ["--log=log"]], ids=" ".join)
def test_once_nobody_is_left_to_be_ended_the_rest_is_waited_for_without_a_call(folder, options):
    """Of a command that ran too long only its group is ended."""
    script = "(setsid sleep 1.8 >/dev/null 2>&1 </dev/null &); exec sleep 60"
    words = [*options, "--leftovers=wait", "--max-runtime=0.3s", "--kill-after=0.2s", "lock"]
    # 124: it ran too long.
    lines, timeouts = waits_of(
        folder, *words, "sh", "-c", script, end="WTERMSIG(s) == SIGTERM", status=124
    )
    assert timeouts <= 1, lines
    assert not [line for line in lines if "/proc" in line], lines


@needs_strace
def test_those_that_do_not_end_when_they_are_asked_are_looked_at_more_and_more_rarely(folder):
    deaf = "trap \"\" TERM; touch deaf; while :; do sleep 60 & wait; done"
    script = f"""(sh -c '{deaf}' >/dev/null 2>&1 </dev/null &); until [ -e deaf ]; do :; done; exit 5"""
    words = ["--leftovers=kill", "--kill-after=3s", "lock", "sh", "-c", script]
    lines, timeouts = waits_of(folder, *words)
    # After 50, 100, 200, 400, 800 ms and so on; anew once the shell's own child has ended. With 50 ms
    # between them there were 60.
    assert 4 <= timeouts <= 16, timeouts
    reads = [line for line in lines if "openat" in line or "pread64" in line]
    assert len(reads) <= 8 * (timeouts + 4), reads


def without_descriptors(pid):
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, 3))


@pytest.mark.parametrize("options", [[], ["-m", "posix"], ["--log=log"]], ids=" ".join)
@pytest.mark.parametrize("what", ["wait", "kill"])
def test_without_descriptors_nobody_is_missed(swlock, folder, options, what):
    script = "sleep 0.5; echo >done" if what == "wait" else "exec sleep 60"
    text = f"echo >ready; until [ -e go ]; do sleep 0.01; done; {away(script)} exit 5"
    kill = ["--kill-after=0.2"] if what == "kill" else []
    words = [*options, f"--leftovers={what}", *kill, "lock", "sh", "-c", text]
    process = swlock.start("run", *words, stdout=subprocess.DEVNULL)
    appears(folder / "ready")
    for pid in [process.pid, *children_of(process.pid)]:
        if name_of(pid) == name_of(process.pid):
            without_descriptors(pid)
    (folder / "go").touch()
    assert process.wait(10) == 5
    # Who is killed does no more.
    assert processes_in(folder) == [] and ((folder / "done").exists() or what == "kill")


@contextlib.contextmanager
def proc_with(folder, *words):
    """A shell's prefix that runs swlock where /proc is mounted in another way."""
    prefix = ["unshare", "--mount", "--propagation=private", "sh", "-c"]
    works = subprocess.run([*prefix, words[0]], capture_output=True, cwd=folder)
    if works.returncode:
        pytest.skip(works.stderr.decode(errors="replace"))
    yield [*prefix, words[0] + '; exec "$@"', "sh"]


NO_PROC = "mount -t tmpfs none /proc"
HIDDEN = "mount -t proc -o hidepid=2 none /proc"


@needs_root
@pytest.mark.parametrize("what, status", [("wait", 5), ("kill", 69)])
def test_without_proc_leftovers_are_waited_for_and_not_to_be_killed(swlock, folder, what, status):
    with proc_with(folder, NO_PROC) as prefix:
        text = f"{away('sleep 0.3; echo >done')} echo >ran; exit 5"
        words = [SWLOCK, "run", f"--leftovers={what}", "lock", "sh", "-c", text]
        result = subprocess.run([*prefix, *words], cwd=folder, capture_output=True)
    assert result.returncode == status, result
    if what == "wait":
        assert (folder / "done").exists()
    else:
        assert has_failed(result, 69, b"/proc") and not (folder / "ran").exists()


@needs_root
@needs_tool("unshare")
def test_a_proc_of_another_pid_namespace_is_not_believed(swlock, folder):
    """Its numbers are those of other processes here."""
    words = [SWLOCK, "run", "--leftovers=kill", "lock", "touch", "ran"]
    result = subprocess.run(["unshare", "--pid", "--fork", *words], cwd=folder, capture_output=True)
    assert has_failed(result, 69, b"/proc") and not (folder / "ran").exists()


@pytest.fixture
def raiser(folder):
    """A program that makes whoever calls it root: `setpriv`, set-user-ID."""
    folder.chmod(0o777)
    path = folder / "raiser"
    subprocess.run(["cp", "/usr/bin/setpriv", str(path)], check=True)
    path.chmod(0o4755)
    words = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", str(path)]
    check = subprocess.run([*words, "--reuid=0", "true"], capture_output=True)
    if check.returncode:
        pytest.skip(check.stderr.decode(errors="replace"))
    return [str(path), "--reuid=0", "--"]


USER = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"]


@needs_root
@needs_tool("setpriv")
@pytest.mark.parametrize("proc", ["true", HIDDEN], ids=["seen", "hidden"])
@pytest.mark.parametrize("what", ["wait", "kill"])
def test_whoever_may_not_be_killed_is_named_and_waited_for(swlock, folder, raiser, proc, what):
    os.mkfifo(folder / "gate")
    (folder / "gate").chmod(0o666)
    script = " ".join(raiser) + " sh -c 'echo $$ >root; read line <gate'"
    text = f"{script} >/dev/null 2>&1 & until [ -s root ]; do sleep 0.01; done; exit 5"
    kill = ["--kill-after=0.1"] if what == "kill" else []
    with proc_with(folder, proc) as prefix, open(folder / "errors", "wb") as errors:
        words = [SWLOCK, "run", f"--leftovers={what}", *kill, "lock", "sh", "-c", text]
        process = subprocess.Popen([*prefix, *USER, *words], cwd=folder, stderr=errors)
        swlock.processes.append(process)
        leftover = int(appears(folder / "root"))
        if what == "kill":
            assert b"unable to end pid %d" % leftover in appears(folder / "errors")
            # It is said once, however often it is tried.
            wait_until(lambda: times_asleep(process.pid) > 3)
        else:
            wait_until(lambda: children_of(process.pid) == [leftover])
        assert is_alive(leftover) and process.poll() is None and is_held(folder / "lock")
        (folder / "gate").write_text("\n")
        assert process.wait(10) == 5
    lines = (folder / "errors").read_bytes().splitlines()
    assert len([line for line in lines if b"pid %d" % leftover in line]) == (what == "kill")


# A relay that is killed


@pytest.mark.parametrize("mode", [[], ["-m", "posix"]], ids=" ".join)
@pytest.mark.parametrize("what", ["wait", "kill"])
def test_programs_of_the_log_end_by_themselves(swlock, folder, mode, what):
    """They are swlock's children once the relay is killed, and see the end of their pipe."""
    until = "until [ -e stop ]; do sleep 0.01; done"
    text = f"echo early; (exec >/dev/null 2>&1; {until}) & echo >ready; {until}; exit 5"
    log = ["--log=log", "--log-filter=tee seen | sed s/early/late/; sleep 0.3; echo over"]
    words = ["run", *mode, *log, f"--leftovers={what}", "lock", "sh", "-c", text]
    process = swlock.start(*words, stdout=subprocess.DEVNULL)
    appears(folder / "ready")
    # What the relay has not passed on yet is lost with it.
    wait_until(lambda: (folder / "seen").exists() and (folder / "seen").read_bytes() == b"early\n")
    (relay,) = relays_in(folder)
    end(relay)
    (folder / "stop").touch()
    assert process.wait(10) == 5
    wait_until(lambda: (folder / "log").read_bytes() == b"late\nover\n")


def test_a_program_of_the_log_that_does_not_end_keeps_nothing(swlock, folder):
    until = "until [ -e stop ]; do sleep 0.01; done"
    log = ["--log=log", "--log-filter=exec sleep 60"]
    words = ["run", *log, "--leftovers=wait", "lock", "sh", "-c", f"echo >ready; {until}; exit 5"]
    process = swlock.start(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    appears(folder / "ready")
    (relay,) = relays_in(folder)
    end(relay)
    (folder / "stop").touch()
    assert process.wait(10) == 5
    assert [name_of(pid) for pid in processes_in(folder)] == ["sleep"]


@pytest.mark.parametrize("mode", [["-m", "posix"], ["--close"], ["-m", "hardlink"]], ids=" ".join)
@pytest.mark.parametrize("log", [[], ["--log=log"], ["--log=log", "--log-filter=cat"]], ids=" ".join)
def test_what_a_killed_holder_leaves_is_seen_to(swlock, folder, mode, log):
    """Also beside a relay, which is the front's child then."""
    script = f"sleep {5 if mode[-1] == 'hardlink' else 0.4}; echo >done"
    text = f"{away(script)} echo >ready; exec sleep 60"
    words = ["run", *mode, *log, "lock", "sh", "-c", text]
    process = swlock.start(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    appears(folder / "ready")
    name = name_of(process.pid)
    (holder,) = [pid for pid in children_of(process.pid) if name_of(pid) == name]
    end(holder)
    assert process.wait(10) == 137
    # A lock that is no descriptor is lost with the holder, and what it left is ended.
    assert (folder / "done").exists() == (mode[-1] != "hardlink")
    assert [pid for pid in processes_in(folder) if name_of(pid) not in ("swlock log", None)] == []


# The end of the time


@pytest.mark.parametrize("pause", [0, 0.05])
@pytest.mark.parametrize("options", [[], ["--close"], ["--log=log"], ["--pty"]], ids=" ".join)
def test_nobody_is_left_of_the_group_when_the_time_is_over(swlock, folder, options, pause):
    """One that forks and exits stays in the group."""
    rabbit = python(RABBIT, pause)
    text = '"$@" >/dev/null 2>&1 </dev/null; sleep 60'
    limits = ["--max-runtime=0.5", "--kill-after=0.2"]
    words = [*options, *limits, "lock", "sh", "-c", text, "sh", *rabbit]
    process = swlock.start("run", *words, stdout=subprocess.DEVNULL)
    assert process.wait(20) == 124
    assert processes_in(folder) == []


def test_the_time_is_over_however_much_ends_meanwhile(swlock, folder):
    """Each of those that end makes a signal, and there is always one more."""
    text = '"$@" >/dev/null 2>&1; exec sleep 60'
    rabbit = python(RABBIT, 0, "leaves")
    process = swlock.start("run", "--max-runtime=0.3", "lock", "sh", "-c", text, "sh", *rabbit)
    try:
        assert process.wait(10) == 124
    finally:
        end_the_rabbit(folder)


def end_the_rabbit(folder):
    """It is one process at a time, and is caught in the end."""

    def is_gone():
        for pid in processes_in(folder):
            end(pid)
        return not processes_in(folder)

    wait_until(is_gone)


LAZY = """
import os, signal, sys, time
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        time.sleep(60)
    os.setsid()
    with open("lazy", "w") as file:
        file.write(str(os.getpid()))
    os.close(1)
    os.close(2)
    while not os.path.exists("stop"):
        time.sleep(0.01)
    os._exit(0)
time.sleep(60)
"""


def test_a_member_that_its_parent_does_not_reap_is_not_waited_for(swlock, folder):
    """It has ended, but is in the group for ever."""
    limits = ["--max-runtime=3", "--kill-after=0.2"]
    process = swlock.start("run", *limits, "lock", *python(LAZY), stdout=subprocess.DEVNULL)
    lazy = int(appears(folder / "lazy"))
    try:
        assert process.wait(10) == 124
        states = [stat_of(pid)[0] for pid in children_of(lazy)]
        assert states == ["Z"] and is_alive(lazy)
    finally:
        (folder / "stop").touch()


@needs_root
@needs_tool("setpriv")
def test_a_member_that_may_not_be_killed_is_named(swlock, folder, raiser):
    os.mkfifo(folder / "gate")
    (folder / "gate").chmod(0o666)
    script = " ".join(raiser) + " sh -c 'echo $$ >root; read line <gate'"
    text = f"{script} >/dev/null 2>&1 & sleep 60"
    limits = ["--max-runtime=3", "--kill-after=0.2"]
    words = [*USER, SWLOCK, "run", *limits, "lock", "sh", "-c", text]
    result = subprocess.run(words, cwd=folder, capture_output=True, timeout=20)
    root = int((folder / "root").read_text())
    try:
        assert result.returncode == 124 and is_alive(root)
        assert b"unable to end pid %d " % root in result.stderr
    finally:
        (folder / "gate").write_text("\n")
