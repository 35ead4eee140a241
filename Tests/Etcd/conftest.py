"""Fixtures for the tests of the etcd engine with real etcd. SWLOCK_ETCD names the engine."""

import itertools
import os
import signal

import pytest

import cluster as clusters
import seam

_number = itertools.count()


def pytest_sessionstart(session):
    # The nodes are ended in this case, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    clusters.remove_leftovers()


@pytest.fixture(scope="session")
def _needed():
    if reason := clusters.missing():
        pytest.skip(reason)
    if not os.access(seam.ENGINE, os.X_OK):
        pytest.skip(f"{seam.ENGINE} is not there: make etcd")


@pytest.fixture(scope="session")
def _shared(_needed, tmp_path_factory):
    shared = clusters.SharedCluster(tmp_path_factory)
    yield shared
    shared.close()


@pytest.fixture
def cluster(_shared):
    """Three nodes, healthy and with a leader at the beginning, whatever the last test did."""
    cluster = _shared.recovered()
    cluster.forget_leases()
    return cluster


@pytest.fixture
def own_cluster(_needed, tmp_path):
    """Makes clusters for one test."""
    made = []

    def make(count=1, **more):
        folder = tmp_path / f"cluster{len(made)}"
        folder.mkdir()
        made.append(clusters.Cluster(folder, count, data=clusters.data_folder(folder), **more))
        return made[-1]

    yield make
    for cluster in made:
        cluster.close()


@pytest.fixture
def name():
    """A lock that no other test uses."""
    return f"/locks/{os.getpid()}-{next(_number)}"


@pytest.fixture
def engines():
    """`engines(engine)`: ends it with the test."""
    kept = []

    def keep(engine):
        kept.append(engine)
        return engine

    yield keep
    for engine in kept:
        engine.__exit__()


@pytest.fixture
def lock(cluster, engines, name):
    """`lock(WORD..., ttl=, kind=, name=, environment=)`: an engine that asks for a lock."""

    def make(*words, name=name, environment=None, **more):
        return engines(seam.lock(environment or cluster.environment(), name, *words, **more))

    return make
