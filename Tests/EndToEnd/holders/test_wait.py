"""wait: until nobody has a lock, which it never has itself."""

import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from conftest import SWLOCK, needs_root, needs_tool
from hardlink_world import Flufl, Portage, forge, in_a_container, needs_namespaces
from observing import (  # noqa: F401
    PATIENCE,
    appears,
    descriptors_of,
    has_failed,
    is_stopped,
    locks_on,
    name_of,
    nothing_left,
    python,
    times_asleep,
    wait_until,
)
from screens import Screen

# Another program that has a lock until its standard input ends.
HOLDER = """
import fcntl, os, struct, sys
mode, path, start, length = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
if mode == "flock":
    fcntl.flock(file, fcntl.LOCK_EX)
elif mode == "shared":
    fcntl.flock(file, fcntl.LOCK_SH)
elif mode == "lockf":
    fcntl.lockf(file, fcntl.LOCK_EX, length, start)
else:
    kind = fcntl.F_RDLCK if mode == "ofd-shared" else fcntl.F_WRLCK
    fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", kind, 0, start, length, 0))
print("held", flush=True)
word = sys.stdin.readline()
if word == "unlock\\n":
    fcntl.flock(file, fcntl.LOCK_UN)
    sys.stdin.readline()
"""
HOLDERS = ["flock", "shared", "lockf", "ofd", "ofd-shared"]


@contextlib.contextmanager
def holder(folder, mode, path="lock", start=0, length=0, prefix=()):
    words = [*prefix, *python(HOLDER, mode, path, start, length)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, cwd=folder, stdin=pipe, stdout=pipe) as process:
        try:
            assert process.stdout.readline() == b"held\n"
            yield process
        finally:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            if process.wait(PATIENCE) is None:
                process.kill()


def let_go(process):
    """Ends what waits for a line."""
    process.stdin.write(b"\n")
    process.stdin.flush()


def is_watching(process):
    """It has found somebody, and watches the file."""

    def watches():
        try:
            return "anon_inode:inotify" in descriptors_of(process.pid).values() and times_asleep(process.pid) > 0
        except (FileNotFoundError, ProcessLookupError):
            return False

    return watches


def begin(swlock, *words, **options):
    """A waiter that has looked, and sleeps."""
    process = swlock.start("wait", *words, **options)
    wait_until(is_watching(process))
    assert process.poll() is None
    return process


def is_free_at_once(swlock, *words):
    result = swlock.run("wait", *words)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


@pytest.mark.parametrize("path", ["lock", "no/lock", "."])
def test_what_nobody_has_is_free_and_nothing_is_made(swlock, folder, path):
    is_free_at_once(swlock, path)
    is_free_at_once(swlock, "-n", path)
    assert os.listdir(folder) == []


@pytest.mark.parametrize("mode", HOLDERS)
def test_each_kind_of_lock_is_waited_for(swlock, folder, mode):
    with holder(folder, mode) as process:
        said = b"lock is not free: it is held by pid %d " % process.pid
        assert has_failed(swlock.run("wait", "-n", "lock"), 75, said)
        waiter = begin(swlock, "lock")
        process.kill()
        process.wait()
        assert waiter.wait(PATIENCE) == 0
    assert waiter.communicate() == (b"", b"")


@pytest.mark.parametrize("style", [Flufl, Portage])
@pytest.mark.parametrize("program", ["swlock", "other"])
def test_each_kind_of_claim_is_waited_for(swlock, folder, style, program):
    lock = style(folder)
    process = swlock.begin([*lock.run(program), "sh", "-c", "echo >inside; read line"], stdin=subprocess.PIPE)
    appears(folder / "inside")
    waiter = begin(swlock, "lock")
    assert has_failed(swlock.run("wait", "-n", "lock"), 75, b"lock is not free: it is held by pid ")
    assert swlock.run("wait", "-n", "-q", "-m", "hardlink", "lock").returncode == 75
    wanted, other = ("flufl", "portage") if style is Flufl else ("portage", "flufl")
    assert swlock.run("wait", "-n", "-q", "--style", wanted, "lock").returncode == 75
    is_free_at_once(swlock, "--style", other, "lock")
    is_free_at_once(swlock, "-m", "flock", "lock")
    let_go(process)
    assert (process.wait(PATIENCE), waiter.wait(PATIENCE)) == (0, 0)


