"""An NFS server and its client hosts, each in a user-mode Linux of its own.

Each guest has a kernel, a boot id, a clock and process numbers of its own, and the machine's root,
read-only. It needs no privilege, and nothing of the machine's kernel. `guest` is its first process.
"""

import contextlib
import functools
import glob
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
LEASE = 10  # seconds, as is the time in which clients of a restarted server may reclaim their locks
SERVER = "server"
BOOT_SECONDS = 90
# An address that no card has, for ip-neighbour(8). (An interface that is set down could not be set up again:
# that would close its socket.)
NOWHERE = "lladdr 02:00:00:00:00:00 nud permanent"
NEEDED = {
    "linux.uml": "user-mode-linux",
    "rpc.nfsd": "nfs-kernel-server",
    "mount.nfs": "nfs-common",
    "rpcbind": "rpcbind",
    "busybox": "busybox-static",
    "ip": "iproute2",
    "modprobe": "kmod",
    "mkfs.ext4": "e2fsprogs",
}
SYSTEM_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin:/sbin:/bin"


class Unavailable(Exception):
    """There can be no guests here, and why."""


class GuestLost(Exception):
    """A guest ended, or does not answer."""


class Job:
    """A shell script that runs in a guest."""

    def __init__(self, script, output):
        self.script = script
        self._output = output
        self._ended = threading.Event()
        self.status = None

    def end(self, status):
        self.status = status
        self._ended.set()

    @property
    def ended(self):
        return self._ended.is_set()

    def wait(self, seconds=120):
        """Its exit status."""
        if not self._ended.wait(seconds):
            raise TimeoutError(f"after {seconds} s: {self.script}\n{self.output}")
        if self.status is None:
            raise GuestLost(f"{self.script}\n{self.output}")
        return self.status

    @property
    def output(self):
        """What it wrote; all of it once it has ended."""
        try:
            return self._output.read_text(errors="replace")
        except FileNotFoundError:
            return ""


