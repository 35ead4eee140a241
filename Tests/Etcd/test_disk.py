"""The leader's disk hangs: a file system on a loop device, frozen by fsfreeze(8). With the next entry of the log the
node stops taking part in the cluster, but not answering. Root's, and skipped elsewhere."""

import os
import shutil
import subprocess

import pytest

import cluster as clusters
import seam
from cluster import until
from holding import kept_for, lost_in_time
from test_newer import PROGRAMS

# Mounts the image in a namespace of its own, which no other process copies meanwhile; thaws and unmounts when the test
# has ended, however that was. The node cannot end before.
GUARD = 'mount -o loop "$1" "$2" && echo mounted && read -r end; fsfreeze -u "$2"; umount -l "$2"'


class Disk:
    """A file system of its own at `place`."""

    def __init__(self, folder, place):
        self._image, self._place = folder / "image", place
        log = folder / "mount"
        with open(self._image, "wb") as image:
            image.truncate(1 << 29)
        place.mkdir(mode=0o700)
        subprocess.run(["mkfs.ext4", "-q", "-E", "root_owner=0:0", self._image], check=True)
        with open(log, "w") as errors:
            self._guard = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", GUARD, "guard", self._image, place],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        if self._guard.stdout.readline() != b"mounted\n":
            self.end()
            pytest.skip(f"no loop device can be mounted: {log.read_text().strip()}")
        self.wrapper = ["nsenter", f"--mount=/proc/{self._guard.pid}/ns/mnt", "--"]

    def freeze(self):
        subprocess.run([*self.wrapper, "fsfreeze", "-f", self._place], check=True)

    def thaw(self):
        subprocess.run([*self.wrapper, "fsfreeze", "-u", self._place], check=True)

    def end(self):
        self._guard.communicate()

    def is_gone(self):
        used = subprocess.run(["losetup", "-j", self._image], capture_output=True, text=True, check=True)
        return not used.stdout


@pytest.fixture
def hanging(_needed, tmp_path):
    """`hanging(programs)`: a cluster whose leader is node 0, and that node's disk."""
    if os.geteuid() or not all(map(shutil.which, ("fsfreeze", "mkfs.ext4", "losetup", "nsenter", "unshare"))):
        pytest.skip("needs root, mkfs.ext4, and fsfreeze, losetup, nsenter and unshare of util-linux")
    folder = tmp_path / "cluster"
    folder.mkdir()
    disk = Disk(tmp_path, folder / "0")
    made = []

    def make(programs=None):
        if programs and not (programs / "etcd").exists():
            pytest.skip("no newer etcd: scripts/install-etcd-tools")
        cluster = clusters.Cluster(folder, programs=programs, wrapper=disk.wrapper)
        made.append(cluster)
        if (leader := cluster.leader()) != 0:
            (line,) = [x for x in cluster.etcdctl("member", "list").splitlines() if ", n0," in x]
            cluster.etcdctl("move-leader", line.split(",")[0], endpoints=cluster.urls[leader])
            until(lambda: cluster.leader() == 0)
        return cluster, disk

    yield make
    disk.end()
    for cluster in made:
        cluster.close()
    until(disk.is_gone)


def hang(cluster, disk):
    """The disk of node 0, until another one leads."""
    disk.freeze()
    cluster.etcdctl("put", "x", "1", "--command-timeout=1s", check=False)
    until(lambda: any("\netcd_server_is_leader 1\n" in cluster.metrics(index) for index in (1, 2)))


@pytest.mark.parametrize("programs", [None, PROGRAMS], ids=["system", "newer"])
def test_another_node_keeps_the_lock(hanging, engines, name, programs):
    cluster, disk = hanging(programs)
    holder = engines(seam.lock(cluster.environment(), name))
    holder.held()
    waiter = engines(seam.lock(cluster.environment(), name, pid=2))
    waiter.expect("waiting")
    hang(cluster, disk)
    kept_for(holder, 8)
    assert not waiter.said("held")
    disk.thaw()
    if not programs and cluster.version < (3, 5, 13):
        # What it takes for expired is revoked, or is not: test_leader_stopped of test_faults.py.
        holder.read(2)
        if holder.said("lost"):
            waiter.held()
            return
    kept_for(holder, 3)
    holder.release()
    waiter.held()
    assert waiter.token > holder.token


def test_who_knows_no_other_node_loses_it_in_time(hanging, engines, name):
    cluster, disk = hanging()
    holder = engines(seam.lock(cluster.environment(cluster.urls[0]), name))
    holder.held()
    waiter = engines(seam.lock(cluster.environment(",".join(cluster.urls[1:])), name, pid=2))
    waiter.expect("waiting")
    hang(cluster, disk)
    deadline = lost_in_time(holder)
    line = waiter.held(60)
    assert line.at > deadline
    assert waiter.token > holder.token
    disk.thaw()