def test_a_claim_of_a_dead_owner_is_free(swlock, folder):
    with subprocess.Popen(["true"]) as dead:
        pass
    forge(folder / "lock", dead.pid)
    is_free_at_once(swlock, "lock")


KINDS = {"flock": {"flock"}, "posix": {"lockf", "ofd"}, "ofd": {"lockf", "ofd"}, "hardlink": set()}


@pytest.mark.parametrize("mode", ["flock", "lockf", "ofd"])
def test_a_kind_waits_only_for_what_keeps_it_away(swlock, folder, mode):
    with holder(folder, mode):
        for kind, counted in KINDS.items():
            status = swlock.run("wait", "-n", "-q", "-m", kind, "lock").returncode
            assert status == (75 if mode in counted else 0), kind
        assert swlock.run("wait", "-n", "-q", "-m", "auto", "lock").returncode == 75


def test_a_lock_of_a_range_counts_and_a_range_can_be_asked_for(swlock, folder):
    with holder(folder, "lockf", start=5, length=2):
        for words in ([], ["-m", "posix"], ["-m", "ofd", "--range", "6"], ["-m", "posix", "--range", "0:6"]):
            assert swlock.run("wait", "-n", "-q", *words, "lock").returncode == 75
        for part in ("0:5", "7"):
            is_free_at_once(swlock, "-m", "posix", "--range", part, "lock")


def test_a_lock_that_is_given_back_by_one_who_goes_on(swlock, folder):
    """No event tells of that."""
    with holder(folder, "flock") as process:
        waiter = begin(swlock, "lock")
        process.stdin.write(b"unlock\n")
        process.stdin.flush()
        assert waiter.wait(PATIENCE) == 0
        assert process.poll() is None


def test_all_of_several_have_to_be_free(swlock, folder):
    with holder(folder, "flock", "one") as one, holder(folder, "lockf", "two") as two:
        waiter = begin(swlock, "free", "one", "two")
        one.kill()
        one.wait()
        assert has_failed(swlock.run("wait", "-n", "one", "free", "two"), 75, b"two is not free")
        # It has seen that the first one is free, and is not through.
        wait_until(lambda: any(target == str(folder / "two") for target in descriptors_of(waiter.pid).values()))
        assert waiter.poll() is None
        two.kill()
        assert waiter.wait(PATIENCE) == 0


def test_one_that_is_handed_over_is_still_waited_for(swlock, folder):
    """The next one was in the kernel's queue. For a moment nobody has it, and a look may fall into that."""
    with holder(folder, "flock") as first:
        second = swlock.start("run", "lock", "--", "sh", "-c", "echo >inside; read line", stdin=subprocess.PIPE)
        wait_until(lambda: any("->" in line for line in locks_on(folder / "lock")))
        waiter = begin(swlock, "lock")
        first.kill()
        appears(folder / "inside")
        assert has_failed(swlock.run("wait", "-n", "lock"), 75)
        later = begin(swlock, "lock")
        let_go(second)
        assert (waiter.wait(PATIENCE), later.wait(PATIENCE)) == (0, 0)


def test_one_that_a_child_has_inherited_is_waited_for(swlock, folder):
    script = "exec 9>lock; flock 9; sleep 1000 & echo $! >child; exit"
    swlock.begin(["bash", "-c", script]).wait()
    child = int(appears(folder / "child"))
    wait_until(lambda: name_of(child) == "sleep")
    waiter = begin(swlock, "lock")
    assert has_failed(swlock.run("wait", "-n", "lock"), 75, b"held by pid %d (sleep 1000" % child)
    os.kill(child, signal.SIGKILL)
    assert waiter.wait(PATIENCE) == 0


def test_a_folder_is_waited_for(swlock, folder):
    (folder / "place").mkdir()
    process = swlock.start("run", "place", "--", "sh", "-c", "echo >inside; read line", stdin=subprocess.PIPE)
    appears(folder / "inside")
    waiter = begin(swlock, "place")
    for name in range(20):
        (folder / "place" / str(name)).touch()
    assert waiter.poll() is None
    let_go(process)
    assert waiter.wait(PATIENCE) == 0


