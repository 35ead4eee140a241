"""A Go program's concurrency.Mutex and we exclude each other. Skipped without Go and etcd's client for it, 900 MB of
packages that nothing installs: golang-go and golang-etcd-server-dev of Debian 12."""

import os
import pathlib
import shutil
import subprocess

import pytest

from cluster import until
from seam import PROJECT

SOURCE = pathlib.Path(__file__).with_name("support") / "mutex.go"
BUILD = PROJECT / ".build-etcd-go"


@pytest.fixture(scope="module")
def program():
    go = shutil.which("go")
    packages = pathlib.Path(os.environ.get("GOPATH", "/usr/share/gocode"))
    if not go or not (packages / "src/go.etcd.io/etcd/clientv3/concurrency").is_dir():
        pytest.skip("no Go with etcd's client: apt-get install golang-go golang-etcd-server-dev")
    BUILD.mkdir(exist_ok=True)
    environment = os.environ | {
        "GO111MODULE": "off",
        "GOPATH": str(packages),
        "GOCACHE": str(BUILD / "cache"),
        "GOTMPDIR": str(BUILD),
        "GOENV": "off",
    }
    # The first time it takes 20 s.
    subprocess.run([go, "build", "-o", BUILD / "mutex", SOURCE], env=environment, check=True, timeout=300)
    return BUILD / "mutex"


@pytest.fixture
def mutex(program, cluster, name):
    """`mutex()`: a program that asks for the lock."""
    started = []

    def start():
        started.append(
            subprocess.Popen(
                [program, name],
                env=cluster.environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        os.set_blocking(started[-1].stdout.fileno(), False)
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def has(process):
    return process.stdout.readline() == "held\n"


def release(process):
    process.stdin.close()
    assert process.wait(30) == 0


@pytest.mark.timeout(400)
def test_each_waits_for_the_other_in_order_of_arrival(mutex, lock, cluster, name):
    ours = lock()
    ours.held()
    first = mutex()
    until(lambda: len(cluster.keys(name)) == 2)
    then = lock(pid=2)
    then.expect("waiting")
    last = mutex()
    until(lambda: len(cluster.keys(name)) == 4)
    assert not has(first)
    ours.release()
    until(lambda: has(first))
    assert lock("try").expect("busy", "held").verb == "busy"
    assert not then.said("held")
    release(first)
    then.held()
    assert not has(last)
    then.release()
    until(lambda: has(last))
    release(last)
    assert not cluster.keys(name)


@pytest.mark.parametrize("kind", ["shared", "slots:2"])
def test_a_mutex_is_exclusive(mutex, lock, cluster, name, kind):
    holder = lock(kind=kind)
    holder.held()
    other = mutex()
    until(lambda: len(cluster.keys(name)) == 2)
    late = lock(kind=kind)
    late.expect("waiting")
    assert not has(other)
    holder.release()
    until(lambda: has(other))
    assert not late.said("held")
    release(other)
    late.held()
