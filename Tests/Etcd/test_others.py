"""Beside `etcdctl lock`, which is Go's concurrency.Mutex: both exclude each other."""

import os
import pathlib
import signal
import subprocess
import threading

import pytest

import seam
from cluster import until


@pytest.fixture
def etcdctl_lock(cluster, name, tmp_path):
    """`etcdctl_lock()`: etcdctl lock with a command that sleeps, and is killed to end it."""
    started = []

    def start(ttl=30, own=name):
        process = subprocess.Popen(
            ["etcdctl", "lock", "--ttl", str(ttl), own, "--", "sh", "-c", "echo inside $$; exec sleep 120"],
            env=cluster.environment(),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        children = pathlib.Path(f"/proc/{process.pid}/task").glob("*/children")
        for child in " ".join(file.read_text() for file in children).split():
            os.kill(int(child), signal.SIGKILL)
        process.kill()
        process.wait()
        process.stdout.close()


class Inside:
    """Whether an etcdctl's command has begun."""

    def __init__(self, process):
        self.line = None
        self._thread = threading.Thread(target=self._read, args=(process,), daemon=True)
        self._thread.start()

    def _read(self, process):
        self.line = process.stdout.readline()

    def wait(self):
        until(lambda: self.line)
        return int(self.line.split()[1])


def test_etcdctl_waits_for_us(lock, cluster, name, etcdctl_lock):
    holder = lock()
    holder.held()
    other = Inside(etcdctl_lock())
    until(lambda: len(cluster.keys(name)) == 2)
    assert other.line is None
    holder.release()
    other.wait()


@pytest.mark.parametrize("kind", ["exclusive", "shared", "slots:3"])
def test_we_wait_for_etcdctl(lock, etcdctl_lock, kind):
    command = Inside(etcdctl_lock()).wait()
    waiter = lock(kind=kind)
    assert waiter.expect("waiting").text.startswith("another client, lease ")
    assert lock("try", kind=kind).expect("busy", "held").verb == "busy"
    os.kill(command, signal.SIGKILL)
    waiter.held()


def test_turns_are_kept_among_both(lock, cluster, name, etcdctl_lock):
    holder = lock()
    holder.held()
    other = Inside(etcdctl_lock())
    until(lambda: len(cluster.keys(name)) == 2)
    waiter = lock()
    waiter.expect("waiting")
    holder.release()
    command = other.wait()
    assert not waiter.said("held")
    os.kill(command, signal.SIGKILL)
    waiter.held()


def test_control_etcdctl_overlaps_where_we_do_not(lock, cluster, name, etcdctl_lock):
    """An etcdctl that is stopped past its TTL: its command runs on beside the next one's. So the tests of this folder
    would notice; the engine says beforehand until when the lock is had."""
    process = etcdctl_lock(ttl=2)
    command = Inside(process).wait()
    process.send_signal(signal.SIGSTOP)
    lock().held()
    with open(f"/proc/{command}/stat") as stat:
        assert stat.read().rsplit(")", 1)[1].split()[0] != "Z"


def test_locks_by_the_calls_of_a_mutex(lock, cluster, name):
    """What Go's concurrency.Mutex does, call by call: its key is ours, and ours is its."""
    holder = lock()
    holder.held()
    lease = cluster.etcdctl("lease", "grant", "60").split()[1]
    key = f"{name}/{lease.lstrip('0')}"
    transaction = f'create("{key}") = "0"\n\nput {key} "" --lease={lease}\nget {name}/ --prefix --order=ASCEND\n\n\n'
    assert "SUCCESS" in cluster.etcdctl("txn", stdin=transaction)
    assert cluster.keys(name)[1] == key
    waiter = lock()
    waiter.expect("waiting")
    holder.release()
    assert cluster.keys(name)[0] == key
    assert not waiter.said("held")
    cluster.etcdctl("del", key)
    waiter.held()
    assert waiter.until > seam.boottime()