def test_a_sidecar_is_waited_for(swlock, folder):
    with holder(folder, "flock", ".data.swlock"):
        assert has_failed(swlock.run("wait", "-n", "--sidecar", "data"), 75, b".data.swlock is not free")
        is_free_at_once(swlock, "data")


# It never has the lock, and nobody is in its way.


def test_it_makes_no_call_that_takes_a_lock(swlock, folder):
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    with holder(folder, "lockf") as process:
        calls = ["strace", "-f", "-o", "calls", "-e", "trace=flock,fcntl,open,openat"]
        waiter = swlock.begin([*calls, SWLOCK, "wait", "lock"])
        wait_until(lambda: '"lock", O_' in (folder / "calls").read_text() if (folder / "calls").exists() else False)
        process.kill()
        assert waiter.wait(PATIENCE) == 0
    made = (folder / "calls").read_text()
    assert not re.search(r"flock\(|_SETLK|F_SETLEASE", made)
    # Nor does it open the file, which would break a lease, and wake all who watch it.
    assert all("O_PATH" in line for line in made.splitlines() if re.search(r'"lock"|/proc/self/fd/', line))


# A crowd is of a user of its own: each has few inotify instances (fs.inotify.max_user_instances), and waiters of other
# tests need some.
CROWD = ["setpriv", "--reuid=54322", "--regid=54322", "--clear-groups"] if os.geteuid() == 0 else []
needs_crowd = pytest.mark.skipif(bool(CROWD) and shutil.which("setpriv") is None, reason="needs setpriv")

LOOP = """
import subprocess, sys
busy = 0
for turn in range(10):
    # Shared, so that the loops are not in each other's way.
    words = [sys.argv[1], "run", "-n", "-q", "-s", "-m", sys.argv[2], "lock", "--", "true"]
    busy += subprocess.run(words).returncode == 75
print(busy)
"""


@needs_crowd
@pytest.mark.parametrize("mode", ["flock", "posix"])
def test_nobody_finds_it_busy_because_of_those_who_wait(swlock, folder, mode):
    """A hundred wait, again and again, while ten loops take the lock. The control waits by taking it."""
    folder.chmod(0o777)

    def run(*wait):
        (folder / "stop").unlink(missing_ok=True)
        script = 'until [ -e stop ]; do "$@"; sleep 2; done'
        waiters = [swlock.begin([*CROWD, "sh", "-c", script, "sh", SWLOCK, *wait]) for _ in range(100)]
        loops = [swlock.begin([*CROWD, *python(LOOP, SWLOCK, mode)]) for _ in range(10)]
        try:
            return sum(int(loop.communicate(timeout=120)[0]) for loop in loops)
        finally:
            (folder / "stop").touch()
            for waiter in waiters:
                waiter.wait(2 * PATIENCE)

    assert run("wait", "lock") == 0
    assert run("run", "-m", mode, "lock", "--", "sleep", "0.05") > 0


@needs_crowd
def test_a_hundred_wait_for_one_lock_that_ten_loops_take(swlock, folder):
    """All are through once the last loop is."""
    folder.chmod(0o777)
    loop = python(
        """
import subprocess, sys
for turn in range(5):
    subprocess.run([sys.argv[1], "run", "lock", "--", "true"], check=True)
""",
        SWLOCK,
    )
    with holder(folder, "flock", prefix=CROWD) as process:
        waiters = [swlock.begin([*CROWD, SWLOCK, "wait", "lock"]) for _ in range(100)]
        wait_until(lambda: all(times_asleep(waiter.pid) > 3 for waiter in waiters))
        loops = [swlock.begin([*CROWD, *loop]) for _ in range(10)]
        process.kill()
    assert [loop.wait(PATIENCE) for loop in loops] == [0] * 10
    assert swlock.run("run", "-n", "lock", "true").returncode == 0
    assert [waiter.wait(PATIENCE) for waiter in waiters] == [0] * 100


def test_a_lease_is_not_broken_nor_waited_for(swlock, folder):
    (folder / "lock").touch()
    descriptor = os.open(folder / "lock", os.O_RDWR)
    broken = []
    before = signal.signal(signal.SIGIO, lambda *_: broken.append(1))
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        is_free_at_once(swlock, "lock")
        assert (fcntl.fcntl(descriptor, fcntl.F_GETLEASE), broken) == (fcntl.F_WRLCK, [])
    finally:
        os.close(descriptor)
        signal.signal(signal.SIGIO, before)


