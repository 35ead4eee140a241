"""What the tests of `hardlink` mode share: claims read and forged, peers, and other machines.

A peer is a command line that runs the command behind it under a lock, as `swlock run` does.
"""

import collections
import contextlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time

import pytest

from conftest import SWLOCK, is_everybodys
from observing import appears, descendants_of, end, is_alive, start_of, wait_until

USAGE, NOT_A_LOCK, UNSUPPORTED, CANNOT_CREATE, BUSY = 64, 65, 69, 73, 75
NOT_HELD, NOT_PERMITTED = 76, 77

# What respect for other programs and hosts costs, made short.
SLOP = ["--clock-slop", "200ms"]
SETTLE = ["--settle", "100ms", *SLOP]
QUICK = ["--poll", "5ms:50ms", *SETTLE]

TAG = re.compile(
    r"(?P<token>[0-9a-f]{32})\.(?P<lifetime>\d+)\.(?P<start>\d+)\.(?P<namespace>\d+)"
    r"\.(?P<boot>[0-9a-f]{16})(\.(?P<second>\d+\.\d+))?"
)

Claim = collections.namedtuple("Claim", "name host pid tag")


def under(*options, path="lock"):
    """The prefix of a command that swlock runs under a `hardlink` lock."""
    return [SWLOCK, "run", "-m", "hardlink", *QUICK, *options, path, "--"]


# Claims


def parsed(name):
    _, host, pid, tag = os.path.basename(name).rsplit("|", 3)
    return Claim(os.path.basename(name), host, int(pid), tag)


def claims(folder, lock="lock"):
    """The claims of holder and waiters, whoever made them: a name alone is none yet."""
    names = [name for name in os.listdir(folder) if name.startswith(lock + "|")]
    return [parsed(name) for name in names if has_content(os.path.join(folder, name))]


def has_content(path):
    with contextlib.suppress(FileNotFoundError):
        return os.stat(path).st_size > 0
    return False


def holder(path):
    """The claim that the lock is a link to; None where it is free."""
    try:
        return parsed(pathlib.Path(path).read_text())
    except FileNotFoundError:
        return None


def left_in(folder, lock="lock"):
    """What belongs to the lock: itself, claims, placeholders, and names of the protocol."""
    dotted = f".{lock}."
    names = [name for name in os.listdir(folder) if name.startswith((lock, dotted))]
    return sorted(names)


def namespace_of(pid="self"):
    return os.stat(f"/proc/{pid}/ns/pid").st_ino


def boot():
    text = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text()
    return text.strip().replace("-", "")[:16]


def dead_pid():
    """The number of a process that has just ended."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid


def tag_of(pid, lifetime=15000, start=None, namespace=None, booted=None, second=""):
    """What swlock on this machine writes into a claim of the process."""
    start = (start_of(pid) if is_alive(pid) else 1) if start is None else start
    fields = [os.urandom(16).hex(), lifetime, start, namespace or namespace_of(), booted or boot()]
    return ".".join(map(str, fields)) + (f".{second}" if second else "")


def this_host():
    """What flufl.lock writes on this host: without a name of its own nobody can tell whose claim it is."""
    name = socket.getfqdn()
    if is_everybodys(name):
        pytest.skip("/etc/hosts gives this host no name but localhost, and only root can change that here")
    return name


def forge(path, pid, tag=None, host=None, expires_in=15.0, held=True):
    """A claim for the process `pid`, and the lock held by it; by default as swlock makes them."""
    tag = tag_of(pid) if tag is None else tag
    claim = f"{path}|{host or this_host()}|{pid}|{tag}"
    pathlib.Path(claim).write_text(claim)
    if held:
        os.link(claim, path)
    set_expiry(claim, expires_in)
    return pathlib.Path(claim)


def set_expiry(path, seconds):
    """Lets a claim expire so many seconds from now, as if its maker's clock said so."""
    expiry = int(time.time() + seconds)
    os.utime(path, (expiry, expiry))


