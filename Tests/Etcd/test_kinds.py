"""Exclusive, shared, slots and clients that know nothing of them, at one name: first come, first served."""

import subprocess
import time

import pytest

from cluster import until


def inside(engines):
    return [engine for engine in engines if engine.said("held")]


def test_shared_ones_hold_together(lock):
    holders = [lock(kind="shared") for _ in range(3)]
    for holder in holders:
        holder.held()
    writer = lock()
    writer.expect("waiting")
    late = lock(kind="shared")
    # Not before the writer, who came first.
    late.expect("waiting")
    for holder in holders[:2]:
        holder.release()
    assert not writer.said("held")
    holders[2].release()
    writer.held()
    assert not late.said("held")
    writer.release()
    late.held()


def test_so_many_slots_are_held_at_once(lock):
    crowd = [lock(kind="slots:2", pid=index) for index in range(2)]
    for holder in crowd:
        holder.held()
    third = lock(kind="slots:2")
    third.expect("waiting")
    fourth = lock(kind="slots:2")
    fourth.expect("waiting")
    assert len(inside(crowd + [third, fourth])) == 2
    crowd[1].release()
    third.held()
    assert not fourth.said("held")
    crowd[0].release()
    fourth.held()


@pytest.mark.parametrize("first, second", [("shared", "slots:2"), ("slots:2", "slots:3"), ("slots:2", "shared")])
def test_kinds_exclude_each_other(lock, first, second):
    holder = lock(kind=first)
    holder.held()
    other = lock(kind=second)
    other.expect("waiting")
    assert not other.said("held")
    holder.release()
    other.held()


@pytest.mark.parametrize("kind", ["exclusive", "shared", "slots:2"])
def test_a_foreign_value_is_exclusive(lock, cluster, name, kind):
    lease = cluster.etcdctl("lease", "grant", "60").split()[1]
    cluster.etcdctl("put", f"{name}/x", "sharedX", "--lease", lease)
    waiter = lock(kind=kind)
    assert waiter.expect("waiting").text == f"another client, lease {lease.lstrip('0')}"
    cluster.etcdctl("lease", "revoke", lease)
    waiter.held()


def test_a_name_below_is_waited_for(lock, name):
    """`a` also waits for `a/b`, as etcdctl's lock does."""
    below = lock(name=f"{name}/b")
    below.held()
    above = lock()
    above.expect("waiting")
    below.release()
    above.held()


def test_mixed_crowd_keeps_the_rules(lock, cluster, name):
    """All kinds and etcdctl come one after the other; whoever is inside together may be."""
    kinds = ["shared", "shared", "etcdctl", "slots:3", "slots:3", "exclusive", "shared", "slots:3", "etcdctl", "shared"]
    crowd, foreign = [], []
    try:
        for index, kind in enumerate(kinds):
            if kind == "etcdctl":
                foreign.append(
                    subprocess.Popen(
                        ["etcdctl", "lock", "--ttl", "30", name, "true"],
                        env=cluster.environment(),
                        stdout=subprocess.DEVNULL,
                        start_new_session=True,
                    )
                )
            else:
                crowd.append((kind, lock(kind=kind, ttl=10, pid=index)))
            # The next one comes when this one has its place.
            until(lambda: len(cluster.keys(name)) > index)
        left, most = list(crowd), {}
        end = time.monotonic() + 60
        while left:
            assert time.monotonic() < end, left
            now = [(kind, engine) for kind, engine in left if engine.said("held")]
            names = {kind for kind, _ in now}
            assert len(names) <= 1, now
            if now:
                kind = now[0][0]
                most[kind] = max(most.get(kind, 0), len(now))
                assert len(now) == 1 or kind != "exclusive"
                assert len(now) <= 3 or kind != "slots:3"
                # The first one that came goes first; two of a kind may be inside until then.
                entered = [engine for _, engine in left][: len(now)]
                assert set(entered) == {engine for _, engine in now}
                now[0][1].release()
                left.remove(now[0])
            else:
                time.sleep(0.01)
        assert most["shared"] >= 1 and most["exclusive"] == 1
    finally:
        for process in foreign:
            assert process.wait(30) == 0