def test_a_holder_can_remove_its_file_while_others_wait(swlock, folder):
    words = ["run", "--unlink", "lock", "--", "sh", "-c", "echo >inside; read line"]
    process = swlock.start(*words, stdin=subprocess.PIPE)
    appears(folder / "inside")
    waiter = begin(swlock, "lock")
    let_go(process)
    assert (process.wait(PATIENCE), waiter.wait(PATIENCE)) == (0, 0)
    assert not (folder / "lock").exists()


# How soon, and at what price.


@pytest.mark.parametrize("mode", ["flock", "lockf"])
def test_it_ends_soon_after_the_holder(swlock, folder, mode):
    """It is woken at once; most of the time goes into /proc/locks and the end of inotify. The best of a few."""
    times = []
    for _ in range(5):
        with holder(folder, mode) as process:
            waiter = begin(swlock, "lock")
            # Pauses without news are long by then.
            slept = times_asleep(waiter.pid)
            wait_until(lambda: times_asleep(waiter.pid) > slept + 3)
            process.kill()
            since = time.monotonic()
            assert waiter.wait(PATIENCE) == 0
            times.append(time.monotonic() - since)
    assert min(times) < 0.5, times


def test_a_wait_sleeps_and_reads_the_table_rarely(swlock, folder):
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    with holder(folder, "flock"):
        calls = ["strace", "-f", "-o", "calls", "-e", "trace=open,openat,ppoll"]
        waiter = swlock.begin([*calls, SWLOCK, "wait", "-w", "4", "lock"])
        assert waiter.wait(PATIENCE) == 75
    made = (folder / "calls").read_text()
    # One look before the wait; one whether it can ever end; one that says who has it.
    assert made.count('"/proc/locks"') <= 6
    assert made.count("ppoll(") < 30


# Options.


@pytest.mark.parametrize("words", [["-n"], ["-w", "0"], ["-w", "0ms"]])
def test_no_patience_only_looks(swlock, folder, words):
    with holder(folder, "flock"):
        since = time.monotonic()
        assert has_failed(swlock.run("wait", *words, "lock"), 75, b"lock is not free: it is held by pid ")
        assert time.monotonic() - since < 5


def test_a_deadline_is_kept(swlock, folder):
    with holder(folder, "flock"):
        since = time.monotonic()
        said = b"lock is not free: timed out after 300ms, it is held by pid "
        assert has_failed(swlock.run("wait", "-w", "300ms", "lock"), 75, said)
        assert time.monotonic() - since >= 0.3
        assert swlock.run("wait", "-w", "50ms", "-E", "9", "lock").returncode == 9
        assert swlock.run("wait", "-n", "-q", "-E", "0", "lock").stderr == b""


