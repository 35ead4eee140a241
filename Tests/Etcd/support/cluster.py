"""An etcd cluster on loopback, its nodes killed, stopped and started as the tests want; and etcdctl for it."""

import concurrent.futures
import contextlib
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
import warnings

START = 30  # seconds, on a busy machine
MEMORY = pathlib.Path("/dev/shm")
PREFIX = "swlock-etcd-"

# A node ends with the tests, however they end: with the thread that started it, so that one is none of a test's.
ENDS_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--") if shutil.which("setpriv") else ()
_starter = concurrent.futures.ThreadPoolExecutor(1)


def missing():
    """Why there can be no cluster; None if there can."""
    for program in "etcd", "etcdctl":
        if not shutil.which(program):
            return f"{program} is not installed: scripts/install-etcd-tools"
    return None


def version(etcd):
    """Of that program, as numbers."""
    text = subprocess.run([etcd, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in re.search(r"(\d+)\.(\d+)\.(\d+)", text).groups())


# Ports below those that the kernel hands out, a range for each worker: what a killed node listened on looks free, and
# no other cluster may take it meanwhile.
RANGE = 1500
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
_ports = (20000 + _worker * RANGE + number % RANGE for number in itertools.count(random.randrange(RANGE)))


def free_ports(count):
    """Ports of loopback which nobody has now, and which nobody here was given lately."""
    with contextlib.ExitStack() as stack:
        ports = []
        while len(ports) < count:
            probe = stack.enter_context(socket.socket())
            try:
                probe.bind(("127.0.0.1", next(_ports)))
            except OSError:
                continue
            ports.append(probe.getsockname()[1])
        return ports


def data_folder(other):
    """For the data of a cluster: in memory where there is enough, else `other`. What else the disk does meanwhile is not
    what is tested: a node that waits for it for a second takes part in nothing."""
    with contextlib.suppress(OSError):
        if shutil.disk_usage(MEMORY).free > 4 << 30:
            return pathlib.Path(tempfile.mkdtemp(dir=MEMORY, prefix=f"{PREFIX}{os.getpid()}-"))
    return other


def remove_leftovers():
    """The data of clusters whose tests were killed, and of nobody else."""
    for folder in MEMORY.glob(f"{PREFIX}*-*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
            shutil.rmtree(folder, ignore_errors=True)


def until(condition, limit=START, pause=0.02):
    """What `condition` returns as soon as that is true."""
    end = time.monotonic() + limit
    while True:
        if found := condition():
            return found
        if time.monotonic() > end:
            raise TimeoutError(f"not within {limit} s: {condition}")
        time.sleep(pause)


class Node:
    """One etcd, which keeps its data when it is killed."""

    def __init__(self, arguments, log):
        self._arguments = arguments
        self._log = log
        self._process = None

    @property
    def pid(self):
        return self._process.pid

    def start(self):
        with open(self._log, "ab") as log:
            options = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, "start_new_session": True}
            self._process = _starter.submit(subprocess.Popen, self._arguments, **options).result()

    def signal(self, number):
        self._process.send_signal(number)

    def stop(self):
        self.signal(signal.SIGSTOP)

    def go_on(self):
        self.signal(signal.SIGCONT)

    def kill(self):
        self._process.kill()
        self._process.wait()

    @property
    def runs(self):
        return self._process is not None and self._process.poll() is None


class Cluster:
    """`count` nodes, with their logs in `folder`, which stay there, and their data in `data`, or there as well. `tls`:
    arguments for the client side; then `authorities`, `certificate` and `key` are etcdctl's. `programs`: where etcd and
    etcdctl are, if it is not $PATH. `wrapper`: what executes node 0."""

    def __init__(self, folder, count=3, extra=(), tls=(), client=None, programs=None, wrapper=(), data=None):
        self.folder = pathlib.Path(folder)
        self._data = pathlib.Path(data or folder)
        self._path = os.pathsep.join(filter(None, (programs and str(programs), os.environ["PATH"])))
        etcd = shutil.which("etcd", path=self._path)
        self.version = version(etcd)
        self.client = dict(client or {})
        self._forgotten = set()
        scheme = "https" if tls else "http"
        ports = free_ports(3 * count)
        self.clients, peers, self._metrics = ports[:count], ports[count : 2 * count], ports[2 * count :]
        self.urls = [f"{scheme}://127.0.0.1:{port}" for port in self.clients]
        members = ",".join(f"n{index}=http://127.0.0.1:{port}" for index, port in enumerate(peers))
        self.nodes = [
            Node(
                [
                    *(() if index else wrapper),
                    *ENDS_WITH_US,
                    etcd,
                    *("--name", f"n{index}", "--data-dir", f"{self._data}/{index}"),
                    *("--listen-client-urls", self.urls[index], "--advertise-client-urls", self.urls[index]),
                    *("--listen-peer-urls", f"http://127.0.0.1:{peers[index]}"),
                    *("--initial-advertise-peer-urls", f"http://127.0.0.1:{peers[index]}"),
                    *("--initial-cluster", members, "--initial-cluster-token", self._data.name),
                    *("--listen-metrics-urls", f"http://127.0.0.1:{self._metrics[index]}"),
                    *("--logger", "zap", "--log-level", "warn"),
                    *tls,
                    *extra,
                ],
                f"{folder}/{index}.log",
            )
            for index in range(count)
        ]
        try:
            for node in self.nodes:
                node.start()
            self.wait_until_healthy()
        except BaseException:
            self.close()
            raise

    def close(self):
        for node in self.nodes:
            if node.runs:
                node.kill()
        places = range(len(self.nodes)) if self._data == self.folder else [""]
        for place in places:
            shutil.rmtree(self._data / str(place), ignore_errors=True)

    @property
    def endpoints(self):
        return ",".join(self.urls)

    def environment(self, endpoints=None, **more):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ETCDCTL_")}
        kept |= {"PATH": self._path, "ETCDCTL_API": "3", "ETCDCTL_ENDPOINTS": endpoints or self.endpoints}
        return kept | self.client | more

    def etcdctl(self, *words, check=True, endpoints=None, stdin=None, **more):
        done = subprocess.run(
            ["etcdctl", *words],
            env=self.environment(endpoints, **more),
            capture_output=True,
            text=True,
            input=stdin,
            timeout=60,
        )
        if check and done.returncode:
            raise RuntimeError(f"etcdctl {words}: {done.stderr}")
        return done.stdout

    def healthy(self, index):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._metrics[index]}/health", timeout=2) as answer:
                return json.load(answer)["health"] == "true"
        except (OSError, ValueError):
            return False

    def wait_until_healthy(self):
        self._wait_for([index for index, node in enumerate(self.nodes) if node.runs])

    def restart(self, *indexes):
        """Killed nodes, again; one that ends, since it cannot open its ports yet, tries once more."""
        self._wait_for(indexes)

    def recover(self):
        """Whatever was done to them, all nodes are healthy then, and one of them leads."""
        for node in self.nodes:
            if node.runs:
                node.go_on()
        self._wait_for(range(len(self.nodes)))
        self.leader()

    def _wait_for(self, indexes):
        def answer():
            for index in indexes:
                if not self.nodes[index].runs:
                    self.nodes[index].start()
            return all(map(self.healthy, indexes))

        try:
            until(answer, 60, 0.1)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self._account()}") from None

    def _account(self):
        """How each node is, and the end of what it wrote."""
        lines = []
        for index, node in enumerate(self.nodes):
            lines += [f"n{index}: {'runs' if node.runs else 'ended'}, {'' if self.healthy(index) else 'not '}healthy"]
            with contextlib.suppress(OSError):
                lines += (self.folder / f"{index}.log").read_text(errors="replace").splitlines()[-10:]
        return "\n".join(lines)

    def metrics(self, index):
        with urllib.request.urlopen(f"http://127.0.0.1:{self._metrics[index]}/metrics", timeout=10) as answer:
            return answer.read().decode()

    def calls(self):
        """How many calls of each method all nodes have begun to answer."""
        counts = {}
        for index in range(len(self.nodes)):
            for line in self.metrics(index).splitlines():
                if line.startswith("grpc_server_started_total{"):
                    method = line.split('grpc_method="')[1].split('"')[0]
                    counts[method] = counts.get(method, 0) + float(line.rsplit(" ", 1)[1])
        return counts

    def leader(self):
        """The place of the node that leads."""

        def find():
            for index, node in enumerate(self.nodes):
                if not node.runs:
                    continue
                try:
                    text = self.metrics(index)
                except OSError:
                    continue
                if "\netcd_server_is_leader 1\n" in text:
                    return [index]
            return None

        return until(find)[0]

    def keys(self, name):
        """The keys of a lock, by arrival."""
        found = self.etcdctl(
            "get", "--prefix", f"{name}/", "--keys-only", "--sort-by=CREATE", "--order=ASCEND"
        )
        return found.split()

    def value(self, key):
        return self.etcdctl("get", key, "--print-value-only").rstrip("\n")

    def leases(self):
        """Those that were not there at the last `forget_leases`."""
        return [lease for lease in self._leases() if lease not in self._forgotten]

    def forget_leases(self):
        """Of killed engines, which last until they expire."""
        self._forgotten = set(self._leases())

    def _leases(self):
        return [word for word in self.etcdctl("lease", "list").split() if len(word) > 10]

    def revision(self):
        return json.loads(self.etcdctl("get", "x", "-w", "json"))["header"]["revision"]


class SharedCluster:
    """The cluster that tests share, and a new one once that does not recover."""

    def __init__(self, tmp_path_factory, programs=None):
        self._factory = tmp_path_factory
        self._programs = programs
        self._cluster = None

    def recovered(self):
        if self._cluster is not None:
            try:
                self._cluster.recover()
            except OSError as error:
                warnings.warn(f"a cluster is given up: {error}", stacklevel=1)
                self.close()
        if self._cluster is None:
            folder = self._factory.mktemp("cluster")
            self._cluster = Cluster(folder, programs=self._programs, data=data_folder(folder))
            self._cluster.leader()
        return self._cluster

    def close(self):
        cluster, self._cluster = self._cluster, None
        if cluster is not None:
            cluster.close()
