"""Fixtures for the tests of the built binary. SWLOCK names the binary; default: build/swlock."""

import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile

import pytest

import emulation
from chance import SEED

# A failed assertion in these shows its values, too.
pytest.register_assert_rewrite("hardlink_world", "observing", "sections")

PROJECT = pathlib.Path(__file__).resolve().parents[2]
SWLOCK = os.environ.get("SWLOCK", str(PROJECT / "build" / "swlock"))

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def needs_tool(name):
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"needs {name}")


def strace_works():
    if shutil.which("strace") is None:
        return False
    options = ["-f", "-b", "execve", "-qq", "-e", "inject=dup:error=EIO:when=1"]
    return subprocess.run(["strace", *options, "true"], capture_output=True).returncode == 0


needs_strace = pytest.mark.skipif(not strace_works(), reason="needs strace 5.19, allowed to trace")


def is_static():
    """Whether the binary is as shipped, and not one of `make quick`, which needs a dynamic loader."""
    with open(SWLOCK, "rb") as file:
        return b"/ld-" not in file.read(4096)


needs_static = pytest.mark.skipif(
    os.path.exists(SWLOCK) and not is_static(),
    reason="needs the shipped binary: an ordinary one makes many more system calls",
)


def is_everybodys(name):
    """Whether many hosts are called so, as far as the tests care."""
    return name.partition(".")[0] in ("localhost", "", "(none)")


GIVE_HOSTS = """
mount --make-rprivate / && mount -t tmpfs none /mnt && printf %s "$1" >/mnt/hosts &&
mount --bind /mnt/hosts /etc/hosts && umount -l /mnt
"""


def name_this_host():
    """Where /etc/hosts makes it localhost, as in many containers, the tests see another one, which gives it a
    name of its own. The mount is in a namespace that ends with them."""
    node = socket.gethostname()
    if not is_everybodys(socket.getfqdn()) or is_everybodys(node) or os.geteuid() != 0:
        return
    mount_namespace = 0x20000
    if ctypes.CDLL(None).unshare(mount_namespace) == 0:
        hosts = f"127.0.0.1 localhost\n127.0.1.1 {node}.example {node}\n"
        subprocess.run(["sh", "-c", GIVE_HOSTS, "sh", hosts], check=False)


def pytest_report_header():
    return f"seed: {SEED} (SWLOCK_SEED)"


def pytest_collection_modifyitems(items):
    emulation.give_reasons(items)


def pytest_sessionstart(session):
    if not os.access(SWLOCK, os.X_OK):
        pytest.exit(f"{SWLOCK} is not there: run make first", returncode=2)
    name_this_host()
    # A shell without job control ignores these in what it starts in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    # That of `run -c`, whoever's this is.
    os.environ["SHELL"] = "/bin/sh"
    # What scripts call it.
    os.environ["S"] = SWLOCK


class Swlock:
    """Starts the binary in a folder of its own; everything started is reaped at the end."""

    def __init__(self, folder):
        self.folder = folder
        self.binary = SWLOCK
        self.processes = []

    def run(self, *arguments, **options):
        """Runs swlock to its end; stdout and stderr as bytes."""
        options.setdefault("cwd", self.folder)
        options.setdefault("timeout", 30)
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run([SWLOCK, *arguments], capture_output=True, **options)

    def start(self, *arguments, **options):
        """Starts swlock and returns its Popen; stdout and stderr are pipes."""
        return self.begin([SWLOCK, *arguments], **options)

    def begin(self, words, **options):
        """The same for any program."""
        options.setdefault("cwd", self.folder)
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        process = subprocess.Popen(words, **options)
        self.processes.append(process)
        return process


@pytest.fixture
def folder():
    """A new folder that only its owner can write to, on the file system of TMPDIR."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="swlock-test-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def swlock(folder):
    """The binary, with `folder` as its working folder."""
    tool = Swlock(folder)
    yield tool
    for process in tool.processes:
        if process.poll() is None:
            process.kill()
        process.communicate()