class Guest:
    """A host. `boot` may be called again after `crash`.

    `ahead` is by how many seconds its wall clock is ahead of the machine's.
    """

    def __init__(self, name, world, devices):
        self.name = name
        self.world = world
        self._devices = devices
        self._folder = world.folder / name
        self._folder.mkdir()
        self._jobs = {}
        self._number = 0
        self._process = None
        self._lock = threading.Lock()

    def boot(self):
        """Starts it; `wait_until_up` waits for it."""
        world = self.world
        parameters = {
            "name": self.name,
            "clients": ",".join(world.client_names),
            "folder_of_run": world.folder,
            "python": sysconfig.get_paths()["purelib"],
            "lease": LEASE,
            "grace": LEASE,
        }
        command = [
            "linux.uml",
            "mem=256M",
            f"umid={self.name}",
            f"uml_dir={world.folder}/uml/",
            "rootfstype=hostfs",
            "rootflags=/",
            "ro",
            f"init={HERE}/guest",
            "quiet",
            "con=null",
            "con0=null,fd:2",
            "con1=fd:0,fd:1",
            *self._devices,
            *(f"world_{key}={value}" for key, value in parameters.items()),
        ]
        self._up = self._jobs["up"] = Job("boot", self._folder / "console")
        with open(self._folder / "console", "ab") as console:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=console,
                pass_fds=world.descriptors(self.name),
                start_new_session=True,
                env=world.environment,
            )
        threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()

    def wait_until_up(self):
        self._up.wait(BOOT_SECONDS)
        self._compare_clocks()

    def _compare_clocks(self):
        """A kernel that boots on a busy machine misses ticks."""
        looks = []
        for _ in range(10):
            job = self._jobs["clock"] = Job("clock", self._folder / "console")
            before = time.time()
            self._write("clock")
            microseconds = job.wait()
            after = time.time()
            looks.append((after - before, microseconds / 1e6 - (before + after) / 2))
        self.ahead = min(looks)[1]

    def _write(self, line):
        try:
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()
        except OSError as error:
            raise GuestLost(f"{self.name}: {line}") from error

    def _listen(self, process):
        with process.stdout as console:
            for line in console:
                job, _, status = line.decode(errors="replace").strip().partition(" ")
                if job in self._jobs and status.isdecimal():
                    self._jobs.pop(job).end(int(status))
        with self._lock:
            lost, self._jobs = list(self._jobs.values()), {}
        for job in lost:
            job.end(None)

    def start(self, script):
        """Begins a script of bash in this guest."""
        with self._lock:
            self._number += 1
            name = f"job{self._number}"
            job = self._jobs[name] = Job(script, self._folder / f"{name}.out")
            (self._folder / f"{name}.sh").write_text(script + "\n")
            self._write(name)
        return job

    def run(self, script, seconds=120):
        """Runs a script of bash to its end, and returns exit status and output."""
        job = self.start(script)
        return job.wait(seconds), job.output

    def check(self, script, seconds=120):
        """The output of a script that must succeed."""
        status, output = self.run(script, seconds)
        assert status == 0, f"{self.name}: {script}\n{status}: {output}"
        return output

    def mount(self, version, options="", export="disk", at=None):
        """Mounts an export of the server, and returns where: /mnt/VERSION unless `at` says another."""
        place = at or f"/mnt/{version}"
        path = f"/srv/{export}" if version == "3" else f"/{export}"
        every = ",".join(filter(None, [f"vers={version}", options]))
        self.check(f"mkdir -p {place} && mount -t nfs -o {every} server:{path} {place}")
        return place

    def set_clock(self, ahead):
        """Sets its wall clock about that many seconds ahead of the machine's."""
        self.check(f"date --set @{time.time() + ahead:.3f}")
        self._compare_clocks()
        assert abs(self.ahead - ahead) < 5, self.ahead

    def crash(self):
        """Ends it as a power loss does."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        with contextlib.suppress(OSError):
            self._process.stdin.close()


class World:
    """A server, and the clients of these names; all of it ends with `close`.

    Each has these programs in its PATH.
    """

    def __init__(self, *programs, client_names=("a", "b", "c")):
        self.client_names = client_names
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="swlock-nfs-")).resolve()
        # What a guest has as its memory is a file here.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self._memory = tempfile.mkdtemp(prefix="swlock-nfs-", dir=memory)
        self.environment = {"PATH": SYSTEM_PATH, "HOME": str(self.folder), "TMPDIR": self._memory}
        self._links = {}
        self.guests = {}
        try:
            (self.folder / "bin").mkdir()
            (self.folder / "logs").mkdir()
            for source in [*programs, *(HERE / "tools").iterdir()]:
                shutil.copy(source, self.folder / "bin")
            if shutil.which("cc"):
                library = self.folder / "registers.so"
                source = HERE / "registers.c"
                subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, source], check=True)
                self.environment["LD_PRELOAD"] = str(library)
            # Both ends stay open here: a host that is lost must not end its server's interface.
            for name in client_names:
                self._links[name] = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
            vectors = [
                f"vec{number}:transport=fd,fd={self._links[name][0].fileno()}"
                for number, name in enumerate(client_names)
            ]
            self._add(SERVER, vectors)
            for name in client_names:
                self._add(name, [f"vec0:transport=fd,fd={self._links[name][1].fileno()}"])
        except BaseException:
            self.close()
            raise

    def _add(self, name, devices):
        self.guests[name] = Guest(name, self, devices)

    def descriptors(self, name):
        if name == SERVER:
            return [link[0].fileno() for link in self._links.values()]
        return [self._links[name][1].fileno()]

    def boot(self, *names):
        for name in names:
            self.guests[name].boot()
        for name in names:
            self.guests[name].wait_until_up()

    @property
    def server(self):
        return self.guests[SERVER]

    def cut(self, name):
        """Nothing that a client and the server send reaches the other, and neither is told so."""
        self._neighbours(name, "replace", NOWHERE)

    def heal(self, name):
        self._neighbours(name, "del", "")

    def _neighbours(self, name, action, how):
        link = self.client_names.index(name)
        client = f"ip neigh {action} 10.7.{link + 1}.1 {how} dev vec0"
        server = f"ip neigh {action} 10.7.{link + 1}.2 {how} dev vec{link}"
        self.guests[name].check(client)
        self.server.check(server)

    def restart_server(self, seconds):
        """Ends the NFS server, and starts it again so many seconds later.

        Clients with locks on NFS 3 are told, as by a host that was started anew. The list of them is taken
        before the end: `rpc.nfsd 0` drops some of it. It is a copy: sm-notify empties what it reads, with who
        came meanwhile, and the next time it would find nobody and end the grace time of NFS 3 at once.
        While the server starts it reaches no client: lockd of Linux 6.1 opens its sockets before its grace time.
        """
        links = range(len(self.client_names))
        script = [
            "mkdir -p /run/told/sm.bak",
            "cp -an /var/lib/nfs/state /run/told/",
            "cp -a /var/lib/nfs/sm /run/told/",
            "chown --reference=/var/lib/nfs/sm /run/told /run/told/*",
            "rpc.nfsd 0",
            f"sleep {seconds}",
            *(f"ip neigh replace 10.7.{link + 1}.2 {NOWHERE} dev vec{link}" for link in links),
            "bash /run/serve",
            *(f"ip neigh del 10.7.{link + 1}.2 dev vec{link}" for link in links),
            "sm-notify -f -P /run/told",
        ]
        self.server.check("\n".join(script))

    def close(self):
        for guest in self.guests.values():
            guest.crash()
        for link in self._links.values():
            for end in link:
                end.close()
        for folder in [self.folder, self._memory]:
            shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def missing():
    """Why there can be no guests, or nothing."""
    if os.uname().machine != "x86_64":
        return "user-mode Linux is for x86-64"
    absent = [
        package for tool, package in NEEDED.items() if shutil.which(tool, path=SYSTEM_PATH) is None
    ]
    if absent:
        return f"not installed: {' '.join(absent)}"
    if not glob.glob("/usr/lib/uml/modules/*/kernel/fs/nfsd/nfsd.ko*"):
        return "user-mode Linux without the modules of NFS"
    return None


if __name__ == "__main__":
    # For trials by hand: boots a world, mounts versions 4.2 and 3, and reads `HOST SCRIPT` lines.
    with contextlib.closing(World(sys.argv[1], client_names=tuple(sys.argv[2:] or "ab"))) as world:
        start = time.monotonic()
        world.boot(SERVER, *world.client_names)
        for client in world.client_names:
            for version in ["4.2", "3"]:
                world.guests[client].mount(version)
        print(f"up after {time.monotonic() - start:.1f} s; shared folder {world.folder}", flush=True)
        for line in sys.stdin:
            host, _, script = line.strip().partition(" ")
            print(*world.guests[host].run(script), flush=True)
