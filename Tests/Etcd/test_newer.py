"""The same with an etcd of 3.5.13 or newer, beside that of the system, which may be older.
scripts/install-etcd-tools puts it into .build-etcd."""

import pytest

import cluster as clusters
from seam import PROJECT
from test_faults import pair, test_leader_stopped, test_quorum_away_for_longer  # noqa: F401
from test_others import etcdctl_lock, test_turns_are_kept_among_both  # noqa: F401
from test_seam import (  # noqa: F401
    test_end_of_file_while_held_leaves_the_lease,
    test_those_who_wait_come_in_order_of_arrival,
    test_try_is_busy_and_leaves_nothing,
)
from test_storm import test_never_two_at_once  # noqa: F401

PROGRAMS = PROJECT / ".build-etcd" / "usr" / "bin"


@pytest.fixture(scope="module")
def _shared(_needed, tmp_path_factory):
    if not (PROGRAMS / "etcd").exists() or not (PROGRAMS / "etcdctl").exists():
        pytest.skip("no newer etcd: scripts/install-etcd-tools")
    shared = clusters.SharedCluster(tmp_path_factory, PROGRAMS)
    yield shared
    shared.close()


def test_it_is_newer(cluster):
    assert cluster.version >= (3, 5, 13)
