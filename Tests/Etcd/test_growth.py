"""What many waiters at one name cost etcd: a hand-over wakes one of them, however many there are."""

import pytest

from cluster import until

HAND_OVERS = 10
COUNTED = ("Txn", "LeaseRevoke", "Range", "LeaseKeepAlive", "LeaseGrant", "Watch")


def calls_per_hand_over(lock, cluster, crowd, name):
    """With lifetimes that are so long that nobody renews meanwhile."""
    queue = [lock(ttl=600, pid=index, name=name) for index in range(crowd + 1)]
    for index, engine in enumerate(queue):
        engine.lines or engine.expect("waiting", "held")
    order = sorted(queue, key=lambda engine: bool(engine.said("waiting")))
    keys = cluster.keys(name)
    assert len(keys) == crowd + 1
    until(lambda: sum(bool(engine.said("waiting")) for engine in queue) == crowd)
    before = cluster.calls()
    holder = next(engine for engine in order if engine.said("held"))
    for _ in range(HAND_OVERS):
        holder.release()
        queue.remove(holder)
        holder = until(lambda: next((engine for engine in queue if engine.said("held")), None))
    after = cluster.calls()
    for engine in queue:
        engine.say("release")
    return {method: (after.get(method, 0) - before.get(method, 0)) / HAND_OVERS for method in COUNTED}


@pytest.mark.timeout(180)
def test_calls_per_hand_over_do_not_grow_with_the_waiters(lock, cluster, name, record_property):
    few = calls_per_hand_over(lock, cluster, 12, f"{name}few")
    many = calls_per_hand_over(lock, cluster, 100, f"{name}many")
    record_property("calls per hand-over, 12 and 100 waiters", f"{few} {many}")
    print(few, many)
    # Two that are held a little longer than the others may have begun to watch their own key.
    assert few["Txn"] == pytest.approx(many["Txn"], abs=0.5)
    assert few["LeaseRevoke"] == pytest.approx(many["LeaseRevoke"], abs=0.5)
    assert sum(many.values()) <= sum(few.values()) + 2
    assert sum(many.values()) < 6