def watches(process):
    """Whether the process, or one below it, waits for something to happen to a folder."""
    for pid in [process.pid, *descendants_of(process.pid)]:
        with contextlib.suppress(OSError):
            for number in os.listdir(f"/proc/{pid}/fdinfo"):
                if "inotify wd:" in pathlib.Path(f"/proc/{pid}/fdinfo/{number}").read_text():
                    return True
    return False


# Peers. Only their pauses are shortened.

FLUFL = """
import os, random, subprocess, sys, time
from flufl.lock import Lock, NotLockedError, TimeOutError
path, lifetime, timeout, *command = sys.argv[1:]
Lock._sleep = lambda self: time.sleep(0.005 + random.random() / 50)
lock = Lock(path, lifetime=int(lifetime), separator=os.environ.get("SEPARATOR", "|"))
try:
    lock.lock(timeout=int(timeout) if timeout else None)
except TimeOutError:
    sys.exit(75)
status = subprocess.call(command)
try:
    lock.unlock()
except NotLockedError:
    sys.exit(76)
sys.exit(status)
"""

PORTAGE = """
import contextlib, io, os, subprocess, sys, time, types
import portage.locks
from portage.exception import TryAgain
path, unlinks, blocks, *command = sys.argv[1:]
def pause(_):
    open(f"waits-{os.getpid()}", "w").close()
    time.sleep(0.02)
portage.locks.time = types.SimpleNamespace(sleep=pause)
portage.locks._quiet = True
with contextlib.redirect_stderr(io.StringIO()):
    int(portage.data.portage_gid)  # it says what this machine has not of a Gentoo system
try:
    portage.locks.hardlink_lockfile(path, flags=0 if blocks else os.O_NONBLOCK)
except TryAgain:
    sys.exit(75)
status = subprocess.call(command)
mine = portage.locks.hardlink_is_mine(portage.locks.hardlock_name(path), path)
portage.locks.unhardlink_lockfile(path, unlinkfile=bool(unlinks))
sys.exit(status if mine else 76)
"""

PORTAGE_CLEANUP = """
import sys
import portage.locks
print(*portage.locks.hardlock_cleanup(sys.argv[1], remove_all_locks=len(sys.argv) > 2), sep="\\n")
"""


class Flufl:
    """The real flufl.lock, and swlock in its style: each as `run`, the other as `other`."""

    def __init__(self, folder):
        self.path = folder / "lock"

    def run(self, program, lifetime=60, block=True):
        if program == "swlock":
            options = ["--lifetime", f"{lifetime}s", *([] if block else ["-n"])]
            return under(*options, path=self.path)
        timeout = "" if block else "0"
        return [sys.executable, "-c", FLUFL, str(self.path), str(lifetime), timeout]

    def waits(self, process):
        """flufl.lock makes its claim before it waits; swlock may make it later."""
        pids = [claim.pid for claim in claims(self.path.parent)]
        return process.pid in pids or watches(process)

    def is_free(self):
        return not self.path.exists()

    def left(self):
        return left_in(self.path.parent)


class Portage:
    """The real hardlink locks of portage, and swlock in their style."""

    def __init__(self, folder):
        self.path = folder / "lock"

    def run(self, program, block=True, unlink=True):
        if program == "swlock":
            options = ["--unlink"] * unlink + ["-n"] * (not block)
            return under("--style", "portage", *options, path=self.path)
        words = [str(self.path), "1" if unlink else "", "1" if block else ""]
        return [sys.executable, "-c", PORTAGE, *words]

    def waits(self, process):
        return (self.path.parent / f"waits-{process.pid}").exists() or watches(process)

    def is_free(self):
        return not self.path.exists() or self.path.stat().st_nlink == 1

    def left(self):
        return left_in(self.path.parent)


# Other machines


