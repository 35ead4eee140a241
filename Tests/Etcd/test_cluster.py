"""The cluster that the tests have: nothing of it stays but its logs."""

import os
import pathlib
import subprocess
import sys

import pytest

import cluster as clusters
from cluster import until

ENDLESS = """
import sys, time, cluster
made = cluster.Cluster(sys.argv[1], 1, data=cluster.data_folder(sys.argv[1]))
print(made.nodes[0].pid, made._data, flush=True)
time.sleep(100)
"""


def has_ended(pid):
    try:
        return "State:\tZ" in pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


@pytest.mark.skipif(not clusters.ENDS_WITH_US, reason="needs setpriv of util-linux")
def test_of_killed_tests_neither_nodes_nor_data_stay(_needed, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, tmp_path],
        env=os.environ | {"PYTHONPATH": os.path.dirname(clusters.__file__)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        pid, data = process.stdout.readline().split()
        clusters.remove_leftovers()
        assert not has_ended(pid) and os.path.exists(data)
        process.kill()
    until(lambda: has_ended(pid))
    clusters.remove_leftovers()
    assert data == str(tmp_path) or not os.path.exists(data)
    assert (tmp_path / "0.log").exists()


def test_of_a_cluster_that_does_not_start_nothing_stays(_needed, tmp_path, monkeypatch):
    made = []

    def fail(cluster):
        made.extend(cluster.nodes)
        raise TimeoutError

    monkeypatch.setattr(clusters.Cluster, "wait_until_healthy", fail)
    data = tmp_path / "data"
    data.mkdir()
    with pytest.raises(TimeoutError):
        clusters.Cluster(tmp_path, data=data)
    assert [node.runs for node in made] == [False] * 3
    assert not data.exists() and (tmp_path / "2.log").exists()


def test_what_does_not_recover_is_replaced(_needed, tmp_path_factory, monkeypatch):
    made = []

    class Hopeless:
        def __init__(self, *words, **more):
            made.append(self)

        def leader(self):
            pass

        def recover(self):
            raise ConnectionError

        def close(self):
            made.append(None)
            if len(made) == 2:
                raise OSError

    monkeypatch.setattr(clusters, "Cluster", Hopeless)
    monkeypatch.setattr(clusters, "data_folder", lambda other: other)
    shared = clusters.SharedCluster(tmp_path_factory)
    first = shared.recovered()
    with pytest.raises(OSError), pytest.warns(UserWarning, match="given up"):
        shared.recovered()
    second = shared.recovered()
    assert made == [first, None, second]
    with pytest.warns(UserWarning, match="given up"):
        third = shared.recovered()
    shared.close()
    shared.close()
    assert made == [first, None, second, None, third, None]