@pytest.mark.parametrize(
    "words, hint",
    [
        (["1234"], b"1234 is a file name here, and no process; for a file: ./1234"),
        (["lock", "--", "true"], b"wait runs no command: swlock wait PATH && COMMAND"),
        (["--gone", "-m", "posix", "lock"], b"--gone is about the file itself"),
        (["--range", "1:2", "lock"], b"--range needs --mode posix, ofd or flock+ofd"),
        (["-m", "flock", "--style", "flufl", "lock"], b"--style needs --mode hardlink"),
        (["-m", "fcntl", "lock"], b"invalid mode 'fcntl'"),
        (["--fd", "9"], b"unknown option '--fd'"),
        (["-s", "lock"], b"unknown option '-s'"),
        ([""], b"the lock file's name is empty"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_usage_errors_get_a_hint(swlock, folder, words, hint):
    assert has_failed(swlock.run("wait", *words), 64, hint)
    assert os.listdir(folder) == []


def test_words_after_a_separator_in_front_are_paths(swlock, folder):
    with holder(folder, "flock", "-n"):
        assert has_failed(swlock.run("wait", "-n", "--", "lock", "-n"), 75, b"-n is not free")


def test_short_help_fits_a_screen(swlock):
    text = swlock.run("wait", "-h").stdout.decode()
    assert len(text.splitlines()) <= 24
    assert "--gone" in text


# What is said, and signals.


def test_a_terminal_is_told_who_has_it_and_a_signal_erases_that(swlock, folder):
    with holder(folder, "flock") as process:
        screen = Screen(swlock, "wait", "lock")
        screen.shows(rb"waiting [0-9]s for lock, held by .* \(pid %d, .*\)\x1b\[K" % process.pid)
        screen.shows(rb"\rswlock: waiting [2-9]s for lock, ")
        screen.process.send_signal(signal.SIGTERM)
        assert screen.process.wait(PATIENCE) == 128 + 15
        assert screen.rest().endswith(b"\r\x1b[K")


def test_a_terminal_is_clean_at_the_end(swlock, folder):
    with holder(folder, "flock"):
        screen = Screen(swlock, "wait", "lock")
        screen.shows(rb" waiting [0-9]s for ")
    assert screen.process.wait(PATIENCE) == 0
    assert screen.rest().endswith(b"\r\x1b[K")


def test_a_pipe_is_told_when_asked(swlock, folder):
    with holder(folder, "flock") as process:
        silent = swlock.start("wait", "-w", "1.2", "-q", "lock")
        asked = swlock.start("wait", "-w", "4.2", "--progress", "lock")
        other = swlock.start("wait", "-w", "4.2", "--progress", "--message", "apt is busy", "lock")
        assert [each.wait(PATIENCE) for each in (silent, asked, other)] == [75, 75, 75]
        assert silent.stderr.read() == b""
        said = asked.stderr.read()
        assert re.match(rb"swlock: waiting for lock, held by .* \(pid %d, .*\)\n" % process.pid, said)
        assert said.count(b"\n") == 2
        assert other.stderr.read().startswith(b"apt is busy\nswlock: lock is not free: timed out")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_ends_it(swlock, folder, number):
    with holder(folder, "flock"):
        waiter = begin(swlock, "lock")
        waiter.send_signal(number)
        assert waiter.wait(PATIENCE) == 128 + number
        assert waiter.stderr.read() == b""


def test_stopped_and_continued_it_goes_on(swlock, folder):
    with holder(folder, "flock") as process:
        waiter = begin(swlock, "lock")
        waiter.send_signal(signal.SIGSTOP)
        wait_until(lambda: is_stopped(waiter.pid))
        waiter.send_signal(signal.SIGCONT)
        wait_until(lambda: not is_stopped(waiter.pid))
        assert waiter.poll() is None
        waiter.send_signal(signal.SIGSTOP)
        wait_until(lambda: is_stopped(waiter.pid))
        process.kill()
        waiter.send_signal(signal.SIGCONT)
        assert waiter.wait(PATIENCE) == 0


# Locks of its own.


def test_a_lock_that_it_has_inherited_is_refused_at_once(swlock, folder):
    script = 'exec 9>lock; flock 9; "$S" wait lock; echo $?'
    result = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, timeout=PATIENCE)
    assert result.stdout == b"75\n"
    assert b"lock is not free: this process has inherited it itself and would wait for ever (9>&-" in result.stderr


@pytest.mark.parametrize(
    "script",
    ['exec 9>lock; flock 9; "$S" wait lock 9>&-; echo $?', '"$S" acquire lock; "$S" wait lock; echo $?'],
    ids=["descriptor", "acquired"],
)
def test_a_lock_of_a_script_that_waits_for_it_is_refused(swlock, folder, script):
    result = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, timeout=PATIENCE)
    assert result.stdout == b"75\n"
    assert re.search(rb"lock is not free: it is held by pid .*, which waits for this process", result.stderr)


def test_in_the_background_of_its_holder_it_waits(swlock, folder):
    script = 'exec 9>lock; flock 9; "$S" wait lock 9>&- & echo $! >waiter; read line'
    process = swlock.begin(["bash", "-c", script], stdin=subprocess.PIPE)
    waiter = int(appears(folder / "waiter"))
    wait_until(lambda: times_asleep(waiter) > 6)
    let_go(process)
    process.wait()
    wait_until(lambda: not os.path.exists(f"/proc/{waiter}") or not descriptors_of(waiter))


# What can be seen.

DROP = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


@needs_root
@needs_tool("setpriv")
@pytest.mark.parametrize("mode", HOLDERS)
def test_a_file_that_may_not_be_read_is_seen_to_be_locked(swlock, folder, mode):
    folder.chmod(0o755)
    free_words = [*DROP, SWLOCK, "wait", "lock"]
    (folder / "lock").touch(mode=0o600)
    assert subprocess.run(free_words, cwd=folder, capture_output=True, timeout=PATIENCE).returncode == 0
    with holder(folder, mode):
        result = subprocess.run([*DROP, SWLOCK, "wait", "-n", "lock"], cwd=folder, capture_output=True)
        assert has_failed(result, 75, b"lock is not free")
        waiter = swlock.begin(free_words)
        wait_until(is_watching(waiter))
    assert waiter.wait(PATIENCE) == 0


@needs_root
@needs_tool("setpriv")
def test_what_may_not_be_looked_at_is_no_free_lock(swlock, folder):
    folder.chmod(0o755)
    (folder / "closed").mkdir(mode=0o700)
    for words in (["closed/lock"], ["--gone", "closed/lock"]):
        result = subprocess.run([*DROP, SWLOCK, "wait", *words], cwd=folder, capture_output=True)
        assert has_failed(result, 77, b"unable to look at closed/lock: stat: Permission denied")
    # It may be a hardlink lock, which only a look into it could tell.
    (folder / "lock").touch(mode=0o600)
    os.link(folder / "lock", folder / "other")
    result = subprocess.run([*DROP, SWLOCK, "wait", "lock"], cwd=folder, capture_output=True)
    assert has_failed(result, 77, b"unable to look at lock: open: Permission denied")
    result = subprocess.run([*DROP, SWLOCK, "wait", "-m", "flock", "lock"], cwd=folder, capture_output=True)
    assert result.returncode == 0


@needs_namespaces
@pytest.mark.parametrize("mode", HOLDERS)
def test_a_holder_in_a_container_is_seen_from_outside(swlock, folder, mode):
    with holder(folder, mode, prefix=in_a_container([])):
        assert has_failed(swlock.run("wait", "-n", "lock"), 75, b"lock is not free: it is held by pid ")
        waiter = begin(swlock, "lock")
    assert waiter.wait(PATIENCE) == 0


@needs_namespaces
@pytest.mark.parametrize("mode", ["lockf", "ofd"])
def test_a_record_lock_of_outside_is_seen_from_a_container(swlock, folder, mode):
    with holder(folder, mode):
        result = swlock.begin(in_a_container([SWLOCK, "wait", "-n", "lock"]))
        assert result.wait(PATIENCE) == 75
        waiter = swlock.begin(in_a_container([SWLOCK, "wait", "lock"]))
        time.sleep(0.2)
        assert waiter.poll() is None
    assert waiter.wait(PATIENCE) == 0


@needs_namespaces
def test_a_container_says_that_it_may_not_see_all(swlock, folder):
    (folder / "lock").touch()
    process = swlock.begin(in_a_container([SWLOCK, "wait", "-v", "lock"]))
    assert process.wait(PATIENCE) == 0
    assert b"lock is free, as far as that is to be seen from here" in process.stderr.read()


@needs_namespaces
def test_a_holder_in_another_mount_namespace_is_seen(swlock, folder):
    with holder(folder, "flock", prefix=["unshare", "-m"]):
        waiter = begin(swlock, "lock")
    assert waiter.wait(PATIENCE) == 0


APT = "/usr/bin/apt-get"


@needs_namespaces
@pytest.mark.skipif(not os.path.exists(APT), reason="needs apt-get")
def test_the_lock_of_apt_is_waited_for_and_apt_never_fails(swlock, folder):
    """On state and caches of the test's own."""
    for name in ("lists/partial", "archives/partial", "state"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    options = [
        f"-oDir::State={folder}/state", f"-oDir::State::lists={folder}/lists", f"-oDir::State::status={folder}/status",
        f"-oDir::Cache::archives={folder}/archives", "-oDebug::NoLocking=false", "-oAPT::Sandbox::User=root",
        "-oDPkg::Lock::Timeout=0",
    ]  # fmt: skip
    lock = folder / "archives" / "lock"
    with holder(folder, "lockf", "archives/lock"):
        assert subprocess.run([APT, *options, "clean"], capture_output=True).returncode == 100
        waiters = [begin(swlock, "archives/lock") for _ in range(10)]
    assert [waiter.wait(PATIENCE) for waiter in waiters] == [0] * 10
    assert lock.exists()
    # By those who wait, apt is not in the least disturbed; by one who takes it, it is.
    with contextlib.ExitStack() as stack:
        stack.enter_context(holder(folder, "flock", "archives/lock"))
        for _ in range(10):
            begin(swlock, "archives/lock")
        done = subprocess.run([APT, *options, "clean"], capture_output=True)
        assert done.returncode == 0, done.stderr
    taken = swlock.run("run", "-m", "posix", "archives/lock", "--", APT, *options, "clean")
    assert taken.returncode == 100


# Locks that are held as long as their file is there.


def gone(swlock, *words):
    return begin(swlock, "--gone", *words)


def remove(path):
    path.unlink()


def rename(path):
    path.rename(path.with_name("other"))


def remove_folder(path):
    shutil.rmtree(path.parent)


def rename_folder(path):
    path.parent.rename(path.parent.with_name("elsewhere"))


@pytest.mark.parametrize("end", [remove, rename, remove_folder, rename_folder])
@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_what_is_removed_is_gone(swlock, folder, end, kind):
    if end is remove and kind == "folder":
        end = os.rmdir
    place = folder / "place"
    place.mkdir()
    path = place / "index.lock"
    if kind == "link":
        path.symlink_to("user@host.4711:1")
    elif kind == "file":
        path.touch()
    else:
        path.mkdir()
    assert has_failed(swlock.run("wait", "-n", "--gone", "place/index.lock"), 75, b"index.lock is not gone: it is there")
    waiter = gone(swlock, "place/index.lock")
    since = time.monotonic()
    end(path)
    assert waiter.wait(PATIENCE) == 0
    assert time.monotonic() - since < 5


def test_what_is_not_there_is_gone(swlock, folder):
    (folder / "file").touch()
    for path in ("lock", "no/lock", "file/lock"):
        is_free_at_once(swlock, "--gone", path)


def test_a_lock_is_nothing_to_gone(swlock, folder):
    with holder(folder, "flock") as process:
        said = b"lock is not gone: it is open in pid %d " % process.pid
        assert has_failed(swlock.run("wait", "-n", "--gone", "lock"), 75, said)
    assert has_failed(swlock.run("wait", "-n", "--gone", "lock"), 75, b"lock is not gone: it is there")


def test_a_file_that_comes_again_is_another_one(swlock, folder):
    """Each time that it is found there, it is waited for anew."""
    (folder / "index.lock").touch()
    waiter = gone(swlock, "index.lock")
    (folder / "new").touch()
    os.replace(folder / "new", folder / "index.lock")
    slept = times_asleep(waiter.pid)
    wait_until(lambda: times_asleep(waiter.pid) > slept + 2)
    assert waiter.poll() is None
    (folder / "index.lock").unlink()
    assert waiter.wait(PATIENCE) == 0


@needs_root
@needs_tool("setpriv")
def test_a_file_that_may_not_be_read_is_waited_for_in_its_folder(swlock, folder):
    folder.chmod(0o755)
    (folder / "db.lck").touch(mode=0o600)
    waiter = swlock.begin([*DROP, SWLOCK, "wait", "--gone", "db.lck"])
    wait_until(is_watching(waiter))
    (folder / "db.lck").unlink()
    assert waiter.wait(PATIENCE) == 0


@needs_tool("git")
def test_the_lock_of_git_is_waited_for(swlock, folder):
    def git(*words):
        who = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "core.hooksPath=hooks"]
        return subprocess.run(["git", *who, *words], cwd=folder, capture_output=True)

    git("init", "-q").check_returncode()
    (folder / "file").touch()
    git("add", "file").check_returncode()
    (folder / ".git" / "index.lock").touch()
    assert git("add", "file").returncode == 128
    waiter = gone(swlock, ".git/index.lock")
    (folder / ".git" / "index.lock").unlink()
    assert waiter.wait(PATIENCE) == 0
    git("add", "file").check_returncode()