def has_namespaces():
    words = ["unshare", "-m", "--uts", "--pid", "--fork", "--mount-proc", "true"]
    return os.geteuid() == 0 and shutil.which("unshare") and subprocess.call(words) == 0


needs_namespaces = pytest.mark.skipif(not has_namespaces(), reason="needs root, and namespaces")

ELSEWHERE = "elsewhere.example"
OTHER_BOOT = "0123456789ab4def"
BOOT = """
mount -t tmpfs none /mnt && echo 01234567-89ab-4def-8123-456789abcdef >/mnt/boot
mount --bind /mnt/boot /proc/sys/kernel/random/boot_id; umount -l /mnt
if [ "$0" != same ]; then hostname "$0"; fi
exec "$@"
"""


def on_another_host(prefix):
    """Another name alone does not make it another host."""
    return ["unshare", "-m", "--uts", "sh", "-c", BOOT, "elsewhere", *prefix]


def after_another_boot(prefix):
    return ["unshare", "-m", "sh", "-c", BOOT, "same", *prefix]


def renamed(name, prefix, hosts=None):
    """On this host, when it is called so; with other lines in /etc/hosts."""
    words = 'hostname "$0"; exec "$@"'
    if hosts is not None:
        words = (
            'mount -t tmpfs none /mnt; printf %s "$1" >/mnt/hosts; mount --bind /mnt/hosts /etc/hosts;'
            f" umount -l /mnt; shift; {words}"
        )
        prefix = [hosts, *prefix]
    return ["unshare", "-m", "--uts", "sh", "-c", words, name, *prefix]


def in_a_container(prefix):
    """In a pid namespace of its own, on the same host; the prefix runs as a child of pid 1."""
    return ["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", '"$@"', "sh", *prefix]


# What a run under the lock comes to before its owner's death, and after another process has got
# the owner's number. To be run in a container.
PID_IN_USE_AGAIN = """
import os, pathlib, subprocess, sys, time
swlock, kind = sys.argv[1:]
def process(pid=None):
    if pid:
        pathlib.Path("/proc/sys/kernel/ns_last_pid").write_text(str(pid - 1))
    return subprocess.Popen(["sleep", "60"])
def attempt():
    words = [swlock, "run", "-m", "hardlink", "-n", "--settle", "100ms", "--clock-slop", "200ms"]
    return subprocess.run([*words, "lock", "--", "true"], capture_output=True).returncode
first = process()
if kind == "swlock":
    words = [swlock, "acquire", "-m", "hardlink", "--lifetime", "0", "--owner", str(first.pid)]
    subprocess.run([*words, "lock"], check=True)
else:
    import socket
    claim = f"{os.path.abspath('lock')}|{socket.getfqdn()}|{first.pid}|12345"
    pathlib.Path(claim).write_text(claim)
    os.link(claim, "lock")
statuses = [attempt()]
first.kill()
first.wait()
# Ticks of the clock by which processes are told apart; or what a claim of flufl.lock is good for.
time.sleep(0.03 if kind == "swlock" else 18)
second = process(first.pid)
assert second.pid == first.pid, (second.pid, first.pid)
statuses.append(attempt())
second.kill()
second.wait()
print(*statuses)
"""


def kill_all(process):
    """Kills the process and all below it at once: none lives to see another die."""
    pids = [process.pid, *descendants_of(process.pid)]
    for pid in pids:
        end(pid, 19)
    for pid in pids:
        end(pid)
    process.wait()
    wait_until(lambda: not any(map(is_alive, pids)))


@contextlib.contextmanager
def owner(folder, prefix=()):
    """A process for which a lock can be held; yields its pid, in the namespace of the tests."""
    words = [*prefix, "sh", "-c", "echo $$ >owner; read line"]
    with subprocess.Popen(words, cwd=folder, stdin=subprocess.PIPE) as process:
        try:
            appears(folder / "owner")
            yield process
        finally:
            kill_all(process)
            (folder / "owner").unlink(missing_ok=True)
